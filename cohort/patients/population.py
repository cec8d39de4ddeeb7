"""A population: how covariates are distributed, each number with its source.

Six covariates are driven by correlated standard normals `z` (a Gaussian copula):

    age, age_at_menopause, bmi   x = quantile(z): normal, log-normal or uniform
    T-score of a site            T = mean(age) + sd(age) z

`mean(age)` and `sd(age)` are interpolated in the tables of an unselected population. A trial's
baseline moves and stretches the `z` (`cohort.patients.recruitment`), so one population serves
trials of many mean ages and T-scores. Estradiol (by years since menopause), PTH and IGF-1 (by age)
are medians, around which the individual effects of `HORMONE_EFFECTS` spread.

A file may leave out what holds for its whole sex and name a `background` that has it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import AllowInfNan, BaseModel, Field, ValidationError, model_validator

from cohort.errors import BadInput, did_you_mean
from cohort.resources import bundled, data_root

DRIVEN = (
    "age",
    "age_at_menopause",
    "bmi",
    "t_score_lumbar_spine",
    "t_score_total_hip",
    "t_score_femoral_neck",
)
"""Covariates that have a normal `z` of their own."""

T_SCORES = DRIVEN[3:]

HORMONES = ("estradiol", "pth", "igf1")
"""Hormones at entry; each spreads with the individual effect of `HORMONE_EFFECTS`."""

HORMONE_EFFECTS = {"estradiol": "E_post", "pth": "pth", "igf1": "igf1"}

COVARIATES = (*DRIVEN, "years_since_menopause", *HORMONES)
"""Everything that an eligibility rule may look at."""

UNITS = {
    "age": "years",
    "age_at_menopause": "years",
    "years_since_menopause": "years",
    "bmi": "kg/m2",
    "estradiol": "pg/mL",
    "pth": "pg/mL",
    "igf1": "ng/mL",
} | dict.fromkeys(T_SCORES, "1")

Number = Annotated[float, AllowInfNan(False)]
Positive = Annotated[Number, Field(gt=0)]
Check = Literal["checked", "unchecked", "approximate", "model"]


class Target(Protocol):
    """A trial's published baseline of one covariate: a mean and, where known, an SD."""

    @property
    def mean(self) -> float:
        """Mean over the participants."""
        ...

    @property
    def sd(self) -> float | None:
        """Standard deviation between participants."""
        ...


class EligibilityRule(Protocol):
    """One eligibility rule: a range for a covariate; rules with one `any_of` are alternatives."""

    @property
    def variable(self) -> str:
        """The covariate."""
        ...

    @property
    def min(self) -> float | None:
        """Lowest value allowed."""
        ...

    @property
    def max(self) -> float | None:
        """Highest value allowed."""
        ...

    @property
    def any_of(self) -> str | None:
        """Label of the group of alternatives."""
        ...


class Sourced(BaseModel, frozen=True, extra="forbid"):
    """A table of numbers with their source and how far that was checked."""

    source: Annotated[str, Field(min_length=3)]
    check: Check


class Range(Sourced, frozen=True):
    """A range that every member lies in; alternatives share an `any_of`."""

    variable: Literal[COVARIATES]  # pyright: ignore[reportInvalidTypeForm]
    min: Number | None = None
    max: Number | None = None
    any_of: str | None = None


class Distribution(Sourced, frozen=True):
    """How one covariate is distributed.

    A `lognormal` has its median in `mean` and the SD of its logarithm in `sd`; a `uniform` runs
    from `mean - sd` to `mean + sd`.
    """

    shape: Literal["normal", "lognormal", "uniform"]
    mean: Number
    sd: Positive


class Table(Sourced, frozen=True):
    """Values at knots, linear between them and level beyond them."""

    @model_validator(mode="after")
    def _increasing(self) -> Table:
        lists = [v for v in self.__dict__.values() if isinstance(v, tuple)]
        if len({len(v) for v in lists}) != 1:
            raise ValueError("the lists of this table differ in length")
        if np.any(np.diff(lists[0]) <= 0):
            raise ValueError("the knots must increase")
        return self


class TScoreTable(Table, frozen=True):
    """Mean and SD of a T-score by age, in an unselected population."""

    age: tuple[Number, ...]
    mean: tuple[Number, ...]
    sd: tuple[Positive, ...]


class AgeTable(Table, frozen=True):
    """Median of a hormone by age."""

    age: tuple[Number, ...]
    median: tuple[Positive, ...]


class MenopauseTable(Table, frozen=True):
    """Median of a hormone by years since the final menstrual period."""

    years_since_menopause: tuple[Number, ...]
    median: tuple[Positive, ...]


class Correlation(Sourced, frozen=True):
    """Correlation of the normals of two covariates."""

    between: tuple[Literal[DRIVEN], Literal[DRIVEN]]  # pyright: ignore[reportInvalidTypeForm]
    value: Annotated[Number, Field(gt=-1, lt=1)]


class Population(BaseModel, frozen=True, extra="forbid"):
    """A population as its file declares it; see the module's text for the mathematics.

    Attributes:
        ranges: limits that hold always, of the population or of plausibility.
        selection: who is recruited unless the study says so itself (see `screening`).
    """

    name: str
    title: str
    description: str
    sex: Literal["female"]
    age: Distribution
    age_at_menopause: Distribution
    bmi: Distribution
    t_score_lumbar_spine: TScoreTable
    t_score_total_hip: TScoreTable
    t_score_femoral_neck: TScoreTable
    estradiol: MenopauseTable
    pth: AgeTable
    igf1: AgeTable
    correlations: tuple[Correlation, ...] = ()
    ranges: tuple[Range, ...] = ()
    selection: tuple[Range, ...] = ()

    @model_validator(mode="after")
    def _correlations_are_possible(self) -> Population:
        if np.linalg.eigvalsh(self.correlation_matrix()).min() <= 1e-6:
            raise ValueError("correlations: together they are impossible (not positive definite)")
        return self

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
        baseline, something of the same family (T-scores; age and menopause): recruitment is then
        the study's to describe.
        """
        rules = tuple(rules)
        spoken_for = {family(name) for name in (*(rule.variable for rule in rules), *baseline)}
        own = (rule for rule in self.selection if family(rule.variable) not in spoken_for)
        return (*self.ranges, *own, *rules)


def family(variable: str) -> str:
    """Return the family of a covariate: what a study that mentions it has taken over."""
    if variable in T_SCORES:
        return "t_score"
    return "time" if variable.startswith(("age", "years")) else variable


@cache
def load_population(name: str | Path) -> Population:
    """Read a bundled population by name, or a population file.

    Args:
        name: a bundled name, or the path of a TOML file.

    Raises:
        BadInput: no such population, or the file breaks the schema; every problem is listed.
    """
    known = bundled("populations")
    path = known.get(str(name), Path(name))
    if str(name) not in known and path.suffix != ".toml":
        near = did_you_mean(str(name), known)
        raise BadInput(f"population '{name}' is unknown; bundled are {', '.join(known)}.{near}")
    content = _read(path)
    background = content.pop("background", None)
    if background is not None:
        content = {**_background(str(background), path), **content}
    try:
        return Population.model_validate(content)
    except ValidationError as error:
        raise BadInput(problems(error, path)) from None


def _background(name: str, path: Path) -> dict[str, Any]:
    known = {p.stem: p for p in (data_root() / "populations/background").glob("*.toml")}
    if name not in known:
        raise BadInput(
            f"{path}: background is '{name}'; allowed is {' or '.join(sorted(known))}."
            + did_you_mean(name, known)
        )
    return _read(known[name])


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as a TOML file ({error}).") from None


def problems(error: ValidationError, path: Path) -> list[str]:
    """Write pydantic's findings as sentences with file, key and what was found."""
    sentences = []
    for found in error.errors():
        key = ".".join(str(step) for step in found["loc"])
        value = "" if found["type"] in ("missing", "value_error") else f"; found {found['input']!r}"
        message = found["msg"].removeprefix("Value error, ")
        sentences.append(f"{path}: {key + ': ' if key else ''}{message}{value}.")
    return sentences
