"""What Ray costs on one machine: the same run by local threads and by as many Ray workers.

    python -m benchmarks.cluster                        10^6 persons in each of two arms
    python -m benchmarks.cluster --patients 40000       does it run

Each run is the command as a user has it, from its start to its end: cluster, simulation, tables,
report. Beside the times stands whether every Parquet file has the same bytes. In the last run one
worker is killed (`kill -9`) once a third of the parts are written. Everything is compiled before,
by a small run. Results go to `benchmarks/results/cluster-<device>.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.throughput import machine, save
from cohort.results.layout import PART
from cohort.results.reader import read_manifest

LIMIT = 10.0  # per cent, at a million persons
WORKER = "ray::RayWorker"


def command(chosen: argparse.Namespace, patients: int, out: Path, *more: str) -> list[str]:
    """Return the words of a run."""
    words = ["run", chosen.study, "--patients", str(patients), "--out", str(out), "--quiet"]
    config = [word for text in chosen.config for word in ("--config", text)]
    return [
        sys.executable,
        "-m",
        "cohort",
        *words,
        *config,
        "--workers",
        str(chosen.workers),
        *more,
    ]


def timed(words: list[str], out: Path, watch: Callable[[psutil.Process], None]) -> dict[str, Any]:
    """Run a command; return its time, the times that it tells, and what it wrote."""
    start = time.perf_counter()
    child = subprocess.Popen(words)
    watch(psutil.Process(child.pid))
    if child.wait():
        raise SystemExit(f"{' '.join(words)} ended with {child.returncode}")
    seconds = time.perf_counter() - start
    told = read_manifest(out)["seconds"]
    row = {"seconds": seconds, **told, "bytes": digest(out)}
    shutil.rmtree(out)
    return row


def digest(folder: Path) -> str:
    """Return one hash of the names and bytes of every Parquet file of a folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.parquet")):
        with path.open("rb") as file:
            own = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder)} {own}\n".encode())
    return whole.hexdigest()


def nobody(_: psutil.Process) -> None:
    """Leave the workers alone."""


def killer(out: Path, patients: int) -> Callable[[psutil.Process], None]:
    """Return what kills a worker once a third of the parts are there."""
    third = max(1, -(-patients // PART) // 3)

    def watch(process: psutil.Process) -> None:
        while process.is_running() and len(list(out.glob(".parts/part-*.parquet"))) < third:
            time.sleep(0.05)
        workers = [p for p in process.children(recursive=True) if WORKER in " ".join(p.cmdline())]
        if not workers:
            raise SystemExit("the run was over before a worker could be killed: more --patients")
        workers[0].kill()

    return watch


def measure(chosen: argparse.Namespace, scratch: Path) -> list[dict[str, Any]]:
    """Run locally and on Ray in turn, and once with a killed worker."""
    out = scratch / "run"
    ray = ("--cluster", "ray")
    timed(command(chosen, 100, out), out, nobody)
    rows = []
    for _ in range(chosen.rounds):
        local = timed(command(chosen, chosen.patients, out), out, nobody)
        rows.append({"where": "local", **local})
        rows.append(
            {"where": "ray", **timed(command(chosen, chosen.patients, out, *ray), out, nobody)}
        )
    words = command(chosen, chosen.patients, out, *ray)
    rows.append({"where": "ray, killed", **timed(words, out, killer(out, chosen.patients))})
    return rows


def median(rows: list[dict[str, Any]], where: str) -> float:
    return statistics.median(row["seconds"] for row in rows if row["where"] == where)


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    print(
        f"\n{report['device']}, {report['cores']} cores, {report['date']}; {report['study']}, ",
        end="",
    )
    print(f"{report['patients']:,} persons in each arm, {report['workers']} workers")
    print(f"{'':<14}{'whole s':>9}{'compile':>9}{'compute':>9}{'write':>9}{'summary':>9}")
    for row in report["runs"]:
        times = [row[name] for name in ("seconds", "compile", "compute", "write", "summary")]
        print(f"{row['where']:<14}" + "".join(f"{value:>9.1f}" for value in times))
    print(
        f"Ray takes {report['overhead_percent']:+.1f} % (limit {LIMIT:.0f} % at a million), ",
        end="",
    )
    print(f"with a worker killed {report['overhead_killed_percent']:+.1f} %; ", end="")
    print("same bytes" if report["same_bytes"] else "BYTES DIFFER")
    print(f"load {report['load']['before']:.1f} before, {report['load']['after']:.1f} after")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?", default="freedom")
    parser.add_argument("--patients", type=int, default=1_000_000, help="persons per arm")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1, help="of local and Ray in turn")
    parser.add_argument("--config", action="append", default=[], help="as of cohort run")
    parser.add_argument("--scratch", help="where the runs are written; the temporary folder")
    chosen = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=chosen.scratch) as folder:
        rows = measure(chosen, Path(folder))
    local = median(rows, "local")
    report = machine() | {
        "study": chosen.study,
        "patients": chosen.patients,
        "workers": chosen.workers,
        "runs": rows,
        "overhead_percent": 100 * (median(rows, "ray") / local - 1),
        "overhead_killed_percent": 100 * (median(rows, "ray, killed") / local - 1),
        "same_bytes": len({row["bytes"] for row in rows}) == 1,
        "load": {"before": before, "after": os.getloadavg()[0]},
    }
    show(report)
    save(report, "cluster-")


if __name__ == "__main__":
    main()
