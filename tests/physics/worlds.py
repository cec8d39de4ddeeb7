"""Persons, drugs and studies for the tests of the model's physics, in float64."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.endocrine import Hormones, hormones
from cohort.model.parameters import parameter_set
from cohort.model.person import Person, make_person
from cohort.patients.population import load_population
from cohort.patients.sampling import sample
from cohort.patients.variability import EFFECTS, load_variability
from cohort.solve.exposures import DrugNumbers, StepForcing, add_drug_parameters, drug_numbers
from cohort.solve.grid import Grid
from cohort.solve.history import live
from cohort.solve.schedule import Drugs, arm_forcing, study_drugs, study_grid
from cohort.solve.trial import Steps, treat
from cohort.therapy import load_therapy
from cohort.trial.regimen import DoseCourse, parse_sentence
from cohort.units import DAYS_PER_MONTH

BONE = ("bmd_lumbar_spine", "bmd_total_hip", "bmd_femoral_neck")
MARKERS = ("ctx", "p1np", "bsap")
NO_DRUGS = study_drugs({})
NODES = 80

Regimens = Sequence[tuple[str, str]]


def values() -> dict[str, Any]:
    return {name: jnp.asarray(value) for name, value in parameter_set().values.items()}


@cache
def drawn(count: int, population: str = "perimenopause_through_80") -> tuple[dict, dict]:
    """Covariates and individual effects of sampled persons, numpy float64."""
    people = sample(load_population(population), load_variability(), None, (), 3, np.arange(count))
    covariates = {k: np.asarray(v, np.float64) for k, v in people.covariates.items()}
    return covariates, {k: np.asarray(v, np.float64) for k, v in people.eta.items()}


def typical_effects(count: int = 1) -> dict[str, Any]:
    """Individual effects of the median person."""
    effects = {name: 0.0 if name.endswith("_offset") else 1.0 for name in EFFECTS}
    return {name: jnp.full(count, value) for name, value in (effects | {"adherence": 1.0}).items()}


def typical(
    parameters: Mapping[str, Any] | None = None,
    drugs: DrugNumbers | None = None,
    age_at_menopause: float = 50.0,
    **effects: Any,
) -> Person:
    """The median person, some of her effects or parameters changed."""
    eta = typical_effects() | {name: jnp.full(1, value) for name, value in effects.items()}
    person = make_person(values() | dict(parameters or {}), eta, jnp.full(1, age_at_menopause))
    return add_drug_parameters(person, drugs) if drugs else person


def sampled(count: int) -> tuple[Person, Hormones]:
    """Persons of a population, and their hormones at the age they have."""
    covariates, eta = drawn(count)
    eta = {name: jnp.asarray(value) for name, value in eta.items()}
    person = make_person(values(), eta, jnp.asarray(covariates["age_at_menopause"]))
    return person, hormones(person, jnp.asarray(covariates["age"]))


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
    regimens: Regimens | Sequence[DoseCourse],
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


WOMAN = 65.0
"""Age of the median woman who is treated in these tests; her menopause was at 50."""

EVERYTHING: Regimens = (
    ("alendronate", "10 mg oral daily from 0 to 1"),
    ("risedronate", "5 mg oral daily from 0 to 1"),
    ("ibandronate", "150 mg oral monthly from 0 to 1"),
    ("zoledronate", "5 mg iv once"),
    ("denosumab", "60 mg sc once"),
    ("romosozumab", "210 mg sc once"),
    *(("teriparatide", f"{dose} ug sc daily from 0 to 1") for dose in (10, 20, 40)),
    ("abaloparatide", "80 ug sc daily from 0 to 1"),
    ("pth_1_84", "100 ug sc daily from 0 to 1"),
    ("raloxifene", "60 mg oral daily from 0 to 1"),
    ("conjugated_estrogens", "0.625 mg oral daily from 0 to 1"),
    ("estradiol", "1 mg oral daily from 0 to 1"),
    ("medroxyprogesterone_acetate", "2.5 mg oral daily from 0 to 1"),
    ("micronised_progesterone", "100 mg oral daily from 0 to 1"),
    ("norethisterone_acetate", "1 mg oral daily from 0 to 1"),
    ("calcium_vitamin_d", "1 dose oral daily from 0 to 1"),
)
"""Every therapy once: a study of these has room for any arm, so all share a compiled function."""


@cache
def all_drugs() -> Drugs:
    return study_drugs({"arm": courses_of(EVERYTHING)})


@jax.jit
def _life(person: Person, age: Any, numbers: DrugNumbers) -> Any:
    return live(person, age, jnp.zeros((NODES, 2, 1)), len(numbers.release))


# Months of follow-up differ between tests; visits are padded so that they share a compile.
VISITS = 12
_treat = jax.jit(treat, static_argnames=("visits", "cells_too"))


def follow(
    regimens: Regimens | Sequence[DoseCourse],
    months: Sequence[float],
    parameters: Mapping[str, float] | None = None,
    age: float = WOMAN,
    **effects: Any,
) -> dict[str, np.ndarray]:
    """Treat the median woman; every output and cell relative to age 35, `(visit,)` each."""
    arm = make_arm(regimens, months, parameters, all_drugs())
    person = typical(parameters, arm.numbers, **effects)
    start = _life(person, jnp.full(1, age), arm.numbers)
    silent = jnp.zeros((NODES, 2, 1))
    seen, _ = _treat(
        start, person, jnp.full(1, age), silent, arm.steps, arm.numbers, VISITS, cells_too=True
    )
    return {name: np.asarray(value)[: arm.visits, 0] for name, value in seen.items()}


def change(outputs: Mapping[str, np.ndarray], name: str, since: int = 0) -> np.ndarray:
    """Percent change of an output from a visit."""
    return 100.0 * (outputs[name] / outputs[name][since] - 1.0)
