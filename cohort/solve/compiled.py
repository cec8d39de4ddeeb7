"""The compiled functions of a run: a tile's noise, its history, an arm of it, and its report.

Each is compiled once for all studies of like shape and like drugs. A tile is a mapping: `age`,
`life`, `conditions`, `recruited` levels, `reference` values, `eta`, and the words of the ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp

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
    return jnp.pad(rows, [(0, extra)] + [(0, 0)] * (rows.ndim - 1))


def tile_person(values: Mapping[str, Patients], tile: Mapping) -> Person:
    """Return the persons of a tile."""
    return make_person(values, tile["eta"], tile["life"], tile["conditions"])


@partial(jax.jit, static_argnames=("nodes",))
def draw_noise(
    key: Patients, high: Patients, low: Patients, sd: Patients, years: Patients, nodes: int
) -> Patients:
    """Return the slow noise of a tile at its nodes, `(node, 2, patient)`, and empty room."""
    normals = stream_normals(key, high, low, 2 * nodes).astype(sd.dtype)
    drawn = slow_noise(normals.reshape(nodes, 2, -1), sd, years)
    return jnp.pad(drawn, ((0, room(nodes, NODES) - nodes), (0, 0), (0, 0)))


@jax.jit
def run_history(values: Mapping, tile: Mapping, noise: Patients, first_day: Patients) -> State:
    """Return the state of a tile at the study's first grid point."""
    return live(tile_person(values, tile), tile["age"] + first_day / DAYS_PER_YEAR, noise)


@partial(jax.jit, static_argnames=("visits", "extras"))
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


@partial(jax.jit, static_argnames=("visits", "columns"))
def report_arm(
    seen: State,
    values: Mapping,
    tile: Mapping,
    reports: Mapping,
    visits: int,
    columns: tuple[str, ...],
) -> State:
    """Return every reported column of a tile in one arm, `(patient, visit)`."""
    person = tile_person(values, tile)
    reference, entry = tile["reference"], reports["entry"]
    untreated = endogenous(person, hormones(person, tile["age"]), tile["age"])
    seen = {name: value[:visits] for name, value in seen.items()}
    seen = absolute(seen, tile["recruited"], untreated, person.eta, reference, entry)
    found = with_changes(seen, reference, entry)
    for key, names in zip(reports["keys"], (MEASURABLE, ON_REQUEST), strict=True):
        if any(column.startswith(MEASURED) and _base(column) in names for column in columns):
            draws = stream_normals(key, tile["high"], tile["low"], visits * len(names))
            draws = draws.reshape(visits, len(names), -1).astype(tile["age"].dtype)
            read = measured(seen, names, draws, reports["cv"], reports["drift"])
            found |= with_changes(read, reference, entry)
    return {column: found[column].astype(jnp.float32).T for column in columns}


def _base(column: str) -> str:
    """Return the measured quantity behind a column, its change or T-score."""
    name = column.removeprefix(MEASURED)
    return BY_NAME[name].base_name.replace("t_score_", "bmd_")
