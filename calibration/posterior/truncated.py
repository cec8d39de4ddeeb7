"""Draws of a multivariate normal distribution that is cut off at a box.

Whole draws are proposed without the box and kept where they lie inside, which is exact. Where the
box is met so often that `TRIES` proposals a draw do not suffice (an optimum at several bounds),
Gibbs sampling goes on from what was kept: every coordinate in turn from its exact truncated normal
given the others, `SWEEPS` times, all draws side by side.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

TRIES = 100
SWEEPS = 60


def draw_truncated(
    mean: np.ndarray,
    covariance: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
    count: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float]:
    """Draw from a normal distribution inside a box.

    Args:
        mean: `(dim,)`, inside the box or on its border.
        covariance: `(dim, dim)`, before truncation.
        bounds: lower and upper, `(dim,)` each; infinite where there is none.
        count: how many draws.
        rng: source of randomness.

    Returns:
        Draws `(count, dim)` and the share of the proposals that lay inside.
    """
    low, high = bounds
    root = np.linalg.cholesky(covariance)
    kept, tried = np.empty((0, len(mean))), 0
    while len(kept) < count and tried < TRIES * count:
        proposed = mean + rng.standard_normal((count, len(mean))) @ root.T
        inside = np.all((proposed >= low) & (proposed <= high), axis=1)
        kept, tried = np.concatenate([kept, proposed[inside]]), tried + count
    accepted = len(kept) / tried
    if len(kept) >= count:
        return kept[:count], accepted
    start = kept[rng.integers(len(kept), size=count)] if len(kept) else None
    if start is None:
        start = np.clip(mean + rng.standard_normal((count, len(mean))) @ root.T, low, high)
    return _gibbs(start, mean, np.linalg.inv(covariance), bounds, rng), accepted


def draw_truncated_scalar(
    uniform: np.ndarray, low: np.ndarray | float, high: np.ndarray | float
) -> np.ndarray:
    """Return quantiles of standard normals truncated to (low, high), accurate in both tails.

    Args:
        uniform: levels in (0, 1).
        low: lower bounds, in standard deviations.
        high: upper bounds.
    """
    # Probabilities near 1 lose all digits, so the interval is mirrored to the lower tail.
    low, high = np.asarray(low), np.asarray(high)
    mirrored = low > -high
    below, above = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    level = np.where(mirrored, 1.0 - uniform, uniform)
    drawn = ndtri(ndtr(below) + level * (ndtr(above) - ndtr(below)))
    return np.where(mirrored, -1.0, 1.0) * np.clip(drawn, below, above)


def _gibbs(
    x: np.ndarray,
    mean: np.ndarray,
    precision: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    low, high = bounds
    away = x - mean
    for _ in range(SWEEPS):
        for j in range(len(mean)):
            sd = 1.0 / np.sqrt(precision[j, j])
            pull = away[:, j] - (away @ precision[:, j]) * sd**2
            edge = [(bound[j] - mean[j] - pull) / sd for bound in (low, high)]
            away[:, j] = pull + sd * draw_truncated_scalar(rng.random(len(x)), *edge)
    return np.clip(mean + away, low, high)
