"""Who responded: rates by arm and their difference; how large a change has to be to be one.

    difference = p_t - p_c      se^2 = p_t (1 - p_t) / n_t + p_c (1 - p_c) / n_c

The least significant change of one person is 1.96 sqrt(2) times the precision error, 2.77 CV, at
95 % confidence (International Society for Clinical Densitometry, official positions; Glüer 1999,
10.1007/s001980050123).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.trial import Comparison

Reals = npt.NDArray[np.float64]


def least_significant_change(cv: float, confidence: float = 0.95) -> float:
    """Return the smallest change of one person that is more than measurement error, in percent.

    Args:
        cv: precision error as a coefficient of variation, such as 0.01.
        confidence: two-sided.

    >>> round(least_significant_change(0.01), 2)
    2.77
    """
    from scipy.stats import norm

    return float(100.0 * norm.ppf(0.5 + confidence / 2) * np.sqrt(2.0) * cv)


def responded(values: Reals, threshold: float, *, higher: bool = True) -> Reals:
    """Return 1 for values at or beyond a threshold, 0 for others, NaN for missing ones."""
    beyond = values >= threshold if higher else values <= threshold
    return np.where(np.isfinite(values), beyond.astype(float), np.nan)


def rate_difference(
    events: Reals, arm: npt.NDArray[np.int64], comparisons: Sequence[Comparison]
) -> Effect:
    """Compare proportions between arms.

    Args:
        events: 1, 0 or NaN (left out), `(..., n)`.
        arm: number of each participant's arm, `(..., n)`.
        comparisons: which arms are compared.

    Returns:
        Differences of proportions `(..., comparison)`, normal with unpooled variances (Wald).
    """
    found = []
    for pair in comparisons:
        (high, high_n), (low, low_n) = (
            _rate(events, arm == number) for number in (pair.treated, pair.control)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            se = np.sqrt(high * (1 - high) / high_n + low * (1 - low) / low_n)
        found.append((high - low, se, np.full(high.shape, np.inf), high_n + low_n))
    return Effect(*(np.stack(part, axis=-1) for part in zip(*found, strict=True)))


def _rate(events: Reals, inside: npt.NDArray[np.bool_]) -> tuple[Reals, Reals]:
    used = inside & np.isfinite(events)
    n = used.sum(axis=-1).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(used, events, 0.0).sum(axis=-1) / np.where(n > 0, n, np.nan), n
