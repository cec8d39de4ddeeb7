"""Power by resampling: how long a three-arm grid takes, and how right its errors are.

    python benchmarks/power.py              the grid: 12 designs of three arms, 1,000 trials each
    python benchmarks/power.py --errors     type I error, coverage and power against the closed form

The grid is timed as the command is, cohort, tables and figure included; what compiling took is told
apart. Errors are those of 8,000 trials (20,000 for power), on the engine's own cohort.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).resolve().parent / "results"
TRIALS = 8000
"""Their Monte Carlo error is a quarter of a percentage point."""

GRID: dict[str, Any] = {
    "name": "three_arms",
    "persons": 4096,
    "replicates": 1000,
    "endpoint": {"outcome": "bmd_total_hip_change", "month": 12},
    "test": {"multiplicity": "holm"},
    "grid": {"participants": [60, 120, 240, 480], "effect": [0.25, 0.5, 1.0]},
}
STUDY = """
name = "three_arms"

[population]
name = "postmenopausal_osteoporosis"

[[arms]]
name = "denosumab"
treatments = [{ therapy = "denosumab", regimen = "60 mg sc every 6 months" }]

[[arms]]
name = "alendronate"
treatments = [{ therapy = "alendronate", regimen = "70 mg oral weekly" }]

[[arms]]
name = "placebo"
role = "control"

[visits]
months = [0, 6, 12]
"""


def grid(folder: Path) -> dict[str, Any]:
    """Time the whole job; report the seconds of its parts."""
    import cohort
    from cohort.planning.layout import Layout
    from cohort.results.reader import read_part

    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    job = GRID | {"study": str(folder / "study.toml")}
    start = time.perf_counter()
    found = cohort.power(job, out=folder / "power", workers=os.cpu_count())
    wall = time.perf_counter() - start
    cohort_run = json.loads((folder / "power" / "cohort" / "manifest.json").read_text("utf-8"))
    table = read_part(Layout(found.root).power).to_pylist()
    of_family = [row for row in table if row["comparison"] == "any"]
    return {
        "designs": sum(not row["null"] for row in of_family),
        "designs_without_effect": sum(row["null"] for row in of_family),
        "replicates": GRID["replicates"],
        "seconds": round(wall, 1),
        "seconds_compile": cohort_run["seconds"]["compile"],
        "seconds_trials": found.manifest["seconds"]["trials"],
    }


def errors(folder: Path) -> list[dict[str, Any]]:
    """Measure type I error and coverage of several analyses, and power against the closed form."""
    from cohort.api.executors import make_executor
    from cohort.api.runs import simulate
    from cohort.planning.closed_form import closed_form_power
    from cohort.planning.load import load_power
    from cohort.planning.run import people_of
    from cohort.planning.simulate import batch_size, replicate_rows
    from cohort.results.reader import open_results

    def share(prepared: Any, people: Any, design: Any, trials: int, column: str) -> float:
        size = batch_size(design, 1)
        parts = [
            replicate_rows(
                people, prepared.plan, design, np.arange(first, min(first + size, trials))
            )[column].drop_null()
            for first in range(0, trials, size)
        ]
        return float(np.mean(np.concatenate([part.to_numpy() for part in parts])))

    rows, cohort_folder = [], folder / "cohort"
    base = {"study": "freedom", "persons": 8192}
    for name, more, participants, dropout in CASES:
        job = base | more | {"grid": {"participants": [participants], "dropout": [dropout]}}
        prepared = load_power(job)
        if not (cohort_folder / "manifest.json").exists():
            # Seen at all visits of its 36 months.
            executor = make_executor(None, None, "auto")
            simulate(load_power(base).study, cohort_folder, executor=executor)
        people = people_of(prepared, open_results(cohort_folder))
        design, null = prepared.designs
        row: dict[str, Any] = {
            "analysis": name,
            "type_1_error": share(prepared, people, null, TRIALS, "rejected"),
            "coverage": share(prepared, people, design, TRIALS, "covered"),
        }
        if name == "ancova":
            half = load_power(job | {"grid": {"participants": [60], "effect": [0.5]}})
            design = half.designs[0]
            row["power"] = share(half, people, design, 20_000, "rejected")
            row["closed_form"] = float(closed_form_power(people, half.plan, design)[0])
        rows.append(row)
        print(json.dumps(row))
    return rows


YEAR: dict[str, Any] = {"endpoint": {"month": 12}}
IMPUTED_RESPONSES: dict[str, Any] = YEAR | {
    "analysis": {"method": "responders", "threshold": 2.0, "missing": "imputed"}
}
CASES: tuple[tuple[str, dict[str, Any], int, float], ...] = (
    ("ancova", YEAR, 60, 0.0),
    ("ancova, 10 % leave", YEAR, 60, 0.1),
    ("carried forward, 10 % leave", YEAR | {"analysis": {"missing": "carried_forward"}}, 60, 0.1),
    ("responders", YEAR | {"analysis": {"method": "responders", "threshold": 2.0}}, 120, 0.0),
    ("responders, imputed, 10 % leave", IMPUTED_RESPONSES, 120, 0.1),
    ("mmrm, 10 % leave", YEAR | {"analysis": {"method": "mmrm"}}, 60, 0.1),
    ("imputed, 10 % leave", YEAR | {"analysis": {"missing": "imputed"}}, 60, 0.1),
    ("imputed, 3 years, 27 % leave", {"analysis": {"missing": "imputed"}}, 60, 0.1),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="errors instead of the time")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cohort-power-") as scratch:
        found = errors(Path(scratch)) if wanted.errors else grid(Path(scratch))
    print(json.dumps(found, indent=2))
    RESULTS.mkdir(exist_ok=True)
    name = "power-errors.json" if wanted.errors else "power.json"
    told = {"version": version("bone-cohort"), "cores": os.cpu_count(), "found": found}
    (RESULTS / name).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
