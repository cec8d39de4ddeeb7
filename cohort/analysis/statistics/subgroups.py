"""Whether the effect differs between subgroups: an estimate in each, and a test of interaction.

The effect in a subgroup is that of an analysis of covariance of its members alone. The interaction
is tested by F in one model that holds subgroup, arm and arm by subgroup beside the covariates:

    F = b' (s2 C (X'X)^-1 C')^-1 b / k,   b = C beta: the k coefficients of arm by subgroup
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.ancova import ancova
from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.least_squares import design, least_squares
from cohort.analysis.statistics.trial import Comparison

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Subgroups:
    """Effects by subgroup.

    Attributes:
        effects: `(level,)`.
        interaction: p value of the hypothesis that they are equal.
    """

    effects: Effect
    interaction: float


def subgroup_effects(
    y: Reals, treated: npt.NDArray[np.bool_], level: npt.NDArray[np.int64], covariates: Reals
) -> Subgroups:
    """Compare two arms within each level of a subgroup.

    Args:
        y: the outcome of one trial's participants in two arms, `(n,)`; NaN is left out.
        treated: who was in the treated arm, `(n,)`.
        level: subgroup of each, 0 to the number of levels - 1, `(n,)`.
        covariates: `(n, k)`.
    """
    from scipy.stats import f

    arm = treated.astype(np.int64)
    pair = [Comparison(1, 0)]
    levels = int(level.max()) + 1
    parts = [
        ancova(y[level == i], arm[level == i], 2, covariates[level == i], pair)
        for i in range(levels)
    ]
    joined = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("estimate", "se", "df", "n")
    ]
    used = (np.isfinite(y) & np.isfinite(covariates).all(axis=-1)).astype(float)
    member = (level[:, None] == np.arange(1, levels)).astype(float)
    x = np.concatenate(
        [design(arm, 2, covariates, used), member, member * treated[:, None]], axis=1
    )
    fit = least_squares(x, y, used)
    k = levels - 1
    b, spread = fit.beta[-k:], fit.unscaled[-k:, -k:] * fit.variance
    p = np.nan
    if k > 0 and np.isfinite(spread).all():
        p = float(f.sf(b @ np.linalg.solve(spread, b) / k, k, fit.df))
    return Subgroups(Effect(*joined), p)
