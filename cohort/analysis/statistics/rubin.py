"""Estimates from several imputed data sets, combined.

    T = U + (1 + 1/m) B      U: mean of the variances, B: variance between the estimates

Rubin 1987, Multiple Imputation for Nonresponse in Surveys (10.1002/9780470316696); degrees of
freedom of Barnard & Rubin 1999 (10.1093/biomet/86.4.948).
"""

from __future__ import annotations

import numpy as np

from cohort.analysis.statistics.effect import Effect


def combined(effects: Effect) -> Effect:
    """Combine effects over imputations.

    Args:
        effects: `(imputation, comparison)`, at least two imputations.

    Returns:
        Effects `(comparison,)`.
    """
    m = effects.estimate.shape[0]
    within = (effects.se**2).mean(axis=0)
    between = effects.estimate.var(axis=0, ddof=1)
    total = within + (1 + 1 / m) * between
    share = np.where(total > 0, (1 + 1 / m) * between / np.where(total > 0, total, 1.0), 0.0)
    complete = effects.df.mean(axis=0)
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    old = (m - 1) / np.maximum(share, 1e-12) ** 2
    df = old * observed / (old + observed)
    return Effect(effects.estimate.mean(axis=0), np.sqrt(total), df, effects.n.mean(axis=0))
