"""The tables that population and variability files are made of, each with source and check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AllowInfNan, BaseModel, Field, ValidationError, model_validator

from cohort.errors import did_you_mean
from cohort.patients.covariates import COVARIATES, DRIVEN

Number = Annotated[float, AllowInfNan(False)]
Positive = Annotated[Number, Field(gt=0)]
Check = Literal["checked", "unchecked", "approximate", "model"]

CONDITIONS = {
    "hypogonadism": "factor on the person's own testosterone",
    "growth_hormone_deficiency": "factor on the person's own IGF-1",
    "hyperparathyroidism": "factor on the person's own PTH",
    "calcium_deficiency": "0 (none) to 1: raises the logarithm of PTH by 0.35 times this",
    "inflammation": "activated T cells; 1 is as many as complete estrogen deficiency gives",
    "immobility": "factor on mechanical loading",
}
"""Conditions that a population may have, and what the amount of each means."""

_AMOUNTS = {"calcium_deficiency": (0.0, 1.0), "inflammation": (0.0, np.inf)}


class Sourced(BaseModel, frozen=True, extra="forbid"):
    """A table of numbers with their source and how far that was checked."""

    source: Annotated[str, Field(min_length=3)]
    check: Check


class Range(Sourced, frozen=True):
    """A range that every member lies in; alternatives share an `any_of`."""

    # pydantic reads a Literal made from a tuple at run time, which pyright cannot; written out
    # here, the names would stand twice.
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
        lists = [v for v in self.__dict__.values() if isinstance(v, tuple) and v]
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


class HormoneTable(Table, frozen=True):
    """Median of a hormone by age, or by years since the final menstrual period."""

    age: tuple[Number, ...] = ()
    years_since_menopause: tuple[Number, ...] = ()
    median: tuple[Positive, ...]

    @model_validator(mode="after")
    def _one_clock(self) -> HormoneTable:
        if bool(self.age) == bool(self.years_since_menopause):
            raise ValueError("give either age or years_since_menopause")
        return self

    @property
    def by_menopause(self) -> bool:
        """Whether the knots are years since the final menstrual period."""
        return bool(self.years_since_menopause)

    @property
    def knots(self) -> tuple[float, ...]:
        """The knots, whichever they are."""
        return self.age or self.years_since_menopause


class Correlation(Sourced, frozen=True):
    """Correlation of the normals of two covariates."""

    # As in `Range`: names from the one tuple that holds them.
    between: tuple[Literal[DRIVEN], Literal[DRIVEN]]  # pyright: ignore[reportInvalidTypeForm]
    value: Annotated[Number, Field(gt=-1, lt=1)]


class Condition(Sourced, frozen=True):
    """What every member has had for some years before entry; amounts as in `CONDITIONS`."""

    name: str
    amount: Number
    years: Annotated[Number, Field(ge=0)]

    @model_validator(mode="after")
    def _known_and_possible(self) -> Condition:
        if self.name not in CONDITIONS:
            raise ValueError(
                f"'{self.name}' is not a condition; allowed are {', '.join(CONDITIONS)}."
                + did_you_mean(self.name, CONDITIONS)
            )
        low, high = _AMOUNTS.get(self.name, (1e-3, 1e3))
        if not low <= self.amount <= high:
            raise ValueError(f"amount is {self.amount:g}; allowed is {low:g} to {high:g}")
        return self


def neutral_amount(condition: str) -> float:
    """Return the amount of a condition in those who do not have it."""
    return 0.0 if condition in _AMOUNTS else 1.0


def problems(error: ValidationError, path: Path) -> list[str]:
    """Write pydantic's findings as sentences with file, key and what was found."""
    sentences = []
    for found in error.errors():
        key = ".".join(str(step) for step in found["loc"])
        value = "" if found["type"] in ("missing", "value_error") else f"; found {found['input']!r}"
        message = found["msg"].removeprefix("Value error, ").rstrip(".")
        sentences.append(f"{path}: {key + ': ' if key else ''}{message}{value}.")
    return sentences
