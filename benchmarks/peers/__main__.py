"""How fast, on the same work as peers: this engine, diffrax, SciPy, and the published C++.

    python -m benchmarks.peers            both scenarios, about six minutes on two cores
    python -m benchmarks.peers --quick    few patients and one round: does it run

The Peterson-Riggs model, patients who differ in four parameters. Compiling is told apart. Cases are
timed in interleaved rounds and the median is told; solvers that are too slow for all patients get
fewer, and are compared by patient-years per second. The error beside each speed is the largest,
relative, over patients and months, against this engine's finest grid; how far that is from SciPy's
LSODA at its tightest is told too. Results go to `benchmarks/results/peers-<device>.json`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from benchmarks.peers import others
from benchmarks.peers.work import FINEST, WORKS, YARDSTICK, Work, engine, errors
from benchmarks.throughput import machine, save

OURS = "this engine"


@dataclass(frozen=True)
class Case:
    """A way to do the work.

    Attributes:
        label: in the table.
        patients: in scenario B, in scenario A.
        rounds: how often it is timed at the most.
        make: work, number of patients -> a function of no arguments that does it.
    """

    label: str
    patients: dict[str, int]
    rounds: int
    make: Callable[[Work, int], Callable[[], Any]]


def of_engine(precision: str) -> Callable[[Work, int], Callable[[], Any]]:
    """Return how this engine does it."""
    return lambda work, patients: lambda: engine(work, patients, precision)


def of_diffrax(solver: str, rtol: float) -> Callable[[Work, int], Callable[[], Any]]:
    """Return how diffrax does it."""
    return lambda work, patients: others.with_diffrax(
        work, others.SOLVERS[solver](), rtol, patients
    )


def of_scipy(method: str, rtol: float) -> Callable[[Work, int], Callable[[], Any]]:
    """Return how SciPy does it."""
    return lambda work, patients: others.with_scipy(work, method, rtol, patients)


CASES = (
    Case(f"{OURS}, float32", {"B": 5000, "A": 1024}, 3, of_engine("float32")),
    Case(f"{OURS}, float64", {"B": 5000, "A": 1024}, 3, of_engine("float64")),
    Case("diffrax Kvaerno3, rtol 1e-3", {"B": 256, "A": 4}, 3, of_diffrax("Kvaerno3", 1e-3)),
    Case("diffrax Kvaerno3, rtol 1e-4", {"B": 256, "A": 4}, 3, of_diffrax("Kvaerno3", 1e-4)),
    Case("diffrax Kvaerno5, rtol 1e-4", {"B": 64, "A": 2}, 1, of_diffrax("Kvaerno5", 1e-4)),
    Case("SciPy LSODA, rtol 1e-4", {"B": 4, "A": 1}, 1, of_scipy("LSODA", 1e-4)),
    Case("SciPy BDF, rtol 1e-4", {"B": 2, "A": 1}, 1, of_scipy("BDF", 1e-4)),
)


def timed(run: Callable[[], Any]) -> tuple[float, float]:
    """Return wall seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(work: Work, cases: tuple[Case, ...], quick: bool) -> list[dict[str, Any]]:
    """Time every case of a scenario in interleaved rounds; return a row each."""
    exact = engine(work, YARDSTICK, "float64", steps=FINEST[work.name])
    rows: list[dict[str, Any]] = []
    runs: dict[str, tuple[Callable[[], Any], int]] = {}
    for case in cases:
        patients = min(case.patients[work.name], 2) if quick else case.patients[work.name]
        start = time.perf_counter()
        run = case.make(work, patients)
        made, cpu = time.perf_counter(), time.process_time()
        seen = run()
        once = time.perf_counter() - made, time.process_time() - cpu
        ready = time.perf_counter() - start
        rows.append({"case": case.label, "patients": patients, "ready_s": ready})
        rows[-1]["errors"] = errors(work, seen, exact)
        # What is timed once is compiled before: its first run is as good as any.
        rows[-1]["times"] = [once] if case.rounds == 1 else []
        runs[case.label] = run, case.rounds
        print(f"  {case.label}: compiled and done once in {ready:.0f} s", flush=True)
    for number in range(1 if quick else max(case.rounds for case in cases)):
        for row in rows:
            run, rounds = runs[row["case"]]
            if number < rounds and rounds > 1:
                row["times"].append(timed(run))
    for row in rows:
        wall, cpu = (statistics.median(s) for s in zip(*row["times"], strict=True))
        years = row["patients"] * work.years
        row |= {"seconds": wall, "rounds": len(row["times"])}
        row |= {"patient_years_per_s": years / wall, "patient_years_per_cpu_s": years / cpu}
    return rows


def check(work: Work) -> dict[str, float]:
    """Return how far the finest grid is from SciPy's LSODA at its tightest, for one patient."""
    exact = engine(work, 1, "float64", steps=FINEST[work.name])
    return errors(work, others.with_scipy(work, "LSODA", 1e-9, 1)(), exact)


def show(work: Work, rows: list[dict[str, Any]], apart: dict[str, float]) -> None:
    """Print the table of a scenario."""
    fastest = max(rows, key=lambda row: row["patient_years_per_s"])
    double = next(row for row in rows if row["case"] == f"{OURS}, float64")
    print(f"\n{work.name}: {work.title}")
    names = "".join(f"{name:>9}" for name in work.columns)
    print(f"{'':<30}{'patients':>9}{'years/s':>11}{'f32 is x':>10}{'f64 is x':>10}{names}")
    for row in rows:
        rate = row["patient_years_per_s"]
        ratios = [fastest["patient_years_per_s"] / rate, double["patient_years_per_s"] / rate]
        print(f"{row['case']:<30}{row['patients']:>9,}{rate:>11,.2f}", end="")
        print("".join(f"{ratio:>10,.1f}" for ratio in ratios), end="")
        print("".join(f"{row['errors'][name]:>9.0e}" for name in work.columns))
    print(f"{'published C++, a CPU second':<30}{'':>9}{work.published:>11,.2f}", end="")
    for row in (fastest, double):
        print(f"{row['patient_years_per_cpu_s'] / work.published:>10,.1f}", end="")
    print()
    if apart:
        told = ", ".join(f"{name} {value:.0e}" for name, value in apart.items())
        print(f"finest grid against LSODA at rtol 1e-9: {told}")


def main() -> None:
    """Time what the command line names, print it and write the results file."""
    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="*", help="B or A; both if none is named")
    parser.add_argument("--quick", action="store_true", help="few patients, one round")
    chosen = parser.parse_args()
    before = os.getloadavg()[0]
    report: dict[str, Any] = machine()
    scenarios: dict[str, Any] = {}
    for work in WORKS:
        if chosen.scenario and work.name not in chosen.scenario:
            continue
        print(f"{work.name}: {work.title}", flush=True)
        rows = measure(work, CASES, chosen.quick)
        apart = {} if chosen.quick else check(work)
        found = {"title": work.title, "published_per_cpu_s": work.published, "cases": rows}
        scenarios[work.name] = found | {"finest_grid_against_lsoda": apart}
        show(work, rows, apart)
    report["scenarios"] = scenarios
    report["load"] = {"before": before, "after": os.getloadavg()[0]}
    if chosen.quick:
        return
    save(report, "peers-")


if __name__ == "__main__":
    main()
