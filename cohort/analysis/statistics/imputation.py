"""Multiple imputation, visit after visit.

At each visit the value of those who have one is regressed on arm, covariates and all earlier
visits; for each imputation, coefficients and variance are drawn from their posterior, then the
missing values from the regression with them:

    s2* = RSS / chi2(n - q + 2)      b* ~ N(b, s2* (X'X)^-1)      y* ~ N(x'b*, s2*)

Arms share slopes and variance, as they do in the analyses that follow: an imputation that assumes
less than its analysis makes intervals too wide (Meng 1994, 10.1214/ss/1177010269). The prior, flat
in b and s2^-2 in the variance, is the one under which E s2* = RSS / (n - q), the unbiased estimate.
Under the customary s2^-1, chi2(n - q), it is (n - q) / (n - q - 2) times that: too wide again
where few values have many regressors (von Hippel 2013, 10.1177/0049124113494582).

All this is exact under missing at random where participants leave for good (a monotone pattern); a
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

_PRIOR = 2
"""What the prior adds to the degrees of freedom of the variance."""


def imputed(trial: Trial, times: int, reference: int | None = None) -> Reals:
    """Return completed values of one trial.

    Args:
        trial: one replicate.
        times: number of imputations.
        reference: arm whose regressions impute all arms; by default all arms have one, in which
            each has a level of its own.

    Returns:
        `(imputation, participant, visit)`; NaN where there are too few values to learn from, and
        in all arms at a visit that nobody of one arm has.
    """
    rng = np.random.Generator(np.random.Philox(key=[int(trial.seeds[0]), 3]))
    arm = trial.arm[0]
    values = np.repeat(trial.values, times, axis=0).copy()
    spread = np.repeat(_centred(_known(trial, reference))[None], times, axis=0)
    teaches = np.ones(arm.shape, dtype=bool) if reference is None else arm == reference
    for visit in range(values.shape[-1]):
        there = np.isfinite(trial.values[0, :, visit])
        if there.all():
            continue
        past = _centred(values[..., :visit])
        x = np.concatenate([np.ones_like(values[..., :1]), spread, past], axis=-1)
        drawn = _drawn(rng, x, values[..., visit], (there & teaches).astype(float))
        values[:, ~there, visit] = _predicted(rng, x[:, ~there], *drawn)
    return values


def _known(trial: Trial, reference: int | None) -> Reals:
    """Return what is known of participants beside their visits: covariates and, of many, arms."""
    if reference is not None:
        return trial.covariates[0]
    arms = (trial.arm[0][:, None] == np.arange(1, trial.arms)).astype(float)
    return np.concatenate([arms, trial.covariates[0]], axis=-1)


def _centred(values: Reals) -> Reals:
    return values - np.nanmean(values, axis=-2, keepdims=True) if values.shape[-1] else values


def _drawn(rng: np.random.Generator, x: Reals, y: Reals, used: Reals) -> tuple[Reals, Reals]:
    """Draw coefficients `(imputation, q)` and standard deviations `(imputation,)`."""
    fit = least_squares(x, y, np.broadcast_to(used, y.shape))
    q, times = x.shape[-1], x.shape[0]
    normal = rng.standard_normal((times, q))
    square = rng.chisquare(np.where(np.isfinite(fit.df), fit.df, 1.0) + _PRIOR)
    sd = np.sqrt(fit.variance * fit.df / square)
    sound = np.isfinite(fit.unscaled).all(axis=(-1, -2), keepdims=True)
    root = np.linalg.cholesky(np.where(sound, fit.unscaled, np.eye(q)))
    beta = fit.beta + sd[:, None] * (root @ normal[..., None])[..., 0]
    return beta, sd


def _predicted(rng: np.random.Generator, x: Reals, beta: Reals, sd: Reals) -> Reals:
    mean = (x @ beta[..., None])[..., 0]
    return mean + sd[:, None] * rng.standard_normal(mean.shape)
