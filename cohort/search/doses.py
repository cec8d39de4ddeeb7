"""Candidates at other doses than those of their regimens: which are sought, and between what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cohort.search.space import Candidate, Code, Space


class Climb(NamedTuple):
    """One climb.

    Attributes:
        code: the candidate, at the doses of its regimens.
        price: gain that a unit of cost has to be worth.
    """

    code: Code
    price: float


def climbs(space: Space) -> list[Climb]:
    """Return the climbs of a search: of candidates that break no rule at their least doses."""
    allowed = [
        code for code in space.codes() if not space.broken(dosed(code, bounds(space, code)[0]))
    ]
    return [Climb(code, price) for code in allowed for price in space.search.method.prices]


def dosed(code: Code, doses: Sequence[float] | np.ndarray) -> Candidate:
    """Return a candidate at other doses."""
    return tuple((taken, float(dose)) for taken, dose in zip(code, doses, strict=True))


def bounds(space: Space, code: Code) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the most that the doses of each course may be multiplied by."""
    bounds = [course.option.dose or (1.0, 1.0) for course in space.courses(code)]
    low, high = np.array(bounds, dtype=float).T
    return low, high
