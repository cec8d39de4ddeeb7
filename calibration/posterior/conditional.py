"""The lowest loss with one coordinate held: damped Gauss-Newton inside the bounds.

The gradient is that of the loss itself; the curvature is the posterior precision by Gauss-Newton,
which costs a whole Jacobian and changes slowly, so it is carried along and made anew only where a
step gained much less or much more than it promised. Coordinates on a bound that the loss would push
further out rest (projected Newton).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from calibration.objective import Objective

TRUST = (0.5, 1.5)  # gain over promise between which the curvature is kept
DAMPING = 1e-3  # the first, of the diagonal; ten times more at every refusal
MUCH = 1e8  # damping beyond which a step moves nothing


@dataclass(frozen=True)
class Point:
    """Where a minimisation stands.

    Attributes:
        x: the coordinates, `(dim,)`.
        loss: there.
        gradient: there, `(dim,)`.
        curvature: posterior precision there or near, `(dim, dim)`.
        converged: whether the next step would gain less than the tolerance.
    """

    x: np.ndarray
    loss: float
    gradient: np.ndarray
    curvature: np.ndarray
    converged: bool = False


class Conditional:
    """Minimises an objective with one coordinate held.

    Args:
        objective: the loss, its rows and bounds.
        tolerance: gain in loss that is worth no further step.
        steps: evaluations of the loss at most.
    """

    def __init__(self, objective: Objective, tolerance: float, steps: int) -> None:
        """Compile the loss with its gradient, once for all points."""
        self.free = objective.free
        self.objective = objective
        self.tolerance, self.steps = tolerance, steps
        self._loss: Callable = jax.jit(jax.value_and_grad(objective.loss))

    def at(self, x: np.ndarray, curvature: np.ndarray) -> Point:
        """Evaluate the loss at a point, with a curvature from nearby."""
        loss, gradient = self._loss(jnp.asarray(x))
        return Point(x, float(loss), np.asarray(gradient), curvature)

    def move(self, point: Point, held: int, value: float) -> np.ndarray:
        """Return where the others go, to first order, when a coordinate is set to a value."""
        rest = np.arange(len(point.x)) != held
        pull = np.linalg.solve(point.curvature[np.ix_(rest, rest)], point.curvature[rest, held])
        x = point.x.copy()
        x[rest] -= pull * (value - point.x[held])
        x[held] = value
        return np.clip(x, self.free.low, self.free.high)

    def minimise(self, point: Point, held: int) -> Point:
        """Return the lowest point with a coordinate held; `converged` says whether it is."""
        damping, fresh = 0.0, False
        for _ in range(self.steps):
            moves = self._moves(point, held)
            promise = _promise(point, moves)
            if promise < self.tolerance:
                return replace(point, converged=True)
            tried = self.at(self._step(point, moves, damping), point.curvature)
            gain = point.loss - tried.loss
            better = np.isfinite(tried.loss) and gain > 0
            point = tried if better else point
            damping = damping / 10 if better else max(DAMPING, 10 * damping)
            damping = 0.0 if damping < DAMPING else damping
            if damping > MUCH:
                return point
            if better and TRUST[0] * promise < gain < TRUST[1] * promise:
                fresh = False
            elif better or not fresh:
                point, fresh = replace(point, curvature=self._curvature(point.x)), True
        return point

    def _moves(self, point: Point, held: int) -> np.ndarray:
        """Return which coordinates may move, `(dim,)`."""
        outwards = (point.x <= self.free.low) & (point.gradient > 0)
        outwards |= (point.x >= self.free.high) & (point.gradient < 0)
        outwards[held] = True
        return ~outwards

    def _step(self, point: Point, moves: np.ndarray, damping: float) -> np.ndarray:
        x = point.x.copy()
        x[moves] -= _newton(point, moves, damping)
        return np.clip(x, self.free.low, self.free.high)

    def _curvature(self, x: np.ndarray) -> np.ndarray:
        whitened = np.asarray(self.objective.whiten(self.objective.jacobian(x)))
        return whitened.T @ whitened + np.diag(self.free.sd**-2.0)


def _newton(point: Point, moves: np.ndarray, damping: float) -> np.ndarray:
    curvature = point.curvature[np.ix_(moves, moves)]
    damped = curvature + damping * np.diag(np.diag(curvature))
    return np.linalg.solve(damped, point.gradient[moves])


def _promise(point: Point, moves: np.ndarray) -> float:
    """Return what a full step would gain if the loss were the parabola."""
    return 0.5 * float(point.gradient[moves] @ _newton(point, moves, 0.0))
