"""A start as a unit of work, and gradients of several starts by workers apart.

A worker holds the problem; what changes between rounds, corrections and errors, goes with each
start, so that any worker can take any start at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.likelihood import Likelihood
from calibration.problem import Problem
from cohort.execute.crew import Crew


@dataclass(frozen=True)
class Start:
    """Where one start stands.

    Attributes:
        number: which one.
        x: its coordinates, `(dim,)`.
        correction: of the problem there and then, `(row,)`.
        likelihood: of the problem there and then.
    """

    number: int
    x: np.ndarray
    correction: np.ndarray
    likelihood: Likelihood

    def __str__(self) -> str:
        """Return what a message calls it."""
        return f"start {self.number + 1}"

    def put_on(self, problem: Problem) -> Problem:
        """Return a problem with these corrections and errors."""
        return replace(problem, correction=self.correction, likelihood=self.likelihood)


def gradients_apart(
    crew: Crew[Problem], problem: Problem, starts: Sequence[np.ndarray] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return losses, `(start,)`, and gradients, `(start, dim)`, a start by one worker.

    Args:
        crew: of workers that hold the problem.
        problem: with the corrections and errors that hold now.
        starts: coordinates, `(start, dim)`.
    """
    units = [
        Start(number, x, problem.correction, problem.likelihood) for number, x in enumerate(starts)
    ]
    losses, slopes = zip(*(found for _, found in crew.in_order(_gradients, units)), strict=True)
    return np.concatenate(losses), np.concatenate(slopes)


def _gradients(problem: Problem, start: Start) -> tuple[np.ndarray, np.ndarray]:
    return start.put_on(problem).gradients(start.x[None])
