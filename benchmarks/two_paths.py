"""Studies of many arms, each run down the fast path and the reference path with the same persons.

`benchmarks.accuracy` measures how far they are apart, `tests/reference` holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import jax
import numpy as np

from benchmarks.regimens import Treatments
from cohort.solve.plan import make_plan, study_variability
from cohort.solve.schedule import arm_forcing, study_grid
from cohort.solve.simulate import StudySimulator
from cohort.trial.schema import Study
from cohort.trial.study import arm_courses, parse_study
from cohort.units import DAYS_PER_MONTH

BONE = ("bmd_lumbar_spine", "bmd_total_hip", "bmd_femoral_neck")
MARKERS = ("ctx", "p1np", "bsap")


def study_of(
    arms: Mapping[str, Treatments],
    months: Sequence[float],
    population: str,
    *,
    precision: str = "float64",
    seed: int = 0,
) -> Study:
    """Return the study whose arms are some regimens, without treatment besides.

    Args:
        arms: therapies with their sentences, by name of the arm.
        months: of the visits.
        population: from which the persons come.
        precision: `float32` or `float64`.
        seed: of the persons.
    """
    return parse_study(
        {
            "name": "two_paths",
            "seed": seed,
            "population": {"name": population},
            "arms": [
                {"name": name, "treatments": [{"therapy": t, "regimen": r} for t, r in given]}
                for name, given in arms.items()
            ],
            "visits": {"months": [float(month) for month in months]},
            "engine": {"precision": precision},
        }
    )


def fast(study: Study, slots: np.ndarray, arm: str, accuracy: str) -> dict[str, np.ndarray]:
    """Return an arm's outputs on the grid that it has as the only arm of its study.

    Other arms of a study would only make its grid finer.

    Args:
        study: whose precision holds.
        slots: numbers of the persons.
        arm: its name.
        accuracy: `draft`, `default` or `high`.
    """
    with jax.enable_x64(study.engine.precision == "float64"):
        whole, courses = make_plan(study), arm_courses(study)[arm]
        days = [month * DAYS_PER_MONTH for month in whole.months]
        grid = study_grid(days, {arm: courses}, accuracy)
        forcing = {arm: arm_forcing(courses, whole.drugs, grid)}
        plan = replace(whole, grid=grid, forcing=forcing)
        return StudySimulator(study, plan, study_variability(study)).relative(slots, arm)


def gap(found: Mapping[str, np.ndarray], exact: Mapping[str, np.ndarray], name: str) -> float:
    """Return the largest error of an outcome over persons and visits.

    Percentage points of the change of BMD, per cent of anything else's level.
    """
    ours, theirs = (np.asarray(x[name], np.float64) for x in (found, exact))
    if name in BONE:
        return float(100.0 * np.abs(ours / ours[0] - theirs / theirs[0]).max())
    return float(100.0 * np.abs(ours / theirs - 1.0).max())
