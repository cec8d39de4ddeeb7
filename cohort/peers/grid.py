"""One grid of steps for all patients: fine after each dose, then ever coarser.

Steps double (or grow by any ratio) after each event up to a longest, and end on every dose and
every visit. A regimen is known beforehand and so is its grid: no patient waits for another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Grid:
    """Steps of a simulation.

    Attributes:
        start: of each step, `(step,)`.
        length: of each step.
        doses: what is added at the start of each step, by name, `(step,)` or `(step, patient)`.
        flows: what flows in during each step, by name, likewise.
        row: the visit that a step ends on, or that the next visit will overwrite, `(step,)`.
        visits: times that are reported; the first is the start.
    """

    start: np.ndarray
    length: np.ndarray
    doses: Mapping[str, np.ndarray]
    flows: Mapping[str, np.ndarray]
    row: np.ndarray
    visits: np.ndarray


@dataclass(frozen=True)
class Grading:
    """How steps grow after an event.

    Attributes:
        first: the step right after it.
        growth: of each step on the one before.
        longest: limit while the event is less than `NEAR` such steps ago.
        later: limit afterwards.
    """

    first: float
    growth: float
    longest: float
    later: float


NEAR = 8.0


def graded(
    visits: Sequence[float] | np.ndarray, events: Sequence[float], grading: Grading
) -> np.ndarray:
    """Return the ends of steps, graded after each event and aligned with events and visits.

    Args:
        visits: times that are reported, rising; the first is the start.
        events: times at which something is dosed or switched.
        grading: of the steps.
    """
    breaks = np.unique([*visits, *(e for e in events if visits[0] <= e < visits[-1])])
    eventful = set(np.asarray(events, float).tolist())
    knots, step, event = [breaks[0]], grading.first, breaks[0]
    for here, there in pairwise(breaks):
        if here in eventful:
            step, event = grading.first, here
        at, lengths = here, []
        while at < there:
            near = at - event < NEAR * grading.longest
            lengths.append(min(step, grading.longest if near else grading.later))
            at += lengths[-1]
            step = lengths[-1] * grading.growth
        scale = (there - here) / sum(lengths)
        knots.extend(here + scale * np.cumsum(lengths))
        knots[-1] = there
    return np.asarray(knots)


def make_grid(
    knots: np.ndarray,
    visits: Sequence[float] | np.ndarray,
    boluses: Mapping[str, Mapping[float, float]],
    flows: Mapping[str, Sequence[tuple[float, float, float]]],
) -> Grid:
    """Return the grid of given knots.

    Args:
        knots: ends of steps, among them every visit and every dose.
        visits: times that are reported.
        boluses: name -> time -> amount.
        flows: name -> (start, end, amount per unit of time).
    """
    start, length = knots[:-1], np.diff(knots)
    doses = {name: np.array([at.get(t, 0.0) for t in start]) for name, at in boluses.items()}
    middle = start + 0.5 * length
    rate_of = {
        name: sum((rate * ((a <= middle) & (middle < b)) for a, b, rate in spells), 0.0 * middle)
        for name, spells in flows.items()
    }
    row = np.searchsorted(np.asarray(visits), knots[1:])
    return Grid(start, length, doses, rate_of, row, np.asarray(visits, float))


def together(grids: Sequence[Grid]) -> Grid:
    """Return one grid for patients who have the same steps but different doses.

    Args:
        grids: of one patient each, with the same knots and visits.
    """
    first = grids[0]
    if len(grids) == 1:
        return first

    def joined(kind: str) -> dict[str, np.ndarray]:
        each = [getattr(grid, kind) for grid in grids]
        names = sorted({name for one in each for name in one})
        none = np.zeros_like(first.start)
        return {n: np.stack([one.get(n, none) for one in each], axis=1) for n in names}

    return replace(first, doses=joined("doses"), flows=joined("flows"))
