"""How fast, and how exact at that speed: patients a second, end-to-end time, peak memory.

`make benchmark` prints a table and writes `benchmarks/results/<device>.json`. Compilation is
reported apart. The accuracies are timed in interleaved rounds, so that a busy moment of the machine
falls on all of them; the error beside each speed is the largest over patients, visits and arms
against the finest grid in float64.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

# The first to be compiled also pays for what all share (sampling, history), as a user's run does.
ACCURACIES = ("default", "draft", "high")
BONE = tuple(f"bmd_{site}_change" for site in ("lumbar_spine", "total_hip", "femoral_neck"))
ERRORS = {"BMD, points": BONE, "CTX, %": ("ctx_change",), "P1NP, %": ("p1np_change",)}
COMPARED = 2048
RESULTS = Path(__file__).resolve().parent / "results"


def simulator(study: str, accuracy: str, precision: str) -> Any:
    """Make the simulator of a study."""
    from cohort.solve.simulate import make_simulator
    from cohort.trial.study import load_study

    overrides = [f"engine.accuracy={accuracy}", f"engine.precision={precision}"]
    return make_simulator(load_study(study, overrides))


def arms_of(study: str) -> tuple[tuple[str, ...], float]:
    """Return the arms of a study and its length in years."""
    from cohort.trial.study import load_study

    loaded = load_study(study)
    return tuple(arm.name for arm in loaded.arms), loaded.last_month / 12.0


def outcomes(made: Any, study: str) -> dict[str, np.ndarray]:
    """Simulate the patients that are compared: each compared column, over arms and visits."""
    arms, _ = arms_of(study)
    block = made.block(np.arange(COMPARED, dtype=np.int64), arms)
    columns = [column for group in ERRORS.values() for column in group]
    return {c: np.concatenate([block.visits[arm][c] for arm in arms], axis=1) for c in columns}


def write_reference(study: str, path: str) -> None:
    """Write the outcomes on the finest grid in float64; runs in a process of its own."""
    import jax

    jax.config.update("jax_enable_x64", True)
    np.savez(path, allow_pickle=False, **outcomes(simulator(study, "high", "float64"), study))


def read_reference(study: str, scratch: Path) -> dict[str, np.ndarray]:
    """Compute the reference in a child process, since float64 is a choice for a whole process."""
    path = scratch / "reference.npz"
    subprocess.run([sys.executable, __file__, study, "--reference", str(path)], check=True)
    with np.load(path) as arrays:
        return dict(arrays)


def largest_errors(seen: dict[str, np.ndarray], exact: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the largest difference of each kind of outcome.

    A marker's error is relative to its value, hence a ratio of two `100 + change`.
    """
    worst = {}
    for name, columns in ERRORS.items():
        gaps = []
        for column in columns:
            gap = np.abs(seen[column] - exact[column])
            if column not in BONE:
                gap = 100.0 * gap / (100.0 + exact[column])
            gaps.append(float(np.nanmax(gap)))
        worst[name] = max(gaps)
    return worst


def time_blocks(study: str, patients: int, rounds: int, scratch: Path) -> list[dict[str, Any]]:
    """Time one block at every accuracy."""
    arms, years = arms_of(study)
    slots = np.arange(patients, dtype=np.int64)
    made, rows = {}, {}
    for accuracy in ACCURACIES:
        made[accuracy] = simulator(study, accuracy, "float32")
        start = time.perf_counter()
        made[accuracy].compile()
        rows[accuracy] = {"accuracy": accuracy, "compile_s": time.perf_counter() - start}
    seconds: dict[str, list[float]] = {accuracy: [] for accuracy in ACCURACIES}
    for _ in range(rounds):
        for accuracy in ACCURACIES:
            start = time.perf_counter()
            made[accuracy].block(slots, arms)
            seconds[accuracy].append(time.perf_counter() - start)
    exact = read_reference(study, scratch)
    for accuracy, row in rows.items():
        rate = patients * len(arms) / statistics.median(seconds[accuracy])
        row |= {"patients_per_s": rate, "patient_years_per_s": rate * years}
        row["errors"] = largest_errors(outcomes(made[accuracy], study), exact)
    return list(rows.values())


def time_run(study: str, patients: int, scratch: Path) -> dict[str, Any]:
    """Time `cohort run` as a user would have it, report included, and its peak memory."""
    words = ["run", study, "--patients", str(patients), "--out", str(scratch / "run"), "--quiet"]
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "cohort", *words])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"cohort {' '.join(words)} ended with {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "patients_per_arm": patients,
        "seconds": time.perf_counter() - start,
        "peak_memory_gib": usage.ru_maxrss * unit / 2**30,
    }


def machine() -> dict[str, Any]:
    """Say what this was measured on."""
    import jax

    device = jax.devices()[0]
    kind = device.device_kind if device.platform != "cpu" else processor()
    return {
        "device": f"{device.platform}: {kind}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("bone-cohort", "jax", "jaxlib", "numpy")},
    }


def processor() -> str:
    """Return the processor's name."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def show(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    print(f"\n{report['device']}, {report['cores']} cores, {report['date']}; {report['study']}")
    print(f"{'accuracy':<10}{'compile s':>10}{'patients/s':>12}{'years/s':>10}", end="")
    print("".join(f"{name:>14}" for name in ERRORS))
    for row in report["blocks"]:
        print(f"{row['accuracy']:<10}{row['compile_s']:>10.1f}", end="")
        print(f"{row['patients_per_s']:>12,.0f}{row['patient_years_per_s']:>10,.0f}", end="")
        print("".join(f"{row['errors'][name]:>14.2g}" for name in ERRORS))
    run = report["run"]
    print(
        f"cohort run, {run['patients_per_arm']:,} persons in each arm: {run['seconds']:.0f} s, "
        f"peak memory {run['peak_memory_gib']:.2f} GiB"
    )


def save(report: dict, prefix: str = "") -> None:
    """Write a report to the results file of its device.

    Args:
        report: with the `device` in words.
        prefix: what the file's name begins with.
    """
    RESULTS.mkdir(exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", report["device"].lower()).strip("-")
    path = RESULTS / f"{prefix}{name}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?", default="freedom")
    parser.add_argument("--patients", type=int, default=8192, help="of a timed block")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run", type=int, default=20000, help="persons per arm, end to end")
    parser.add_argument("--reference", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.reference:
        write_reference(chosen.study, chosen.reference)
        return
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        report = machine() | {
            "study": chosen.study,
            "block": chosen.patients,
            "blocks": time_blocks(chosen.study, chosen.patients, chosen.rounds, scratch),
            "run": time_run(chosen.study, chosen.run, scratch),
            "load": {"before": before, "after": os.getloadavg()[0]},
        }
    show(report)
    save(report)


if __name__ == "__main__":
    main()
