"""Multiple imputation, visit after visit.

At each visit the value of those who have one is regressed on covariates and on all earlier visits,
within the arm; for each imputation, coefficients and variance are drawn from their posterior
(flat prior), then the missing values from the regression with them:

    s2* = RSS / chi2(n - q)      b* ~ N(b, s2* (X'X)^-1)      y* ~ N(x'b*, s2*)

That is exact under missing at random where participants leave for good (a monotone pattern); a
visit that was missed in between is imputed from the visits before it only.

`reference`: those who left a treated arm are imputed by the regressions of the reference arm, given
their own past, as if their treatment had ended with them (copy reference; Carpenter, Roger &
Kenward 2013, 10.1080/10543406.2013.834911).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.least_squares import least_squares
from cohort.analysis.statistics.trial import Trial

Reals = npt.NDArray[np.float64]


def imputed(trial: Trial, times: int, reference: int | None = None) -> Reals:
    """Return completed values of one trial.

    Args:
        trial: one replicate.
        times: number of imputations.
        reference: arm whose regressions impute all arms; by default each arm has its own.

    Returns:
        `(imputation, participant, visit)`; NaN where an arm has too few values to learn from.
    """
    rng = np.random.Generator(np.random.Philox(key=[int(trial.seeds[0]), 3]))
    arm, covariates = trial.arm[0], trial.covariates[0]
    values = np.repeat(trial.values, times, axis=0).copy()
    spread = np.repeat(_centred(covariates)[None], times, axis=0)
    for visit in range(values.shape[-1]):
        there = np.isfinite(trial.values[0, :, visit])
        past = _centred(values[..., :visit])
        x = np.concatenate([np.ones_like(values[..., :1]), spread, past], axis=-1)
        for number in range(trial.arms):
            gaps = ~there & (arm == number)
            source = number if reference is None else reference
            used = (there & (arm == source)).astype(float)
            if gaps.any():
                drawn = _drawn(rng, x, values[..., visit], used)
                values[:, gaps, visit] = _predicted(rng, x[:, gaps], *drawn)
    return values


def _centred(values: Reals) -> Reals:
    return values - np.nanmean(values, axis=-2, keepdims=True) if values.shape[-1] else values


def _drawn(rng: np.random.Generator, x: Reals, y: Reals, used: Reals) -> tuple[Reals, Reals]:
    """Draw coefficients `(imputation, q)` and standard deviations `(imputation,)`."""
    fit = least_squares(x, y, np.broadcast_to(used, y.shape))
    q, times = x.shape[-1], x.shape[0]
    normal = rng.standard_normal((times, q))
    square = rng.chisquare(np.where(np.isfinite(fit.df), fit.df, 1.0))
    sd = np.sqrt(fit.variance * fit.df / square)
    sound = np.isfinite(fit.unscaled).all(axis=(-1, -2), keepdims=True)
    root = np.linalg.cholesky(np.where(sound, fit.unscaled, np.eye(q)))
    beta = fit.beta + sd[:, None] * (root @ normal[..., None])[..., 0]
    return beta, sd


def _predicted(rng: np.random.Generator, x: Reals, beta: Reals, sd: Reals) -> Reals:
    mean = (x @ beta[..., None])[..., 0]
    return mean + sd[:, None] * rng.standard_normal(mean.shape)
