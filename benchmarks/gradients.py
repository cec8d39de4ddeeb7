"""What a step of a calibration costs, and how exact its gradient is.

    .venv/bin/python benchmarks/gradients.py            # the job `full`: all arms, all parameters
    .venv/bin/python benchmarks/gradients.py quick

Times the objective and its gradient from one start and from eight together, and the Jacobian of
all rows, compilation apart; medians of several. Then compares the gradient with central
differences in every parameter, away from the optimum, in float64.

Prints a table and writes `benchmarks/results/gradients-<job>.json`.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cohort.api.device import configure

if TYPE_CHECKING:
    from calibration.problem import Problem

RESULTS = Path(__file__).resolve().parent / "results"
# Of a prior's standard deviation. What a central difference cuts off falls with the step's square
# (of the full job's gradient 7e-5 at a step of 1e-3) and its rounding stays below 1e-8 here.
STEP = 1e-4
AWAY = 0.3


def timed(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the seconds of the first call and the median of the next ones."""
    seconds = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds[0], statistics.median(seconds[1:])


def differences(problem: Problem, x: np.ndarray) -> np.ndarray:
    """Return the gradient of the loss by central differences, `(dim,)`."""

    def loss(at: np.ndarray) -> float:
        return problem.cost(problem.predicted(at) - problem.observed, at)

    slope = np.empty(len(x))
    for place, sd in enumerate(problem.free.sd):
        step = np.zeros(len(x))
        step[place] = STEP * sd
        slope[place] = (loss(x + step) - loss(x - step)) / (2.0 * STEP * sd)
    return slope


def measure(name: str, rounds: int) -> dict[str, Any]:
    """Time a job's derivatives and compare its gradient with differences."""
    from calibration.job.load import load_job
    from calibration.problem import make_problem

    problem = make_problem(load_job(name))
    free = problem.free
    rng = np.random.default_rng(0)
    begin = free.x(free.fixed)
    starts = begin + AWAY * free.sd * rng.standard_normal((8, len(begin)))
    starts = np.clip(starts, free.low, free.high)
    x = starts[0]
    forward = timed(lambda: problem.predicted(x), rounds)
    single = timed(lambda: problem.gradients(x[None]), rounds)
    eight = timed(lambda: problem.gradients(starts), rounds)
    jacobian = timed(lambda: problem.linearised(x), rounds)
    exact, central = problem.gradients(x[None])[1][0], differences(problem, x)
    # In units of the priors, so that parameters of all scales count alike.
    exact, central = exact * free.sd, central * free.sd
    return {
        "job": name,
        "rows": len(problem.targets),
        "arms": len({(t.row.trial, t.row.arm) for t in problem.targets}),
        "free": len(free.names),
        "seconds": {
            "objective": forward[1],
            "objective and gradient, one start": single[1],
            "objective and gradient, eight starts": eight[1],
            "Jacobian of all rows": jacobian[1],
        },
        "seconds of the first call": {
            "objective": forward[0],
            "objective and gradient, one start": single[0],
            "objective and gradient, eight starts": eight[0],
            "Jacobian of all rows": jacobian[0],
        },
        "gradient error, share of its norm": float(
            np.linalg.norm(exact - central) / np.linalg.norm(central)
        ),
        "largest error, share of the largest component": float(
            np.max(np.abs(exact - central)) / np.max(np.abs(central))
        ),
        "largest relative error of a component above a thousandth of the largest": float(
            _relative(exact, central)
        ),
        "peak memory, GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }


def _relative(exact: np.ndarray, central: np.ndarray) -> float:
    kept = np.abs(central) > 1e-3 * np.max(np.abs(central))
    return np.max(np.abs(exact[kept] / central[kept] - 1.0))


def show(report: dict[str, Any]) -> None:
    """Print the report."""
    print(f"{report['job']}: {report['rows']} rows, {report['arms']} arms, {report['free']} free")
    for word, seconds in report["seconds"].items():
        first = report["seconds of the first call"][word]
        print(f"{word:<40}{seconds:>8.2f} s   first call {first:,.0f} s")
    for word in list(report)[-4:]:
        print(f"{word}: {report[word]:.3g}")


def main() -> None:
    import jax

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("job", nargs="?", default="full")
    parser.add_argument("--rounds", type=int, default=5, help="repeats that a median is taken of")
    chosen = parser.parse_args()
    configure(precision="float64")
    with jax.enable_x64(True):
        report = measure(chosen.job, chosen.rounds)
    show(report)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"gradients-{chosen.job}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
