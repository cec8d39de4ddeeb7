"""How the cost grows: with patients, years, arms; with cores, block size, precision; and memory.

    python -m benchmarks.scaling            about ten minutes on two cores
    python -m benchmarks.scaling --quick    small: does it run

Runs of many patients are whole ones, in processes of their own; what they took is by the run's own
clock, in which computing includes the persons' history and the writing of Parquet, and compiling
and the report stand apart. Years, arms, block sizes, precisions and kernels are blocks of one
process in interleaved rounds, of which the median is told. Beside each precision and kernel stands
its largest error against the finest grid in float64.

Results go to `benchmarks/results/scaling-<device>.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.throughput import arms_of, largest_errors, machine, outcomes, read_reference, save
from cohort.api.device import configure
from cohort.solve.simulate import make_simulator
from cohort.trial.schema import Study
from cohort.trial.study import load_study, parse_study

LIMITS = {"linear_in_patients": 1.10, "cpu_per_wall": 1.7, "peak_memory_gb": 3.0}
PATIENTS = (1_000, 10_000, 100_000, 1_000_000)
YEARS = (1, 2, 3, 5, 10)
ARMS = (1, 2, 4, 8)
BLOCKS = (2048, 16384)
KERNELS = ("fused", "xla")


# ---------------------------------------------------------------- whole runs, each in a process


def child(study: str, patients: int, out: Path, kernel: str) -> None:
    """Run a study and print what it took; the work of a process of its own."""
    import resource

    from cohort.api.runs import run
    from cohort.execute.progress import Advanced, Compiled, Event

    marks: dict[str, float] = {}

    def watch(event: Event, /) -> None:
        if isinstance(event, Compiled):
            marks["start"], marks["cpu"] = time.perf_counter(), time.process_time()
        elif isinstance(event, Advanced):
            marks["wall_s"] = time.perf_counter() - marks["start"]
            marks["cpu_s"] = time.process_time() - marks["cpu"]

    config = [f"engine.kernel={kernel}"]
    run(study, config=config, patients=patients, out=out, progress=watch)
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    files = [p for p in out.rglob("*.parquet") if p.is_file()]
    unit = 1 if sys.platform == "darwin" else 1024
    found = {
        "kernel": kernel,
        "patients": manifest["counts"]["patients"],
        "failed": manifest["counts"].get("failed_patients", 0),
        **{key: manifest["seconds"][key] for key in ("compile", "compute", "write", "summary")},
        "patient_years": manifest["seconds"]["patient_years_computed"],
        "cpu_per_wall": marks["cpu_s"] / marks["wall_s"],
        "parquet_gb": sum(p.stat().st_size for p in files) / 1e9,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9,
    }
    print(json.dumps(found))


def whole_run(
    study: str, patients: int, kernel: str = KERNELS[0], cores: int | None = None
) -> dict[str, Any]:
    """Return what a run in a process of its own took.

    Args:
        study: the bundled study.
        patients: persons in each arm.
        kernel: what makes the steps.
        cores: how many it may use; all of this process by default.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = ["--child", str(Path(folder, "run")), "--persons", str(patients)]
        words += ["--kernel", kernel]
        command = [sys.executable, "-m", "benchmarks.scaling", study, *words]
        command += [] if cores is None else ["--cores", str(cores)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    found["microseconds_per_patient"] = 1e6 * found["compute"] / found["patients"]
    found["patient_years_per_s"] = found["patient_years"] / found["compute"]
    print(f"  {patients:,} an arm by {kernel}: {found['compute']:.1f} s", flush=True)
    return found


def over_patients(study: str, sizes: Sequence[int], kernel: str) -> dict[str, Any]:
    """Run a study with more and more patients; tell the cost of the fixed part and of each.

    A run of few patients still computes whole tiles in every arm, so the cost of one more patient
    is told by the differences between runs, and held to that of the largest.
    """
    runs = [whole_run(study, patients, kernel) for patients in sizes]
    slopes = [
        1e6 * (b["compute"] - a["compute"]) / (b["patients"] - a["patients"])
        for a, b in pairwise(runs)
    ]
    fixed = runs[-1]["compute"] - 1e-6 * slopes[-1] * runs[-1]["patients"]
    return {
        "kernel": kernel,
        "runs": runs,
        "microseconds_of_one_more_patient": slopes,
        "fixed_s": fixed,
        "largest_over_smallest_slope": max(slopes) / min(slopes),
    }


def over_cores(study: str, patients: int) -> list[dict[str, Any]]:
    """Run a study on one core and on all; nothing where the system cannot hold a process to one."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    every = len(os.sched_getaffinity(0))
    return [{"cores": n} | whole_run(study, patients, cores=n) for n in sorted({1, every})]


# ---------------------------------------------------------------- blocks of this process


def own_study(years: int, arms: int) -> Study:
    """Return a study of denosumab for some years in some arms of unlike doses, visits each year."""
    last = 12 * years
    regimens = [f"{60 + 10 * n} mg sc every 6 months from 0 to {last}" for n in range(arms)]
    return parse_study(
        {
            "name": "scaling",
            "seed": 0,
            "population": {"name": "postmenopausal_osteoporosis"},
            "arms": [
                {
                    "name": f"arm{n}",
                    "treatments": [{"therapy": "denosumab", "regimen": regimen}],
                }
                for n, regimen in enumerate(regimens)
            ],
            "visits": {"months": [float(month) for month in range(0, last + 1, 12)]},
        }
    )


def timed(calls: Mapping[Any, Callable[[], Any]], rounds: int) -> dict[Any, float]:
    """Return the median seconds of each call, all called in turn; the first turn is not counted."""
    seconds: dict[Any, list[float]] = {key: [] for key in calls}
    for number in range(rounds + 1):
        for key, call in calls.items():
            start = time.perf_counter()
            call()
            if number:
                seconds[key].append(time.perf_counter() - start)
    return {key: statistics.median(values) for key, values in seconds.items()}


def block_of(study: Study, patients: int) -> Callable[[], Any]:
    """Return what simulates the first patients of a study in all its arms."""
    made, arms = make_simulator(study), tuple(arm.name for arm in study.arms)
    slots = np.arange(patients, dtype=np.int64)
    return lambda: made.block(slots, arms)


def over_years(lengths: Sequence[int], patients: int, rounds: int) -> dict[str, Any]:
    """Time studies of several lengths; a straight line through them tells history and year."""
    found = timed({n: block_of(own_study(n, 1), patients) for n in lengths}, rounds)
    slope, start = np.polyfit(list(found), list(found.values()), 1)
    gaps = [abs(s - start - slope * n) / s for n, s in found.items()]
    return {
        "seconds": {str(n): s for n, s in found.items()},
        "microseconds_per_patient_year": 1e6 * slope / patients,
        "history_microseconds_per_patient": 1e6 * start / patients,
        "largest_gap_to_a_straight_line": float(max(gaps)),
    }


def over_arms(counts: Sequence[int], patients: int, rounds: int) -> dict[str, Any]:
    """Time studies of several arms whose persons live their history once."""
    found = timed({n: block_of(own_study(3, n), patients) for n in counts}, rounds)
    first = min(found)
    return {
        "seconds": {str(n): s for n, s in found.items()},
        "of_as_many_studies_of_one_arm": {
            str(n): s * first / (n * found[first]) for n, s in found.items()
        },
    }


def over_blocks(study: str, sizes: Sequence[int], rounds: int, check: bool) -> list[dict[str, Any]]:
    """Time blocks of several sizes by each kernel in both precisions, with the errors of each."""
    arms, years = arms_of(study)
    rows, errors = [], {}
    with tempfile.TemporaryDirectory() as folder:
        exact = read_reference(study, Path(folder)) if check else None
    for kernel, precision in product(KERNELS, ("float32", "float64")):
        with jax.enable_x64(precision == "float64"):
            engine = [f"engine.precision={precision}", f"engine.kernel={kernel}"]
            loaded = load_study(study, engine)
            made = make_simulator(loaded)
            calls = {n: block_of(loaded, n) for n in sizes}
            found = timed(calls, rounds)
            if exact is not None:
                errors = {"errors": largest_errors(outcomes(made, study), exact)}
        what = {"kernel": kernel, "precision": precision}
        rows += [
            what | {"block": n, "patient_years_per_s": n * len(arms) * years / s} | errors
            for n, s in found.items()
        ]
    return rows


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    for growth in report["patients"]:
        show_growth(growth)
    for run in report["by_cores"]:
        print(f"{run['cores']} cores: {run['patient_years_per_s']:,.0f} patient-years/s")
    years = report["years"]
    print(
        f"years: {years['microseconds_per_patient_year']:.1f} us a patient-year, history "
        f"{years['history_microseconds_per_patient']:.1f} us a patient; furthest from a straight "
        f"line {100 * years['largest_gap_to_a_straight_line']:.1f} %"
    )
    shares = report["arms"]["of_as_many_studies_of_one_arm"].items()
    print("arms, over as many studies of one: " + ", ".join(f"{n}: {s:.2f}" for n, s in shares))
    for row in report["blocks"]:
        told = "".join(f"{name}: {e:.2g}  " for name, e in row.get("errors", {}).items())
        print(f"{row['kernel']} {row['precision']} block {row['block']:>6}: ", end="")
        print(f"{row['patient_years_per_s']:>9,.0f} patient-years/s  {told}")


def show_growth(growth: dict[str, Any]) -> None:
    """Print what runs of ever more patients took."""
    print(f"by {growth['kernel']}")
    print(f"{'patients':>12}{'compute s':>11}{'years/s':>10}{'CPU/wall':>10}{'write s':>9}", end="")
    print(f"{'GB on disk':>12}{'peak GB':>9}{'failed':>8}")
    for run in growth["runs"]:
        print(
            f"{run['patients']:>12,}{run['compute']:>11.2f}{run['patient_years_per_s']:>10,.0f}",
            end="",
        )
        print(f"{run['cpu_per_wall']:>10.2f}{run['write']:>9.2f}{run['parquet_gb']:>12.3f}", end="")
        print(f"{run['peak_memory_gb']:>9.2f}{run['failed']:>8}")
    slopes = ", ".join(f"{s:.1f}" for s in growth["microseconds_of_one_more_patient"])
    ratio = growth["largest_over_smallest_slope"]
    print(f"one more patient: {slopes} us ({ratio:.2f} x), fixed {growth['fixed_s']:.2f} s")


def main() -> None:
    """Measure, print, and write the results file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", nargs="?", default="freedom")
    parser.add_argument("--quick", action="store_true", help="small")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--persons", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--kernel", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        if chosen.cores:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: chosen.cores])
        child(chosen.study, chosen.persons, Path(chosen.child), chosen.kernel)
        return
    configure()
    before, quick, study = os.getloadavg()[0], chosen.quick, chosen.study
    rounds, patients = (1, 2048) if quick else (3, 4096)
    report = machine() | {
        "study": study,
        "limits": LIMITS,
        "patients": [
            over_patients(study, (1_000, 4_000) if quick else PATIENTS, kernel)
            for kernel in KERNELS
        ],
        "by_cores": over_cores(study, 2_000 if quick else 50_000),
        "years": over_years((1, 3) if quick else YEARS, patients, rounds),
        "arms": over_arms((1, 2) if quick else ARMS, patients, rounds),
        "blocks": over_blocks(study, (2048,) if quick else BLOCKS, rounds, check=not quick),
        "load": {"before": before, "after": os.getloadavg()[0]},
    }
    show(report)
    if not quick:
        save(report, "scaling-")


if __name__ == "__main__":
    main()
