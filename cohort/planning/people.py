"""The cohort that trials are drawn from: every person in every arm, seen at every visit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cohort.errors import BadInput
from cohort.results.outcomes import BY_NAME, CHANGE, MEASURED
from cohort.results.reader import Results
from cohort.results.schema import DRAW

if TYPE_CHECKING:
    import pandas as pd

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class People:
    """The outcome of interest of every person.

    Attributes:
        patient_id: `(person,)`.
        months: nominal months of the visits, month 0 first, `(visit,)`.
        measured: the outcome as measured, `(draw, arm, person, visit)`, float32.
        true: the same without measurement error.
        baseline: the measured outcome at month 0, before it became a change, `(draw, person)`.
        covariates: further columns by name, `(person,)`.
        weight: sampling weight, `(person,)`.
    """

    patient_id: npt.NDArray[np.int64]
    months: Reals
    measured: npt.NDArray[np.float32]
    true: npt.NDArray[np.float32]
    baseline: Reals
    covariates: Mapping[str, npt.NDArray]
    weight: Reals

    @property
    def draws(self) -> int:
        """Number of draws of the parameters; 1 under the set itself."""
        return self.measured.shape[0]

    def visits(self, months: Sequence[float]) -> npt.NDArray[np.int64]:
        """Return the positions of visits."""
        return np.searchsorted(self.months, np.asarray(months, dtype=float) - 1e-3)


def columns_of(outcome: str) -> tuple[str, str, str]:
    """Return the columns of `visits` that hold an outcome: as analysed, true, and baseline."""
    prefix = MEASURED if BY_NAME[outcome].measured else ""
    level = outcome.removesuffix(CHANGE)
    return prefix + outcome, outcome, prefix + level


Table = Mapping[str, npt.NDArray[Any]]
"""A table as arrays by column."""


def arrays(frame: pd.DataFrame) -> Table:
    """Return a data frame's columns as arrays, arms as words."""
    return {
        str(name): np.asarray(frame[name].astype(str) if name == "arm" else frame[name])
        for name in frame.columns
    }


def rows(table: Table, kept: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Table:
    """Return some rows of a table."""
    return {name: column[kept] for name, column in table.items()}


def arm_numbers(words: npt.NDArray[Any], arms: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the number of each arm's name."""
    order = np.argsort(arms)
    return order[np.searchsorted(np.asarray(arms)[order], words)]


def read_people(results: Results, outcome: str, covariates: Sequence[str]) -> People:
    """Read the cohort from a results folder.

    Args:
        results: of a paired run without dropout.
        outcome: the outcome.
        covariates: columns of `patients` that are needed.

    Raises:
        BadInput: fewer than two persons have results in every arm.
    """
    analysed, true, level = columns_of(outcome)
    patients = arrays(results.patients(["patient_id", "arm", "weight", "result_code", *covariates]))
    failed = patients["patient_id"][patients["result_code"] != 0]
    visits = arrays(results.visits(list(dict.fromkeys([analysed, true, level]))))
    visits = rows(visits, ~np.isin(visits["patient_id"], failed))
    ids, place = np.unique(patients["patient_id"], return_index=True)
    first = rows(patients, place[~np.isin(ids, failed)])
    cube = _cube(visits, results.arms, first["patient_id"])
    if cube.person < 2:
        raise BadInput(f"{results.root}: fewer than two persons have results in every arm.")
    return People(
        patient_id=first["patient_id"].astype(np.int64),
        months=cube.months,
        measured=cube.filled(visits[analysed]),
        true=cube.filled(visits[true]),
        baseline=cube.filled(visits[level])[:, 0, :, 0].astype(float),
        covariates={name: first[name] for name in covariates},
        weight=first["weight"].astype(float),
    )


@dataclass(frozen=True)
class _Cube:
    """Where every row of the visits goes in an array of draw, arm, person and visit."""

    draw: npt.NDArray[Any]
    arm: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    visit: npt.NDArray[np.int64]
    shape: tuple[int, int, int, int]
    months: Reals

    @property
    def person(self) -> int:
        return self.shape[2]

    def filled(self, column: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        values = np.full(self.shape, np.nan, dtype=np.float32)
        values[self.draw, self.arm, self.place, self.visit] = column
        return values


def _cube(visits: Table, arms: Sequence[str], ids: npt.NDArray[Any]) -> _Cube:
    months = np.unique(visits["month"]).astype(float)
    draw = visits[DRAW] if DRAW in visits else np.zeros(visits["month"].size, dtype=np.int64)
    return _Cube(
        draw,
        arm_numbers(visits["arm"], arms),
        np.searchsorted(ids, visits["patient_id"]),
        np.searchsorted(months, visits["month"].astype(float)),
        (int(draw.max(initial=0)) + 1, len(arms), ids.size, months.size),
        months,
    )
