"""Polish: Gauss-Newton steps in a trust region, bounds kept, in rounds.

`scipy.optimize.least_squares` (trust region reflective: Branch, Coleman & Li 1999) minimises half
the sum of squares of the whitened residuals, drawn in as the loss asks, and of the parameters'
distances from their priors. Each round begins with the correction that whole cohorts ask for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy.optimize import least_squares

from calibration.fit.evaluations import Evaluations
from calibration.fit.trace import Trace
from calibration.job.schema import Polish
from calibration.likelihood import drawn_in, drawn_in_slope

FLAT = 1e-5  # share of the loss by which a step must lower it
STILL = 1e-12  # a move so small is none: the loss and the gradient decide


@dataclass(frozen=True)
class Polished:
    """Where a start ended.

    Attributes:
        x: its coordinates, `(dim,)`.
        loss: there.
        gradient_norm: largest component of the gradient, scaled by the distance to the bounds.
        converged: whether the gradient is within the tolerance, or the loss on a plateau.
        evaluations: with the correction of its last round.
    """

    x: np.ndarray
    loss: float
    gradient_norm: float
    converged: bool
    evaluations: Evaluations


def polish(
    asked: Polish, evaluations: Evaluations, x: np.ndarray, start: int, trace: Trace
) -> Polished:
    """Fit from one point until nothing is gained.

    Args:
        asked: rounds, steps and tolerance.
        evaluations: of the problem.
        x: where to begin, `(dim,)`.
        start: its number.
        trace: takes every step.
    """
    found = None
    for turn in range(asked.rounds):
        evaluations = evaluations.corrected(x)
        found = _round(asked, evaluations, x, start, turn, trace)
        x = found.x
    assert found is not None  # there is at least one round
    return found


def _round(
    asked: Polish, evaluations: Evaluations, x: np.ndarray, start: int, turn: int, trace: Trace
) -> Polished:
    problem = evaluations.problem
    free, whitener = problem.free, problem.likelihood.whitener()
    huber, observed = problem.likelihood.huber, problem.observed
    rounds = asked.rounds * asked.steps

    def residuals(x: np.ndarray) -> np.ndarray:
        rows = evaluations.predicted(x)
        apart = (x - free.centre) / free.sd
        return np.concatenate([drawn_in(whitener @ (rows - observed), huber), apart])

    def slopes(x: np.ndarray) -> np.ndarray:
        rows, slope = evaluations.linearised(x)
        whitened = whitener @ (rows - observed)
        inner = drawn_in_slope(whitened, huber)[:, None] * (whitener @ slope)
        every = np.concatenate([inner, np.diag(1.0 / free.sd)])
        loss, norm = _told(residuals(x), every, free.sd)
        step = turn * asked.steps + next(counted) + 1
        trace.polish(start, step, rounds, loss, norm, evaluations.errors(rows))
        return every

    counted = iter(range(asked.steps + 1))
    found = least_squares(
        residuals,
        x,
        cast(Any, slopes),
        bounds=(free.low, free.high),
        x_scale=free.sd,
        max_nfev=max(asked.steps, 1),
        gtol=asked.tolerance,
        ftol=FLAT,
        xtol=STILL,
        method="trf",
    )
    return Polished(
        found.x, float(found.cost), float(found.optimality), found.status > 0, evaluations
    )


def _told(residuals: np.ndarray, slopes: np.ndarray, sd: np.ndarray) -> tuple[float, float]:
    """Return the loss and the norm of its gradient in standard deviations of the priors."""
    gradient = slopes.T @ residuals * sd
    return 0.5 * float(residuals @ residuals), float(np.linalg.norm(gradient))
