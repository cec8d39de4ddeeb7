"""Studies of many arms, each run down both paths with the same persons."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from cohort.solve.plan import make_plan, study_variability
from cohort.solve.schedule import arm_forcing, study_grid
from cohort.solve.simulate import StudySimulator
from cohort.trial.schema import Study
from cohort.trial.study import arm_courses, parse_study
from cohort.units import DAYS_PER_MONTH

BONE: tuple[str, ...] = ("bmd_lumbar_spine", "bmd_total_hip", "bmd_femoral_neck")
MARKERS: tuple[str, ...] = ("ctx", "p1np", "bsap")
HORMONES: tuple[str, ...] = ("estradiol", "testosterone_free", "shbg", "lh", "igf1", "pth")

Regimens = Sequence[tuple[str, str]]  # therapy and sentence


def study_of(
    arms: Mapping[str, Regimens],
    months: Sequence[float],
    population: str = "postmenopausal_osteoporosis",
) -> Study:
    """Make a study without background treatment or errors of measurement."""
    return parse_study(
        {
            "name": "two_paths",
            "seed": 5,
            "population": {"name": population},
            "arms": [
                {"name": name, "treatments": [{"therapy": t, "regimen": r} for t, r in regimens]}
                for name, regimens in arms.items()
            ],
            "visits": {"months": [float(month) for month in months]},
            "engine": {"precision": "float64"},
        }
    )


def fast(study: Study, slots: np.ndarray, arm: str) -> dict[str, np.ndarray]:
    """Run an arm down the fast path on the grid it has as the only arm of its study.

    Other arms of a study would only make its grid finer.
    """
    whole = make_plan(study)
    courses = arm_courses(study)[arm]
    days = [month * DAYS_PER_MONTH for month in whole.months]
    grid = study_grid(days, {arm: courses}, study.engine.accuracy)
    forcing = {arm: arm_forcing(courses, whole.drugs, grid)}
    plan = dataclasses.replace(whole, grid=grid, forcing=forcing)
    with jax.enable_x64(True):
        return StudySimulator(study, plan, study_variability(study)).relative(slots, arm)


def differences(
    found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return the largest difference by outcome: percentage points of change for bone, else %.

    LH that a drug has suppressed counts against the person's own, since what is left does nothing.
    """

    def change(outputs: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        return 100.0 * (outputs[name] / outputs[name][0] - 1.0)

    worst = {name: np.abs(change(found, name) - change(expected, name)).max() for name in BONE}
    worst |= {
        name: 100.0 * np.abs(found[name] / expected[name] - 1.0).max()
        for name in (*MARKERS, *HORMONES)
    }
    lh, own = expected["lh"], expected["lh"][0]
    worst["lh"] = 100.0 * np.abs((found["lh"] - lh) / np.maximum(lh, own)).max()
    return {name: float(value) for name, value in worst.items()}
