"""One step of the model: positive, stable at any size, second order.

States obey `y' = p - l y` with `p, l >= 0`. For constant `p` and `l` the step is

    y <- (y + p h q) / (1 + l h q),   q = 1 + z/2 + z^2/6,   z = l h

the (0,3) Pade form of the exponential: exact to third order, positive, and it goes to `p / l` as `z`
grows, at the price of one division and no exponential. Heun's method puts `p` and `l` at the mean of
the step's ends, which makes the whole second order.
"""

from __future__ import annotations

from typing import TypeAlias

from cohort.model.arrays import Patients, State
from cohort.model.endocrine import Hormones
from cohort.model.exposure import Exposure
from cohort.model.person import Person
from cohort.model.remodeling import Noise, tendency

Inputs: TypeAlias = tuple[Hormones, Exposure, Noise]


def relax(y: Patients, production: Patients, loss: Patients, length: Patients) -> Patients:
    """Advance `y' = production - loss * y` by `length` days."""
    z = loss * length
    q = 1.0 + z * (0.5 + z / 6.0)
    return (y + production * length * q) / (1.0 + z * q)


def step(
    state: State, person: Person, before: Inputs, after: Inputs, length: Patients
) -> State:
    """Advance the model by one step.

    Args:
        state: at the start of the step.
        person: parameters of the block.
        before: hormones, exposure and noise at the start.
        after: the same at the end.
        length: days, a scalar or `(patient,)`.
    """
    production, loss = tendency(state, person, *before)
    guess = {k: relax(y, production[k], loss[k], length) for k, y in state.items()}
    production_after, loss_after = tendency(guess, person, *after)
    return {
        k: relax(
            y,
            0.5 * (production[k] + production_after[k]),
            0.5 * (loss[k] + loss_after[k]),
            length,
        )
        for k, y in state.items()
    }
