"""Estimates from several imputed data sets, combined.

    T = U + (1 + 1/m) B      U: mean of the variances, B: variance between the estimates

Rubin 1987, Multiple Imputation for Nonresponse in Surveys (10.1002/9780470316696); degrees of
freedom of Barnard & Rubin 1999 (10.1093/biomet/86.4.948), which are Rubin's where those of the
complete data are infinite.
"""

from __future__ import annotations

import numpy as np

from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.responders import RateDifference


def combined(effects: Effect) -> Effect:
    """Combine effects over imputations.

    Args:
        effects: `(imputation, comparison)`, at least two imputations.

    Returns:
        Effects `(comparison,)`, of the same kind.
    """
    m = effects.estimate.shape[0]
    within = (effects.se**2).mean(axis=0)
    between = (1 + 1 / m) * effects.estimate.var(axis=0, ddof=1)
    total = within + between
    share = np.where(total > 0, between / np.where(total > 0, total, 1.0), 0.0)
    complete = effects.df.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_observed = (1 + 2 / (complete + 1)) / (complete * (1 - share))
        df = 1 / (share**2 / (m - 1) + of_observed)
        inflation = 1 / (1 - share)
    found = effects.estimate.mean(axis=0), np.sqrt(total), df, effects.n.mean(axis=0)
    if not isinstance(effects, RateDifference):
        return Effect(*found)
    counts = effects.responders.mean(axis=-2), effects.sizes.mean(axis=-2)
    return RateDifference(*found, *counts, inflation)
