"""Where published rows stand among the outputs of a group of arms.

A row is the mean or median over persons of percent changes from a visit to another, alone or
against the same of another arm: a difference for BMD, a ratio for markers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from calibration.groups import COLUMNS, Group
from calibration.job.selection import NATURAL_HISTORY
from cohort.analysis.compare import ArmFacts, arms_of, reference_of
from cohort.model.arrays import Patients
from cohort.results.published import PublishedRow
from cohort.trial.schema import Study
from cohort.trial.study import resolved

NEAR = 0.51  # months between a row and its visit


class Reading(NamedTuple):
    """Where rows' numbers stand in the flat list of (arm, visit, outcome) of one group.

    Attributes:
        rows: places of the rows among all rows, `(row,)`.
        visit: places of the numbers of a row's own arm and of the one it is compared with (its own
            again where there is none), `(row, 2)`.
        since: places of the numbers that they are changes from, `(row, 2)`.
        compared: whether there is another arm, `(row,)`.
        marker: whether the row is of a marker, `(row,)`.
        median: whether it is a median, `(row,)`.
    """

    rows: np.ndarray
    visit: np.ndarray
    since: np.ndarray
    compared: np.ndarray
    marker: np.ndarray
    median: np.ndarray


def arm_facts(
    studies: Mapping[str, Study], lives: Sequence[str] = ()
) -> dict[str, dict[str, ArmFacts]]:
    """Return what a comparison must know of the arms of trials and of untreated lives."""
    found = {name: arms_of(resolved(study)) for name, study in studies.items()}
    return found | {NATURAL_HISTORY: {life: ArmFacts(life, life, "control", ()) for life in lives}}


def flat(outputs: Mapping[str, Patients]) -> Patients:
    """Line up the outputs of a group: `(arm * visit * outcome, patient)`."""
    stacked = jnp.stack([outputs[column] for column in COLUMNS], axis=2)
    return stacked.reshape(-1, stacked.shape[-1])


def read_rows(
    rows: Sequence[PublishedRow], arms: Mapping[str, Mapping[str, ArmFacts]], group: Group
) -> Reading:
    """Find the numbers of the rows that a group answers.

    Args:
        rows: all rows.
        arms: what a comparison must know of the arms, by trial.
        group: some of the trials' arms.
    """
    place = {
        (lane.trial, lane.arm): (index * group.visits * len(COLUMNS), lane.months)
        for index, lane in enumerate(group.lanes)
    }
    inside = [i for i, row in enumerate(rows) if (row.trial, row.arm) in place]
    found = [_read(rows[i], arms[rows[i].trial], place) for i in inside]
    visit, since, compared, marker, median = zip(*found, strict=True)
    return Reading(*map(np.array, (inside, visit, since, compared, marker, median)))


def _read(row: PublishedRow, arms: Mapping[str, ArmFacts], place: Mapping) -> tuple:
    versus = reference_of(row, arms)
    if versus is None:
        raise ValueError(f"{row.trial}, {row.row_id}: '{row.versus}' is no arm of the study")
    other = versus.arm or row.arm
    column = COLUMNS.index((row.column or "").removesuffix("_change"))

    def position(arm: str, month: float) -> int:
        first, months = place[row.trial, arm]
        visit = int(np.argmin(np.abs(np.array(months) - month)))
        if abs(months[visit] - month) > NEAR:
            raise ValueError(f"{row.trial}, {row.row_id}: no visit near month {month:g}")
        return first + visit * len(COLUMNS) + column

    own, compared = position(row.arm, row.month), position(other, row.month)
    since = position(row.arm, versus.month or 0.0), position(other, versus.month or 0.0)
    has_other = versus.arm is not None
    return (own, compared), since, has_other, row.is_marker, row.center == "median"


def mean_rows(outputs: Patients, reading: Reading) -> Patients:
    """Return the rows of a group from the means over persons, `(row,)`; differentiable.

    Args:
        outputs: of `flat`.
        reading: of the group.
    """
    return _combine(jnp.mean(_changes(outputs, reading), axis=-1), reading)


def published_rows(outputs: Patients, reading: Reading) -> np.ndarray:
    """Return the rows of a group from whole cohorts: means, or medians where those are published.

    Args:
        outputs: of `flat`.
        reading: of the group.
    """
    change = np.asarray(_changes(outputs, reading))
    middle = np.where(reading.median[:, None], np.median(change, axis=-1), np.mean(change, axis=-1))
    return np.asarray(_combine(middle, reading))


def _changes(outputs: Patients, reading: Reading) -> Patients:
    """Return percent changes, `(row, 2, patient)`."""
    return 100.0 * (outputs[reading.visit] / outputs[reading.since] - 1.0)


def _combine(changes: ArrayLike, reading: Reading) -> Patients:
    """Return rows from the middles of their own and the other arm's changes, `(row, 2)`."""
    own, other = jnp.asarray(changes)[:, 0], jnp.asarray(changes)[:, 1]
    ratio = 100.0 * ((1.0 + own / 100.0) / (1.0 + other / 100.0) - 1.0)
    return jnp.where(reading.compared, jnp.where(reading.marker, ratio, own - other), own)
