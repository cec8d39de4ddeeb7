"""The simulator: patients by their numbers in, everything that is reported of them out.

Work is done in tiles of a fixed number of patients, so that a patient's numbers do not depend on
who else is in the block. A tile lives its history once and is then treated in every arm; each of
these is one compiled function, shared by all studies of like shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from cohort.model.arrays import Patients, State
from cohort.model.endocrine import hormones
from cohort.model.observables.hormones import endogenous
from cohort.model.person import Person, make_person
from cohort.patients.population import Target, load_population
from cohort.patients.randomness import id_words, stream_key, stream_normals, stream_uniforms
from cohort.patients.randomness import tiles as cut_tiles
from cohort.patients.recruitment import recruit
from cohort.patients.sampling import Patients as Sampled
from cohort.patients.sampling import sample
from cohort.patients.variability import Variability, load_variability
from cohort.results.block import BlockResult, ResultCode
from cohort.results.outcomes import OUTCOMES, SITES, visit_columns
from cohort.results.schema import THETA
from cohort.solve.exposures import (
    DrugNumbers,
    StepForcing,
    add_drug_parameters,
    drug_numbers,
)
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR, live
from cohort.solve.measurement import HORMONES, MEASURABLE, absolute, measured, with_changes
from cohort.solve.noise import slow_noise
from cohort.solve.plan import Plan, load_reference, make_plan
from cohort.solve.schedule import Forcing
from cohort.solve.trial import Steps, noise_nodes, treat
from cohort.tile import TILE
from cohort.trial.schema import Study
from cohort.units import DAYS_PER_MONTH

RECRUITED = (*(f"t_score_{site}" for site in SITES.values()), *HORMONES)
ON_REQUEST = frozenset(outcome.name for outcome in OUTCOMES if outcome.extra)


def make_person_of(values: Mapping[str, Patients], tile: Mapping, numbers: DrugNumbers) -> Person:
    """Return the persons of a tile, the study's drugs known to them."""
    person = make_person(values, tile["eta"], tile["age_at_menopause"])
    return add_drug_parameters(person, numbers)


@partial(jax.jit, static_argnames=("nodes",))
def draw_noise(
    key: Patients, high: Patients, low: Patients, sd: Patients, years: Patients, nodes: int
) -> Patients:
    """Return the slow noise of a tile at its nodes, `(node, 2, patient)`."""
    normals = stream_normals(key, high, low, 2 * nodes).astype(sd.dtype)
    return slow_noise(normals.reshape(nodes, 2, -1), sd, years)


@jax.jit
def run_history(
    values: Mapping, tile: Mapping, numbers: DrugNumbers, noise: Patients, first_day: Patients
) -> State:
    """Return the state of a tile at the study's first grid point."""
    person = make_person_of(values, tile, numbers)
    age = tile["age"] + first_day / DAYS_PER_YEAR
    return live(person, age, noise, len(numbers.release))


@partial(jax.jit, static_argnames=("visits", "columns"))
def run_arm(
    state: State,
    values: Mapping,
    tile: Mapping,
    numbers: DrugNumbers,
    noise: Patients,
    steps: Steps,
    reports: Mapping,
    visits: int,
    columns: tuple[str, ...],
) -> tuple[State, Patients]:
    """Return every reported column of a tile in one arm, `(visit, patient)`, and the bad day."""
    person = make_person_of(values, tile, numbers)
    cells_too = not ON_REQUEST.isdisjoint(columns)
    seen, bad_day = treat(state, person, tile["age"], noise, steps, numbers, visits, cells_too)
    reference, entry = reports["reference"], reports["entry"]
    untreated = endogenous(hormones(person, tile["age"]))
    seen = absolute(seen, tile["recruited"], untreated, person.eta, reference, entry)
    true = with_changes(seen, reference, entry)
    count = visits * len(MEASURABLE)
    draws = stream_normals(reports["key"], tile["high"], tile["low"], count)
    draws = draws.reshape(visits, len(MEASURABLE), -1).astype(bad_day.dtype)
    read = with_changes(measured(seen, draws, reports["cv"]), reference, entry)
    both = true | read
    return {column: both[column].astype(jnp.float32) for column in columns}, bad_day


run_relative = jax.jit(treat, static_argnames=("visits",))


def make_simulator(study: Study) -> StudySimulator:
    """Make the simulator of a validated study.

    Raises:
        BadInput: the study asks for what cannot be simulated.
    """
    return StudySimulator(study, make_plan(study), load_variability())


class StudySimulator:
    """Simulates any patients of one study; safe to call from several threads at once."""

    def __init__(self, study: Study, plan: Plan, variability: Variability) -> None:
        """Put the study's numbers on the device.

        Args:
            study: the validated study.
            plan: its layout.
            variability: how patients differ.
        """
        self._study = study
        self._plan = plan
        self._variability = variability
        self._population = load_population(study.population.name)
        self._dtype = jnp.dtype(study.engine.precision)
        self._columns = visit_columns(study.outputs.extra, measured=study.measurement.enabled)
        self._put_numbers()

    def _put_numbers(self) -> None:
        grid, plan, real = self._plan.grid, self._plan, self._real
        self._values = {name: real(value) for name, value in plan.values.items()}
        self._numbers = drug_numbers(plan.drugs, self._values)
        self._first_day = real(grid.start[0])
        node = LATE_NODES + (grid.start - grid.start[0]) * NODES_PER_YEAR / DAYS_PER_YEAR
        self._nodes = noise_nodes(grid.start[0], grid.end[-1])
        self._steps = {
            arm: Steps(
                real(grid.start), real(grid.length), real(node), jnp.asarray(grid.visit), rows
            )
            for arm, rows in ((arm, self._rows(f)) for arm, f in plan.forcing.items())
        }
        reference = load_reference(self._study)
        levels = {name: real(value) for name, value in reference.level.items()}
        for site, (mean, sd) in reference.bmd.items():
            levels |= {f"bmd_{site}_mean": real(mean), f"bmd_{site}_sd": real(sd)}
        seed = self._study.seed
        self._reports = {
            "reference": levels,
            "cv": {name: real(reference.cv[name]) for name in MEASURABLE},
            "entry": jnp.asarray(plan.months.index(0.0)),
            "key": stream_key(seed, "measurement"),
        }
        noise = self._variability.noise
        self._noise_sd = real(np.array([noise.lnL.sd, noise.sP.sd]))
        self._noise_years = real(noise.lnL.time_constant / DAYS_PER_YEAR)

    def _real(self, value: ArrayLike) -> Patients:
        return jnp.asarray(value, self._dtype)

    def _rows(self, forcing: Forcing) -> StepForcing:
        return StepForcing(
            self._real(forcing.antibody),
            self._real(forcing.bisphosphonate),
            self._real(forcing.pulses),
            self._real(forcing.level_start),
            self._real(forcing.level_end),
        )

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
        chosen = recruit(
            self._population, self._variability, self._baseline(), self._study.eligibility
        )
        return chosen.missed

    @property
    def device(self) -> str:
        """The device in words."""
        device = jax.devices()[0]
        return f"{device.platform}: {device.device_kind}"

    def compile(self) -> None:
        """Compile everything that `block` will call, by running one tile through it."""
        self.block(np.arange(1, dtype=np.int64), (next(iter(self._steps)),))

    def block(self, slots: np.ndarray, arms: tuple[str, ...]) -> BlockResult:
        """Simulate the persons of these slots in these arms.

        Args:
            slots: person numbers, int64 `(patient,)`, of any length and order.
            arms: arms to simulate.

        Raises:
            BadInput: eligibility excludes nearly everybody.
        """
        sampled = self._sample(slots)
        extra = self._conduct(slots)
        parts = [
            self._tile(sampled, extra, slice(start, start + TILE), arms)
            for start in range(0, len(slots), TILE)
        ]
        visits = {
            arm: {
                column: np.concatenate([part[arm][0][column] for part in parts])
                for column in ("day", *self._columns)
            }
            for arm in arms
        }
        bad_day = {arm: np.concatenate([part[arm][1] for part in parts]) for arm in arms}
        finite = {arm: np.isinf(days) for arm, days in bad_day.items()}
        return BlockResult(
            patients=self._patients(sampled, visits[arms[0]]),
            visits=visits,
            months=np.array(self._plan.months, np.float32),
            last_month=extra["last_month"],
            result_code={
                arm: np.where(ok, ResultCode.OK, ResultCode.NOT_FINITE).astype(np.int8)
                for arm, ok in finite.items()
            },
            first_bad_day={
                arm: np.where(finite[arm], np.nan, days).astype(np.float32)
                for arm, days in bad_day.items()
            },
            rejected=sampled.rejected,
            screened=sampled.screened,
        )

    def _baseline(self) -> dict[str, Target]:
        given = self._study.population.baseline
        return {name: target for name, target in given if name != "source" and target is not None}

    def _sample(self, slots: np.ndarray) -> Sampled:
        return sample(
            self._population,
            self._variability,
            self._baseline(),
            self._study.eligibility,
            self._study.seed,
            slots,
        )

    def _conduct(self, slots: np.ndarray) -> dict[str, np.ndarray]:
        """Draw who leaves when, and which share of her own doses she takes."""
        key = jnp.asarray(stream_key(self._study.seed, "conduct"))
        draws = []
        for tile, used in cut_tiles(slots):
            high, low = (jnp.asarray(word) for word in id_words(tile))
            draws.append(np.asarray(stream_uniforms(key, high, low, 2))[:, :used])
        uniforms = np.concatenate(draws, axis=1)
        end = self._study.last_month
        stay = 1.0 - self._study.dropout.annual_rate
        left = 12.0 * np.log(np.maximum(uniforms[0], 1e-12)) / np.log(stay) if stay < 1 else end
        adherence, taken = self._study.adherence, np.full(len(slots), self._study.adherence.mean)
        if adherence.sd > 0:
            from scipy.stats import beta

            spread = adherence.mean * (1 - adherence.mean) / adherence.sd**2 - 1
            shape = adherence.mean * spread, (1 - adherence.mean) * spread
            taken = beta.ppf(uniforms[1].astype(np.float64), *shape)
        months = np.minimum(left, end) * np.ones(len(slots))
        return {"last_month": months.astype(np.float32), "adherence": taken}

    def persons(self, slots: np.ndarray) -> tuple[dict, Patients]:
        """Return the tile of these persons, filled up to `TILE`, and their slow noise.

        Args:
            slots: person numbers, at most `TILE`.
        """
        return self._persons(self._sample(slots), self._conduct(slots), slice(0, TILE))

    def relative(self, slots: np.ndarray, arm: str) -> dict[str, np.ndarray]:
        """Return the outputs of `trial.observe` in an arm, `(visit, patient)` each.

        Args:
            slots: person numbers, at most `TILE`; only these are computed.
            arm: the arm.
        """
        tile, noise = jax.tree.map(lambda x: x[..., : len(slots)], self.persons(slots))
        start = run_history(self._values, tile, self._numbers, noise, self._first_day)
        person = make_person_of(self._values, tile, self._numbers)
        seen, _ = run_relative(
            start,
            person,
            tile["age"],
            noise,
            self._steps[arm],
            self._numbers,
            len(self._plan.months),
        )
        return {name: np.asarray(value) for name, value in seen.items()}

    def _persons(self, sampled: Sampled, extra: Mapping, where: slice) -> tuple[dict, Patients]:
        ids = sampled.ids[where]

        def lane(values: ArrayLike) -> Patients:
            part = np.asarray(values)[where]
            return self._real(np.pad(part, (0, TILE - len(ids)), mode="edge"))

        high, low = id_words(np.pad(ids, (0, TILE - len(ids)), mode="edge"))
        own = sampled.covariates
        tile = {
            "age": lane(own["age"]),
            "age_at_menopause": lane(own["age_at_menopause"]),
            "recruited": {name: lane(own[name]) for name in RECRUITED},
            "eta": {name: lane(value) for name, value in sampled.eta.items()}
            | {"adherence": lane(extra["adherence"])},
            "high": high,
            "low": low,
        }
        key = stream_key(self._study.seed, "noise")
        return tile, draw_noise(key, high, low, self._noise_sd, self._noise_years, self._nodes)

    def _tile(
        self, sampled: Sampled, extra: Mapping, where: slice, arms: tuple[str, ...]
    ) -> dict[str, tuple[dict[str, np.ndarray], np.ndarray]]:
        used = len(sampled.ids[where])
        tile, noise = self._persons(sampled, extra, where)
        start = run_history(self._values, tile, self._numbers, noise, self._first_day)
        results = {}
        for arm in arms:
            seen, bad_day = run_arm(
                start,
                self._values,
                tile,
                self._numbers,
                noise,
                self._steps[arm],
                self._reports,
                len(self._plan.months),
                self._columns,
            )
            columns = {name: np.asarray(value).T[:used] for name, value in seen.items()}
            days = np.array(self._plan.months, np.float32) * np.float32(DAYS_PER_MONTH)
            columns["day"] = np.broadcast_to(days, (used, len(days)))
            results[arm] = columns, np.asarray(bad_day)[:used]
        return results

    def _patients(self, sampled: Sampled, seen: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        entry = self._plan.months.index(0.0)
        own = {name: np.asarray(value) for name, value in sampled.covariates.items()}
        since = own["years_since_menopause"]
        columns = {
            "sex": np.full(len(sampled.ids), "female", dtype=object),
            "age": own["age"],
            "years_since_menopause": np.where(since >= 0, since, np.nan),
            "age_at_menopause": own["age_at_menopause"],
            "bmi": own["bmi"],
            "weight": np.ones(len(sampled.ids), np.float32),
        }
        for name in (*MEASURABLE, *(f"t_score_{site}" for site in SITES.values())):
            columns[name] = seen[name][:, entry]
        return columns | {THETA + name: np.asarray(value) for name, value in sampled.eta.items()}
