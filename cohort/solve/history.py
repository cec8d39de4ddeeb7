"""A person's life from 35 to the start of a study, untreated.

She starts at the steady state of her own parameters at 35 (or at entry, if younger: nothing ages
before) and lives her own menopause and ageing. The years until `NOISY_YEARS` before the start pass
in `EARLY` steps, the rest in `LATE` ones, through which the slow noise runs that makes persons
differ from their own mean.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from cohort.model.arrays import Patients, State
from cohort.model.endocrine import YOUNG_AGE, hormones
from cohort.model.exposure import Exposure, no_exposure
from cohort.model.person import Person
from cohort.model.remodeling import Noise
from cohort.model.steady_state import steady_state
from cohort.solve.step import step

EARLY = 96
LATE = 48
NOISY_YEARS = 6.0
NODES_PER_YEAR = 4  # nodes of the slow noise
LATE_NODES = int(NOISY_YEARS * NODES_PER_YEAR)
DAYS_PER_YEAR = 365.25


def live(person: Person, age: Patients, noise: Patients, bisphosphonates: int) -> State:
    """Return the state at the start of a study.

    Args:
        person: parameters of the block.
        age: years at the start of the study, `(patient,)`.
        noise: slow noise at its nodes, `(node, 2, patient)`; the first `LATE_NODES + 1` lie in the
            history.
        bisphosphonates: number of drugs whose (empty) pools the state must hold.
    """
    state = steady_state(person, hormones(person, jnp.full_like(age, YOUNG_AGE)), bisphosphonates)
    exposure = no_exposure(bisphosphonates)
    lived = jnp.maximum(age - YOUNG_AGE, 0.0)
    noisy = jnp.minimum(lived, NOISY_YEARS)
    turning = age - noisy
    silent = Noise(jnp.zeros(()), jnp.zeros(()))
    state = _pass_years(
        state, person, exposure, (turning - (lived - noisy), turning), EARLY, lambda _: silent
    )
    per_node = LATE // LATE_NODES
    # A step of the late history starts and ends at a node or half way between two.
    between = jnp.linspace(0.0, 1.0, per_node + 1)[:-1, None, None, None]
    nodes = noise[: LATE_NODES + 1]
    fine = (nodes[None, :-1] * (1 - between) + nodes[None, 1:] * between).swapaxes(0, 1)
    path = jnp.concatenate([fine.reshape(LATE, 2, -1), nodes[-1:]])
    return _pass_years(
        state, person, exposure, (turning, age), LATE, lambda j: Noise(path[j, 0], path[j, 1])
    )


def _pass_years(
    state: State,
    person: Person,
    exposure: Exposure,
    ages: tuple[Patients, Patients],
    steps: int,
    noise_at,
) -> State:
    first, last = ages
    stride = (last - first) / steps

    def body(j, state):
        before = (hormones(person, first + j * stride), exposure, noise_at(j))
        after = (hormones(person, first + (j + 1) * stride), exposure, noise_at(j + 1))
        return step(state, person, before, after, stride * DAYS_PER_YEAR)

    return jax.lax.fori_loop(0, steps, body, state)
