"""A hazard between two visits: its logarithm is a straight line.

With `h = exp(a + r t)` for `0 <= t <= d`, the cumulative hazard from `u` to `v` is

    H(u, v) = exp(a + r u) (exp(r (v - u)) - 1) / r,

and the time at which it reaches `E` is `u + ln(1 + r E exp(-a - r u)) / r`.
"""

from __future__ import annotations

import numpy as np

Reals = np.ndarray

_FLAT = 1e-9
"""Slopes (1/year) smaller than this are none: the difference is beyond double precision."""


def cumulative(start: Reals, slope: Reals, since: Reals, until: Reals) -> Reals:
    """Return the cumulative hazard between two times of an interval.

    Args:
        start: ln of the hazard (1/year) at the start of the interval.
        slope: of that logarithm, 1/year.
        since: years since the start of the interval.
        until: years since the start of the interval, not before `since`.
    """
    at = np.exp(start + slope * since)
    grown = slope * (until - since)
    flat = np.abs(slope) < _FLAT
    steady = np.where(flat, 1.0, slope)
    return at * np.where(flat, until - since, np.expm1(grown) / steady)


def when(start: Reals, slope: Reals, since: Reals, reached: Reals) -> Reals:
    """Return the time at which the cumulative hazard since `since` comes to `reached`.

    Args:
        start: ln of the hazard (1/year) at the start of the interval.
        slope: of that logarithm, 1/year.
        since: years since the start of the interval.
        reached: cumulative hazard.

    Returns:
        Years since the start of the interval; infinite where the hazard dies away before.
    """
    at = np.exp(start + slope * since)
    flat = np.abs(slope) < _FLAT
    steady = np.where(flat, 1.0, slope)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(at > 0, reached / at, np.inf)
        bent = np.where(steady * ratio > -1.0, np.log1p(steady * ratio) / steady, np.inf)
        return since + np.where(flat, ratio, bent)
