"""The step grid of a study: fine after every change of treatment, coarse between, one for all arms.

All patients of a study share the grid, so no lane waits for another and a gradient is a plain scan.
Steps begin short where a drug arrives or leaves and grow to a ceiling; every dose, start, stop and
visit is a grid point. Grading matters more than order (see `benchmarks/`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# Days of the steps that follow a change of treatment, and those that follow a repeated dose.
AFTER_CHANGE = (
    *(0.25,) * 2,
    *(0.5,) * 6,
    *(0.75,) * 6,
    *(1.0,) * 8,
    *(1.5,) * 5,
    *(2.0,) * 4,
    *(2.5, 2.5, 3.0),
)
AFTER_REPEAT = (0.25, 0.5, 0.75, 0.75, 1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 2.5, 3.0)
CEILING = 3.5

# Factor on every step, by the name that the command line uses.
ACCURACY = {"draft": 2.0, "default": 1.0, "high": 0.5}

# Grids are padded with empty steps to a multiple of this, so that like studies share a compile.
PAD = 32
_SAME = 1e-6


@dataclass(frozen=True)
class Grid:
    """Steps of a study, in order; empty steps at the end pad the grid.

    Attributes:
        start: day at which a step starts, since entry, `(step,)`.
        length: days, `(step,)`; zero for padding and for the first, which only holds a visit.
        visit: index of the visit at the end of the step, or -1, `(step,)`.
    """

    start: np.ndarray
    length: np.ndarray
    visit: np.ndarray

    @property
    def end(self) -> np.ndarray:
        """Day at which a step ends, `(step,)`."""
        return self.start + self.length


def make_grid(
    visits: Iterable[float],
    changes: Iterable[float],
    repeats: Iterable[float],
    accuracy: str = "default",
) -> Grid:
    """Lay the grid.

    Args:
        visits: days of the visits, ascending.
        changes: days at which a treatment starts or stops.
        repeats: days of later doses of a treatment that is under way.
        accuracy: `draft`, `default` or `high`.
    """
    visits = list(visits)
    scale = ACCURACY[accuracy]
    kind: dict[float, tuple[float, ...]] = {_round(day): () for day in visits}
    kind |= {_round(day): AFTER_REPEAT for day in repeats}
    kind |= {_round(day): AFTER_CHANGE for day in changes}
    first, last = min([*kind, 0.0]), _round(visits[-1])
    points = sorted(day for day in {*kind, first} if day <= last)
    lengths: list[float] = []
    ladder: list[float] = []
    for here, there in itertools.pairwise(points):
        if kind.get(here):
            ladder = [scale * h for h in kind[here]]
        lengths += _fill(there - here, ladder, scale * CEILING)
    return _assemble(first, lengths, visits)


def _fill(gap: float, ladder: list[float], ceiling: float) -> list[float]:
    """Cut a gap into steps that climb `ladder` (which is consumed) and then keep to the ceiling."""
    steps: list[float] = []
    left = gap
    while left > _SAME:
        wish = ladder.pop(0) if ladder else ceiling
        if left <= 1.4 * wish:
            steps.append(left)
            break
        if not ladder and left > ceiling:  # nothing but the ceiling is left: equal steps
            count = int(np.ceil(left / ceiling - 0.1))
            steps += [left / count] * count
            break
        steps.append(wish)
        left -= wish
    return steps


def _assemble(first: float, lengths: list[float], visits: list[float]) -> Grid:
    length = np.array([0.0, *lengths])
    start = first + np.concatenate([[0.0], np.cumsum(length)[:-1]])
    end = start + length
    visit = np.full(len(length), -1, dtype=np.int32)
    for index, day in enumerate(visits):
        visit[np.argmin(np.abs(end - day))] = index
    extra = -len(length) % PAD
    return Grid(
        np.concatenate([start, np.full(extra, end[-1])]),
        np.concatenate([length, np.zeros(extra)]),
        np.concatenate([visit, np.full(extra, -1, dtype=np.int32)]),
    )


def _round(day: float) -> float:
    """Days closer than a millionth are one grid point."""
    return round(float(day), 6)
