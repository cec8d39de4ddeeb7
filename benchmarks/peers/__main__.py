"""How fast, on the same work as peers: this engine, diffrax, SciPy, and the published C++.

    python -m benchmarks.peers            both scenarios, about six minutes on two cores
    python -m benchmarks.peers B          one of them
    python -m benchmarks.peers --quick    few patients and one round: does it run

The Peterson-Riggs model, patients who differ in four parameters. Compiling is told apart. Cases are
timed in interleaved rounds and the median is told; solvers that are too slow for all patients or
months get fewer, and are compared by patient-years per second. The error beside each speed is the
largest, relative, over patients and those months that every case does, against this engine's finest
grid; how far that is from SciPy's LSODA at its tightest is told too. Results go to
`benchmarks/results/peers-<device>.json`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import replace
from typing import Any

from benchmarks.peers import others
from benchmarks.peers.cases import CASES, FEW_MONTHS, Case, Run
from benchmarks.peers.table import Row, ratios, show
from benchmarks.peers.work import (
    FINEST,
    PUBLISHED_SOURCE,
    WORKS,
    YARDSTICK,
    Work,
    engine,
    errors,
)
from benchmarks.throughput import machine, save
from cohort.api.device import configure

ROUNDS, ENOUGH = 3, 8.0
"""Each case is timed in so many rounds, or in as many as take so many seconds."""


def timed(run: Run) -> tuple[float, float, Any]:
    """Return wall seconds, CPU seconds and what was computed."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = run()
    return time.perf_counter() - wall, time.process_time() - cpu, found


def measure(whole: Work, chosen: tuple[Case, ...], quick: bool) -> list[Row]:
    """Time every case of a scenario in interleaved rounds; return a row each."""
    months = FEW_MONTHS.get(whole.name, whole.months)
    exact = yardstick(replace(whole, months=months), YARDSTICK)
    rows: list[Row] = []
    runs: list[Run] = []
    for case in chosen:
        work, patients = case.work(whole), case.patients[whole.name]
        if quick:
            work, patients = replace(work, months=1), min(patients, 2)
        start = time.perf_counter()
        runs.append(case.make(work, patients))
        ready = time.perf_counter() - start
        row = {"case": case.label, "group": case.group, "patients": patients, "compile_s": ready}
        rows.append(row | {"months": work.months, "years": work.years, "times": []})
        print(f"  {case.label}: ready in {ready:.0f} s", flush=True)
    for _ in range(1 if quick else ROUNDS):
        for row, run in zip(rows, runs, strict=True):
            if sum(wall for wall, _ in row["times"]) > ENOUGH:
                continue
            wall, cpu, seen = timed(run)
            row["times"].append((wall, cpu))
            row["errors"] = errors(whole, seen, exact)
    for row in rows:
        wall, cpu = (statistics.median(s) for s in zip(*row["times"], strict=True))
        years = row["patients"] * row["years"]
        row |= {"seconds": wall, "cpu_seconds": cpu}
        row |= {"patient_years_per_s": years / wall, "patient_years_per_cpu_s": years / cpu}
    return rows


def yardstick(work: Work, patients: int) -> dict[str, Any]:
    """Return the compared columns on this engine's finest grid."""
    return engine(work, patients, "float64", steps=FINEST[work.name], fused=True)


def check(whole: Work) -> dict[str, float]:
    """Return how far the finest grid is from SciPy's LSODA at its tightest, for one patient."""
    work = replace(whole, months=FEW_MONTHS.get(whole.name, whole.months))
    return errors(work, others.with_scipy(work, "LSODA", 1e-9, 1)(), yardstick(work, 1))


def main() -> None:
    """Time what the command line names, print it and write the results file."""
    configure(precision="float64")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenario", nargs="*", help="B or A; both if none is named")
    parser.add_argument("--quick", action="store_true", help="few patients, one round")
    chosen = parser.parse_args()
    if unknown := set(chosen.scenario) - {work.name for work in WORKS}:
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are B and A")
    start, before = time.perf_counter(), os.getloadavg()[0]
    report: dict[str, Any] = machine() | {"scenarios": {}}
    for work in WORKS:
        if chosen.scenario and work.name not in chosen.scenario:
            continue
        print(f"{work.name}: {work.title}", flush=True)
        rows = measure(work, CASES, chosen.quick)
        report["scenarios"][work.name] = {
            "title": work.title,
            "published_per_cpu_s": work.published,
            "published_source": PUBLISHED_SOURCE,
            "compared_months": FEW_MONTHS.get(work.name, work.months),
            "cases": rows,
            "ratios": ratios(rows, work.published),
            "finest_grid_against_lsoda": {} if chosen.quick else check(work),
        }
    for name, found in report["scenarios"].items():
        show(f"{name}: {found['title']}", found)
    report["load"] = {"before": before, "after": os.getloadavg()[0]}
    report["seconds"] = time.perf_counter() - start
    print(f"{report['seconds']:.0f} s in all; load {before:.1f} before")
    if not chosen.quick and len(report["scenarios"]) == len(WORKS):
        save(report, "peers-")


if __name__ == "__main__":
    main()
