"""Candidates tried on one cohort: the untreated life is lived once, then every candidate follows.

All candidates share one grid, on which every dose of every course lies that any of them may hold;
so one compiled function serves them all, a few candidates side by side on the same persons with
the same draws. What courses bring adds up, so each is laid on the grid once, in its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients, State
from cohort.search.space import Candidate, Course, Space, course_doses
from cohort.solve.compiled import STEPS, lengthened, report_arm, room, run_arm, run_history
from cohort.solve.exposures import DrugNumbers, StepForcing, drug_numbers
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR
from cohort.solve.plan import Plan, parameter_values, study_variability
from cohort.solve.schedule import Forcing, arm_forcing, study_drugs, study_grid
from cohort.solve.simulate import ON_REQUEST, StudySimulator
from cohort.solve.trial import Steps
from cohort.trial.schema import Study
from cohort.trial.study import arm_courses
from cohort.units import DAYS_PER_MONTH

INPUTS = tuple(field.name for field in fields(Forcing))
LANES = 2048
"""Persons times candidates that are computed at once."""
VECTOR = 16
PERSONS = 256
"""Persons of one lane of a candidate; more are taken in turn."""


class Group(NamedTuple):
    """Some persons at the first grid point of the study.

    Attributes:
        used: how many are wanted; the rest are copies that fill the shape.
        tile: what makes each a person, `(patient,)` each.
        noise: their slow noise, `(node, 2, patient)`.
        state: what their untreated lives have made of them.
    """

    used: int
    tile: Mapping
    noise: Patients
    state: State


class Shared(NamedTuple):
    """What all candidates share on the device.

    Attributes:
        values: parameter values by name.
        numbers: of the drugs.
        steps: start, length, position among the nodes of noise, and visit of every step.
        made: number of steps that are made; the rest is empty.
        reports: what the report of an arm needs.
    """

    values: Mapping[str, Patients]
    numbers: DrugNumbers
    steps: tuple[Patients, Patients, Patients, Patients]
    made: Patients
    reports: Mapping


@partial(jax.jit, static_argnames=("column", "visits", "extras"))
def outcomes_of(
    shared: Shared,
    group: Group,
    forcing: StepForcing,
    column: str,
    visits: int,
    extras: bool,
) -> tuple[Patients, Patients]:
    """Return the outcome at the last visit and the day a state broke, `(candidate, patient)`.

    Args:
        shared: what all candidates share.
        group: the persons.
        forcing: inputs of the candidates, `(candidate, step, ...)`.
        column: the outcome.
        visits: number of visits.
        extras: whether cells and signals are needed.
    """

    def one(own: StepForcing) -> tuple[Patients, Patients]:
        seen, bad_day = run_arm(
            group.state,
            shared.values,
            group.tile,
            shared.numbers,
            group.noise,
            Steps(*shared.steps, own),
            shared.made,
            visits,
            extras,
        )
        told = report_arm(seen, shared.values, group.tile, shared.reports, visits, (column,))
        return told[column][:, visits - 1], bad_day

    return jax.vmap(one)(forcing)


@partial(jax.jit, static_argnames=("column", "visits", "extras"))
def slopes_of(
    shared: Shared,
    group: Group,
    always: StepForcing,
    courses: StepForcing,
    doses: Patients,
    column: str,
    visits: int,
    extras: bool,
) -> tuple[Patients, Patients, Patients]:
    """Return outcome, derivatives by dose `(patient, course)`, and the day a state broke.

    What a course brings is in proportion to its dose, so the inputs are a sum over courses; forward
    mode, since there are few doses and many steps.

    Args:
        shared: what all candidates share.
        group: the persons.
        always: inputs that every candidate has, `(step, ...)`.
        courses: inputs of each course at its regimen's dose, `(course, step, ...)`.
        doses: what the doses of each course are multiplied by, `(course,)`.
        column: the outcome.
        visits: number of visits.
        extras: whether cells and signals are needed.
    """

    def told(doses: Patients) -> tuple[Patients, tuple[Patients, Patients]]:
        def together(base: Patients, parts: Patients) -> Patients:
            return base + jnp.tensordot(doses, parts, axes=1)

        forcing = jax.tree.map(lambda x: x[None], jax.tree.map(together, always, courses))
        values, bad_day = outcomes_of(shared, group, forcing, column, visits, extras)
        return values[0], (values[0], bad_day[0])

    slopes, (values, bad_day) = jax.jacfwd(told, has_aux=True)(doses)
    return values, slopes, bad_day


class Evaluator:
    """Tries candidates of one search on its cohort."""

    def __init__(self, space: Space, study: Study, workers: int = 1) -> None:
        """Lay the grid and put the search's numbers on the device.

        Args:
            space: the candidates.
            study: the persons, as `load.Prepared` has them.
            workers: threads that compute.

        Raises:
            BadInput: a parameter's value is not allowed.
        """
        self._space, self._study, self._workers = space, study, workers
        always = next(iter(arm_courses(study).values()))
        placed = {f"{i}": course_doses(course) for i, course in enumerate(space.placements())}
        months = tuple(float(month) for month in study.visits.months)
        courses = {"always": always, **placed}
        self._drugs = study_drugs(courses)
        days = [month * DAYS_PER_MONTH for month in months]
        self._grid = study_grid(days, courses, study.engine.accuracy)
        self._always = arm_forcing(always, self._drugs, self._grid)
        self._laid: dict[tuple[str, float, float], Forcing] = {}
        values = parameter_values(study)
        plan = Plan(months, self._grid, {}, self._drugs, values)
        self._simulator = StudySimulator(study, plan, study_variability(study))
        self._shared = self._on_device(values)
        self._groups: list[Group] = []
        outcome = space.search.objective.outcome
        self._kind = {"column": outcome, "visits": len(months), "extras": outcome in ON_REQUEST}

    @property
    def batch(self) -> int:
        """Number of candidates that are computed side by side."""
        return max(1, LANES // self._width)

    @property
    def device(self) -> str:
        """The device in words."""
        return self._simulator.device

    @property
    def _width(self) -> int:
        # Whole vectors of the processor, so that no person's numbers depend on her place.
        return min(room(self._study.patients, VECTOR), PERSONS)

    def _on_device(self, values: Mapping[str, float]) -> Shared:
        grid, real = self._grid, self._real
        used = np.flatnonzero((grid.length > 0) | (grid.visit >= 0))
        node = LATE_NODES + (grid.start - grid.start[0]) * NODES_PER_YEAR / DAYS_PER_YEAR
        start, length, node = (lengthened(real(row)) for row in (grid.start, grid.length, node))
        own = {name: real(value) for name, value in values.items()}
        key = np.zeros(2, np.uint32)  # of no stream: nothing is measured
        return Shared(
            own,
            drug_numbers(self._drugs, own),
            (start, length, node, lengthened(jnp.asarray(grid.visit))),
            jnp.asarray(used[-1] + 1, jnp.int32),
            {"cv": {}, "entry": jnp.asarray(0), "keys": (key, key)},
        )

    def _real(self, value) -> Patients:
        return jnp.asarray(value, self._study.engine.precision)

    def prepare(self) -> None:
        """Live the untreated lives of all persons, and compile what the candidates need."""
        count = self._study.patients
        for first in range(0, count, self._width):
            slots = np.arange(first, min(first + self._width, count), dtype=np.int64)
            whole = self._simulator.persons(slots)
            tile, noise = jax.tree.map(lambda x: x[..., : self._width], whole)
            past = noise[: LATE_NODES + 1]
            start = self._real(self._grid.start[0])
            state = run_history(self._shared.values, tile, past, start)
            self._groups.append(Group(len(slots), tile, noise, state))
        nothing = self._shared._replace(made=jnp.zeros_like(self._shared.made))
        forcing = self._stacked([next(self._space.codes())])
        jax.block_until_ready(outcomes_of(nothing, self._groups[0], forcing, **self._kind))

    def values(self, codes: Sequence[Candidate]) -> Iterator[np.ndarray]:
        """Yield every candidate's outcomes, `(patient,)` float32, in order; NaN where one broke.

        Args:
            codes: the candidates.
        """
        batches = [codes[i : i + self.batch] for i in range(0, len(codes), self.batch)]
        with ThreadPoolExecutor(self._workers, thread_name_prefix="cohort-search") as pool:
            for batch, found in zip(batches, pool.map(self._batch, batches), strict=True):
                yield from found[: len(batch)]

    def slopes(self, code: Candidate) -> tuple[float, np.ndarray]:
        """Return the mean outcome of a candidate and its derivatives by the courses' doses.

        Args:
            code: the candidate.

        Returns:
            Over the persons who have a value, NaN where nobody has; derivatives are `(course,)`.
        """
        courses = self._space.courses(code)
        always = self._rows([self._always], stacked=False)
        parts = self._rows([self._at_label(course) for course in courses], stacked=True)
        doses = self._real([course.dose for course in courses])
        values, slopes = [], []
        for group in self._groups:
            value, slope, bad_day = slopes_of(
                self._shared, group, always, parts, doses, **self._kind
            )
            fine = ~np.isfinite(np.asarray(bad_day)[: group.used])
            values.append(np.asarray(value, np.float64)[: group.used][fine])
            slopes.append(np.asarray(slope, np.float64)[: group.used][fine])
        whole = np.concatenate(values)
        if not whole.size:
            return np.nan, np.zeros(len(courses))
        return float(whole.mean()), np.concatenate(slopes).mean(axis=0)

    def _batch(self, codes: Sequence[Candidate]) -> np.ndarray:
        forcing = self._stacked(codes)
        parts = []
        for group in self._groups:
            values, bad_day = outcomes_of(self._shared, group, forcing, **self._kind)
            broken = np.isfinite(np.asarray(bad_day))
            parts.append(np.where(broken, np.nan, np.asarray(values))[:, : group.used])
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _stacked(self, codes: Sequence[Candidate]) -> StepForcing:
        """Return the inputs of candidates; the last one fills the shape."""
        laid = [self._forcing(self._space.courses(code)) for code in codes]
        return self._rows(laid + [laid[-1]] * (self.batch - len(laid)), stacked=True)

    def _rows(self, laid: Sequence[Forcing], *, stacked: bool) -> StepForcing:
        """Put inputs on the device, those of several stacked, empty steps added to the shape."""
        extra = room(len(self._grid.start), STEPS) - len(self._grid.start)

        def padded(name: str) -> Patients:
            rows = np.stack([getattr(one, name) for one in laid])
            rows = np.pad(rows, [(0, 0), (0, extra)] + [(0, 0)] * (rows.ndim - 2))
            return self._real(rows if stacked else rows[0])

        return StepForcing(**{name: padded(name) for name in INPUTS})

    def _forcing(self, courses: Sequence[Course]) -> Forcing:
        """Return the inputs of a sequence: the sum of what its courses bring."""
        parts = [self._always, *(self._of_course(course) for course in courses)]
        return Forcing(**{n: np.sum([getattr(part, n) for part in parts], axis=0) for n in INPUTS})

    def _of_course(self, course: Course) -> Forcing:
        """Return what a course brings: in proportion to its dose."""
        laid = self._at_label(course)
        if course.dose == 1.0:
            return laid
        return Forcing(**{name: course.dose * getattr(laid, name) for name in INPUTS})

    def _at_label(self, course: Course) -> Forcing:
        """Return what a course brings at the doses of its regimen."""
        key = course.option.name, course.start, course.months
        if key not in self._laid:
            plain = replace(course, dose=1.0)
            self._laid[key] = arm_forcing(course_doses(plain), self._drugs, self._grid)
        return self._laid[key]
