"""The compiled functions of a run: a tile's noise, its history, an arm of it, and its report.

Each is compiled once for all studies of like shape and like drugs. A tile is a mapping: `age`,
`life`, `conditions`, `recruited` levels, `reference` values, `eta`, and the words of the ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients, State
from cohort.model.endocrine.own import hormones
from cohort.model.observables.hormones import endogenous
from cohort.model.person import Person, make_person
from cohort.patients.randomness import stream_normals
from cohort.results.outcomes import BY_NAME, MEASURED
from cohort.solve.exposures import DrugNumbers, add_drug_parameters
from cohort.solve.history import DAYS_PER_YEAR, live
from cohort.solve.measurement import MEASURABLE, ON_REQUEST, absolute, measured, with_changes
from cohort.solve.noise import slow_noise
from cohort.solve.trial import Steps, treat
from cohort.solve.visit_days import on_their_days
from cohort.stored import stored

# Lengths are rounded up to these, and the surplus is neither computed nor reported: studies differ
# in length more than in what is compiled, and compiling takes seconds.
STEPS, VISITS, NODES = 2048, 32, 128
# Draws take time, so that their numbers are rounded up less.
DRAWN_VISITS, DRAWN_NODES = 4, 64


def room(count: int, unit: int) -> int:
    """Round a length up, so that studies of many lengths share a compiled function."""
    return -(-count // unit) * unit


def lengthened(rows: Patients) -> Patients:
    """Add empty steps, which are never made."""
    extra = room(len(rows), STEPS) - len(rows)
    # By NumPy, since JAX would compile a program for each shape.
    return jax.device_put(np.pad(rows, [(0, extra)] + [(0, 0)] * (rows.ndim - 1)))


def tile_person(values: Mapping[str, Patients], tile: Mapping) -> Person:
    """Return the persons of a tile."""
    return make_person(values, tile["eta"], tile["life"], tile["conditions"])


@stored("nodes")
def draw_noise(
    key: Patients, high: Patients, low: Patients, sd: Patients, years: Patients, nodes: int
) -> Patients:
    """Return the slow noise of a tile at its nodes, `(node, 2, patient)`, and empty room."""
    normals = stream_normals(key, high, low, 2 * nodes).astype(sd.dtype)
    drawn = slow_noise(normals.reshape(nodes, 2, -1), sd, years)
    return jnp.pad(drawn, ((0, room(nodes, NODES) - nodes), (0, 0), (0, 0)))


@stored()
def run_history(values: Mapping, tile: Mapping, noise: Patients, first_day: Patients) -> State:
    """Return the state of a tile at the study's first grid point."""
    return live(tile_person(values, tile), tile["age"] + first_day / DAYS_PER_YEAR, noise)


@stored("visits", "extras")
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
) -> tuple[State, Patients]:
    """Return the relative outputs of a tile in one arm, `(visit, patient)`, and the bad day."""
    person = add_drug_parameters(tile_person(values, tile), numbers)
    return treat(state, person, tile["age"], noise, steps, numbers, visits, extras, count=count)


def state_like(*life: Any) -> State:
    """Return zeros in the shapes of what `run_history` returns."""
    return run_history.like(*life)


def seen_like(*treatment: Any) -> State:
    """Return zeros in the shapes of the outputs that `run_arm` returns."""
    return run_arm.like(*treatment)[0]


@stored("visits", "columns")
def report_arm(
    seen: State,
    values: Mapping,
    tile: Mapping,
    reports: Mapping,
    visits: int,
    columns: tuple[str, ...],
    places: Mapping | None = None,
) -> State:
    """Return every reported column of a tile in one arm, `(patient, visit)`.

    `places` tells, where visits have windows, from which rows of `seen` values are taken.
    """
    person = tile_person(values, tile)
    reference, entry = tile["reference"], reports["entry"]
    untreated = endogenous(person, hormones(person, tile["age"]), tile["age"])

    def told(seen: State) -> State:
        return absolute(seen, tile["recruited"], untreated, person.eta, reference, entry)

    if places is None:
        true = actual = told({name: value[:visits] for name, value in seen.items()})
    else:
        true = told({name: value[places["planned"]] for name, value in seen.items()})
        actual = told(on_their_days(seen, places))
    found = with_changes(true, reference, entry)
    for key, names in zip(reports["keys"], (MEASURABLE, ON_REQUEST), strict=True):
        if any(column.startswith(MEASURED) and _base(column) in names for column in columns):
            draws = stream_normals(key, tile["high"], tile["low"], visits * len(names))
            draws = draws.reshape(visits, len(names), -1).astype(tile["age"].dtype)
            read = measured(actual, names, draws, reports["cv"], reports["drift"])
            found |= with_changes(read, reference, entry)
    return {column: found[column].astype(jnp.float32).T for column in columns}


def _base(column: str) -> str:
    """Return the measured quantity behind a column, its change or T-score."""
    name = column.removeprefix(MEASURED)
    return BY_NAME[name].base_name.replace("t_score_", "bmd_")
