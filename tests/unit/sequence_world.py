"""A world in closed form where a sequence's gain can be worked out by hand: searches without JAX.

Each option has a strength; what a course adds grows with its place (later ones are forgotten less)
and doubles right after a course of another drug. Persons differ by a factor.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cohort.search.space import Candidate, Space

STRENGTH = {"alendronate": 1.0, "denosumab": 2.0, "romosozumab": 3.0, "teriparatide": 1.5}
REGIMEN = {
    "alendronate": "70 mg oral weekly",
    "denosumab": "60 mg sc every 6 months",
    "romosozumab": "210 mg sc monthly",
    "teriparatide": "20 ug sc daily",
    "zoledronate": "5 mg iv once",
}


def document(*names: str, slots: int = 3, **tables: Any) -> dict[str, Any]:
    """Return a search over courses of a year of these therapies; `pause` gives nothing."""
    options = []
    for name in names:
        given = [{"therapy": name, "regimen": REGIMEN[name]}] if name in REGIMEN else []
        options.append({"name": name, "treatments": given})
    return {
        "name": "own",
        "patients": 8,
        "options": options,
        "slots": [{"months": [12], "repeat": slots}],
        "objective": {"month": 12.0 * slots},
    } | tables


def gain(names: Sequence[str]) -> float:
    """Return the mean gain of a sequence of options."""
    total = 0.0
    for place, name in enumerate(names):
        before = names[place - 1] if place else name
        switched = before != name and name in STRENGTH and before in STRENGTH
        total += STRENGTH.get(name, 0.0) * (1 + 0.5 * place) * (2 if switched else 1)
    return total


def sequences(names: Sequence[str], slots: int) -> list[tuple[str, ...]]:
    return list(itertools.product(names, repeat=slots))


class World:
    """What tries candidates in this world; counts them, and can break down."""

    device = "pretended"

    def __init__(self, space: Space, breaks_after: int | None = None) -> None:
        self._space = space
        self._left = breaks_after
        self.tried: list[Candidate] = []

    @property
    def batch(self) -> int:
        return 16

    def prepare(self) -> None:
        """Nothing to prepare."""

    def values(self, codes: Sequence[Candidate]) -> Iterator[np.ndarray]:
        # Persons' factors: symmetric about 1, so that the mean is the closed form.
        factor = 1.0 + 0.1 * np.linspace(-1.0, 1.0, self._space.search.patients)
        for code in codes:
            if self._left is not None and len(self.tried) >= self._left:
                raise KeyboardInterrupt
            self.tried.append(code)
            names = [course.option.name for course in self._space.courses(code)]
            yield (gain(names) * factor).astype(np.float32)
