"""The posterior by an ensemble beside Laplace's, at a job's own parameter set, without a fit.

    .venv/bin/python benchmarks/ensemble.py                  # the job `full`, members as they are
    .venv/bin/python benchmarks/ensemble.py quick --exact    # and accepted by their exact weights

The set that the job starts from is taken for its optimum; corrections and errors are those that it
asks for. Prints what a member cost and, by parameter, the ratio of the two standard deviations and
how far the means are apart. Writes `benchmarks/results/ensemble-<job>.json`; a run that was stopped
goes on from `--folder`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).resolve().parent / "results"
APART = 0.25  # a ratio of sds or a distance in sds by so much is printed


def measure(name: str, folder: Path, draws: int, exact: bool) -> dict[str, Any]:
    """Draw both posteriors of a job and compare them."""
    from calibration.fit.evaluations import Evaluations
    from calibration.fit.memory import Memory
    from calibration.job.load import load_job
    from calibration.posterior import rto
    from calibration.posterior.laplace import approximate, sample
    from calibration.problem import make_problem

    job = load_job(name)
    problem = make_problem(job)
    folder.mkdir(parents=True, exist_ok=True)
    x = problem.free.x(problem.free.fixed)
    evaluations = Evaluations(problem, Memory(folder)).corrected(x).reweighed(x)
    gaussian = sample(approximate(evaluations.problem, x), 4000, job.seed).flat
    seconds = _forward(evaluations.problem, x)
    began = time.process_time()
    asked = {"draws": draws, "steps": job.posterior.steps, "exact": exact, "seed": job.seed}
    found = rto.sample(evaluations, x, **asked)
    return {
        "job": name,
        "exact": exact,
        "rows": len(problem.targets),
        "free": len(x),
        "CPU seconds of an evaluation": seconds,
        "CPU seconds of the ensemble": time.process_time() - began,
        **found.facts,
        "parameters": [
            _compared(free, sd, found.flat[:, place], gaussian[:, place])
            for place, (free, sd) in enumerate(
                zip(problem.free.names, problem.free.sd.tolist(), strict=True)
            )
        ],
    }


def _forward(problem: Any, x: np.ndarray) -> float:
    problem.predicted(x)
    began = time.process_time()
    for step in range(5):
        problem.predicted(x + 1e-6 * step)
    return (time.process_time() - began) / 5


def _compared(name: str, prior: float, own: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """Return how draws of a parameter differ from Laplace's, on the prior's scale."""
    return {
        "parameter": name,
        "prior_sd": prior,
        "laplace_sd": float(other.std()),
        "ensemble_sd": float(own.std()),
        "ratio": float(own.std() / other.std()),
        "apart": float((own.mean() - other.mean()) / other.std()),
        "laplace_interval": np.quantile(other, (0.05, 0.95)).tolist(),
        "ensemble_interval": np.quantile(own, (0.05, 0.95)).tolist(),
    }


def show(report: dict[str, Any]) -> None:
    """Print the report; of the parameters those that differ."""
    for key, value in report.items():
        if key != "parameters":
            print(f"{key}: {value:.4g}" if isinstance(value, float) else f"{key}: {value}")
    print(f"{'parameter':<12}{'sd / Laplace':>14}{'means apart, sds':>18}")
    for line in report["parameters"]:
        if abs(line["ratio"] - 1.0) > APART or abs(line["apart"]) > APART:
            print(f"{line['parameter']:<12}{line['ratio']:>14.2f}{line['apart']:>+18.2f}")


def main() -> None:
    import jax

    from cohort.api.device import configure

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("job", nargs="?", default="full")
    parser.add_argument("--draws", type=int, default=200, help="members")
    parser.add_argument("--exact", action="store_true", help="weigh every member")
    parser.add_argument("--folder", type=Path, help="where evaluations are remembered")
    chosen = parser.parse_args()
    configure(precision="float64")
    folder = chosen.folder or Path(tempfile.gettempdir()) / f"ensemble-{chosen.job}"
    with jax.enable_x64(True):
        report = measure(chosen.job, folder, chosen.draws, chosen.exact)
    show(report)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"ensemble-{chosen.job}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
