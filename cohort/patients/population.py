"""A population: how covariates are distributed, each number with its source.

Six covariates are driven by correlated standard normals `z` (a Gaussian copula):

    age, age_at_menopause, bmi   x = quantile(z): normal, log-normal or uniform
    T-score of a site            T = mean(age) + sd(age) z

`mean(age)` and `sd(age)` are interpolated in the tables of an unselected population. A trial's
baseline moves and stretches the `z` (`cohort.patients.recruitment`), so one population serves
trials of many mean ages and T-scores. Hormones are medians by age or by years since menopause,
around which the individual effects of `HORMONE_EFFECTS` spread; conditions move them.

A file may leave out what holds for its whole sex and name a `background` that has it. A mixed
population has `strata` instead: other populations, each with its share of the participants.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError, model_validator

from cohort.errors import BadInput, did_you_mean
from cohort.patients.covariates import (
    COVARIATES,
    DRIVEN,
    HORMONES,
    T_SCORES,
    TARGETS,
    UNITS,
    EligibilityRule,
    Sex,
    Target,
    can_be_moved,
    family,
    has,
)
from cohort.patients.tables import (
    CONDITIONS,
    Condition,
    Correlation,
    Distribution,
    HormoneTable,
    Positive,
    Range,
    Sourced,
    TScoreTable,
    problems,
)
from cohort.resources import bundled, data_root
from cohort.therapy import load_therapy

__all__ = [
    "CONDITIONS",
    "COVARIATES",
    "TARGETS",
    "T_SCORES",
    "UNITS",
    "EligibilityRule",
    "MixedPopulation",
    "Population",
    "PriorTreatment",
    "Stratum",
    "Target",
    "load_population",
    "recruitment_problems",
]


class PriorTreatment(Sourced, frozen=True):
    """What every member is on already: a therapy and its regimen, as in a study's arm."""

    therapy: str
    regimen: str

    @model_validator(mode="after")
    def _therapy_exists(self) -> PriorTreatment:
        try:
            load_therapy(self.therapy)
        except BadInput as error:
            raise ValueError(" ".join(error.problems)) from None
        return self


class Population(BaseModel, frozen=True, extra="forbid"):
    """A population of one sex as its file declares it; see the module's text for the mathematics.

    Attributes:
        menopause: how estradiol falls at the final menstrual period.
        ranges: limits that hold always, of the population or of plausibility.
        selection: who is recruited unless the study says so itself (see `screening`).
        conditions: what every member has.
        treatments: what every member is on; the study's own treatments come on top.
    """

    name: str
    title: str
    description: str
    sex: Sex
    menopause: Literal["natural", "surgical"] = "natural"
    age: Distribution
    age_at_menopause: Distribution | None = None
    bmi: Distribution
    t_score_lumbar_spine: TScoreTable
    t_score_total_hip: TScoreTable
    t_score_femoral_neck: TScoreTable
    estradiol: HormoneTable
    pth: HormoneTable
    igf1: HormoneTable
    testosterone_free: HormoneTable
    shbg: HormoneTable
    lh: HormoneTable
    progesterone: HormoneTable
    correlations: tuple[Correlation, ...] = ()
    ranges: tuple[Range, ...] = ()
    selection: tuple[Range, ...] = ()
    conditions: tuple[Condition, ...] = ()
    treatments: tuple[PriorTreatment, ...] = ()

    @model_validator(mode="after")
    def _correlations_are_possible(self) -> Population:
        if np.linalg.eigvalsh(self.correlation_matrix()).min() <= 1e-6:
            raise ValueError("correlations: together they are impossible (not positive definite)")
        return self

    @model_validator(mode="after")
    def _conditions_differ(self) -> Population:
        names = [condition.name for condition in self.conditions]
        for name in set(names):
            if names.count(name) > 1:
                raise ValueError(f"conditions: '{name}' stands there twice; give it once")
        return self

    @model_validator(mode="after")
    def _menopause_is_for_women(self) -> Population:
        if self.sex == "female" and self.age_at_menopause is None:
            raise ValueError("age_at_menopause: Field required in women")
        if self.sex == "male":
            given = {"age_at_menopause", "menopause"} & self.model_fields_set
            given |= {name for name in HORMONES if getattr(self, name).by_menopause}
            rules = (*self.ranges, *self.selection)
            given |= {rule.variable for rule in rules if not has("male", rule.variable)}
            if given:
                words = ", ".join(sorted(given))
                raise ValueError(f"{words}: men have no menopause; leave it out, or give it by age")
        return self

    @property
    def strata(self) -> tuple[Stratum, ...]:
        """The population itself, as its only stratum."""
        return (Stratum(self, 1.0),)

    def correlation_matrix(self) -> np.ndarray:
        """Return the correlations of the driven covariates' normals, in the order of `DRIVEN`."""
        matrix = np.eye(len(DRIVEN))
        for pair in self.correlations:
            i, j = (DRIVEN.index(name) for name in pair.between)
            matrix[i, j] = matrix[j, i] = pair.value
        return matrix

    def screening(
        self, rules: Iterable[EligibilityRule], baseline: Iterable[str]
    ) -> tuple[EligibilityRule, ...]:
        """Return the rules a candidate meets in turn: limits, own selection, the study's rules.

        A rule of the population's own selection falls away where the study says, as a rule or as a
        baseline, something of the same family (T-scores; age and menopause; testosterone):
        recruitment is then the study's to describe.
        """
        rules = tuple(rules)
        spoken_for = {family(name) for name in (*(rule.variable for rule in rules), *baseline)}
        own = (rule for rule in self.selection if family(rule.variable) not in spoken_for)
        return (*self.ranges, *own, *rules)


@dataclass(frozen=True)
class Stratum:
    """A part of a population: people of one sex, and their share of the participants."""

    population: Population
    share: float


@dataclass(frozen=True)
class MixedPopulation:
    """Several populations in fixed shares; what its members have and take is said in each."""

    name: str
    title: str
    description: str
    strata: tuple[Stratum, ...]

    @property
    def treatments(self) -> tuple[PriorTreatment, ...]:
        """What every member is on: the same in all strata."""
        return self.strata[0].population.treatments


def recruitment_problems(
    population: Population | MixedPopulation, targets: Iterable[str], variables: Iterable[str]
) -> list[str]:
    """Say what of a study's baseline and eligibility nobody in a population can meet.

    Args:
        population: where candidates come from.
        targets: covariates with a published baseline.
        variables: covariates that eligibility looks at.
    """
    sexes: set[Sex] = {stratum.population.sex for stratum in population.strata}
    found = []
    for name in targets:
        key = f"population.baseline.{name}"
        if name not in TARGETS:
            found.append(f"{key}: it cannot be moved; allowed are {', '.join(TARGETS)}.")
        elif not any(can_be_moved(sex, name) for sex in sexes):
            others = "men" if sexes == {"female"} else "women"
            found.append(
                f"{key}: it cannot move population '{population.name}', only one of {others}; "
                "leave it out."
            )
    for name in variables:
        if name not in COVARIATES:
            allowed = ", ".join(COVARIATES)
            found.append(f"eligibility: '{name}' is not a covariate; allowed are {allowed}.")
        elif not any(has(sex, name) for sex in sexes):
            found.append(
                f"eligibility: nobody in population '{population.name}' has '{name}'; leave the "
                "rule out, or choose a population of women."
            )
    return found


class _Share(Sourced, frozen=True):
    population: str
    share: Annotated[Positive, Field(le=1)]


class _MixedFile(BaseModel, frozen=True, extra="forbid"):
    name: str
    title: str
    description: str
    strata: Annotated[tuple[_Share, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _shares_add_up(self) -> _MixedFile:
        total = sum(stratum.share for stratum in self.strata)
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"strata: the shares add up to {total:g}; they must add up to 1")
        return self


@cache
def load_population(name: str | Path, male_reference: bool = False) -> Population | MixedPopulation:
    """Read a bundled population by name, or a population file.

    Args:
        name: a bundled name, or the path of a TOML file.
        male_reference: whether men's T-scores, and the limits on them, refer to young men instead
            of young women.

    Raises:
        BadInput: no such population, or the file breaks the schema; every problem is listed.
    """
    path = _path(str(name), Path())
    content = _read(path)
    if "strata" in content:
        return _mixed(content, path, male_reference)
    try:
        population = Population.model_validate(_with_background(content, path))
    except ValidationError as error:
        raise BadInput(problems(error, path)) from None
    return _in_male_units(population) if male_reference else population


def _path(name: str, folder: Path) -> Path:
    known = bundled("populations")
    if name in known:
        return known[name]
    if not name.endswith(".toml"):
        near = did_you_mean(name, known)
        raise BadInput(f"population '{name}' is unknown; bundled are {', '.join(known)}.{near}")
    return folder / name


def _mixed(content: dict[str, Any], path: Path, male_reference: bool) -> MixedPopulation:
    try:
        file = _MixedFile.model_validate(content)
    except ValidationError as error:
        raise BadInput(problems(error, path)) from None
    strata = []
    for index, part in enumerate(file.strata):
        try:
            population = load_population(_path(part.population, path.parent), male_reference)
        except BadInput as error:
            where = f"{path}: strata.{index}.population"
            raise BadInput([f"{where}: {sentence}" for sentence in error.problems]) from None
        if isinstance(population, MixedPopulation):
            raise BadInput(
                f"{path}: strata.{index}.population: '{part.population}' is mixed itself; "
                "name populations of one sex."
            )
        strata.append(Stratum(population, part.share))
    if len({stratum.population.treatments for stratum in strata}) > 1:
        raise BadInput(f"{path}: strata: their treatments differ; all members must have the same.")
    return MixedPopulation(file.name, file.title, file.description, tuple(strata))


def _with_background(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Fill up a file with its background; a range of its own replaces that of the background."""
    content = dict(content)
    name = content.pop("background", None)
    if name is None:
        return content
    known = {p.stem: p for p in (data_root() / "populations/background").glob("*.toml")}
    if name not in known:
        raise BadInput(
            f"{path}: background is '{name}'; allowed is {' or '.join(sorted(known))}."
            + did_you_mean(str(name), known)
        )
    background = _read(known[name])
    own = content.get("ranges", [])
    spoken_for = {rule.get("variable") for rule in own}
    shared = [rule for rule in background["ranges"] if rule["variable"] not in spoken_for]
    return background | content | {"ranges": [*own, *shared]}


def _in_male_units(population: Population) -> Population:
    """Return men with T-scores that refer to young men; women as they are."""
    if population.sex == "female":
        return population
    with (data_root() / "reference/t_score.csv").open(encoding="utf-8", newline="") as file:
        reference = {(row["site"], row["sex"]): row for row in csv.DictReader(file)}
    tables = {}
    for name in T_SCORES:
        site, table = name.removeprefix("t_score_"), getattr(population, name)
        (old, old_sd), (new, new_sd) = (
            (float(row["mean"]), float(row["sd"]))
            for row in (reference[site, "female"], reference[site, "male"])
        )
        mean = tuple((old + old_sd * t - new) / new_sd for t in table.mean)
        sd = tuple(old_sd * spread / new_sd for spread in table.sd)
        tables[name] = table.model_copy(update={"mean": mean, "sd": sd})
    return population.model_copy(update=tables)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # not TOML, not text, or no path at all
        raise BadInput(f"{path}: cannot be read as a TOML file ({error}).") from None
