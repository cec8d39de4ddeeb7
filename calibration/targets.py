"""Targets: published rows of the calibration split, each with the weight it carries.

The standard error of a row holds what any trial differs from the next by, not only its own
sampling: `sqrt(0.6^2 + (0.06 value)^2)` points for BMD and `sqrt(7^2 + (0.13 value)^2)` for markers
(drugs' arms differ between trials by 1-4 points at the spine). Rows of one series (arm, site) are
repeated looks at the same people, so a series of many rows weighs like `SERIES` of them. Rows known
only from the literature at large (`unchecked`) have their error doubled; `approximate` rows never
enter.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cohort.analysis.compare import ArmFacts, arms_of
from cohort.results.published import PublishedRow, published_of
from cohort.trial.schema import Study
from cohort.trial.study import resolved

SERIES = 3.0
UNCHECKED = 2.0
# Errors of these trials' rows are divided by this from a month on: the trial that the README
# re-runs, and the only one that says what follows romosozumab when nothing does.
EMPHASIS = {"freedom": (0.0, 2.0), "romo_ph2": (24.5, 4.0)}


@dataclass(frozen=True)
class Target:
    """A published row to fit.

    Attributes:
        row: as published.
        error: its standard error in the loss, between-trial term and weights included.
    """

    row: PublishedRow
    error: float


def study_targets(study: Study) -> list[Target]:
    """Return the rows of a replica that may be fitted, in the order of its table."""
    arms = {arm.name for arm in study.arms}
    rows = [row for row in published_of(study.name) if row.arm in arms and usable(row)]
    looks = Counter(_series(row) for row in rows)
    return [Target(row, _error(row) * _thin(looks[_series(row)])) for row in rows]


def usable(row: PublishedRow) -> bool:
    """Whether a row may enter the loss."""
    return row.split == "calibration" and (row.scored or row.unchecked)


def study_arms(study: Study) -> dict[str, ArmFacts]:
    """Return what a comparison must know of a study's arms."""
    return arms_of(resolved(study))


def scored(targets: Iterable[Target]) -> list[Target]:
    """Keep the targets that an issue's error counts: checked or digitised."""
    return [target for target in targets if target.row.scored]


def _series(row: PublishedRow) -> tuple[str, str, str]:
    return row.arm, row.quantity, row.versus


def _thin(looks: int) -> float:
    return math.sqrt(max(1.0, looks / SERIES))


def _error(row: PublishedRow) -> float:
    floor, share = (7.0, 0.13) if row.is_marker else (0.6, 0.06)
    since, factor = EMPHASIS.get(row.trial, (math.inf, 1.0))
    doubt = 1.0 if row.scored else UNCHECKED
    return math.hypot(floor, share * row.value) * doubt / (factor if row.month >= since else 1.0)
