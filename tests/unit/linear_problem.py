"""A problem whose optimum is known: rows linear in the coordinates, with everything a fit asks.

Its evaluations are counted, and one of them can be made the last of the process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from published_rows import row

from calibration.free import Free
from calibration.likelihood import Likelihood, robust
from calibration.targets import Target
from cohort.model.parameters import parameter_set

if TYPE_CHECKING:
    from calibration.problem import Problem

NAMES = ("kC", "kG", "wLS", "km")  # of any parameters: three on the log scale, one on the logit
TINY = 1e-12
NORMAL = 1e7  # a Huber limit beyond every residual


def kill() -> None:
    """End this process as a machine does that gives out."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Calls:
    """How often each function was evaluated.

    Attributes:
        counts: by function.
        starts: at which gradients were asked.
        last: evaluations that are allowed; None for any number.
        end: what happens at the next.
    """

    counts: dict[str, int] = field(default_factory=dict)
    starts: list[np.ndarray] = field(default_factory=list)
    last: int | None = None
    end: Callable[[], None] = kill

    def add(self, what: str) -> None:
        if self.total == self.last:
            self.end()
        self.counts[what] = self.counts.get(what, 0) + 1

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class LinearProblem:
    """Rows `design (x - start) + bend (x - start)^2 + correction`.

    Attributes:
        free: coordinates with priors and bounds.
        likelihood: targets and the covariance of their residuals.
        design: `(row, dim)`.
        bend: `(row, dim)`; zero where the problem is linear.
        correction: of the current round, `(row,)`.
        whole: what whole cohorts correct at the start of every round, `(row,)`.
        calls: of its functions.
    """

    free: Free
    likelihood: Likelihood
    design: np.ndarray
    bend: np.ndarray
    correction: np.ndarray
    whole: np.ndarray
    calls: Calls = field(default_factory=Calls)

    @property
    def targets(self) -> tuple[Target, ...]:
        return self.likelihood.targets

    @cached_property
    def observed(self) -> np.ndarray:
        return np.array([target.row.value for target in self.targets])

    def predicted(self, x: np.ndarray) -> np.ndarray:
        self.calls.add("predicted")
        return self._rows(x)

    def linearised(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls.add("linearised")
        return self._rows(x), self._slopes(x)

    def gradients(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls.add("gradients")
        self.calls.starts.append(starts)
        assert np.all((starts >= self.free.low - TINY) & (starts <= self.free.high + TINY))
        found = [self._gradient(x) for x in starts]
        return np.array([loss for loss, _ in found]), np.array([slope for _, slope in found])

    def corrected(self, x: np.ndarray) -> LinearProblem:
        self.calls.add("corrected")
        return replace(self, correction=self.whole)

    def cost(self, residuals: np.ndarray, x: np.ndarray) -> float:
        whitened = self.likelihood.whitener() @ residuals
        apart = (x - self.free.centre) / self.free.sd
        return float(robust(whitened, self.likelihood.huber)) + 0.5 * float(apart @ apart)

    def _rows(self, x: np.ndarray) -> np.ndarray:
        away = x - self.free.x(self.free.fixed)
        return self.design @ away + self.bend @ away**2 + self.correction

    def _slopes(self, x: np.ndarray) -> np.ndarray:
        return self.design + 2.0 * self.bend * (x - self.free.x(self.free.fixed))

    def _gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        residuals, whitener = self._rows(x) - self.observed, self.likelihood.whitener()
        z = whitener @ residuals
        pulled = z / np.sqrt(1.0 + (z / self.likelihood.huber) ** 2)
        apart = (x - self.free.centre) / self.free.sd
        slope = (whitener @ self._slopes(x)).T @ pulled + apart / self.free.sd
        return self.cost(residuals, x), slope

    def optimum(self) -> np.ndarray:
        """Return the optimum of the linear problem with normal noise and no bounds, `(dim,)`.

        With `A` the design, `S` the covariance and `P = diag(1 / sd^2)`, it solves
        `(A' S^-1 A + P) x = A' S^-1 (observed - correction + A start) + P centre`.
        """
        whitener = self.likelihood.whitener()
        precision = whitener @ whitener
        prior = np.diag(self.free.sd**-2.0)
        seen = self.observed - self.whole + self.design @ self.free.x(self.free.fixed)
        left = self.design.T @ precision @ self.design + prior
        return np.linalg.solve(left, self.design.T @ precision @ seen + prior @ self.free.centre)


def linear_problem(
    *, huber: float = NORMAL, reach: float = 8.0, bend: float = 0.0, calls: Calls | None = None
) -> LinearProblem:
    """Return one of four parameters and 24 rows of six trials.

    Args:
        huber: of the loss.
        reach: prior sds from the start to the bounds.
        bend: size of the quadratic term.
        calls: counts the evaluations.
    """
    rng = np.random.default_rng(11)
    targets: Sequence[Target] = [
        Target(one, 0.5, 1.0, (one.trial, one.quantity))
        for one in (
            row(trial=f"t{i // 4}", row_id=f"outcomes-{i}", month=6.0 + i % 4, value=value)
            for i, value in enumerate(rng.normal(0.0, 3.0, 24))
        )
    ]
    values = parameter_set().values
    known = Free(NAMES, *(np.zeros(4) for _ in range(4)), fixed=values, leaders={})
    start = np.array([_scaled(name, values[name]) for name in NAMES])
    sd = np.array([0.3, 0.6, 0.4, 0.5])
    free = replace(
        known, centre=start + 0.5 * sd, sd=sd, low=start - reach * sd, high=start + reach * sd
    )
    return LinearProblem(
        free,
        Likelihood(tuple(targets), np.full(24, 0.8), np.ones(24), huber),
        rng.normal(0.0, 2.0, (24, 4)),
        bend * rng.normal(0.0, 1.0, (24, 4)),
        np.zeros(24),
        rng.normal(0.0, 0.5, 24),
        calls or Calls(),
    )


def _scaled(name: str, value: float) -> float:
    return float(np.log(value / (1.0 - value))) if name == "wLS" else float(np.log(value))


def as_problem(problem: LinearProblem) -> Problem:
    """Return it under the type that a fit declares."""
    return cast("Problem", problem)
