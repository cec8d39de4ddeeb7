"""The objective: how far the predictions of all targets are from what was published.

A prediction is that of the one typical person of each arm plus a correction, `cohort mean - typical
person`, which is computed with a whole cohort at the current parameters and held while the typical
persons are fitted. The correction changes little with the parameters, so two or three rounds settle
it, and derivatives cost one person an arm instead of hundreds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from calibration import natural_history
from calibration.cohorts import COLUMNS, Group, make_groups, predict, study_lanes
from calibration.targets import Target, study_arms, study_targets
from cohort.analysis.compare import ArmFacts, reference_of
from cohort.model.arrays import Patients
from cohort.model.parameters import PARAMETERS
from cohort.results.published import PublishedRow
from cohort.trial.schema import Study

NEAR = 0.51  # months between a row and its visit


class Reading(NamedTuple):
    """Where the rows' numbers stand among the relative outputs of all arms.

    A row compares one change with another or with nothing. `visit` and `since` are positions in the
    flat list of (group, arm, visit, outcome) values, `(row, 2)` each: of the row's own arm and of
    the arm it is compared with (its own again where there is none).
    """

    visit: np.ndarray
    since: np.ndarray
    compared: np.ndarray
    marker: np.ndarray
    median: np.ndarray


@dataclass(frozen=True)
class Problem:
    """Targets with the arms that predict them.

    Attributes:
        studies: the replicas, in order.
        targets: rows to fit, in the order of the predictions.
        arms: facts of every study's arms.
        typical: one person an arm.
        reading: where the typical persons' outputs answer the targets.
    """

    studies: tuple[Study, ...]
    targets: tuple[Target, ...]
    arms: Mapping[str, Mapping[str, ArmFacts]]
    typical: tuple[Group, ...]
    reading: Reading

    def cohort(self, values: Mapping[str, float], patients: int) -> np.ndarray:
        """Return the predictions by whole cohorts of so many patients."""
        traced = {name: jnp.asarray(value) for name, value in values.items()}
        drawn = [lane for s in self.studies for lane in study_lanes(s, patients, typical=False)]
        sets = tuple(make_groups(drawn)), tuple(make_groups(natural_history.lanes()))
        predicted = np.zeros(len(self.targets))
        for groups in sets:
            outputs = [
                np.asarray(flat(jax.jit(partial(predict, group))(traced))) for group in groups
            ]
            inside = read_rows(self.targets, self.arms, groups)
            rows = np.isfinite(inside.marker)
            predicted[rows] = compare(np.concatenate(outputs), Reading(*(x[rows] for x in inside)))
        return predicted


def flat(outputs: Mapping[str, Patients]) -> Patients:
    """Line up the outputs of a group: `(arm * visit * outcome, patient)`."""
    stacked = jnp.stack([outputs[column] for column in COLUMNS], axis=2)
    return stacked.reshape(-1, stacked.shape[-1])


def read_rows(
    targets: Sequence[Target], arms: Mapping[str, Mapping[str, ArmFacts]], groups: Sequence[Group]
) -> Reading:
    """Find every target's numbers; `marker` is NaN for rows that no arm of the groups answers."""
    place, offset = {}, 0
    for group in groups:
        for index, lane in enumerate(group.lanes):
            first = offset + index * group.visits * len(COLUMNS)
            place[lane.trial, lane.arm] = first, lane.months
        offset += len(group.lanes) * group.visits * len(COLUMNS)
    found = [_read(target.row, arms[target.row.trial], place) for target in targets]
    return Reading(*(np.array(column) for column in zip(*found, strict=True)))


def _read(row: PublishedRow, arms: Mapping[str, ArmFacts], place: Mapping) -> tuple:
    versus = reference_of(row, arms)
    if versus is None:
        raise ValueError(f"{row.trial}, {row.row_id}: '{row.versus}' is no arm of the study")
    other = versus.arm or row.arm
    if (row.trial, row.arm) not in place:
        return (0, 0), (0, 0), False, np.nan, False
    column = COLUMNS.index((row.column or "").removesuffix("_change"))

    def position(arm: str, month: float) -> int:
        first, months = place[row.trial, arm]
        visit = int(np.argmin(np.abs(np.array(months) - month)))
        if abs(months[visit] - month) > NEAR:
            raise ValueError(f"{row.trial}, {row.row_id}: no visit near month {month:g}")
        return first + visit * len(COLUMNS) + column

    own, compared = position(row.arm, row.month), position(other, row.month)
    since = position(row.arm, versus.month or 0.0), position(other, versus.month or 0.0)
    median = row.center == "median"
    return (own, compared), since, versus.arm is not None, float(row.is_marker), median


def compare(outputs: np.ndarray, reading: Reading) -> np.ndarray:
    """Return the rows' predictions from the outputs of whole cohorts."""
    change = 100.0 * (outputs[reading.visit] / outputs[reading.since] - 1.0)
    middle = np.where(reading.median[:, None], np.median(change, axis=-1), np.mean(change, axis=-1))
    return np.asarray(combine(middle[:, 0], middle[:, 1], reading))


def combine(own: ArrayLike, other: ArrayLike, reading: Reading) -> Patients:
    """Return differences for BMD and ratios for markers where arms are compared."""
    own, other = jnp.asarray(own), jnp.asarray(other)
    ratio = 100.0 * ((1.0 + own / 100.0) / (1.0 + other / 100.0) - 1.0)
    against = jnp.where(reading.marker > 0, ratio, own - other)
    return jnp.where(reading.compared, against, own)


def typical_rows(outputs: Patients, reading: Reading) -> Patients:
    """Return the rows' predictions from the outputs of typical persons, `(position,)`."""
    change = 100.0 * (outputs[reading.visit] / outputs[reading.since] - 1.0)
    return combine(change[:, 0], change[:, 1], reading)


def make_problem(studies: Sequence[Study], patients: int = 512) -> Problem:
    """Gather targets and typical persons.

    Args:
        studies: replicas to fit.
        patients: how many are drawn to find each study's typical person.
    """
    targets = [target for study in studies for target in study_targets(study)]
    used = {target.row.trial for target in targets}
    kept = tuple(study for study in studies if study.name in used)
    lanes = [lane for study in kept for lane in study_lanes(study, patients, typical=True)]
    lives = {name: ArmFacts(name, name, "control", ()) for name in natural_history.PERSONS}
    targets += natural_history.targets()
    arms = {study.name: study_arms(study) for study in kept} | {natural_history.NAME: lives}
    groups = tuple(make_groups([*lanes, *natural_history.lanes()]))
    return Problem(kept, tuple(targets), arms, groups, read_rows(targets, arms, groups))


def to_scale(values: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    """Return parameters on the scales of their priors."""
    return np.array([PARAMETERS[name].to_scale(values[name]) for name in names])


def from_scale(scaled: Patients, names: Sequence[str]) -> dict[str, Patients]:
    """Inverse of `to_scale`, differentiable."""
    return {
        name: jnp.exp(x) if PARAMETERS[name].scale == "log" else jax.nn.sigmoid(x)
        for name, x in zip(names, scaled, strict=True)
    }
