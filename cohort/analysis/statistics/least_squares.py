"""Ordinary least squares for many data sets at once, by the normal equations.

    b = (X'WX)^-1 X'Wy      s2 = (y'Wy - b'X'Wy) / (n - q)      W: 1 where observed, else 0

Covariates come centred (`design`), which keeps the normal equations as exact as QR would be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Fitted regressions.

    Attributes:
        beta: coefficients, `(..., q)`.
        unscaled: (X'WX)^-1, `(..., q, q)`.
        variance: residual variance, `(...)`.
        df: residual degrees of freedom, `(...)`.
    """

    beta: Reals
    unscaled: Reals
    variance: Reals
    df: Reals


def design(arm: npt.NDArray[np.int64], arms: int, covariates: Reals, used: Reals) -> Reals:
    """Return the matrix of a model: intercept, a column an arm but the first, covariates centred.

    Args:
        arm: number of each participant's arm, `(..., n)`; 0 is the reference.
        arms: number of arms.
        covariates: `(..., n, k)`; NaN is allowed where `used` is 0.
        used: 1 for those whose values are analysed, else 0, `(..., n)`.

    Returns:
        `(..., n, arms + k)`.
    """
    dummies = (arm[..., None] == np.arange(1, arms)).astype(float)
    weight = used[..., None]
    filled = np.where(weight > 0, covariates, 0.0)
    count = np.maximum(weight.sum(axis=-2, keepdims=True), 1.0)
    centred = (filled - filled.sum(axis=-2, keepdims=True) / count) * (weight > 0)
    return np.concatenate([np.ones_like(weight), dummies, centred], axis=-1)


def least_squares(x: Reals, y: Reals, used: Reals) -> Fit:
    """Regress y on x, each data set by itself.

    Args:
        x: design matrices, `(..., n, q)`.
        y: responses, `(..., n)`; NaN is allowed where `used` is 0.
        used: 1 for rows that count, else 0, `(..., n)`.

    Returns:
        The fits; NaN where a data set does not determine its coefficients.
    """
    rows = x * used[..., None]
    filled = np.where(used > 0, y, 0.0)
    # Responses are centred: sums of squares about zero would cancel.
    centre = filled.sum(axis=-1, keepdims=True) / np.maximum(used.sum(axis=-1, keepdims=True), 1.0)
    about = (filled - centre) * used
    gram = np.swapaxes(rows, -1, -2) @ rows
    moment = (np.swapaxes(rows, -1, -2) @ about[..., None])[..., 0]
    inverse = _inverse(gram)
    beta = (inverse @ moment[..., None])[..., 0]
    df = used.sum(axis=-1) - x.shape[-1]
    squares = (about**2).sum(axis=-1) - (beta * moment).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(df > 0, np.maximum(squares, 0.0) / np.where(df > 0, df, 1.0), np.nan)
    beta = beta.copy()
    beta[..., 0] += centre[..., 0]
    return Fit(beta, inverse, variance, np.where(df > 0, df, np.nan))


def _inverse(gram: Reals) -> Reals:
    """Invert; NaN for those that are singular."""
    scale = np.sqrt(np.einsum("...ii->...i", gram))
    whole = (scale > 0).all(axis=-1)
    safe = np.where(scale > 0, scale, 1.0)
    outer = safe[..., :, None] * safe[..., None, :]
    correlation = gram / outer
    sound = whole & (np.linalg.cond(correlation) < 1e12)
    identity = np.eye(gram.shape[-1])
    inverse = np.linalg.inv(np.where(sound[..., None, None], correlation, identity)) / outer
    return np.where(sound[..., None, None], inverse, np.nan)
