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
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.regimens import MEN, NAMED, WITHIN_DAY, Treatments
from benchmarks.throughput import machine, save
from benchmarks.two_paths import BONE, MARKERS, fast, gap, study_of
from cohort.api.device import configure
from cohort.solve.grid import ACCURACY
from cohort.solve.plan import make_plan
from cohort.solve.reference import Reference
from cohort.solve.simulate import make_simulator
from cohort.trial.schema import Study
from cohort.trial.study import load_study

PRECISIONS = ("float32", "float64")
ERRORS = {"BMD, points": BONE, **{f"{name.upper()}, %": (name,) for name in MARKERS}}
# What the default promises.
BUDGET = {"BMD, points": 0.05} | {f"{name.upper()}, %": 1.0 for name in MARKERS}
MONTHS = (0, 1, 2, 3, 6, 9, 12, 18, 24, 30, 36)


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

    def study(self, precision: str) -> Study:
        """Return the study whose arms, numbered, are the regimens."""
        arms = {f"arm{number}": given for number, given in enumerate(self.regimens.values())}
        return study_of(arms, MONTHS, self.population, precision=precision)


# Every way in which a drug acts: saturable serum, pools on bone, pulses within a day, levels;
# withdrawn, in sequence, at once.
BONE_DRUGS: dict[str, Treatments] = {
    "untreated": (),
    "denosumab, stopped": (("denosumab", "60 mg sc every 6 months from 0 to 18"),),
    "romosozumab, then alendronate": NAMED["romosozumab_alendronate"],
    "zoledronate": NAMED["zoledronate"],
    "denosumab, then zoledronate": (
        ("denosumab", "60 mg sc every 6 months from 0 to 24"),
        ("zoledronate", "5 mg iv once from 24"),
    ),
    "raloxifene": (("raloxifene", "60 mg oral daily from 0 to 24"),),
    "teriparatide": WITHIN_DAY["teriparatide_90_days"],
    "teriparatide weekly": WITHIN_DAY["teriparatide_weekly"],
}
HORMONES: dict[str, Treatments] = {
    "testosterone": (("testosterone", "50 mg gel daily from 0 to 24"),),
    "testosterone enanthate": (("testosterone_enanthate", "200 mg im every 2 weeks from 0 to 18"),),
    "somatropin": MEN["somatropin"],
    "prednisolone": MEN["prednisolone"],
}
GROUPS = (
    Group("postmenopausal_osteoporosis", 12, BONE_DRUGS),
    Group("hypogonadal_men", 6, HORMONES),
)


def largest_errors(
    found: Mapping[str, np.ndarray], exact: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return the largest error of each kind over persons and visits."""
    return {
        title: max(gap(found, exact, name) for name in names) for title, names in ERRORS.items()
    }


def compare(groups: tuple[Group, ...]) -> list[dict[str, Any]]:
    """Hold every level and precision to the reference path; return a row each."""
    rows = [{"accuracy": a, "precision": p, "regimens": {}} for a in ACCURACY for p in PRECISIONS]
    for group in groups:
        began, slots = time.perf_counter(), np.arange(group.persons, dtype=np.int64)
        studies = {precision: group.study(precision) for precision in PRECISIONS}
        reference = Reference(studies["float64"], slots)
        for arm, title in zip(studies["float64"].arms, group.regimens, strict=True):
            exact = reference.trajectories(arm.name)
            for row in rows:
                study = studies[row["precision"]]
                seen = fast(study, slots, arm.name, row["accuracy"])
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
    configure()
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
