"""The simulator: patients by their numbers in, everything that is reported of them out.

Work is done in tiles of a fixed number of patients, so that a patient's numbers do not depend on
who else is in the block. A tile lives its history once and is then treated in every arm
(`compiled`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cohort.model.arrays import Patients, State
from cohort.patients.randomness import stream_key
from cohort.patients.sampling import Patients as Sampled
from cohort.patients.variability import Variability
from cohort.results.block import BlockResult
from cohort.results.outcomes import MEASURED, OUTCOMES, visit_columns
from cohort.solve.arrivals import arrivals
from cohort.solve.block_rows import Rows, empty_rows, patient_columns
from cohort.solve.compiled import (
    DRAWN_NODES,
    DRAWN_VISITS,
    VISITS,
    draw_noise,
    lengthened,
    report_arm,
    room,
)
from cohort.solve.conduct import Conduct, adherence_column, conduct, leaving
from cohort.solve.enrolment import Enrolment
from cohort.solve.exposures import DrugNumbers, StepForcing, drug_numbers
from cohort.solve.fractures import NEEDED, Followed, FractureSimulator
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR
from cohort.solve.kernel import solver_of, threads_of
from cohort.solve.measurement import MEASURABLE, machine_drift
from cohort.solve.measurement import ON_REQUEST as MEASURED_ON_REQUEST
from cohort.solve.plan import (
    Plan,
    load_reference,
    make_plan,
    study_variability,
    values_under,
)
from cohort.solve.realise import Solved, needed_columns, realise, solved_once
from cohort.solve.schedule import Forcing
from cohort.solve.threads import at_once, for_each
from cohort.solve.tile_of_persons import tile_of
from cohort.solve.trial import Steps, noise_nodes
from cohort.tile import TILE
from cohort.trial.schema import Study
from cohort.units import DAYS_PER_MONTH

# More patients than there are shared numbers of a kind: `cohort.fused` tells them by their shapes.
LANES = 128
ON_REQUEST = frozenset(outcome.name for outcome in OUTCOMES if outcome.extra)


def make_simulator(study: Study, draws: Sequence[Mapping[str, float]] = ()) -> StudySimulator:
    """Make the simulator of a validated study.

    Args:
        study: the study.
        draws: draws of its parameters, value by name; none for the set's own values.

    Raises:
        BadInput: the study asks for what cannot be simulated.
    """
    return StudySimulator(study, make_plan(study), study_variability(study), draws)


class Parameters(NamedTuple):
    """Parameter values on the device, and the drugs' numbers that follow from them."""

    values: Mapping[str, Patients]
    numbers: DrugNumbers


class StudySimulator:
    """Simulates any patients of one study; safe to call from several threads at once."""

    def __init__(
        self,
        study: Study,
        plan: Plan,
        variability: Variability,
        draws: Sequence[Mapping[str, float]] = (),
    ) -> None:
        """Put the study's numbers on the device.

        Args:
            study: the validated study.
            plan: its layout.
            variability: how patients differ.
            draws: draws of its parameters, value by name; none for the plan's own values.
        """
        self._draws = draws
        self._study = study
        self._plan = plan
        self._variability = variability
        self._solver = solver_of(study.engine.kernel)
        self._threads = threads_of(self._solver)
        self._male_reference = study.outputs.male_t_score_reference
        self._enrolment = Enrolment(study, variability)
        self._dtype = jnp.dtype(study.engine.precision)
        measured = study.measurement.enabled
        written = visit_columns(study.outputs.extra, measured=measured)
        self._fractures = None
        if study.outputs.fractures:
            self._fractures = FractureSimulator(study, load_reference(study), np.array(plan.months))
        # What only hazards and rules read is solved for, and not written unless it is asked for.
        needed = (*(NEEDED if self._fractures else ()), *needed_columns(plan.courses))
        if law := study.dropout.informative:
            needed = (*needed, MEASURED + law.outcome)
        self._columns = tuple(dict.fromkeys((*written, *needed)))
        self._unwritten = frozenset(needed).difference(written)
        self._put_numbers()

    def _put_numbers(self) -> None:
        grid, plan, real = self._plan.grid, self._plan, self._real
        used = np.flatnonzero((grid.length > 0) | (grid.visit >= 0))
        self._count = jax.device_put(np.int32(used[-1] + 1))
        windows = plan.windows
        seen = grid.visit if windows is None else windows.step_node
        rows = len(plan.months) if windows is None else len(windows.node_day)
        self._visits = room(rows, VISITS)
        self._extras = not ON_REQUEST.isdisjoint(self._columns)
        self._own = self._put(plan.values)
        self._first_day = real(grid.start[0])
        node = LATE_NODES + (grid.start - grid.start[0]) * NODES_PER_YEAR / DAYS_PER_YEAR
        self._nodes = room(noise_nodes(grid.start[0], grid.end[-1]), DRAWN_NODES)
        shared = (real(grid.start), real(grid.length), real(node), jax.device_put(seen))
        # An arm's first schedule is the one that it plans.
        self._steps = {
            (arm, number): jax.tree.map(lengthened, Steps(*shared, self._rows(inputs)))
            for arm, forcing in plan.forcing.items()
            for number, inputs in enumerate(plan.branches.get(arm, (forcing,)))
        }
        self._reference = load_reference(self._study)
        cv = self._reference.cv
        drift = machine_drift(self._study.measurement.dxa_drift, np.array(plan.months))
        extra = room(len(plan.months), DRAWN_VISITS) - len(plan.months)
        streams = "measurement", "measurement on request"
        self._reports = {
            "cv": {name: real(cv[name]) for name in (*MEASURABLE, *MEASURED_ON_REQUEST)},
            "drift": {name: real(np.pad(factor, (0, extra))) for name, factor in drift.items()},
            "entry": jax.device_put(np.int32(plan.months.index(0.0))),
            "keys": tuple(stream_key(self._study.seed, stream) for stream in streams),
        }
        noise = self._variability.noise
        self._noise_sd = real(np.array([noise.lnL.sd, noise.sP.sd]))
        self._noise_years = real(noise.lnL.time_constant / DAYS_PER_YEAR)

    def _put(self, values: Mapping[str, float]) -> Parameters:
        real = {name: self._real(value) for name, value in values.items()}
        return Parameters(real, jax.device_put(drug_numbers(self._plan.drugs, real)))

    def _parameters(self, draw: int) -> Parameters:
        """Return the values of a draw, as arguments of what is compiled once for all draws."""
        if not self._draws:
            return self._own
        return self._put(values_under(self._draws[draw], self._plan.values, self._study))

    def _real(self, value: ArrayLike) -> Patients:
        # Not by `jnp.asarray`, for which JAX would compile a program for each shape.
        return jax.device_put(np.asarray(value, self._dtype))

    def _rows(self, forcing: Forcing) -> StepForcing:
        return StepForcing(
            self._real(forcing.antibody),
            self._real(forcing.bisphosphonate),
            self._real(forcing.pulses),
            self._real(forcing.level_start),
            self._real(forcing.level_end),
        )

    @property
    def _with_men(self) -> bool:
        return any(part.population.sex == "male" for part in self._enrolment.population.strata)

    @property
    def theta_fields(self) -> Mapping[str, tuple[str, str]]:
        """Unit and meaning of every individual effect, by name."""
        effects = self._variability.effects
        return {
            name: ("ln" if effect.kind == "offset" else "1", f"Individual effect: {effect.meaning}")
            for name, effect in effects
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about published baselines that the study's eligibility does not allow."""
        return self._enrolment.notes

    @property
    def device(self) -> str:
        """The device in words."""
        device = jax.devices()[0]
        return f"{device.platform}: {device.device_kind}"

    def compile(self) -> None:
        """Compile what `block` calls, at once: each gets zeros for what the one before returns."""
        tile, noise = self.persons(np.arange(1, dtype=np.int64))
        (arm, schedule), own, solver = next(iter(self._steps)), self._own, self._solver
        life = self._life(own, tile, noise)
        state, no_steps = solver.state_like(*life), jax.device_put(np.int32(0))
        treatment = self._treatment(own, state, tile, noise, arm, schedule, no_steps)
        places = self._places(np.zeros((1, len(self._plan.months)), np.float32))

        def report() -> State:
            return report_arm(*self._report(own, solver.seen_like(*treatment), tile, places))

        at_once((solver.run_history, life), (solver.run_arm, treatment), (report, ()))

    def block(self, slots: np.ndarray, arms: tuple[str, ...], draw: int = 0) -> BlockResult:
        """Simulate the persons of these slots in these arms.

        Args:
            slots: person numbers, int64 `(patient,)`, of any length and order.
            arms: arms to simulate.
            draw: number of the parameter draw, where the simulator has draws.

        Raises:
            BadInput: eligibility excludes nearly everybody.
        """
        parameters = self._parameters(draw)
        sampled = self._enrolment.sample(slots)
        behaviour = conduct(self._study, slots)
        months, seed = np.array(self._plan.months, np.float32), self._study.seed
        rows = {
            arm: empty_rows(self._columns, len(months), self._plan.courses.get(arm), seed, slots)
            for arm in arms
        }
        fill = partial(self._fill, parameters, sampled, behaviour, rows)
        for_each(range(0, len(slots), TILE), fill, self._threads)
        day = months * np.float32(DAYS_PER_MONTH) + behaviour.shift
        visits = {arm: {"day": day} | own.columns for arm, own in rows.items()}
        last_month = {arm: leaving(self._study, arm, behaviour, visits[arm]) for arm in arms}
        followed: dict[str, Followed] = {}
        if self._fractures:
            followed = self._fractures.block(slots, sampled.covariates, last_month, visits)
        for arm, name in itertools.product(visits, self._unwritten):
            del visits[arm][name]
        return BlockResult(
            patients=patient_columns(sampled, visits[arms[0]], self._plan.months.index(0.0))
            | adherence_column(self._study, behaviour),
            visits=visits,
            months=months,
            last_month=last_month | {arm: own.last_month for arm, own in followed.items()},
            result_code={arm: own.result_code for arm, own in rows.items()},
            first_bad_day={arm: own.first_bad_day for arm, own in rows.items()},
            rejected=sampled.rejected,
            screened=sampled.screened,
            events={arm: own.events for arm, own in followed.items()},
            of_arm={arm: own.columns for arm, own in followed.items()},
            courses={arm: own.taken for arm, own in rows.items()} if self._plan.courses else {},
            missed=None if behaviour.attended.all() else ~behaviour.attended,
        )

    def persons(self, slots: np.ndarray) -> tuple[dict, Patients]:
        """Return the tile of these persons, filled up to `TILE`, and their slow noise.

        Args:
            slots: person numbers, at most `TILE`.
        """
        adherence = conduct(self._study, slots).adherence
        return self._persons(self._enrolment.sample(slots), adherence, slice(0, TILE))

    def relative(self, slots: np.ndarray, arm: str, schedule: int = 0) -> dict[str, np.ndarray]:
        """Return the outputs of `trial.observe` in an arm, `(visit, patient)` each.

        Args:
            slots: person numbers, at most `TILE`; few more than these are computed.
            arm: the arm.
            schedule: number of one of its schedules of doses; the planned one by default.
        """
        lanes = room(len(slots), LANES)
        tile, noise = jax.tree.map(lambda x: x[..., :lanes], self.persons(slots))
        start = self._solver.run_history(*self._life(self._own, tile, noise))
        treatment = self._treatment(self._own, start, tile, noise, arm, schedule)
        seen, _ = self._solver.run_arm(*treatment)
        months, windows = len(self._plan.months), self._plan.windows
        shift = np.zeros((1, months))
        rows = slice(months) if windows is None else windows.places(shift, months)["planned"]
        return {name: np.asarray(value)[rows, : len(slots)] for name, value in seen.items()}

    def _persons(
        self, sampled: Sampled, adherence: np.ndarray, where: slice
    ) -> tuple[dict, Patients]:
        male = np.asarray(sampled.covariates["male"])
        tile = tile_of(
            sampled,
            {"adherence": adherence},
            self._reference.of(male, self._male_reference),
            where,
            with_men=self._with_men,
            dtype=self._dtype,
        )
        high, low = tile["high"], tile["low"]
        key = stream_key(self._study.seed, "noise")
        return tile, draw_noise(key, high, low, self._noise_sd, self._noise_years, self._nodes)

    def _life(self, parameters: Parameters, tile: Mapping, noise: Patients) -> tuple:
        """Return the arguments of `run_history`."""
        return parameters.values, tile, noise[: LATE_NODES + 1], self._first_day

    def _treatment(
        self,
        parameters: Parameters,
        state: State,
        tile: Mapping,
        noise: Patients,
        arm: str,
        schedule: int,
        count: Patients | None = None,
    ) -> tuple:
        """Return the arguments of `run_arm`; `count` steps are made, by default all."""
        return (
            state,
            parameters.values,
            tile,
            parameters.numbers,
            noise,
            self._steps[arm, schedule],
            self._count if count is None else count,
            self._visits,
            self._extras,
        )

    def _places(self, shift: np.ndarray) -> Mapping[str, Patients] | None:
        """Return where the visits of a tile's persons lie; None where each is on its day."""
        if self._plan.windows is None:
            return None
        shift = np.pad(shift, ((0, TILE - len(shift)), (0, 0)))
        found = self._plan.windows.places(shift, room(len(self._plan.months), DRAWN_VISITS))
        return {name: jax.device_put(x) for name, x in found.items()} | {
            "weight": self._real(found["weight"])
        }

    def _report(
        self, parameters: Parameters, seen: State, tile: Mapping, places: Mapping | None
    ) -> tuple:
        """Return the arguments of `report_arm`."""
        visits = room(len(self._plan.months), DRAWN_VISITS)
        return seen, parameters.values, tile, self._reports, visits, self._columns, places

    def _fill(
        self,
        parameters: Parameters,
        sampled: Sampled,
        behaviour: Conduct,
        results: Mapping[str, Rows],
        first: int,
    ) -> None:
        """Compute one tile and put its rows into the block's results."""
        where = slice(first, min(first + TILE, len(sampled.ids)))
        used, months = where.stop - first, np.array(self._plan.months)
        tile, noise = self._persons(sampled, behaviour.adherence, where)
        start = self._solver.run_history(*self._life(parameters, tile, noise))
        places = self._places(behaviour.shift[where])

        def solve(arm: str, schedule: int) -> Solved:
            treatment = self._treatment(parameters, start, tile, noise, arm, schedule)
            seen, day = self._solver.run_arm(*treatment)
            told = report_arm(*self._report(parameters, seen, tile, places))
            columns = {n: np.asarray(told[n])[:used, : len(months)] for n in self._columns}
            return Solved(columns, np.asarray(day)[:used])

        for arm, rows in results.items():
            if rows.courses:
                chance, attended = rows.chance[:, where], behaviour.attended[where]
                one = solved_once(rows.courses, partial(solve, arm))
                there = arrivals(self._study, arm, sampled, behaviour, self._fractures, where)
                found, rows.course[where] = realise(
                    rows.courses, one, months, chance, attended, there
                )
            else:
                found = solve(arm, 0)
            for name, values in found.columns.items():
                rows.columns[name][where] = values
            rows.bad_day[where] = found.bad_day
