"""What each level of accuracy costs, and how far it is from the reference path.

    python -m benchmarks.accuracy            about five minutes on two cores
    python -m benchmarks.accuracy --quick    few persons and regimens: does it run

The reference path solves the same equations for the same persons by methods of order five under
tight error control, stopped at every dose (`cohort.solve.reference`). The error is the largest over
regimens, persons and visits: percentage points of the change of BMD, per cent of a marker's level.
The time beside it is that of a virtual trial (FREEDOM by default) with the persons' history and all
that is reported, in interleaved rounds after compiling; the median is told.

Results go to `benchmarks/results/accuracy-<device>.json`; `make docs` makes a table of them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.throughput import machine, save
from cohort.solve.grid import ACCURACY
from cohort.solve.plan import make_plan, study_variability
from cohort.solve.reference import Reference
from cohort.solve.schedule import arm_forcing, study_grid
from cohort.solve.simulate import StudySimulator, make_simulator
from cohort.trial.schema import Study
from cohort.trial.study import arm_courses, load_study, parse_study
from cohort.units import DAYS_PER_MONTH

PRECISIONS = ("float32", "float64")
BONE = ("bmd_lumbar_spine", "bmd_total_hip", "bmd_femoral_neck")
MARKERS = ("ctx", "p1np", "bsap")
ERRORS = {"BMD, points": BONE, **{f"{name.upper()}, %": (name,) for name in MARKERS}}
# What the default promises.
BUDGET = {"BMD, points": 0.05} | {f"{name.upper()}, %": 1.0 for name in MARKERS}
MONTHS = (0, 1, 2, 3, 6, 9, 12, 18, 24, 30, 36)

Treatments = tuple[tuple[str, str], ...]


class Group(NamedTuple):
    """Persons of one population under some regimens.

    Attributes:
        population: from which they come.
        persons: how many.
        regimens: therapies with their sentences, by name.
    """

    population: str
    persons: int
    regimens: Mapping[str, Treatments]


# Every way in which a drug acts: saturable serum, pools on bone, pulses within a day, levels;
# withdrawn, in sequence, at once. Injections every day are followed hour by hour on the reference
# path, hence short there.
BONE_DRUGS: dict[str, Treatments] = {
    "untreated": (),
    "denosumab, stopped": (("denosumab", "60 mg sc every 6 months from 0 to 18"),),
    "romosozumab, then alendronate": (
        ("romosozumab", "210 mg sc monthly from 0 to 12"),
        ("alendronate", "70 mg oral weekly from 12 to 36"),
    ),
    "zoledronate": (("zoledronate", "5 mg iv yearly from 0 to 36"),),
    "denosumab, then zoledronate": (
        ("denosumab", "60 mg sc every 6 months from 0 to 24"),
        ("zoledronate", "5 mg iv once from 24"),
    ),
    "raloxifene": (("raloxifene", "60 mg oral daily from 0 to 24"),),
    "teriparatide": (("teriparatide", "20 ug sc daily from 0 to 90 days"),),
    "teriparatide weekly": (("teriparatide", "56.5 ug sc weekly from 0 to 12"),),
}
HORMONES: dict[str, Treatments] = {
    "testosterone": (("testosterone", "50 mg gel daily from 0 to 24"),),
    "testosterone enanthate": (("testosterone_enanthate", "200 mg im every 2 weeks from 0 to 18"),),
    "somatropin": (("somatropin", "0.5 mg sc daily from 0 to 12"),),
    "prednisolone": (("prednisolone", "10 mg oral daily from 0 to 9"),),
}
GROUPS = (
    Group("postmenopausal_osteoporosis", 12, BONE_DRUGS),
    Group("hypogonadal_men", 6, HORMONES),
)


def study_of(group: Group, precision: str) -> Study:
    """Return the study whose arms are a group's regimens, without treatment besides."""
    arms = [
        {"name": name, "treatments": [{"therapy": t, "regimen": r} for t, r in given]}
        for name, given in group.regimens.items()
    ]
    names = {name: f"arm{number}" for number, name in enumerate(group.regimens)}
    return parse_study(
        {
            "name": "accuracy",
            "seed": 0,
            "population": {"name": group.population},
            "arms": [arm | {"name": names[arm["name"]]} for arm in arms],
            "visits": {"months": [float(month) for month in MONTHS]},
            "engine": {"precision": precision},
        }
    )


def solved(
    study: Study, slots: np.ndarray, arm: str, accuracy: str, precision: str
) -> dict[str, np.ndarray]:
    """Return an arm's outputs on the grid that it has as the only arm of its study."""
    with jax.enable_x64(precision == "float64"):
        whole, courses = make_plan(study), arm_courses(study)[arm]
        days = [month * DAYS_PER_MONTH for month in whole.months]
        grid = study_grid(days, {arm: courses}, accuracy)
        forcing = {arm: arm_forcing(courses, whole.drugs, grid)}
        plan = replace(whole, grid=grid, forcing=forcing)
        return StudySimulator(study, plan, study_variability(study)).relative(slots, arm)


def largest_errors(
    found: Mapping[str, np.ndarray], exact: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return the largest error of each kind over persons and visits."""

    def gap(name: str) -> float:
        ours, theirs = (np.asarray(x[name], np.float64) for x in (found, exact))
        if name in BONE:
            ours, theirs = ours / ours[0], theirs / theirs[0]
            return float(100.0 * np.abs(ours - theirs).max())
        return float(100.0 * np.abs(ours / theirs - 1.0).max())

    return {title: max(map(gap, names)) for title, names in ERRORS.items()}


def compare(groups: tuple[Group, ...]) -> list[dict[str, Any]]:
    """Hold every level and precision to the reference path; return a row each."""
    rows = [{"accuracy": a, "precision": p, "regimens": {}} for a in ACCURACY for p in PRECISIONS]
    for group in groups:
        began, slots = time.perf_counter(), np.arange(group.persons, dtype=np.int64)
        studies = {precision: study_of(group, precision) for precision in PRECISIONS}
        reference = Reference(studies["float64"], slots)
        for arm, title in zip(studies["float64"].arms, group.regimens, strict=True):
            exact = reference.trajectories(arm.name)
            for row in rows:
                study = studies[row["precision"]]
                seen = solved(study, slots, arm.name, row["accuracy"], row["precision"])
                row["regimens"][title] = largest_errors(seen, exact)
        print(f"{group.population}: {time.perf_counter() - began:.0f} s", flush=True)
    for row in rows:
        every = row["regimens"].values()
        row["errors"] = {title: max(own[title] for own in every) for title in ERRORS}
    return rows


def time_levels(rows: list[dict[str, Any]], study: str, patients: int, rounds: int) -> None:
    """Add to each row the microseconds that a patient-year of a trial takes."""
    slots, runs = np.arange(patients, dtype=np.int64), []
    for row in rows:
        words = [f"engine.{key}={row[key]}" for key in ("accuracy", "precision")]
        loaded = load_study(study, words)
        with jax.enable_x64(row["precision"] == "float64"):
            made = make_simulator(loaded)
            made.compile()
        arms = tuple(arm.name for arm in loaded.arms)
        row["steps"] = int(np.count_nonzero(make_plan(loaded).grid.length))
        runs.append((made, arms, patients * len(arms) * loaded.last_month / 12.0, []))
    for _ in range(rounds):
        for row, (made, arms, years, seconds) in zip(rows, runs, strict=True):
            with jax.enable_x64(row["precision"] == "float64"):
                start = time.perf_counter()
                made.block(slots, arms)
                seconds.append((time.perf_counter() - start) / years)
    for row, run in zip(rows, runs, strict=True):
        row["microseconds_per_patient_year"] = 1e6 * statistics.median(run[-1])


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(f"{'accuracy':<10}{'precision':<11}{'steps':>7}{'us/py':>8}", end="")
    print("".join(f"{title:>14}" for title in ERRORS))
    for row in rows:
        print(f"{row['accuracy']:<10}{row['precision']:<11}{row['steps']:>7}", end="")
        print(f"{row['microseconds_per_patient_year']:>8.1f}", end="")
        print("".join(f"{row['errors'][title]:>14.2g}" for title in ERRORS))


def main() -> None:
    """Measure, print, and write the results file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", nargs="?", default="freedom", help="that is timed")
    parser.add_argument("--quick", action="store_true", help="few persons, regimens and rounds")
    chosen = parser.parse_args()
    before = os.getloadavg()[0]
    groups, patients, rounds = GROUPS, 4096, 5
    if chosen.quick:
        few = {name: BONE_DRUGS[name] for name in ("untreated", "denosumab, stopped")}
        groups, patients, rounds = (GROUPS[0]._replace(persons=2, regimens=few),), 2048, 1
    rows = compare(groups)
    time_levels(rows, chosen.study, patients, rounds)
    show(rows)
    report = machine() | {
        "study": chosen.study,
        "persons": {group.population: group.persons for group in groups},
        "months": MONTHS,
        "budget": BUDGET,
        "levels": rows,
        "load": {"before": before, "after": os.getloadavg()[0]},
    }
    if not chosen.quick:
        save(report, "accuracy-")


if __name__ == "__main__":
    main()
