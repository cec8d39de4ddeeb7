"""Levels of hormones beside published ones: a table of their own, outside the errors of bone.

Assays differ by more than people do, so a level is compared as a ratio to baseline:

    absolute levels      level at month m / level at month 0 of the same arm
    percent change       1 + change / 100
    fold change          the number itself

An absolute level without a month 0 of its arm is shown in its unit and enters no error. The error
of a ratio is predicted over published minus 1, in percent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cohort.analysis.compare import ArmFacts, Trajectories, therapy_of
from cohort.results.outcomes import BY_NAME
from cohort.results.published import PublishedRow

RATIO = "ratio"
"""Unit of a level relative to baseline."""


@dataclass(frozen=True)
class HormonePrediction:
    """A published level of a hormone with what the cohort gives for it.

    Attributes:
        row: the published row.
        unit: `ratio` to baseline, or the unit of an absolute level that has no baseline.
        observed: as published, in `unit`.
        predicted: in `unit`; NaN where it cannot be predicted, for the `reason`.
        therapy: therapies of the row's arm, joined by ` + `; `none` without any.
        reason: why there is no prediction, or an empty string.
    """

    row: PublishedRow
    unit: str
    observed: float
    predicted: float
    therapy: str
    reason: str = ""

    @property
    def standard_error(self) -> float:
        """Of an absolute level, in its unit; NaN for a ratio, whose parts vary together."""
        return math.nan if self.unit == RATIO else self.row.standard_error

    @property
    def difference(self) -> float:
        """Predicted over published ratio minus 1, in percent; NaN for an absolute level."""
        return 100.0 * (self.predicted / self.observed - 1.0) if self.unit == RATIO else math.nan

    @property
    def kind(self) -> str:
        """`hormone` where the row counts in an error of hormones, else `shown`."""
        counts = self.unit == RATIO and self.row.primary and self.row.read and not self.reason
        return "hormone" if counts else "shown"


def hormone_predictions(
    rows: Iterable[PublishedRow], arms: Mapping[str, ArmFacts], trajectories: Trajectories
) -> list[HormonePrediction]:
    """Predict every published level of a hormone of one trial.

    Args:
        rows: published rows; those of no hormone are left out, and so are baselines, which their
            arm's later levels are divided by.
        arms: arms of the study that was run, by name.
        trajectories: statistics over its persons.

    Returns:
        One prediction a row, in order; those without a number carry the reason.
    """
    levels = [row for row in rows if row.is_level]
    baselines = {_series(row): row.value for row in levels if row.month == 0 and _absolute(row)}
    predictions = []
    for row in levels:
        if row.month == 0 and _absolute(row):
            continue
        found = _observed(row, baselines)
        if found is None:
            continue
        observed, unit = found
        predicted, reason = _predict(row, unit, arms, trajectories)
        therapy = therapy_of(row, arms)
        predictions.append(HormonePrediction(row, unit, observed, predicted, therapy, reason))
    return predictions


def _series(row: PublishedRow) -> tuple[str, str, str, str]:
    """What a level and its baseline have in common."""
    return row.arm, row.endpoint, row.unit, row.statistic


def _absolute(row: PublishedRow) -> bool:
    """Whether the row is a concentration: neither a change nor a standard deviation score."""
    return row.versus == "none" and "/" in row.unit


def _observed(
    row: PublishedRow, baselines: Mapping[tuple[str, str, str, str], float]
) -> tuple[float, str] | None:
    """Return what was observed and its unit, or None for a scale that is not predicted (SDS)."""
    if _absolute(row):
        base = baselines.get(_series(row))
        if base:
            return row.value / base, RATIO
        assert row.hormone is not None  # held by `is_level`
        return (row.value, row.unit) if row.unit == BY_NAME[row.hormone].unit else None
    if row.from_baseline and row.unit == "percent change":
        return 1.0 + row.value / 100.0, RATIO
    return (row.value, RATIO) if row.from_baseline and row.unit == "fold" else None


def _predict(
    row: PublishedRow, unit: str, arms: Mapping[str, ArmFacts], trajectories: Trajectories
) -> tuple[float, str]:
    """Return a ratio of levels' centres, the centre of ratios, or a level, as published."""
    column, statistic = row.hormone, row.center
    assert column is not None  # held by `is_level`
    assert statistic is not None
    if row.arm not in arms:
        return math.nan, f"no arm '{row.arm}' in the study"
    base = trajectories.center(row.arm, column, 0.0, statistic)
    if base is None:
        return math.nan, f"{column} was not written; a study asks for it under outputs.extra"
    level = trajectories.center(row.arm, column, row.month, statistic)
    if level is None:
        return math.nan, f"no visit within half a month of month {row.month:g}"
    if unit != RATIO:
        return level, ""
    if _absolute(row):
        return level / base, ""
    change = trajectories.center(row.arm, column, row.month, statistic, since=0.0)
    return (math.nan, "nobody is left") if change is None else (1.0 + change / 100.0, "")


@dataclass(frozen=True)
class HormoneErrors:
    """Errors over the ratios of one hormone in one split, in percent."""

    split: str
    participants: str
    hormone: str
    rows: int
    trials: int
    rmse: float
    bias: float


def hormone_errors(
    predictions: Iterable[HormonePrediction], participants: Mapping[str, str]
) -> list[HormoneErrors]:
    """Root mean square error and bias of the rows that count, by split, participants and hormone.

    Args:
        predictions: those that count in no error are left out.
        participants: `women`, `men` or `mixed` by trial.
    """
    groups: dict[tuple[str, str, str], list[HormonePrediction]] = {}
    for prediction in predictions:
        if prediction.kind == "hormone":
            row = prediction.row
            key = row.split, participants[row.trial], row.endpoint
            groups.setdefault(key, []).append(prediction)
    result = []
    for (split, who, hormone), members in sorted(groups.items()):
        off = [p.difference for p in members]
        rmse = math.sqrt(math.fsum(d * d for d in off) / len(off))
        trials = len({p.row.trial for p in members})
        bias = math.fsum(off) / len(off)
        result.append(HormoneErrors(split, who, hormone, len(off), trials, rmse, bias))
    return result
