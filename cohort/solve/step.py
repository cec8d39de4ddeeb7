"""One step of the model: positive, stable at any size, second order.

States obey `y' = p - l y` with `p, l >= 0`. Within a step of `h` days, `l` is frozen at the larger
of its values at the two ends, what that leaves over joins `p`, and `p` is taken as linear in time:

    z = l h,  q = 1 + z/2 + z^2/6
    y <- (y + h [p0 w + p1 (q - w)]) / (1 + z q),  w = 1/2 + z/6

the exponential integrator ETD2 with the (0,3) Pade form of its exponentials: all weights are
positive, it follows `p / l` as `z` grows, and it costs one division and no exponential. The end
values come from a predictor and two corrections; the second quarters the error of markers under
abrupt changes for half as much time again (see `benchmarks/`). Exponential integrators: Cox &
Matthews 2002 (10.1006/jcph.2002.6995).
"""

from __future__ import annotations

from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp

from cohort.model.arrays import Patients, State
from cohort.model.endocrine.own import Hormones
from cohort.model.exposure import Exposure
from cohort.model.person import Person
from cohort.model.remodeling import Noise, tendency
from cohort.solve.backward import Derive, in_lanes, with_kernels_back

Inputs: TypeAlias = tuple[Hormones, Exposure, Noise]
Rates: TypeAlias = tuple[State, State]
CORRECTIONS = 2


def relax(y: Patients, production: Patients, loss: Patients, length: Patients) -> Patients:
    """Advance `y' = production - loss * y` by `length` days, both held constant."""
    z = loss * length
    q = 1.0 + z * (0.5 + z / 6.0)
    return (y + production * length * q) / (1.0 + z * q)


def correct(
    y: Patients,
    guess: Patients,
    start: tuple[Patients, Patients],
    end: tuple[Patients, Patients],
    length: Patients,
) -> Patients:
    """Advance `y' = production - loss * y` with both known at the two ends of the step.

    Args:
        y: value at the start.
        guess: an estimate of the value at the end.
        start: production and loss at the start.
        end: production and loss at the end.
        length: days.
    """
    loss = jnp.maximum(start[1], end[1])
    first = start[0] + (loss - start[1]) * y
    last = end[0] + (loss - end[1]) * guess
    z = loss * length
    early = 0.5 + z / 6.0
    q = 1.0 + z * early
    return (y + length * (first * early + last * (q - early))) / (1.0 + z * q)


def step(
    state: State,
    person: Person,
    before: Inputs,
    after: Inputs,
    length: Patients,
    derive: Derive = "none",
) -> State:
    """Advance the model by one step.

    Args:
        state: at the start of the step.
        person: parameters of the block.
        before: hormones, exposure and noise at the start.
        after: the same at the end.
        length: days, a scalar or `(patient,)`.
        derive: in forward mode the model is evaluated in a loop, since derivatives of steps that
            are written out take minutes to compile; in reverse mode all arguments are of patients,
            see `in_lanes`.
    """
    if derive == "reverse":
        return _step_back(*in_lanes((state, person, before, after, length), state["Q"]))
    start = tendency(state, person, *before)
    evaluate = partial(_evaluate, state, person, after, length, start)
    guess = {k: relax(y, start[0][k], start[1][k], length) for k, y in state.items()}
    if derive == "none":
        for _ in range(CORRECTIONS):
            guess = evaluate(guess)
        return guess
    return jax.lax.fori_loop(0, CORRECTIONS, lambda _, guess: evaluate(guess), guess)


_step_back = with_kernels_back(step)


def _evaluate(
    state: State, person: Person, after: Inputs, length: Patients, start: Rates, guess: State
) -> State:
    """Return a better estimate of the state at the end of the step."""
    return _next(state, guess, start, tendency(guess, person, *after), length)


def _next(state: State, guess: State, start: Rates, end: Rates, length: Patients) -> State:
    """Return the state at the end of the step from what each state gains and loses at its ends."""
    (gain, loss), (gained, lost) = start, end
    return {
        k: correct(y, guess[k], (gain[k], loss[k]), (gained[k], lost[k]), length)
        for k, y in state.items()
    }
