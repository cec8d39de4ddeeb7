"""Analysis of covariance at one visit: arms compared, given baseline and strata.

    y = mu + sum_a tau_a [arm = a] + b' covariates + error,   error ~ N(0, s2)

fitted to all arms together by ordinary least squares, the residual variance pooled; the estimate
equals that of `statsmodels` `OLS`. Missing values are left out (`missing` fills them in first).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.least_squares import Fit, design, least_squares
from cohort.analysis.statistics.trial import Comparison

Reals = npt.NDArray[np.float64]


def ancova(
    y: Reals,
    arm: npt.NDArray[np.int64],
    arms: int,
    covariates: Reals,
    comparisons: Sequence[Comparison],
) -> Effect:
    """Compare arms by analysis of covariance.

    Args:
        y: the outcome, `(..., n)`; NaN is left out.
        arm: number of each participant's arm, `(..., n)`.
        arms: number of arms.
        covariates: `(..., n, k)`; who lacks one is left out.
        comparisons: which arms are compared.

    Returns:
        Effects `(..., comparison)`.
    """
    used = (np.isfinite(y) & np.isfinite(covariates).all(axis=-1)).astype(float)
    fit = least_squares(design(arm, arms, covariates, used), y, used)
    return contrasts(fit, arm, arms, used, comparisons)


def contrasts(
    fit: Fit,
    arm: npt.NDArray[np.int64],
    arms: int,
    used: Reals,
    comparisons: Sequence[Comparison],
) -> Effect:
    """Return the differences between arms that a fitted model holds, `(..., comparison)`."""
    vectors = np.stack([contrast(c, fit.beta.shape[-1]) for c in comparisons])
    estimate = fit.beta @ vectors.T
    spread = np.einsum("cq,...qr,cr->...c", vectors, fit.unscaled, vectors)
    se = np.sqrt(spread * fit.variance[..., None])
    size = [(used * ((arm == c.treated) | (arm == c.control))).sum(axis=-1) for c in comparisons]
    df = np.broadcast_to(fit.df[..., None], estimate.shape)
    return Effect(estimate, se, df.copy(), np.stack(size, axis=-1))


def contrast(comparison: Comparison, length: int) -> Reals:
    """Return the vector that takes `treated - control` from the coefficients of `design`."""
    vector = np.zeros(length)
    for number, sign in ((comparison.treated, 1.0), (comparison.control, -1.0)):
        if number > 0:  # arm 0 is in the intercept
            vector[number] += sign
    return vector
