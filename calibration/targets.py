"""Targets: published rows, each with what its number is uncertain by.

A row's own standard error is `sampling`: as published, or the median of those that the bundled
trials publish for that quantity, where it gives none. Like trials differ by more than sampling: by
an error of each row, and by an offset that all rows of a trial and quantity share. Both are in
proportion to

    scale = sqrt(floor^2 + (share value)^2)

(0.6 points and 6 % of the value for BMD, 7 points and 13 % for markers, unless a job says
otherwise), with factors that are estimated from the residuals (`likelihood`). Rows of one series
(arm, quantity) are repeated looks at the same people, so a series of many rows weighs like `series`
of them. Rows known only from the literature at large (`unchecked`) have their error doubled.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from calibration.job.schema import Job, Noise
from calibration.job.selection import NATURAL_HISTORY
from calibration.job.tables import read_tables
from cohort.resources import bundled
from cohort.results.published import PublishedRow, published_of


@dataclass(frozen=True)
class Target:
    """A published row to fit or to predict.

    Attributes:
        row: as published.
        sampling: standard error of the published number, percent.
        error: standard deviation in the loss, percent: that and what like trials differ by, with
            the row's weight and the job's emphasis.
        block: trial and quantity, whose rows share an offset.
    """

    row: PublishedRow
    sampling: float
    error: float
    block: tuple[str, str]


def make_targets(rows: Sequence[PublishedRow], job: Job) -> tuple[Target, ...]:
    """Return rows with their errors, in order."""
    return tuple(
        Target(
            row,
            sampling_error(row),
            weight * math.hypot(sampling_error(row), scale(row, job.noise)) / stress,
            (row.trial, row.quantity),
        )
        for row, weight, stress in zip(rows, weights(rows, job), emphasis(rows, job), strict=True)
    )


def stated_targets(
    rows: Sequence[PublishedRow], petab: str
) -> tuple[tuple[Target, ...], tuple[np.ndarray, np.ndarray]]:
    """Return rows of PEtab tables with the errors and offsets that stand there, `(row,)` each.

    Args:
        rows: of the tables, in the order of the problem.
        petab: the PEtab problem.
    """
    found = read_tables(petab)
    place = {id(target.row): number for number, target in enumerate(found.targets)}
    order = [place[id(row)] for row in rows]
    targets = tuple(found.targets[number] for number in order)
    return targets, (np.array([target.error for target in targets]), found.offset[order])


def scale(row: PublishedRow, noise: Noise) -> float:
    """Return the unit in which trials differ, percent; none for untreated lives, which no trial is.

    What a source of natural history is uncertain by, its own standard error says.
    """
    if row.trial == NATURAL_HISTORY:
        return 0.0
    if row.is_marker:
        return math.hypot(noise.marker_floor, noise.marker_share * row.value)
    return math.hypot(noise.bmd_floor, noise.bmd_share * row.value)


def weights(rows: Sequence[PublishedRow], job: Job) -> list[float]:
    """Return the factors on rows' own errors that series and checks ask."""
    looks = Counter(_series(row) for row in rows if row.trial != NATURAL_HISTORY)
    return [
        math.sqrt(max(1.0, looks[_series(row)] / job.noise.series))
        * (1.0 if row.read else job.noise.unchecked)
        for row in rows
    ]


def emphasis(rows: Sequence[PublishedRow], job: Job) -> list[float]:
    """Return what the job divides all errors of rows by, their share of an offset among them."""
    return [
        math.prod(
            stressed.factor
            for stressed in job.targets.emphasis
            if stressed.trial == row.trial and row.month >= stressed.from_month
        )
        for row in rows
    ]


def _series(row: PublishedRow) -> tuple[str, str, str, str]:
    return row.trial, row.arm, row.quantity, row.versus


def sampling_error(row: PublishedRow) -> float:
    """Return a row's standard error: as published, else the usual one of its quantity."""
    if math.isfinite(row.standard_error) and row.standard_error > 0:
        return row.standard_error
    return _usual_errors()[row.quantity]


@cache
def _usual_errors() -> dict[str, float]:
    """Return the median published standard error by quantity, over the calibration split."""
    rows = [row for name in bundled("trials") for row in published_of(name)]
    found: dict[str, list[float]] = {}
    for row in rows:
        known = math.isfinite(row.standard_error) and row.standard_error > 0
        if known and row.comparable and row.split == "calibration":
            found.setdefault(row.quantity, []).append(row.standard_error)
    markers = [e for row in ("CTX", "P1NP", "BSAP") for e in found.get(row, [])]
    usual = {name: float(np.median(errors)) for name, errors in found.items()}
    middle = float(np.median(markers)) if markers else math.nan
    return {name: middle for name in ("CTX", "P1NP", "BSAP")} | usual
