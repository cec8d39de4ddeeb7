"""Persons, drugs and studies for the tests of the model's physics, in float64.

One world serves them all: every person may be a man and may have any condition (a neutral one
changes nothing, which is tested), and every study has room for every drug. So the trials of all
tests share one compiled function.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.bisphosphonate import pool
from cohort.model.endocrine.own import Hormones, hormones
from cohort.model.exposure import Exposure, no_exposure
from cohort.model.observables.binding import PG_PER_ML, total_testosterone
from cohort.model.parameters import parameter_set
from cohort.model.person import Person, make_person
from cohort.model.remodeling import Noise
from cohort.model.steady_state import steady_state
from cohort.patients.population import load_population
from cohort.patients.sampling import sample
from cohort.patients.variability import EFFECTS, load_variability
from cohort.solve.exposures import DrugNumbers, StepForcing, add_drug_parameters, drug_numbers
from cohort.solve.grid import Grid
from cohort.solve.history import DAYS_PER_YEAR, live
from cohort.solve.schedule import Drugs, arm_forcing, study_drugs, study_grid
from cohort.solve.step import step
from cohort.solve.trial import Steps, observe, treat
from cohort.therapy import LEVELS, load_therapy, therapies
from cohort.trial.regimen import DoseCourse, parse_sentence
from cohort.units import DAYS_PER_MONTH

BONE = ("bmd_lumbar_spine", "bmd_total_hip", "bmd_femoral_neck")
MARKERS = ("ctx", "p1np", "bsap")
NODES = 80

# Condition -> the amount with which there is none.
NEUTRAL = {
    "hypogonadism": 1.0,
    "growth_hormone_deficiency": 1.0,
    "hyperparathyroidism": 1.0,
    "immobility": 1.0,
    "calcium_deficiency": 0.0,
    "inflammation": 0.0,
}
# Each as bad as it gets.
SEVERE = {
    "hypogonadism": 0.05,
    "growth_hormone_deficiency": 0.1,
    "hyperparathyroidism": 5.0,
    "immobility": 0.2,
    "calcium_deficiency": 1.0,
    "inflammation": 2.0,
}

Regimens = Sequence[tuple[str, str]]
Conditions = Mapping[str, tuple[float, float]]  # amount and age at onset by name


def values() -> dict[str, Any]:
    return {name: jnp.asarray(value) for name, value in parameter_set().values.items()}


def typical_effects(count: int = 1) -> dict[str, Any]:
    """Individual effects of the median person."""
    effects = {name: 0.0 if name.endswith("_offset") else 1.0 for name in EFFECTS}
    return {name: jnp.full(count, value) for name, value in (effects | {"adherence": 1.0}).items()}


def life_of(
    count: int = 1, male: bool = False, menopause: float = 50.0, width: float = 0.55
) -> dict[str, Any]:
    """Sex and menopause of so many persons alike; NumPy's, for JAX has float64 in tests only."""
    own = {"male": float(male), "age_at_menopause": menopause, "menopause_width": width}
    return {name: np.full(count, value) for name, value in own.items()}


WOMAN, MAN = life_of(), life_of(male=True)


def typical(
    parameters: Mapping[str, Any] | None = None,
    drugs: DrugNumbers | None = None,
    *,
    life: Mapping[str, Any] | None = None,
    conditions: Conditions | None = None,
    **effects: Any,
) -> Person:
    """The median person, some of the effects or parameters changed; a woman if nothing is said."""
    eta = typical_effects() | {name: jnp.full(1, value) for name, value in effects.items()}
    ill = {
        name: (jnp.full(1, amount), jnp.full(1, onset))
        for name, (amount, onset) in (conditions or {}).items()
    }
    person = make_person(values() | dict(parameters or {}), eta, life or WOMAN, ill)
    return add_drug_parameters(person, drugs) if drugs else person


def with_every_condition(conditions: Conditions | None = None) -> dict[str, tuple[float, float]]:
    """Add those that are absent, at the amount that changes nothing."""
    return {name: (amount, 0.0) for name, amount in NEUTRAL.items()} | dict(conditions or {})


@cache
def drawn(
    count: int, population: str = "perimenopause_through_80"
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Covariates, individual effects and conditions of sampled persons, numpy float64."""
    people = sample(load_population(population), load_variability(), None, (), 3, np.arange(count))

    def precise(part: Mapping[str, Any]) -> dict[str, np.ndarray]:
        return {name: np.asarray(value, np.float64) for name, value in part.items()}

    conditions = {
        name: (np.asarray(amount, np.float64), np.asarray(years, np.float64))
        for name, (amount, years) in people.conditions.items()
    }
    return precise(people.covariates), precise(people.eta), conditions


def sampled(count: int, population: str = "perimenopause_through_80") -> tuple[Person, Hormones]:
    """Persons of a population, and their hormones at the age they have."""
    covariates, eta, conditions = drawn(count, population)
    male, age = covariates["male"], covariates["age"]
    own = {
        "male": male,
        "age_at_menopause": np.where(male > 0, 50.0, covariates["age_at_menopause"]),
        "menopause_width": covariates["menopause_width"],
    }
    life = {name: jnp.asarray(value) for name, value in own.items()}
    ill = {k: (jnp.asarray(a), jnp.asarray(age - years)) for k, (a, years) in conditions.items()}
    eta = {name: jnp.asarray(value) for name, value in eta.items()}
    person = make_person(values(), eta, life, ill)
    return person, hormones(person, jnp.asarray(age))


def with_pools(person: Person, count: int) -> Person:
    """Give a person so many bisphosphonates' release and potency."""
    own = {f"ko_{pool(drug)}": jnp.asarray(0.0017) for drug in range(count)}
    own |= {f"E_{pool(drug)}": jnp.asarray(0.2) for drug in range(count)}
    return dataclasses.replace(person, theta={**person.theta, **own})


def empty_pools(like: Any, count: int) -> dict[str, Any]:
    return {pool(drug): jnp.zeros_like(like) for drug in range(count)}


def courses_of(regimens: Regimens) -> tuple[DoseCourse, ...]:
    return tuple(parse_sentence(text, load_therapy(name)) for name, text in regimens)


@dataclasses.dataclass(frozen=True)
class Arm:
    """A regimen laid on the grid it has alone."""

    drugs: Drugs
    grid: Grid
    steps: Steps
    numbers: DrugNumbers
    visits: int


def make_arm(
    regimens: Sequence[tuple[str, str] | DoseCourse],
    months: Sequence[float],
    parameters: Mapping[str, Any] | None = None,
    drugs: Drugs | None = None,
    pad: int = 512,
) -> Arm:
    """Lay out an arm; `drugs` may hold more than the arm uses, so that arms share a compile."""
    courses = tuple(c if isinstance(c, DoseCourse) else courses_of([c])[0] for c in regimens)
    drugs = drugs or study_drugs({"arm": courses})
    grid = study_grid([month * DAYS_PER_MONTH for month in months], {"arm": courses})
    extra = -len(grid.start) % pad
    grid = Grid(
        np.concatenate([grid.start, np.full(extra, grid.end[-1])]),
        np.concatenate([grid.length, np.zeros(extra)]),
        np.concatenate([grid.visit, np.full(extra, -1, dtype=np.int32)]),
    )
    rows = arm_forcing(courses, drugs, grid)
    fields = (getattr(rows, field.name) for field in dataclasses.fields(StepForcing))
    steps = Steps(
        jnp.asarray(grid.start),
        jnp.asarray(grid.length),
        jnp.zeros(len(grid.start)),
        jnp.asarray(grid.visit),
        StepForcing(*(jnp.asarray(field) for field in fields)),
    )
    return Arm(
        drugs, grid, steps, drug_numbers(drugs, values() | dict(parameters or {})), len(months)
    )


AGE = 65.0
"""Age of the median person who is treated in these tests; a woman's menopause was at 50."""

PTH_DOSES = {"teriparatide": (10.0, 20.0, 40.0), "abaloparatide": (80.0,), "pth_1_84": (100.0,)}


def label_course(name: str, route: str | None = None, amount: float | None = None) -> DoseCourse:
    """A month of a therapy's reference regimen, or its one dose."""
    therapy = load_therapy(name)
    interval = therapy.reference_interval_days
    doses = max(1, round(DAYS_PER_MONTH / interval))
    route = route or therapy.usual_route
    amount = amount or therapy.reference_amount
    return DoseCourse(therapy.name, route, amount, 0.0, interval if doses > 1 else 0.0, doses)


@cache
def all_drugs() -> Drugs:
    """Every therapy by every route: a study of these has room for any arm."""
    courses = [
        label_course(name, route, amount)
        for name, therapy in therapies().items()
        for route in therapy.routes
        for amount in PTH_DOSES.get(name, (None,))
    ]
    return study_drugs({"arm": courses})


@jax.jit
def _life(person: Person, age: Any) -> Any:
    return live(person, age, jnp.zeros((NODES, 2, 1)))


# Studies differ in length; steps and visits are padded so that they share a compile.
STEPS, VISITS = 2048, 12
_treat = jax.jit(treat, static_argnames=("visits", "cells_too"))


def follow(
    regimens: Sequence[tuple[str, str] | DoseCourse],
    months: Sequence[float],
    parameters: Mapping[str, float] | None = None,
    age: float = AGE,
    life: Mapping[str, Any] | None = None,
    conditions: Conditions | None = None,
    **effects: Any,
) -> dict[str, np.ndarray]:
    """Treat the median person; every output and cell relative to age 35, `(visit,)` each."""
    arm = make_arm(regimens, months, parameters, all_drugs(), STEPS)
    ill = with_every_condition(conditions)
    person = typical(parameters, arm.numbers, life=life, conditions=ill, **effects)
    entry = jnp.full(1, age)
    start = _life(person, entry + arm.grid.start[0] / DAYS_PER_YEAR)
    silent = jnp.zeros((NODES, 2, 1))
    used = np.flatnonzero((arm.grid.length > 0) | (arm.grid.visit >= 0))[-1] + 1
    seen, bad_day = _treat(
        start,
        person,
        entry,
        silent,
        arm.steps,
        arm.numbers,
        VISITS,
        cells_too=True,
        count=jnp.asarray(used, jnp.int32),
    )
    assert np.isinf(bad_day[0])
    found = {name: np.asarray(value)[: arm.visits, 0] for name, value in seen.items()}
    return _with_serum(found, life)


# Serum levels of young people: estradiol of women over the cycle and of men, pg/mL; free
# testosterone of men, pg/mL (335 pmol/L), and SHBG, nmol/L (EMAS).
ESTRADIOL_WOMEN, ESTRADIOL_MEN = 90.0, 20.2
FREE_TESTOSTERONE, SHBG = 335 * PG_PER_ML, 34.6


def _with_serum(
    found: dict[str, np.ndarray], life: Mapping[str, Any] | None
) -> dict[str, np.ndarray]:
    """Add serum estradiol in pg/mL, and a man's total testosterone in ng/dL."""
    male = bool((life or WOMAN)["male"][0])
    unit = ESTRADIOL_MEN if male else ESTRADIOL_WOMEN
    serum = {"serum_estradiol": unit * found["estradiol"] + found["estradiol_given"]}
    if male:
        free, binding = FREE_TESTOSTERONE * found["testosterone_free"], SHBG * found["shbg"]
        total = total_testosterone(jnp.asarray(free), jnp.asarray(binding))
        serum["testosterone"] = np.asarray(total)
    return found | serum


TEN_DAYS: Any = 10.0


@jax.jit
def _held(person: Person, age: Any, exposure: Exposure) -> Any:
    quiet = Noise(jnp.zeros(()), jnp.zeros(()))
    inputs = (hormones(person, age), exposure, quiet)

    def body(_, state):
        return step(state, person, inputs, inputs, TEN_DAYS)

    state = steady_state(person, inputs[0]) | {"LH": jnp.ones_like(age)}
    state = jax.lax.fori_loop(0, 12_000, body, state)
    return observe(state, person, inputs, age, True)


def held(
    levels: Mapping[str, Any],
    age: float = AGE,
    life: Mapping[str, Any] | None = None,
    conditions: Conditions | None = None,
    parameters: Mapping[str, float] | None = None,
) -> dict[str, np.ndarray]:
    """Outputs of the median person after three centuries at the same age under the same levels.

    Levels are numbers or `(case,)`; every output is `(case,)`.
    """
    given = {name: np.atleast_1d(np.asarray(levels.get(name, 0.0), float)) for name in LEVELS}
    count = max(map(len, given.values()))
    exposure = no_exposure()._replace(levels={k: v * np.ones(count) for k, v in given.items()})
    person = typical(parameters, life=life, conditions=with_every_condition(conditions))
    person = jax.tree.map(lambda x: jnp.broadcast_to(x, count), person)
    found = _held(person, jnp.full(count, age), exposure)
    return _with_serum({name: np.asarray(value) for name, value in found.items()}, life)


def change(outputs: Mapping[str, np.ndarray], name: str, since: int = 0) -> np.ndarray:
    """Percent change of an output from a visit."""
    return 100.0 * (outputs[name] / outputs[name][since] - 1.0)
