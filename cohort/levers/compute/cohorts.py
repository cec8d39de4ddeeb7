"""A cohort's outcomes as a function of the levers, for many settings of them at once.

One compiled function lives the persons' history and treats them in every arm that the job needs; a
block of `LANES` person-lanes is one call, so that every block has one shape. The outputs are those
of a run of the same study, parameters and persons, without dropout and errors of measurement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cohort.levers.compute.decided import Decided
from cohort.levers.compute.kinetics import Given, Kinetics
from cohort.levers.compute.persons import moved, refuse_beyond, study_persons
from cohort.levers.load import Prepared
from cohort.levers.outputs import Column, columns, simulated_arms
from cohort.model.arrays import Patients
from cohort.model.endocrine.own import hormones
from cohort.model.observables.hormones import endogenous
from cohort.results.outcomes import BY_NAME
from cohort.solve.backward import Derive
from cohort.solve.compiled import tile_person
from cohort.solve.exposures import StepForcing, add_drug_parameters, drug_numbers
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR, live
from cohort.solve.measurement import absolute, with_changes
from cohort.solve.plan import make_plan
from cohort.solve.trial import Steps, treat
from cohort.tile import TILE
from cohort.trial.courses import Courses
from cohort.trial.study import study_courses
from cohort.trial.treating import TreatmentRule

LANES = TILE


class Levers(NamedTuple):
    """Settings of the levers, one an evaluation.

    Attributes:
        values: parameter values by name, `(evaluation,)`; those that do not move are left out.
        moves: shifts by covariate, `(evaluation,)`.
        given: schedule and drug numbers; with a first axis `evaluation` where PK moves.
    """

    values: Mapping[str, Any]
    moves: Mapping[str, Any]
    given: Given


class Cohorts:
    """Evaluates a prepared job; safe to call from several threads at once."""

    def __init__(self, prepared: Prepared) -> None:
        """Lay the study out and draw its persons.

        Raises:
            BadInput: a shift moves somebody beyond what the model knows.
        """
        self._factors, study = prepared.factors, prepared.study
        self._dtype = jnp.dtype(study.engine.precision)
        self._persons = study_persons(study)
        refuse_beyond(self._persons, self._factors)
        self._plan = make_plan(study)
        self.columns: tuple[Column, ...] = columns(prepared.job)
        self._arms = simulated_arms(prepared.job)
        every = study_courses(study)
        courses = {arm: every[arm] for arm in self._arms}
        watched = {column.month for column in self.columns}
        self._months = sorted({0.0, *watched, *_months_of_rules(courses)})
        self._decided = Decided(study, courses, self._months, self._persons.tile)
        self._outcomes = {column.outcome for column in self.columns}
        self._cells = any(BY_NAME[n].extra for n in self._outcomes | self._decided.outcomes)
        self._steps = self._make_steps()
        self._base = {name: self._real(value) for name, value in self._plan.values.items()}
        self._kinetics = Kinetics(
            self._plan,
            {
                f"{arm} {number}": doses
                for arm, own in courses.items()
                for number, doses in enumerate(own.schedules)
            },
            tuple(f.name for f in self._factors if f.kind == "pk"),
            len(self._steps.start),
        )

    @property
    def persons(self) -> int:
        """Number of persons of the cohort."""
        return len(self._persons.bmi)

    @property
    def rows(self) -> int:
        """Evaluations of one block."""
        return max(LANES // self.persons, 1)

    @property
    def device(self) -> str:
        """The device in words."""
        device = jax.devices()[0]
        return f"{device.platform}: {device.device_kind}"

    def compile(self) -> None:
        """Compile what `evaluate` calls, by one evaluation at the study's own values."""
        self.evaluate(np.array([[factor.base for factor in self._factors]]))

    def evaluate(self, values: np.ndarray) -> np.ndarray:
        """Return the cohort's mean of every output, float64 `(evaluation, column)`.

        Args:
            values: of the factors, `(evaluation, factor)`, at most `rows` evaluations.
        """
        room = np.pad(values, ((0, self.rows - len(values)), (0, 0)), mode="edge")
        means = self._compiled(self.levers(room))
        return np.asarray(means, np.float64)[: len(values)]

    def levers(self, values: np.ndarray) -> Levers:
        """Return the settings that factor values, `(evaluation, factor)`, stand for."""
        by_kind: dict[str, dict[str, np.ndarray]] = {"parameter": {}, "covariate": {}, "pk": {}}
        for factor, column in zip(self._factors, values.T, strict=True):
            by_kind[factor.kind][factor.name] = self._cast(column)
        pk = [place for place, factor in enumerate(self._factors) if factor.kind == "pk"]
        given = self._kinetics.at(values[:, pk]) if pk else self._kinetics.one(())
        given = jax.tree.map(self._cast, given)
        return Levers(by_kind["parameter"], by_kind["covariate"], given)

    @cached_property
    def base(self) -> Levers:
        """The study's own setting, one evaluation."""
        return self.levers(np.array([[factor.base for factor in self._factors]]))

    def tangent(self, place: int) -> Levers:
        """Return the direction in which one factor alone grows by its unit."""
        factor = self._factors[place]
        still = jax.tree.map(jnp.zeros_like, self.base)
        if factor.kind == "pk":
            own = [f for f in self._factors if f.kind == "pk"]
            slope = self._kinetics.slope([f.base for f in own], own.index(factor))
            return still._replace(given=jax.tree.map(lambda x: self._cast(x)[None], slope))
        part = still.values if factor.kind == "parameter" else still.moves
        grown = {**part, factor.name: jnp.ones_like(part[factor.name])}
        field = "values" if factor.kind == "parameter" else "moves"
        return still._replace(**{field: grown})

    def individuals(self, levers: Levers, derive: Derive = "none") -> Patients:
        """Return every output of every person under every setting, `(column, lane)`.

        The persons of one evaluation are neighbours among the lanes.

        Args:
            levers: settings; traced ones give derivatives.
            derive: as in `solve.history.live`.
        """
        values = {**self._base, **jax.tree.map(self._in_lanes, levers.values)}
        moves = jax.tree.map(self._in_lanes, levers.moves)
        given = levers.given
        if self._kinetics.names:
            given = jax.tree.map(self._in_lanes, given)
        persons = self._persons.repeated(self._count(levers))
        tile = moved(persons, moves)
        person = tile_person(values, tile)
        first_day = float(self._plan.grid.start[0])
        past = persons.noise[: LATE_NODES + 1]
        state = live(person, tile["age"] + first_day / DAYS_PER_YEAR, past, derive)
        numbers = replace(
            drug_numbers(self._plan.drugs, values),
            antibody=given.antibody,
            pulse=given.pulse,
            weight=given.weight,
        )
        person = add_drug_parameters(person, numbers)
        told = self._told(values, persons.tile)

        def on_schedule(forcing: StepForcing) -> Mapping[str, Patients]:
            steps = replace(self._steps, forcing=forcing)
            seen, _ = treat(
                state,
                person,
                tile["age"],
                persons.noise,
                steps,
                numbers,
                len(self._months),
                self._cells,
                derive=derive,
            )
            return told(seen, tile)

        by_arm = self._decided.realised(jax.lax.map(on_schedule, given.forcing))
        return jnp.stack([self._column(by_arm, column) for column in self.columns])

    def derivatives(self) -> tuple[np.ndarray, np.ndarray]:
        """Differentiate every person's outputs at the study's own values, forward.

        One pass through the solver carries the derivative along one factor. A PK number's is that
        by the schedule, times the difference quotient of the schedule.

        Returns:
            outputs, `(column, patient)`, and their derivatives per unit of the factor,
            `(factor, column, patient)`, float64.
        """
        tangents = [self.tangent(place) for place in range(len(self._factors))]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *tangents)

        def function(levers: Levers) -> Patients:
            return self.individuals(levers, derive="forward")

        @jax.jit
        def along(base: Levers, directions: Levers):
            return jax.lax.map(lambda way: jax.jvp(function, (base,), (way,)), directions)

        outputs, slopes = along(self.base, stacked)
        return np.asarray(outputs[0], np.float64), np.asarray(slopes, np.float64)

    @cached_property
    def _compiled(self):
        def means(levers: Levers) -> Patients:
            by_lane = self.individuals(levers).reshape(len(self.columns), -1, self.persons)
            return jnp.mean(by_lane, axis=2).T

        return jax.jit(means)

    def _count(self, levers: Levers) -> int:
        """Return the number of evaluations of some settings."""
        moved_by = [*levers.values.values(), *levers.moves.values(), levers.given.antibody]
        return len(moved_by[0])

    def _in_lanes(self, settings: Patients) -> Patients:
        """Give every person her evaluation's setting: `(evaluation, ...)` to `(..., lane)`."""
        return jnp.repeat(jnp.moveaxis(settings, 0, -1), self.persons, axis=-1)

    def _told(self, values: Mapping[str, Patients], recruited: Mapping):
        """Return what turns relative outputs into units, by the persons as they were recruited."""
        unmoved, age = tile_person(values, recruited), recruited["age"]
        untreated = endogenous(unmoved, hormones(unmoved, age), age)
        entry = jnp.asarray(0)  # the first month is 0

        def told(seen: Mapping, tile: Mapping) -> Mapping:
            reference = tile["reference"]
            true = absolute(dict(seen), tile["recruited"], untreated, tile["eta"], reference, entry)
            found = with_changes(true, reference, entry)
            read = self._decided.read(true, reference, entry)
            return {name: found[name] for name in self._outcomes} | read

        return told

    def _column(self, by_arm: Mapping[str, Patients], column: Column) -> Patients:
        month = self._months.index(column.month)
        value = by_arm[column.outcome][self._arms.index(column.arm), month]
        if column.against is None:
            return value
        return value - by_arm[column.outcome][self._arms.index(column.against), month]

    def _make_steps(self) -> Steps:
        """Return the grid up to the last month that is watched, its visits those that are."""
        grid, months = self._plan.grid, self._plan.months
        watched = {months.index(month): place for place, month in enumerate(self._months)}
        visit = np.array([watched.get(int(v), -1) for v in grid.visit], np.int32)
        count = int(np.flatnonzero(visit >= 0)[-1]) + 1
        node = LATE_NODES + (grid.start - grid.start[0]) * NODES_PER_YEAR / DAYS_PER_YEAR
        shared = (self._real(rows[:count]) for rows in (grid.start, grid.length, node))
        start, length, places = shared
        none: Any = None  # every arm puts its own in
        return Steps(start, length, places, jnp.asarray(visit[:count]), none)

    def _real(self, value: float | np.ndarray) -> Patients:
        return jnp.asarray(value, self._dtype)

    def _cast(self, value: np.ndarray | Sequence[float]) -> np.ndarray:
        return np.asarray(value, self._dtype)


def _months_of_rules(courses: Mapping[str, Courses]) -> set[float]:
    """Return the months at which rules look at what was measured."""
    decisions = (decision for own in courses.values() for decision in own.decisions)
    return {d.month for d in decisions if isinstance(d.source, TreatmentRule)}
