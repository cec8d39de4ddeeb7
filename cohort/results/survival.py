"""Survival by Kaplan and Meier (10.2307/2281868), with Greenwood's interval.

    S(t) = product over event times up to t of (1 - d/n)

with `d` events among the `n` still at risk. The interval is that of ln(-ln S), whose variance is
the sum of d / (n (n - d)) over (ln S)^2. It is what `scipy.stats.ecdf` gives; importing
`scipy.stats` takes longer than writing all that a small run writes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Reals = npt.NDArray[np.float64]


class Survival(NamedTuple):
    """A survival curve, `(time,)` each.

    Attributes:
        time: when anybody had the event or left, in order and each once.
        share: without the event just after it.
        low: lower limit of that share; not a number where there is no event yet, or nobody left.
        high: upper limit.
    """

    time: Reals
    share: Reals
    low: Reals
    high: Reals


def survival(event: Reals, left: Reals, level: float = 0.95) -> Survival:
    """Estimate the survival curve of persons, each of whom has the event or is lost to view.

    Args:
        event: when some had it.
        left: when the others were last seen without it.
        level: of the interval.
    """
    times = np.concatenate([event, left])
    order = np.argsort(times)
    times, had = times[order], (np.arange(times.size) < event.size)[order].astype(np.int64)
    edges = np.diff(times, prepend=-np.inf, append=np.inf) > 0
    first, last = edges[:-1], edges[1:]
    at_risk = np.arange(times.size, 0, -1)[first]
    events = np.diff(np.cumsum(had)[last], prepend=0)
    share = np.cumprod((at_risk - events) / at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events)))
        middle = np.log(-np.log(share))
        reach = ndtri(0.5 + level / 2) * np.sqrt(1 / np.log(share) ** 2 * greenwood)
        low, high = np.exp(-np.exp(middle + reach)), np.exp(-np.exp(middle - reach))
    return Survival(times[first], share, np.clip(low, 0, 1), np.clip(high, 0, 1))
