"""An estimated difference between two arms, with its interval and its p value.

    t = (estimate - null) / se  ~  Student's t with df degrees of freedom under the null

Degrees of freedom are infinite where the estimate is normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """Differences between arms, of any shape; usually `(replicate, comparison)`.

    Attributes:
        estimate: in the unit of the outcome, treated minus control.
        se: its standard error.
        df: its degrees of freedom.
        n: participants who went into each estimate, both arms together.
    """

    estimate: Reals
    se: Reals
    df: Reals
    n: Reals

    def interval(self, alpha: float | Reals = 0.05) -> tuple[Reals, Reals]:
        """Return the two-sided confidence limits of level 1 - alpha."""
        from scipy.stats import t

        half = t.isf(np.asarray(alpha) / 2, self.df) * self.se
        return self.estimate - half, self.estimate + half

    def one(self, number: int) -> Self:
        """Return those of one replicate (or imputation): the last axis but one is left out."""
        parts = {name: value[..., number, :] for name, value in self._parts().items()}
        return replace(self, **parts)

    @staticmethod
    def stacked(found: Sequence[Effect]) -> Effect:
        """Return effects of one kind, each `(comparison,)`, as `(replicate, comparison)`."""
        names = found[0]._parts()
        parts = {n: np.stack([getattr(one, n) for one in found], axis=-2) for n in names}
        return replace(found[0], **parts)

    def where(self, chosen: npt.NDArray[np.bool_], other: Self) -> Self:
        """Return these effects where chosen, else others of the same kind."""
        mine, others = self._parts(), other._parts()
        return replace(self, **{n: np.where(chosen, mine[n], others[n]) for n in mine})

    def _parts(self) -> dict[str, Reals]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def statistic(self, null: float = 0.0) -> Reals:
        """Return the test statistic; NaN where there is no standard error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.estimate - null) / np.where(self.se > 0, self.se, np.nan)

    def two_sided(self, null: float = 0.0) -> Reals:
        """Return the two-sided p value of `effect = null`."""
        from scipy.stats import t

        return 2 * t.sf(np.abs(self.statistic(null)), self.df)

    def greater(self, null: float = 0.0) -> Reals:
        """Return the one-sided p value of `effect <= null`."""
        from scipy.stats import t

        return t.sf(self.statistic(null), self.df)

    def less(self, null: float = 0.0) -> Reals:
        """Return the one-sided p value of `effect >= null`."""
        from scipy.stats import t

        return t.cdf(self.statistic(null), self.df)
