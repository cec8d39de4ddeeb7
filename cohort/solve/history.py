"""A person's life from 35 to the start of a study, untreated.

She starts at the steady state of her own parameters at 35 (or at entry, if younger: nothing ages
before) and lives her own menopause and ageing. The years until `NOISY_YEARS` before the start pass
in `EARLY` steps. Through the rest runs the slow noise that makes persons differ from their own
mean, in steps of eleven days, since bone keeps what they leave, and shorter ones at the end,
since markers at entry must be as exact as in the trial that follows.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients, State
from cohort.model.endocrine.own import YOUNG_AGE, hormones
from cohort.model.exposure import no_exposure
from cohort.model.person import Person
from cohort.model.remodeling import Noise
from cohort.model.steady_state import steady_state
from cohort.solve.backward import Derive, in_lanes
from cohort.solve.step import Inputs, step

EARLY = 96
NOISY_YEARS = 6.0
NODES_PER_YEAR = 4  # nodes of the slow noise
LATE_NODES = int(NOISY_YEARS * NODES_PER_YEAR)
# Steps in the quarter of a year that follows each node of the noisy years.
LATE_STEPS = (8,) * 22 + (12,) * 2
DAYS_PER_YEAR = 365.25


class Life(NamedTuple):
    """Persons, and the years that they live through.

    Attributes:
        person: their parameters.
        age: years at the start of the study, `(patient,)`.
        lived: years since `YOUNG_AGE`.
        noisy: the last of them, which the slow noise runs through.
    """

    person: Person
    age: Patients
    lived: Patients
    noisy: Patients


class Moment(NamedTuple):
    """An end of a step: how far on the way to the noisy years, -1 to 0, then through them."""

    early: Patients
    late: Patients


def live(person: Person, age: Patients, noise: Patients, derive: Derive = "none") -> State:
    """Return the state at the start of a study.

    Args:
        person: parameters of the block.
        age: years at the start of the study, `(patient,)`.
        noise: slow noise at its nodes, `(node, 2, patient)`; the first `LATE_NODES + 1` lie in the
            history.
        derive: which derivatives to take, see `step`; every step is then made again on the way
            back, so that only states are kept.
    """
    person = in_lanes(person, age) if derive == "reverse" else person
    life, state = born(person, age)
    moments = Moment(jnp.asarray(EARLY_YEARS, age.dtype), jnp.asarray(LATE_YEARS, age.dtype))
    path = _between(noise, LATE_YEARS[EARLY + 1 :] * LATE_NODES)
    path = jnp.concatenate([jnp.zeros((EARLY + 1, *path.shape[1:]), path.dtype), path])

    def end(j) -> tuple[Moment, Noise]:
        return jax.tree.map(lambda x: x[j], moments), Noise(path[j, 0], path[j, 1])

    def body(j, state):
        return advance(life, state, end(j), end(j + 1), derive)

    body = body if derive == "none" else jax.checkpoint(body)
    return jax.lax.fori_loop(0, STEPS, body, state)


def born(person: Person, age: Patients) -> tuple[Life, State]:
    """Return what persons live through until an age, and their state at 35."""
    state = steady_state(person, hormones(person, jnp.full_like(age, YOUNG_AGE)))
    lived = jnp.maximum(age - YOUNG_AGE, 0.0)
    return Life(person, age, lived, jnp.minimum(lived, NOISY_YEARS)), state


def advance(
    life: Life,
    state: State,
    before: tuple[Moment, Noise],
    after: tuple[Moment, Noise],
    derive: Derive = "none",
) -> State:
    """Live through one step.

    Args:
        life: of the persons.
        state: at the start of the step.
        before: when it starts, and the slow noise then.
        after: when it ends, and the slow noise then.
        derive: as of `live`.
    """

    def inputs(moment: Moment, slow: Noise) -> tuple[Patients, Inputs]:
        early, late = moment
        now = life.age - life.noisy + early * (life.lived - life.noisy) + late * life.noisy
        return now, (hormones(life.person, now), no_exposure(), slow)

    (here, start), (there, end) = inputs(*before), inputs(*after)
    return step(state, life.person, start, end, (there - here) * DAYS_PER_YEAR, derive)


def _positions(steps: tuple[int, ...]) -> np.ndarray:
    """Return the ends of the steps on a scale from 0 to 1, every interval cut into its number."""
    cuts = [k + np.arange(count) / count for k, count in enumerate(steps)]
    return np.append(np.concatenate(cuts), len(steps)) / len(steps)


# Ends of all steps: on the way from 35 to the noisy years, -1 to 0, then through them, 0 to 1. One
# step of no length lies between.
EARLY_YEARS = np.append(np.linspace(-1.0, 0.0, EARLY + 1), np.zeros(sum(LATE_STEPS) + 1))
LATE_YEARS = np.append(np.zeros(EARLY + 1), _positions(LATE_STEPS))
STEPS = len(EARLY_YEARS) - 1


def _between(noise: Patients, at: np.ndarray) -> Patients:
    """Return the noise at positions among its nodes, linear between them."""
    below = np.minimum(at.astype(int), noise.shape[0] - 2)
    part = jnp.asarray(at - below, noise.dtype)[:, None, None]
    return noise[below] * (1.0 - part) + noise[below + 1] * part
