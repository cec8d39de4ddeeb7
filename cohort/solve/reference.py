"""The reference path: the model's equations under diffrax, to which the fast path is held.

Same persons, same equations of `cohort.model`, everything else apart: methods of order five under
tight error control in float64 (Kvaerno5, or Tsit5 over a day or two, where nothing is stiff),
stopped at every dose, visit and node of the slow noise, and drugs in continuous time
(`reference_drugs`). Depots, serum and levels are ordinary
differential equations; a dose is a jump of a state; each injection of a PTH analogue is a pulse of
its own, so that the cells feel the hours of a day. Daily and weekly doses of all other drugs are a
steady rate, as on the fast path.

It takes seconds a person: tests and doubts are its use.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients, State
from cohort.model.bisphosphonate import pool
from cohort.model.endocrine.own import YOUNG_AGE, hormones
from cohort.model.exposure import Exposure
from cohort.model.person import Person
from cohort.model.remodeling import Noise, tendency
from cohort.model.steady_state import steady_state
from cohort.solve.compiled import tile_person
from cohort.solve.exposures import CLEARANCE, add_drug_parameters, drug_numbers, felt_levels
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR, NOISY_YEARS
from cohort.solve.plan import Plan, make_plan, study_variability
from cohort.solve.reference_drugs import (
    Compartments,
    Entry,
    antibody_losses,
    compartments,
    entries,
    label_signal,
    linear_flow,
)
from cohort.solve.simulate import StudySimulator
from cohort.solve.step import Inputs
from cohort.solve.trial import observe, ready
from cohort.therapy import load_therapy
from cohort.trial.schema import Study
from cohort.trial.study import arm_courses
from cohort.units import DAYS_PER_MONTH

TOLERANCE = 1e-8
SHORT = 2.0  # days: an explicit method is cheaper over spans no longer
_SAME = 1e-6  # days that differ by less are one


class Layout(NamedTuple):
    """Where everything stands in the vector of unknowns; hashable.

    Attributes:
        states: of the model, in order; the drugs' states follow.
        rooms: the drugs' states.
    """

    states: tuple[str, ...]
    rooms: Compartments


class Kinetics(NamedTuple):
    """Numbers of a study's drugs.

    Attributes:
        flow: matrix of the linear part.
        antibody: linear rate, saturable rate and constant, `(2, 3)`.
        signal: anabolic and catabolic signal per unit of answer of each analogue, `(analogue, 2)`.
    """

    flow: Patients
    antibody: Patients
    signal: Patients


class Span(NamedTuple):
    """A piece of each person's life without jumps, `(patient, ...)`.

    Attributes:
        start: day since entry.
        length: days.
        noise: slow noise of `lnL` and `ln sP` at its two ends, `(2, 2)`.
        inflow: what enters each unknown per day.
    """

    start: Patients
    length: Patients
    noise: Patients
    inflow: Patients


class Reference:
    """The reference path of a study for a few of its persons."""

    def __init__(self, study: Study, slots: np.ndarray) -> None:
        """Draw the persons, lay out the drugs and let the persons live to the study.

        Args:
            study: the study; its precision and accuracy make no difference here.
            slots: numbers of the persons.
        """
        with jax.enable_x64(True):
            engine = study.engine.model_copy(update={"precision": "float64"})
            study = study.model_copy(update={"engine": engine})
            plan = make_plan(study)
            self._courses = arm_courses(study)
            self._visits = [month * DAYS_PER_MONTH for month in plan.months]
            self._first_day = float(plan.grid.start[0])
            self._bisphosphonates = plan.drugs.bisphosphonates
            values = {name: jnp.asarray(value) for name, value in plan.values.items()}
            tile, noise = StudySimulator(study, plan, study_variability(study)).persons(slots)
            self._numbers = drug_numbers(plan.drugs, values)
            person = add_drug_parameters(tile_person(values, tile), self._numbers)
            everybody = tile["age"].shape
            person = jax.tree.map(lambda x: jnp.broadcast_to(x, everybody), person)
            self._person, self._age, self._noise = jax.tree.map(
                lambda x: x[: len(slots)], (person, tile["age"], jnp.moveaxis(noise, -1, 0))
            )
            self._lay_out(plan, values)
            self._entry = self._live()

    def trajectories(self, arm: str) -> dict[str, np.ndarray]:
        """Return the outputs of `trial.observe` in an arm, `(visit, patient)` each."""
        with jax.enable_x64(True):
            return self._treat(entries(self._courses[arm]))

    def _lay_out(self, plan: Plan, values: Mapping[str, Patients]) -> None:
        rooms = compartments(course for own in self._courses.values() for course in own)
        young = hormones(self._person, jnp.full_like(self._age, YOUNG_AGE))
        state = ready(steady_state(self._person, young), self._person, self._age, self._numbers)
        self._layout = Layout(tuple(sorted(state)), rooms)
        cells = jnp.stack([state[name] for name in self._layout.states], axis=1)
        drugs = jnp.zeros((len(cells), len(rooms.names)))
        self._young = jnp.concatenate([cells, drugs], axis=1)
        signal = []
        for analogue in map(load_therapy, rooms.analogues):
            roles = ("anabolic_ratio", "catabolic_ratio")
            ratios = [values.get(analogue.parameters[role], 1.0) for role in roles]
            signal.append([float(ratio) / label_signal(analogue) for ratio in ratios])
        self._kinetics = Kinetics(
            jnp.asarray(linear_flow(rooms)),
            jnp.asarray(antibody_losses(plan.drugs.antibodies)),
            jnp.asarray(signal).reshape(-1, 2),
        )

    def _advance(self, y: Patients, start, length, noise: Patients, inflow: Patients) -> Patients:
        like = jnp.zeros_like(self._age)
        span = Span(like + start, like + length, noise, inflow)
        stiff = bool(np.any(np.asarray(length) > SHORT))
        return _advance(self._layout, stiff, y, self._person, self._age, self._kinetics, span)

    def _live(self) -> Patients:
        """Return the unknowns at the study's first day."""
        entry = self._first_day
        silent, nothing = jnp.zeros((len(self._age), 2, 2)), jnp.zeros_like(self._young)
        lived = jnp.maximum(self._age + entry / DAYS_PER_YEAR - YOUNG_AGE, 0.0) * DAYS_PER_YEAR
        noisy = jnp.minimum(lived, NOISY_YEARS * DAYS_PER_YEAR)
        y = self._advance(self._young, entry - lived, lived - noisy, silent, nothing)
        for node in range(LATE_NODES):
            start, length = entry - noisy * (1.0 - node / LATE_NODES), noisy / LATE_NODES
            y = self._advance(y, start, length, self._noise[:, node : node + 2], nothing)
        return y

    def _slow(self, day: float) -> Patients:
        """Return the slow noise on a day of the study, `(patient, 2)`."""
        at = LATE_NODES + (day - self._first_day) * NODES_PER_YEAR / DAYS_PER_YEAR
        below = int(at)
        part = at - below
        return self._noise[:, below] * (1.0 - part) + self._noise[:, below + 1] * part

    def _treat(self, given: list[Entry]) -> dict[str, np.ndarray]:
        day, last = self._first_day, self._visits[-1]
        nodes = np.arange(day, last, DAYS_PER_YEAR / NODES_PER_YEAR)
        stops = {*self._visits, *nodes, *(e.start for e in given), *(e.end for e in given)}
        seen, y = [], self._entry
        for stop in sorted(stop for stop in stops if stop <= last + _SAME):
            if stop > day + _SAME:
                slow = jnp.stack([self._slow(day), self._slow(stop)], axis=1)
                y = self._advance(y, day, stop - day, slow, self._inflow(given, day, stop))
                day = stop
            if any(abs(stop - visit) < _SAME for visit in self._visits):
                seen.append(self._observe(y, stop))
            for entry in given:
                if entry.start == entry.end == stop:
                    y = y + entry.amount * self._share(entry)
        return {name: np.array([visit[name] for visit in seen]) for name in seen[0]}

    def _inflow(self, given: list[Entry], start: float, stop: float) -> Patients:
        middle = 0.5 * (start + stop)
        rate = jnp.zeros_like(self._young)
        for entry in given:
            if entry.start < middle < entry.end:
                rate = rate + entry.amount * self._share(entry)
        return rate

    def _share(self, entry: Entry) -> Patients:
        """Return what one unit of an entry adds to each unknown, `(patient, unknown)`."""
        if entry.state not in self._bisphosphonates:
            place = len(self._layout.states) + self._layout.rooms.names.index(entry.state)
            return jnp.zeros_like(self._young).at[:, place].set(1.0)
        name = pool(self._bisphosphonates.index(entry.state))
        eta = self._person.eta
        reaches = eta["bp_uptake"] * eta["adherence"] if entry.at_home else eta["bp_retention"]
        place = self._layout.states.index(name)
        own = self._person[f"ko_{name}"] * reaches
        return jnp.zeros_like(self._young).at[:, place].set(own)

    def _observe(self, y: Patients, day: float) -> dict[str, np.ndarray]:
        slow = self._slow(day)
        seen = _observe(self._layout, y, self._person, self._age, self._kinetics, slow, day)
        return {name: np.asarray(value) for name, value in seen.items()}


@partial(jax.jit, static_argnums=(0, 1))
def _advance(
    layout: Layout,
    stiff: bool,
    y: Patients,
    person: Person,
    age: Patients,
    kinetics: Kinetics,
    span: Span,
) -> Patients:
    """Integrate every person's unknowns over her span; its time runs from 0 to 1."""

    def one(y, person, age, span):
        def slope(time, y, _):
            noise = span.noise[0] * (1.0 - time) + span.noise[1] * time
            day = span.start + time * span.length
            state, drugs = _unpack(layout, y)
            inputs = _inputs(layout, drugs, person, age + day / DAYS_PER_YEAR, kinetics, noise)
            production, loss = tendency(state, person, *inputs)
            cells = [production[name] - loss[name] * state[name] for name in layout.states]
            slopes = jnp.concatenate([jnp.stack(cells), _drug_slopes(drugs, person, kinetics)])
            return span.length * (slopes + span.inflow)

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(slope),
            diffrax.Kvaerno5() if stiff else diffrax.Tsit5(),
            0.0,
            1.0,
            None,
            y,
            stepsize_controller=diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE),
            max_steps=100_000,
        )
        assert solution.ys is not None
        return solution.ys[0]

    return jax.vmap(one)(y, person, age, span)


@partial(jax.jit, static_argnums=0)
def _observe(
    layout: Layout,
    y: Patients,
    person: Person,
    age: Patients,
    kinetics: Kinetics,
    noise: Patients,
    day: Patients,
) -> State:
    def one(y, person, age, noise):
        state, drugs = _unpack(layout, y)
        now = age + day / DAYS_PER_YEAR
        inputs = _inputs(layout, drugs, person, now, kinetics, noise)
        return observe(state, person, inputs, now, False)

    return jax.vmap(one)(y, person, age, noise)


def _unpack(layout: Layout, y: Patients) -> tuple[State, Patients]:
    """Split the unknowns into the model's state and the drugs'."""
    count = len(layout.states)
    return dict(zip(layout.states, y[:count], strict=True)), y[count:]


def _inputs(
    layout: Layout,
    drugs: Patients,
    person: Person,
    age: Patients,
    kinetics: Kinetics,
    noise: Patients,
) -> Inputs:
    rooms, eta = layout.rooms, person.eta
    zero = jnp.zeros(())
    taken = eta["adherence"]
    levels = [sum((w * drugs[i] for i, w in places), zero) for _, places in rooms.levels]
    # An empty compartment may read a rounding error below zero.
    peptide = [jnp.maximum(drugs[place], 0.0) for place in rooms.blood]
    answer = [taken * level / (eta["pth_clearance"] + level) for level in peptide]
    signal = [
        sum((a * kinetics.signal[i, kind] for i, a in enumerate(answer)), zero) for kind in (0, 1)
    ]
    drug = Exposure(
        denosumab=drugs[0],
        romosozumab=drugs[1],
        pth_anabolic=signal[0],
        pth_catabolic=signal[1],
        bisphosphonate=(zero,) * sum(name.startswith(pool(0)[:-1]) for name in layout.states),
        levels=felt_levels([level for level, _ in rooms.levels], levels, taken),
    )
    return hormones(person, age), drug, Noise(noise[0], noise[1])


def _drug_slopes(drugs: Patients, person: Person, kinetics: Kinetics) -> Patients:
    slopes = kinetics.flow @ drugs
    for row, effect in enumerate(CLEARANCE.values()):
        linear, saturable, constant = kinetics.antibody[row]
        loss = linear * person.eta[effect] + saturable / (constant + drugs[row])
        slopes = slopes.at[row].add(-loss * drugs[row])
    return slopes
