"""What is claimed of an effect: superiority, or non-inferiority within a margin.

    superiority       H0: effect = margin     two-sided at alpha            (margin 0 by default)
    non-inferiority   H0: effect = -margin    one-sided at alpha / 2, margin above 0

with the effect signed so that more is better. The decisions are those of the confidence interval of
level 1 - alpha (ICH E9, CPMP/ICH/363/96, 3.3.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.effect import Effect

Claim = Literal["superiority", "non_inferiority"]


@dataclass(frozen=True)
class Hypothesis:
    """What is to be shown.

    Attributes:
        claim: superiority or non-inferiority.
        margin: in the unit of the effect; not negative.
        higher_is_better: whether a larger effect is the better one.
    """

    claim: Claim = "superiority"
    margin: float = 0.0
    higher_is_better: bool = True

    @property
    def null(self) -> float:
        """The effect under the null hypothesis."""
        sign = 1.0 if self.higher_is_better else -1.0
        return sign * (self.margin if self.claim == "superiority" else -self.margin)

    def level(self, alpha: float) -> float:
        """Return what the p value is compared with."""
        return alpha if self.claim == "superiority" else alpha / 2

    def p_value(self, effect: Effect) -> npt.NDArray[np.float64]:
        """Return the p value: two-sided for superiority, one-sided for non-inferiority."""
        if self.claim == "superiority":
            return effect.two_sided(self.null)
        return self.one_sided(effect)

    def one_sided(self, effect: Effect) -> npt.NDArray[np.float64]:
        """Return the one-sided p value, small where the effect is in the better direction."""
        better = effect.greater if self.higher_is_better else effect.less
        return better(self.null)
