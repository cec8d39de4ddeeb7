"""History and arms with all their steps in one kernel on the CPU.

The same steps as in `compiled`, which JAX traces and `cohort.fused` prints: results agree to
rounding, and the functions take the same arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from cohort.fused.march import Step, march
from cohort.model.arrays import Patients, State
from cohort.model.remodeling import Noise
from cohort.solve import history
from cohort.solve.compiled import tile_person
from cohort.solve.exposures import DrugNumbers, add_drug_parameters
from cohort.solve.history import DAYS_PER_YEAR, EARLY, EARLY_YEARS, LATE_NODES, LATE_YEARS, Life
from cohort.solve.trial import (
    Course,
    Steps,
    Treated,
    advance,
    entering,
    node_after,
    observe_after,
)
from cohort.stored import stored


def run_history(values: Mapping, tile: Mapping, noise: Patients, first_day: Patients) -> State:
    """As of `compiled`."""
    life, state = begin_history(values, tile, first_day)
    ends = {"early": EARLY_YEARS, "late": LATE_YEARS}
    # No noise runs through the years before the noisy ones.
    ends |= {"node": LATE_YEARS * LATE_NODES, "noisy": np.arange(len(LATE_YEARS)) > EARLY}
    rows = {name: np.stack([end[:-1], end[1:]], axis=1) for name, end in ends.items()}
    weights, reads = _lookups(rows.pop("node"), LATE_NODES + 1)
    noisy, never = rows.pop("noisy"), np.full(history.STEPS, -1)
    rows |= {name: noisy * weight for name, weight in weights.items()}
    return march(A_STEP_OF_LIFE, state, life, rows, never, 0, _records(noise), reads)[0]


def state_like(values: Mapping, tile: Mapping, noise: Patients, first_day: Patients) -> State:
    """As of `compiled`."""
    return jax.tree.map(np.asarray, begin_history(values, tile, first_day)[1])


def run_arm(
    state: State,
    values: Mapping,
    tile: Mapping,
    numbers: DrugNumbers,
    noise: Patients,
    steps: Steps,
    count: Patients,
    visits: int,
    extras: bool,
) -> tuple[dict[str, Any], Any]:
    """As of `compiled`."""
    treated, course = begin_arm(state, values, tile, numbers, noise, steps)
    now = jax.tree.map(lambda x: np.asarray(x)[: int(count)], steps)
    weights, reads = _lookups(np.stack([now.node, node_after(now)], axis=1), noise.shape[0])
    rows = {"now": now} | weights
    end, seen = march(
        step_of_arm(extras), course, treated, rows, now.visit, visits, _records(noise), reads
    )
    return seen, end.bad_day


def seen_like(*treatment: Any) -> dict[str, Any]:
    """As of `compiled`; makes the kernel, and as many steps as it is asked for, which may be 0."""
    return run_arm(*treatment)[0]


@stored()
def begin_history(values: Mapping, tile: Mapping, first_day: Patients) -> tuple[Life, State]:
    """Return what the persons of a tile live through, and their state at 35."""
    return history.born(tile_person(values, tile), tile["age"] + first_day / DAYS_PER_YEAR)


@stored()
def begin_arm(
    state: State,
    values: Mapping,
    tile: Mapping,
    numbers: DrugNumbers,
    noise: Patients,
    steps: Steps,
) -> tuple[Treated, Course]:
    """Return the persons of a tile as they are treated, and what the first step is given."""
    person = add_drug_parameters(tile_person(values, tile), numbers)
    return entering(state, person, tile["age"], noise, steps, numbers)[:2]


def _step_of_life(state: State, life: Life, row: Mapping, *records: Noise) -> tuple[State, dict]:
    """Make a step of the history; nothing of it is told."""
    before, after = map(history.Moment, row["early"], row["late"])
    start, end = _slow(row, records)
    return history.advance(life, state, (before, start), (after, end)), {}


A_STEP_OF_LIFE = Step(_step_of_life, lookups=4, kept_as="life")


@lru_cache
def step_of_arm(cells_too: bool) -> Step:
    """Return the step of an arm; `cells_too` as of `trial.treat`."""

    def step(
        course: Course, treated: Treated, row: Mapping, *records: Noise
    ) -> tuple[Course, State]:
        course, after = advance(treated, course, row["now"], _slow(row, records))
        return course, observe_after(treated, course, row["now"], after, cells_too)

    return Step(step, lookups=4, kept_as=f"arm, cells too: {cells_too}")


def _records(noise: Patients) -> Noise:
    """Return the nodes of the slow noise as rows of a table."""
    nodes: Any = np.asarray(noise)  # cut by NumPy, since JAX would compile a program for it
    return Noise(nodes[:, 0], nodes[:, 1])


def _lookups(node: np.ndarray, records: int) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Return how to read the slow noise at both ends of each step, linear between its nodes.

    Args:
        node: position of the ends among the nodes, `(step, 2)`.
        records: number of nodes.

    Returns:
        weights of the nodes below and above, `(step, 2)` each, and which those are, for the start
        and then for the end, `(step,)` each.
    """
    below = np.clip(node.astype(int), 0, records - 2)
    part = node - below
    reads = [below[:, 0], below[:, 0] + 1, below[:, 1], below[:, 1] + 1]
    return {"low": 1.0 - part, "high": part}, reads


def _slow(row: Mapping, records: tuple[Noise, ...]) -> tuple[Noise, Noise]:
    """Return the slow noise at both ends of a step, from the nodes below and above each."""
    start, end = (
        Noise(*(a * low + b * high for a, b in zip(below, above, strict=True)))
        for low, high, below, above in zip(
            row["low"], row["high"], records[::2], records[1::2], strict=True
        )
    )
    return start, end
