"""Spreads of measured changes in whole cohorts whose persons differ as they are told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr, ndtri

from calibration.groups import COLUMNS, Group, GroupDrugs, make_groups, predict
from calibration.lanes import whole_lanes
from calibration.reading import NEAR, flat
from calibration.spread.rows import LN_RATIO, SpreadRow
from cohort.model.arrays import Patients
from cohort.patients.variability import Variability
from cohort.solve.plan import load_reference
from cohort.trial.schema import Study


class Place(NamedTuple):
    """Where a row's numbers stand in the flat list of (arm, visit, outcome) of one group."""

    row: int
    visit: int
    entry: int


class SpreadCohort:
    """Predicts published spreads at fixed parameters."""

    def __init__(
        self,
        rows: Sequence[SpreadRow],
        studies: Mapping[str, Study],
        values: Mapping[str, float],
        patients: int,
    ) -> None:
        """Take what is predicted.

        Args:
            rows: published spreads.
            studies: their trials, by name.
            values: value by parameter name.
            patients: persons of each trial.
        """
        self._rows, self._studies, self._patients = rows, studies, patients
        self._values = {name: jnp.asarray(value) for name, value in values.items()}
        cv = {name: load_reference(study).cv for name, study in studies.items()}
        self._cv = [cv[row.trial][row.column] for row in rows]

    def spreads(self, variability: Variability) -> np.ndarray:
        """Return the predicted spreads, `(row,)`, in the units of the rows."""
        found = np.full(len(self._rows), np.nan)
        for group in self._groups(variability):
            numbers = _outputs(group, self._values)
            for place in _places(self._rows, group):
                ratio = numbers[place.visit] / numbers[place.entry]
                logs = self._rows[place.row].unit == LN_RATIO
                spread = log_width if logs else percent_sd
                found[place.row] = spread(ratio, self._cv[place.row])
        return found

    def _groups(self, variability: Variability) -> list[Group]:
        asked = {(row.trial, row.arm) for row in self._rows}
        return make_groups(
            [
                lane
                for study in self._studies.values()
                for lane in whole_lanes(study, variability, self._patients)
                if (lane.trial, lane.arm) in asked
            ]
        )


def percent_sd(ratio: np.ndarray, cv: float) -> float:
    """Return the standard deviation of measured percent changes.

    Both visits have independent normal errors of `cv` of the true value, which is small.

    Args:
        ratio: true value over that at entry, `(patient,)`.
        cv: coefficient of variation of one measurement.
    """
    return float(100.0 * np.sqrt(np.var(ratio, ddof=1) + 2.0 * cv**2 * np.mean(ratio**2)))


def log_width(ratio: np.ndarray, cv: float) -> float:
    """Return the distance between quartiles of the logarithm of measured ratios, as an SD.

    The logarithms are normal around each person's true one, so the quartiles are those of a
    mixture of normals, found by bisection; the distance is 1.349 for a standard normal.

    Args:
        ratio: true value over that at entry, `(patient,)`.
        cv: standard deviation of the logarithm of one measurement.
    """
    logs, error = np.log(ratio), np.sqrt(2.0) * cv
    quarters = np.array([0.25, 0.75])
    low = np.full(2, logs.min() - 9.0 * error)
    high = np.full(2, logs.max() + 9.0 * error)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = ndtr((middle[:, None] - logs) / error).mean(axis=1) < quarters
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return float(np.diff(low)[0] / (2.0 * ndtri(0.75)))


def _outputs(group: Group, values: Mapping[str, Patients]) -> np.ndarray:
    """Return `flat` of a group; compiled once for all groups of one shape."""
    drugs = group.drugs
    arrays = (group.studies, group.first_day, group.study_of_arm, group.steps)
    numbers = _predicted(arrays, drugs.fixed, drugs.places, values, drugs.levels, group.visits)
    return np.asarray(numbers, float)


@partial(jax.jit, static_argnums=(4, 5))
def _predicted(arrays, fixed, places, values, levels, visits) -> Patients:
    studies, first_day, study_of_arm, steps = arrays
    drugs = GroupDrugs(fixed, places, levels)
    return flat(predict(Group((), studies, first_day, study_of_arm, steps, drugs, visits), values))


def _places(rows: Sequence[SpreadRow], group: Group) -> list[Place]:
    first = {
        (lane.trial, lane.arm): (index * group.visits * len(COLUMNS), np.array(lane.months))
        for index, lane in enumerate(group.lanes)
    }
    places = []
    for index, row in enumerate(rows):
        if (row.trial, row.arm) not in first:
            continue
        start, months = first[row.trial, row.arm]
        visit = int(np.argmin(np.abs(months - row.month)))
        if abs(months[visit] - row.month) > NEAR:
            raise ValueError(f"{row.study}: {row.trial} has no visit near month {row.month:g}")
        entry = int(np.argmin(np.abs(months)))
        column = COLUMNS.index(row.column)
        at = [start + place * len(COLUMNS) + column for place in (visit, entry)]
        places.append(Place(index, *at))
    return places
