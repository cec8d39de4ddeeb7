"""Everything about a study that its patients share: grid, arms' inputs, drugs, reference values."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cohort.errors import BadInput
from cohort.model.parameters import KNOCKOUTS, PARAMETERS, parameter_set
from cohort.parameter import value_problems
from cohort.patients.variability import Variability, load_variability, with_spread
from cohort.resources import data_root
from cohort.results.outcomes import SITES
from cohort.solve.grid import Grid
from cohort.solve.schedule import (
    Drugs,
    Forcing,
    arm_forcing,
    dose_days,
    study_drugs,
    study_grid,
)
from cohort.solve.visit_days import Windows, taken_until_seen, window_points, windows_on
from cohort.trial.courses import Courses
from cohort.trial.regimen import DoseCourse
from cohort.trial.schema import Study
from cohort.trial.study import study_courses
from cohort.units import DAYS_PER_MONTH

MARKERS = ("ctx", "p1np", "bsap")
YOUNG = ("premenopausal", "25-29 years")  # stages whose markers stand for a 35-year-old


@dataclass(frozen=True)
class Plan:
    """A study made ready to compute.

    Attributes:
        months: nominal months of the visits.
        grid: steps, shared by all arms.
        forcing: inputs by arm, as planned.
        drugs: every drug in any arm.
        values: value by parameter name, overrides and knockouts applied.
        courses: courses of those arms in which anything is decided.
        branches: inputs of these courses, by arm and schedule; the first is the planned one.
        windows: in which visits take place; None where each does on its planned day.
    """

    months: tuple[float, ...]
    grid: Grid
    forcing: Mapping[str, Forcing]
    drugs: Drugs
    values: Mapping[str, float]
    courses: Mapping[str, Courses] = field(default_factory=dict)
    branches: Mapping[str, tuple[Forcing, ...]] = field(default_factory=dict)
    windows: Windows | None = None


def make_plan(study: Study) -> Plan:
    """Lay out a study.

    Raises:
        BadInput: a parameter's value is not allowed, or two drugs have one target.
    """
    courses = study_courses(study)
    months = tuple(float(month) for month in study.visits.months)
    # All courses of a study share grid and drugs: two of them are the same until they part.
    end, width = months[-1] * DAYS_PER_MONTH, study.visits.window_days
    schedules = {
        (arm, number): taken_until_seen(doses, end, width)
        for arm, own in courses.items()
        for number, doses in enumerate(own.schedules)
    }
    drugs = study_drugs(schedules)
    days = [month * DAYS_PER_MONTH for month in months]
    grid, windows = _laid(study, days, schedules)
    inputs = {key: arm_forcing(doses, drugs, grid) for key, doses in schedules.items()}
    parted = {arm: own for arm, own in courses.items() if own.decisions}
    return Plan(
        months=months,
        grid=grid,
        forcing={arm: inputs[arm, 0] for arm in courses},
        drugs=drugs,
        values=parameter_values(study),
        courses=parted,
        branches={
            arm: tuple(inputs[arm, number] for number in range(len(own.schedules)))
            for arm, own in parted.items()
        },
        windows=windows,
    )


def _laid(
    study: Study, days: list[float], schedules: Mapping[Any, Sequence[DoseCourse]]
) -> tuple[Grid, Windows | None]:
    """Return the grid of a study, and its visits' windows where they have any."""
    accuracy = study.engine.accuracy
    if not study.visits.window_days:
        return study_grid(days, schedules, accuracy), None
    changes, repeats = dose_days(schedules)
    half, waits, points = window_points(study, changes | repeats)
    laid = study_grid(sorted({*days, *points}), schedules, accuracy)
    windows = windows_on(laid, days, half, waits)
    return windows.grid, windows


def parameter_values(study: Study) -> dict[str, float]:
    """Return the study's parameter values: its set, overrides, then knockouts.

    Raises:
        BadInput: an override is outside its parameter's bounds.
    """
    values = dict(parameter_set(study.parameters.set).values)
    problems: list[str] = []
    for name, value in study.parameters.override.items():
        problems += value_problems(PARAMETERS[name], value, f"parameters.override.{name}")
    if problems:
        raise BadInput(problems)
    values |= study.parameters.override
    return values | {KNOCKOUTS[name]: 0.0 for name in study.outputs.knockout}


def study_variability(study: Study) -> Variability:
    """Return how the study's patients differ: as bundled, with the spread of its parameter set."""
    return with_spread(load_variability(), parameter_set(study.parameters.set).spread)


def values_under(
    drawn: Mapping[str, float], values: Mapping[str, float], study: Study
) -> dict[str, float]:
    """Return the study's parameter values under a posterior draw; overrides and knockouts hold.

    Args:
        drawn: value by parameter name, for those that the draw has.
        values: the study's own values (`parameter_values`).
        study: the study.
    """
    held = {*study.parameters.override, *(KNOCKOUTS[name] for name in study.outputs.knockout)}
    return {**values, **{name: value for name, value in drawn.items() if name not in held}}


@dataclass(frozen=True)
class Reference:
    """Absolute values behind the model's relative ones.

    Attributes:
        bmd: mean and SD of the young reference in g/cm2, by site and sex.
        level: of markers in typical young people, by outcome and sex.
        cv: coefficient of variation of a measurement by outcome.
    """

    bmd: Mapping[tuple[str, str], tuple[float, float]]
    level: Mapping[tuple[str, str], float]
    cv: Mapping[str, float]

    def of(self, male: np.ndarray, male_reference: bool) -> dict[str, np.ndarray]:
        """Return every person's own references: `<bmd>_mean`, `<bmd>_sd`, and levels.

        Args:
            male: 1 in men, `(patient,)`.
            male_reference: whether men's T-scores refer to young men.
        """
        found = {
            name: np.where(male > 0, self.level[name, "male"], level)
            for (name, sex), level in self.level.items()
            if sex == "female"
        }
        other = "male" if male_reference else "female"
        for site in SITES.values():
            women, men = self.bmd[site, "female"], self.bmd[site, other]
            for part, women_part, men_part in zip(("mean", "sd"), women, men, strict=True):
                found[f"bmd_{site}_{part}"] = np.where(male > 0, men_part, women_part)
        return found


def load_reference(study: Study) -> Reference:
    """Read the reference values that a study uses, its own precision errors put in."""
    bmd = {
        (row["site"], row["sex"]): (float(row["mean"]), float(row["sd"]))
        for row in _rows("t_score")
    }
    level = {
        (row["quantity"], row["sex"]): float(row["median"])
        for row in _rows("markers")
        if row["quantity"] in MARKERS and row["stage"] in YOUNG
    }
    cv = {}
    for row in _rows("measurement"):
        name = f"bmd_{row['quantity']}" if row["quantity"] in SITES.values() else row["quantity"]
        cv[name] = float(row["cv_percent"]) / 100.0
    own = study.measurement
    cv |= {f"bmd_{k}": v for k, v in own.dxa_cv.model_dump().items() if v is not None}
    cv |= {k: v for k, v in own.assay_cv.model_dump().items() if v is not None}
    return Reference(bmd, level, cv)


def _rows(table: str) -> Sequence[Mapping[str, str]]:
    path = data_root() / "reference" / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
