"""The job that makes the shipped parameter set: every bundled trial of the calibration split.

Free are the parameters on which the targets bear; every trial with a row that may be fitted takes
part. The validation split is never read here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from calibration.fit import Fit, fit
from calibration.natural_history import NAME
from calibration.problem import Problem, make_problem
from calibration.targets import study_targets
from cohort.model.parameters import PARAMETERS, parameter_set
from cohort.resources import bundled
from cohort.trial.schema import Study
from cohort.trial.study import load_study

# The fit runs on the coarse grid; the correction for whole cohorts is computed on the same one.
GRID = "engine.accuracy=draft"


@dataclass(frozen=True)
class Score:
    """Error of one site or marker over the scored rows, percentage points."""

    quantity: str
    rows: int
    rmse: float
    bias: float


def replicas() -> list[Study]:
    """Return every bundled trial that has rows to fit."""
    studies = [load_study(name, [GRID]) for name in bundled("trials")]
    return [study for study in studies if study_targets(study)]


def run_job(rounds: int, steps: int, patients: int, start: str = "default") -> tuple[Problem, Fit]:
    """Fit all parameters to all targets, from a bundled set or a file."""
    problem = make_problem(replicas())
    values = parameter_set(start).values
    free = list(PARAMETERS)
    return problem, fit(problem, values, free, rounds=rounds, steps=steps, patients=patients)


def scores(problem: Problem, predictions: np.ndarray) -> list[Score]:
    """Return the errors over the trials' scored rows."""
    by_quantity: dict[str, list[float]] = {}
    for target, predicted in zip(problem.targets, predictions, strict=True):
        if target.row.scored and target.row.trial != NAME:
            difference = float(predicted) - target.row.value
            by_quantity.setdefault(target.row.quantity, []).append(difference)
    return [
        Score(name, len(errors), float(np.sqrt(np.mean(np.square(errors)))), float(np.mean(errors)))
        for name, errors in by_quantity.items()
    ]


def write_set(path: Path, values: Mapping[str, float], found: Sequence[Score], about: str) -> None:
    """Write a parameter set with what it was fitted to and how well.

    Args:
        path: the TOML file.
        values: value by parameter name.
        found: errors of the fit.
        about: one sentence on the job.
    """
    lines = ["[about]", f'title = "{about}"', f'date = "{date.today().isoformat()}"', ""]
    for score in found:
        lines += [f"[about.errors.{score.quantity}]", f"rows = {score.rows}"]
        lines += [f"rmse = {score.rmse:.2f}", f"bias = {score.bias:.2f}", ""]
    lines += ["[values]", *(f"{name} = {values[name]:.6g}" for name in PARAMETERS)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def describe(problem: Problem) -> str:
    """Return what the job fits, in one sentence."""
    rows = Counter(target.row.trial for target in problem.targets)
    trials = len(rows) - (NAME in rows)
    return (
        f"{sum(rows.values()) - rows[NAME]} published rows of {trials} trials "
        f"and {rows[NAME]} of natural history, calibration split only"
    )
