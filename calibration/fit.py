"""Fitting: Gauss-Newton with trust region on robust residuals and priors, in rounds.

The loss is `sum rho((prediction - value) / error) + sum ((x - prior) / sd)^2` over targets and
parameters on the scale of their priors, with `rho` the pseudo-Huber loss that keeps discordant
trials from pulling. `scipy.optimize.least_squares` does the steps; derivatives are exact, forward
mode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from calibration.cohorts import predict
from calibration.problem import Problem, flat, from_scale, to_scale, typical_rows
from cohort.model.parameters import PARAMETERS

say = partial(print, flush=True)  # a job's progress is read while it runs
HUBER = 2.5  # standard errors beyond which a residual counts linearly


@dataclass(frozen=True)
class Fit:
    """A fitted set of parameters.

    Attributes:
        values: value by parameter name.
        predictions: of the targets, corrections for whole cohorts included.
        correction: cohort mean minus typical person.
        cost: half the sum of the robust losses and squared prior residuals.
    """

    values: Mapping[str, float]
    predictions: np.ndarray
    correction: np.ndarray
    cost: float


def fit(
    problem: Problem,
    start: Mapping[str, float],
    names: Sequence[str],
    *,
    rounds: int = 2,
    patients: int = 256,
    steps: int = 10,
    report: Callable[[str], None] = say,
) -> Fit:
    """Fit parameters to the problem's targets.

    Args:
        problem: targets and their arms.
        start: value by parameter name.
        names: the parameters that are free.
        rounds: how often the correction for whole cohorts is computed.
        patients: of each cohort.
        steps: evaluations of the derivatives in each round.
        report: takes a line of progress.
    """
    values = dict(start)
    fixed = {name: jnp.asarray(value) for name, value in start.items() if name not in names}

    groups, reading = problem.typical, problem.reading

    def outputs(group, x):
        return flat(predict(group, fixed | from_scale(x, names)))[:, 0]

    runs = [jax.jit(partial(outputs, group)) for group in groups]
    slopes = [jax.jit(jax.jacfwd(partial(outputs, group))) for group in groups]
    rows, rows_slope = jax.jit(typical_rows), jax.jit(jax.jacfwd(typical_rows))

    def evaluate(x):
        return rows(jnp.concatenate([run(x) for run in runs]), reading)

    def derive(x):
        at = jnp.concatenate([run(x) for run in runs])
        return rows_slope(at, reading) @ jnp.concatenate([slope(x) for slope in slopes])

    published = np.array([target.row.value for target in problem.targets])
    errors = np.array([target.error for target in problem.targets])
    centre = to_scale({name: PARAMETERS[name].prior for name in names}, names)
    spread = np.array([PARAMETERS[name].sd for name in names])
    box = np.array([[PARAMETERS[n].to_scale(b) for b in PARAMETERS[n].bounds] for n in names])
    cost, correction = np.inf, np.zeros(len(published))
    for turn in range(rounds):
        x = to_scale(values, names)
        correction = problem.cohort(values, patients) - np.asarray(evaluate(x))

        def residuals(x, correction=correction):
            misfit = (np.asarray(evaluate(x)) + correction - published) / errors
            return np.concatenate([_huber(misfit), (x - centre) / spread])

        def jacobian(x, correction=correction):
            misfit = (np.asarray(evaluate(x)) + correction - published) / errors
            slope = np.asarray(derive(x)) / errors[:, None]
            return np.concatenate([_huber_slope(misfit)[:, None] * slope, np.diag(1 / spread)])

        found = least_squares(
            residuals,
            x,
            cast(Any, jacobian),
            bounds=box.T,
            x_scale=spread,
            max_nfev=steps,
            method="trf",
        )
        fitted = from_scale(jnp.asarray(found.x), names)
        values |= {name: float(value) for name, value in fitted.items()}
        cost = float(found.cost)
        report(f"round {turn + 1}: cost {cost:.1f} after {found.nfev} evaluations")
    predictions = problem.cohort(values, patients)
    return Fit(values, predictions, correction, cost)


def _huber(misfit: np.ndarray) -> np.ndarray:
    """Return residuals whose squares are the pseudo-Huber loss."""
    root = np.sqrt(1.0 + (misfit / HUBER) ** 2)
    return misfit * np.sqrt(2.0 / (1.0 + root))


def _huber_slope(misfit: np.ndarray) -> np.ndarray:
    """Return the derivative of `_huber`."""
    root = np.sqrt(1.0 + (misfit / HUBER) ** 2)
    return np.sqrt(0.5 * (1.0 + root)) / root
