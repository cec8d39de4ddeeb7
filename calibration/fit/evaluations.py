"""A problem whose evaluations are remembered, with the corrections and errors of a round."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.fit.memory import Memory
from calibration.fit.start import gradients_apart
from calibration.job.selection import NATURAL_HISTORY
from calibration.problem import Problem
from cohort.execute.crew import Crew


@dataclass(frozen=True)
class Evaluations:
    """What a method of fitting asks of a problem.

    Attributes:
        problem: with the corrections and errors that hold now.
        memory: where evaluations are kept.
        crew: takes the starts one by one; None where this process takes them together.
    """

    problem: Problem
    memory: Memory
    crew: Crew[Problem] | None = None

    def gradients(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return losses, `(start,)`, and gradients, `(start, dim)`."""

        def compute() -> tuple[np.ndarray, np.ndarray]:
            if self.crew is None:
                return self.problem.gradients(starts)
            return gradients_apart(self.crew, self.problem, starts)

        losses, slopes = self.memory.of("gradients", (starts, *self._state()), compute)
        return losses, slopes

    def linearised(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows, `(row,)`, and their derivatives, `(row, dim)`."""
        rows, slopes = self.memory.of(
            "linearised", (x, self.problem.correction), lambda: self.problem.linearised(x)
        )
        return rows, slopes

    def predicted(self, x: np.ndarray) -> np.ndarray:
        """Return the rows, `(row,)`."""
        given = (x, self.problem.correction)
        return self.memory.of("predicted", given, lambda: (self.problem.predicted(x),))[0]

    def corrected(self, x: np.ndarray) -> Evaluations:
        """Return the same with the correction of whole cohorts at these parameters."""
        (correction,) = self.memory.of(
            "correction", (x,), lambda: (self.problem.corrected(x).correction,)
        )
        return replace(self, problem=replace(self.problem, correction=correction))

    def reweighed(self, x: np.ndarray) -> Evaluations:
        """Return the same with the errors that the residuals at these parameters tell."""
        residuals = self.predicted(x) - self.problem.observed
        likelihood = self.problem.likelihood.estimated(residuals)
        return replace(self, problem=replace(self.problem, likelihood=likelihood))

    def errors(self, rows: np.ndarray) -> dict[str, float]:
        """Return root mean square errors of scored rows by quantity, percentage points."""
        squares: dict[str, list[float]] = {}
        for target, predicted in zip(self.problem.targets, rows, strict=True):
            if target.row.scored and target.row.trial != NATURAL_HISTORY:
                error = float(predicted) - target.row.value
                squares.setdefault(target.block[1], []).append(error * error)
        return {quantity: float(np.sqrt(np.mean(own))) for quantity, own in squares.items()}

    def _state(self) -> tuple[np.ndarray, ...]:
        likelihood = self.problem.likelihood
        return self.problem.correction, likelihood.error(), likelihood.offset()
