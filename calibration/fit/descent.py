"""Descent from several starts at once by any optimizer of optax.

Coordinates are in standard deviations of the priors, so that one step size suits all of them, and
are put back onto the bounds where a step leaves them.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from calibration.fit.evaluations import Evaluations
from calibration.fit.trace import Trace
from calibration.job.schema import Fit

PLATEAU = 10  # steps over which the loss must still fall
FLAT = 1e-5  # share of the loss by which it must


def descend(asked: Fit, evaluations: Evaluations, starts: np.ndarray, trace: Trace) -> np.ndarray:
    """Return the best point of each start, `(start, dim)`.

    Args:
        asked: optimizer, steps and their size.
        evaluations: of the problem.
        starts: where to begin, `(start, dim)`.
        trace: takes every step.
    """
    free = evaluations.problem.free
    optimizer = make_optimizer(asked)
    update = jax.jit(jax.vmap(optimizer.update))
    units = (starts - free.centre) / free.sd
    low, high = (free.low - free.centre) / free.sd, (free.high - free.centre) / free.sd
    state = jax.vmap(optimizer.init)(jnp.asarray(units))
    best, least = starts.copy(), np.full(len(starts), np.inf)
    history: list[np.ndarray] = []
    for step in range(asked.steps):
        x = free.centre + free.sd * units
        losses, slopes = evaluations.gradients(x)
        better = losses < least
        best[better], least[better] = x[better], losses[better]
        trace.descent(step + 1, asked.steps, losses, np.linalg.norm(slopes * free.sd, axis=1))
        history.append(least.copy())
        if _is_flat(history):
            break
        slopes = np.where(np.isfinite(slopes), slopes, 0.0) * free.sd
        moves, state = update(jnp.asarray(slopes), state, jnp.asarray(units))
        units = np.clip(np.asarray(optax.apply_updates(jnp.asarray(units), moves)), low, high)
    return best


def make_optimizer(asked: Fit) -> optax.GradientTransformation:
    """Return the optimizer that a job names, gradients clipped, step size scheduled."""
    make = getattr(optax, asked.optimizer)
    step_size = _SCHEDULES[asked.schedule](asked)
    # The line search of L-BFGS evaluates on its own; the schedule takes its place.
    own = make(step_size, linesearch=None) if asked.optimizer == "lbfgs" else make(step_size)
    return optax.chain(optax.clip_by_global_norm(asked.clip), own)


_SCHEDULES: dict[str, Callable[[Fit], optax.Schedule]] = {
    "constant": lambda asked: optax.constant_schedule(asked.learning_rate),
    "cosine": lambda asked: optax.cosine_decay_schedule(asked.learning_rate, max(asked.steps, 1)),
    "exponential": lambda asked: optax.exponential_decay(
        asked.learning_rate, max(asked.steps, 1), 0.05
    ),
}


def _is_flat(history: list[np.ndarray]) -> bool:
    """Whether the least loss of every start has stopped falling."""
    if len(history) <= PLATEAU:
        return False
    fallen = history[-PLATEAU - 1] - history[-1]
    return bool(np.all(fallen < FLAT * np.abs(history[-1])))
