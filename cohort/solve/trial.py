"""An arm of a study, from its first dose to its last visit, for a block of patients."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from cohort.model.arrays import Patients, State
from cohort.model.bisphosphonate import pool
from cohort.model.endocrine import system
from cohort.model.endocrine.own import hormones
from cohort.model.observables import bmd, cells, turnover_markers
from cohort.model.observables import hormones as levels
from cohort.model.person import Person
from cohort.model.remodeling import Noise, signals
from cohort.solve.again import scan_again
from cohort.solve.exposures import (
    CLEARANCE,
    DrugNumbers,
    StepForcing,
    exposure,
    pulse_drives,
    serum_step,
)
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR
from cohort.solve.step import Inputs, step


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Steps:
    """The grid and an arm's inputs, a row a step.

    Attributes:
        start: days since entry.
        length: days.
        node: position among the nodes of the slow noise at the start of the step.
        visit: index of the visit at the end of the step, or -1.
        forcing: the arm's inputs.
    """

    start: Patients
    length: Patients
    node: Patients
    visit: Patients
    forcing: StepForcing


def with_empty_steps(steps: Steps, extra: int) -> Steps:
    """Add so many steps at the end that take no time and see nothing."""

    def lengthened(x: Patients) -> Patients:
        return jnp.pad(x, [(0, extra)] + [(0, 0)] * (x.ndim - 1), mode="edge")

    longer = jax.tree.map(lengthened, steps)
    added = jnp.arange(len(longer.length)) >= len(steps.length)
    length, visit = jnp.where(added, 0.0, longer.length), jnp.where(added, -1, longer.visit)
    return replace(longer, length=length, visit=visit)


def observe(state: State, person: Person, inputs: Inputs, age: Patients, cells_too: bool) -> State:
    """Return every output at one moment, relative to a typical 35-year-old."""
    now = signals(state, person, *inputs)
    sites = bmd.relative_bmd(state, person, age)
    result = {f"bmd_{site}": value for site, value in sites.items()}
    result |= turnover_markers.relative_markers(state, person, now)
    result |= levels.relative_hormones(state, person, *inputs[:2], now, age)
    if cells_too:
        result |= levels.on_request(state, person, *inputs[:2], age)
        result |= cells.trajectories(state, person, now)
    like = state["Q"]
    return {name: jnp.broadcast_to(value, like.shape) for name, value in result.items()}


def ready(state: State, person: Person, age: Patients, numbers: DrugNumbers) -> State:
    """Give an untreated state what the study's drugs act on, as it is before the first dose."""
    like = jnp.zeros_like(state["Q"])
    state = state | {pool(drug): like for drug in range(len(numbers.release))}
    names = [name for name, _ in numbers.levels]
    if system.slow_states(person, names):
        state = system.balanced(person, hormones(person, age)) | {"LH": like + 1.0} | state
    return {name: like + value for name, value in state.items()}


def treat(
    state: State,
    person: Person,
    age: Patients,
    noise: Patients,
    steps: Steps,
    numbers: DrugNumbers,
    visits: int,
    cells_too: bool = False,
    count: Patients | None = None,
    rolled: bool = False,
) -> tuple[State, Patients]:
    """Run an arm.

    Args:
        state: at the first grid point, of `history.live`.
        person: parameters of the block.
        age: years at entry, `(patient,)`.
        noise: slow noise at its nodes, `(node, 2, patient)`.
        steps: grid and inputs.
        numbers: of the study's drugs.
        visits: number of visits.
        cells_too: whether to return cells and signals as well.
        count: number of steps to make, the others being empty; all of them where left out, which
            is what derivatives and arms of different length need.
        rolled: as in `history.live`.

    Returns:
        the outputs, `(visit, patient)` each, and the day at which a patient's state stopped being
        finite, `(patient,)`, infinite for those whose state always is.
    """
    drives = pulse_drives(numbers, person)

    def inputs_at(day, node, serum, row, level) -> Inputs:
        below = jnp.clip(node.astype(jnp.int32), 0, noise.shape[0] - 2)
        part = node - below
        slow = noise[below] * (1.0 - part) + noise[below + 1] * part
        drug = exposure(person, numbers, drives, serum, row, level)
        return hormones(person, age + day / DAYS_PER_YEAR), drug, Noise(slow[0], slow[1])

    def body(carry, xs: Steps):
        state, serum, seen, bad_day = carry
        row = xs.forcing
        end = xs.start + xs.length
        node_after = xs.node + xs.length * (NODES_PER_YEAR / DAYS_PER_YEAR)
        before = inputs_at(xs.start, xs.node, serum, row, row.level_start)
        serum = serum_step(numbers, person, serum, row.antibody, xs.length)
        after = inputs_at(end, node_after, serum, row, row.level_end)
        state = step(state, person, before, after, xs.length, rolled)
        finite = jnp.isfinite(sum(state.values()))
        bad_day = jnp.where(finite, bad_day, jnp.minimum(bad_day, end))

        def record(seen):
            outputs = observe(state, person, after, age + end / DAYS_PER_YEAR, cells_too)
            return {k: seen[k].at[xs.visit].set(outputs[k]) for k in seen}

        seen = jax.lax.cond(xs.visit >= 0, record, lambda seen: seen, seen)
        return (state, serum, seen, bad_day), None

    first = jax.tree.map(lambda x: x[0], steps)
    state = ready(state, person, age + first.start / DAYS_PER_YEAR, numbers)
    like = state["Q"]
    silent = {target: jnp.zeros_like(like) for target in CLEARANCE}
    start = inputs_at(first.start, first.node, silent, first.forcing, first.forcing.level_start)
    shapes = jax.eval_shape(lambda s: observe(s, person, start, age, cells_too), state)
    seen = {k: jnp.zeros((visits, *s.shape), s.dtype) for k, s in shapes.items()}
    bad_day = jnp.full_like(like, jnp.inf)
    carry = state, silent, seen, bad_day
    if count is None:
        if rolled:
            _, _, seen, bad_day = scan_again(body, carry, steps, with_empty_steps)
        else:
            (_, _, seen, bad_day), _ = jax.lax.scan(body, carry, steps)
        return seen, bad_day

    def turn(index, carry):
        return body(carry, jax.tree.map(lambda x: x[index], steps))[0]

    _, _, seen, bad_day = jax.lax.fori_loop(0, count, turn, carry)
    return seen, bad_day


def noise_nodes(first_day: float, last_day: float) -> int:
    """Number of nodes of the slow noise for a study between two days."""
    quarters = (last_day - first_day) * NODES_PER_YEAR / DAYS_PER_YEAR
    return LATE_NODES + int(quarters) + 3
