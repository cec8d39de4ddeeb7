"""An arm of a study, from its first dose to its last visit, for a block of patients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

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
from cohort.solve.backward import Derive, in_lanes
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


class Treated(NamedTuple):
    """Persons who are treated.

    Attributes:
        person: their parameters.
        age: years at entry, `(patient,)`.
        numbers: of the study's drugs.
        drives: of its injections, see `pulse_drives`.
    """

    person: Person
    age: Patients
    numbers: DrugNumbers
    drives: list[tuple[Patients, Patients]]


class Course(NamedTuple):
    """What is carried from step to step.

    Attributes:
        state: of the model.
        serum: antibodies' concentrations, ug/mL by target.
        bad_day: day at which the state stopped being finite, else infinite, `(patient,)`.
    """

    state: State
    serum: State
    bad_day: Patients


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
    derive: Derive = "none",
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
        derive: as in `history.live`.

    Returns:
        the outputs, `(visit, patient)` each, and the day at which a patient's state stopped being
        finite, `(patient,)`, infinite for those whose state always is.
    """
    person = in_lanes(person, age) if derive == "reverse" else person
    treated, course, before = entering(state, person, age, noise, steps, numbers)
    if derive == "reverse":
        return _treat_back(treated, course, noise, steps, visits, cells_too)

    def body(carry, xs: Steps):
        course, seen = carry
        slow = slow_noise_at(noise, xs.node), slow_noise_at(noise, node_after(xs))
        course, after = advance(treated, course, xs, slow, derive)

        def record(seen):
            outputs = observe_after(treated, course, xs, after, cells_too)
            return {k: seen[k].at[xs.visit].set(outputs[k]) for k in seen}

        seen = jax.lax.cond(xs.visit >= 0, record, lambda seen: seen, seen)
        return (course, seen), None

    shapes = jax.eval_shape(lambda c: observe(c.state, person, before, age, cells_too), course)
    seen = {k: jnp.zeros((visits, *s.shape), s.dtype) for k, s in shapes.items()}
    carry = course, seen
    if count is None:
        (course, seen), _ = jax.lax.scan(body, carry, steps)
        return seen, course.bad_day

    def turn(index, carry):
        return body(carry, jax.tree.map(lambda x: x[index], steps))[0]

    course, seen = jax.lax.fori_loop(0, count, turn, carry)
    return seen, course.bad_day


def _treat_back(
    treated: Treated,
    course: Course,
    noise: Patients,
    steps: Steps,
    visits: int,
    cells_too: bool,
) -> tuple[State, Patients]:
    """Make all steps as derivatives in reverse mode take them.

    States are kept at visits and observed after the last, so that nothing but the steps themselves
    is made again on the way back.

    Args: as of `treat`.
    """
    tree = jax.tree.structure((course.state, course.serum))

    def packed(course: Course) -> Patients:
        return jnp.stack(jax.tree.leaves((course.state, course.serum)))

    def body(carry, now: Steps):
        course, kept = carry
        slow = slow_noise_at(noise, now.node), slow_noise_at(noise, node_after(now))
        course, _ = advance(treated, course, now, slow, "reverse")
        slot = jnp.where(now.visit < 0, visits, now.visit)  # the last is for what nobody sees
        kept = jax.lax.dynamic_update_index_in_dim(kept, packed(course), slot, 0)
        return (course, kept), None

    def seen(now: Steps, kept: Patients) -> State:
        state, serum = jax.tree.unflatten(tree, list(kept))
        day, slow = now.start + now.length, slow_noise_at(noise, node_after(now))
        after = inputs_at(treated, now, day, serum, now.forcing.level_end, slow)
        return observe_after(treated, course._replace(state=state), now, after, cells_too)

    kept = jnp.repeat(packed(course)[None], visits + 1, axis=0)
    carry = course, kept
    course, kept = scan_again(body, carry, steps, with_empty_steps)
    places = jnp.where(steps.visit < 0, visits, steps.visit)
    none = jnp.full(visits + 1, -1)
    made = none.at[places].set(jnp.arange(len(steps.visit)))[:visits]
    outputs = jax.vmap(seen)(jax.tree.map(lambda x: x[made], steps), kept[:visits])
    outputs = {k: jnp.where(made[:, None] < 0, 0.0, value) for k, value in outputs.items()}
    return outputs, course.bad_day


def entering(
    state: State,
    person: Person,
    age: Patients,
    noise: Patients,
    steps: Steps,
    numbers: DrugNumbers,
) -> tuple[Treated, Course, Inputs]:
    """Return the persons as they are treated, what is carried into the first step, and its inputs.

    Args: as of `treat`.
    """
    treated = Treated(person, age, numbers, pulse_drives(numbers, person))
    first = jax.tree.map(lambda x: x[0], steps)
    state = ready(state, person, age + first.start / DAYS_PER_YEAR, numbers)
    like = state["Q"]
    course = Course(
        state, {target: jnp.zeros_like(like) for target in CLEARANCE}, jnp.full_like(like, jnp.inf)
    )
    slow, levels = slow_noise_at(noise, first.node), first.forcing.level_start
    return treated, course, inputs_at(treated, first, first.start, course.serum, levels, slow)


def node_after(step: Steps) -> Patients:
    """Return the position among the nodes of the slow noise at the end of a step."""
    return step.node + step.length * (NODES_PER_YEAR / DAYS_PER_YEAR)


def slow_noise_at(noise: Patients, node: Patients) -> Noise:
    """Return the slow noise at a position among its nodes, linear between them."""
    below = jnp.clip(node.astype(jnp.int32), 0, noise.shape[0] - 2)
    part = node - below
    slow = noise[below] * (1.0 - part) + noise[below + 1] * part
    return Noise(slow[0], slow[1])


def inputs_at(
    treated: Treated,
    now: Steps,
    day: Patients,
    serum: State,
    levels: Patients,
    slow: Noise,
) -> Inputs:
    """Return what acts on the model at one end of a step.

    Args:
        treated: the persons.
        now: the step.
        day: of this end, since entry.
        serum: antibodies' concentrations at this end.
        levels: of drugs at this end.
        slow: noise at this end.
    """
    person, age, numbers, drives = treated
    drug = exposure(person, numbers, drives, serum, now.forcing, levels)
    return hormones(person, age + day / DAYS_PER_YEAR), drug, slow


def advance(
    treated: Treated,
    course: Course,
    now: Steps,
    slow: tuple[Noise, Noise],
    derive: Derive = "none",
) -> tuple[Course, Inputs]:
    """Make one step; return what is carried on, and the inputs at its end.

    Args:
        treated: the persons.
        course: what is carried into the step.
        now: the step.
        slow: noise at its two ends.
        derive: as of `treat`.
    """
    row, end = now.forcing, now.start + now.length
    before = inputs_at(treated, now, now.start, course.serum, row.level_start, slow[0])
    serum = serum_step(treated.numbers, treated.person, course.serum, row.antibody, now.length)
    after = inputs_at(treated, now, end, serum, row.level_end, slow[1])
    state = step(course.state, treated.person, before, after, now.length, derive)
    finite = jnp.isfinite(sum(state.values()))
    bad_day = jnp.where(finite, course.bad_day, jnp.minimum(course.bad_day, end))
    return Course(state, serum, bad_day), after


def observe_after(
    treated: Treated, course: Course, now: Steps, after: Inputs, cells_too: bool
) -> State:
    """Return every output at the end of a step; see `observe`."""
    age = treated.age + (now.start + now.length) / DAYS_PER_YEAR
    return observe(course.state, treated.person, after, age, cells_too)


def noise_nodes(first_day: float, last_day: float) -> int:
    """Number of nodes of the slow noise for a study between two days."""
    quarters = (last_day - first_day) * NODES_PER_YEAR / DAYS_PER_YEAR
    return LATE_NODES + int(quarters) + 3
