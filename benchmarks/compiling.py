"""How long until the first result: `cohort run` with a cold and a warm cache, and `cohort list`.

    python -m benchmarks.compiling            about two minutes on two cores
    python -m benchmarks.compiling --quick    one round

Each is a process of its own, timed from its start by the wall. The first result of `cohort run` is
the moment at which the folder's manifest says that everybody is simulated, written and summarised;
the report with its figures comes after and is told apart. Cold is a cache folder that is empty.
Counted as well: what is traced and what is compiled in a cold run and in the warm one after it, and
the same with five times as many persons, which must be no more.

Results go to `benchmarks/results/compiling-<device>.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.throughput import machine, save

LIMITS = {"cohort list": 0.3, "warm": 3.0, "cold": 15.0}


def command(*words: str) -> list[str]:
    """Return the words of a command of this environment's `cohort`."""
    return [sys.executable, "-m", "cohort", *words]


def time_run(study: str, patients: int, cache: Path, out: Path) -> dict[str, float]:
    """Return seconds to the first result and to the end of `cohort run`, and its CPU seconds."""
    words = command("run", study, "--patients", str(patients), "--out", str(out), "--quiet")
    start = time.perf_counter()
    child = subprocess.Popen(words, env=os.environ | {"BONE_COHORT_CACHE": str(cache)})
    first = 0.0
    while not first and child.poll() is None:
        first = time.perf_counter() - start if is_done(out) else 0.0
        time.sleep(0.02)
    _, status, usage = os.wait4(child.pid, 0) if child.returncode is None else (0, 0, None)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode or usage is None:
        raise SystemExit(f"{' '.join(words)} ended before its first result")
    return {
        "first_result_s": first,
        "with_report_s": time.perf_counter() - start,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    } | compile_seconds(out)


def is_done(out: Path) -> bool:
    """Whether a folder's manifest says that the run is complete."""
    try:
        return json.loads((out / "manifest.json").read_text("utf-8"))["status"] == "done"
    except (OSError, ValueError):
        return False


def compile_seconds(out: Path) -> dict[str, float]:
    """Return what the manifest of a run says of compiling and computing."""
    seconds = json.loads((out / "manifest.json").read_text("utf-8"))["seconds"]
    return {"compile_s": seconds["compile"], "compute_s": seconds["compute"]}


def counts(study: str, patients: int) -> dict[str, int]:
    """Return how much was traced and compiled in a cold and in a warm run, from JAX's own log."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        log = {"JAX_LOG_COMPILES": "1", "BONE_COHORT_CACHE": str(Path(folder, "cache"))}
        for warmth in ("", "_warm"):
            out = str(Path(folder, f"run{warmth}"))
            words = command("run", study, "--patients", str(patients), "--out", out, "--quiet")
            done = subprocess.run(
                words, env=os.environ | log, capture_output=True, text=True, check=True
            )
            found |= {
                f"traced{warmth}": len(re.findall(r"Finished tracing \S+ for", done.stderr)),
                f"compiled{warmth}": len(re.findall(r"Finished XLA compilation of", done.stderr)),
            }
    return found


def time_list(rounds: int) -> float:
    """Return the median seconds of `cohort list`."""
    seconds = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        subprocess.run(command("list"), check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the medians of several runs."""
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def measure(study: str, patients: int, rounds: int) -> dict[str, Any]:
    """Time cold and warm runs, and `cohort list`."""
    cold, warm = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            cache = Path(folder, f"cache{number}")
            cold.append(time_run(study, patients, cache, Path(folder, f"cold{number}")))
            warm.append(time_run(study, patients, cache, Path(folder, f"warm{number}")))
    return {
        "cohort list": {"first_result_s": time_list(rounds)},
        "warm": medians(warm),
        "cold": medians(cold),
    }


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    for name, limit in LIMITS.items():
        seconds = report["seconds"][name]
        print(
            f"{name:<12}first result {seconds['first_result_s']:6.2f} s, limit {limit:g} s", end=""
        )
        if "with_report_s" in seconds:
            print(
                f"; with report {seconds['with_report_s']:.2f} s, compiling "
                f"{seconds['compile_s']:.2f} s, CPU {seconds['cpu_s']:.1f} s",
                end="",
            )
        print()
    for words, found in report["counts"].items():
        print(
            f"{words}: {found['traced']} traced, {found['compiled']} compiled; "
            f"warm {found['traced_warm']} and {found['compiled_warm']}"
        )


def main() -> None:
    """Measure, print, and write the results file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", nargs="?", default="freedom")
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="one round")
    chosen = parser.parse_args()
    before = os.getloadavg()[0]
    study, patients = chosen.study, chosen.patients
    report = machine() | {
        "study": study,
        "patients": patients,
        "limits": LIMITS,
        "seconds": measure(study, patients, 1 if chosen.quick else 3),
        "counts": {
            f"{persons:,} persons an arm": counts(study, persons)
            for persons in (patients, 5 * patients)[: 1 if chosen.quick else 2]
        },
        "load": {"before": before, "after": os.getloadavg()[0]},
    }
    show(report)
    if not chosen.quick:
        save(report, "compiling-")


if __name__ == "__main__":
    main()
