"""Are known parameters found again? Outcomes are simulated from them and fitted from random starts.

    .venv/bin/python benchmarks/recovery.py            # the job `full`: half an hour a data set
    .venv/bin/python benchmarks/recovery.py quick --sets 5

The truth is the job's parameter set. A data set takes every row that the job fits and replaces its
value: what a whole cohort shows under the truth, and the noise that the fit assumes (each row's
own, and an offset that the rows of a trial share). Priors are knowledge from elsewhere, so their
centres are drawn anew too, from normals about the truth. What is said to lie in an interval with a
probability of 95 % must then lie in it in 95 % of the data sets.

Prints a table and writes `benchmarks/results/recovery-<job>.json`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from calibration.job.schema import Job
    from calibration.problem import Problem

RESULTS = Path(__file__).resolve().parent / "results"
REACH = 1.959964  # standard deviations either way that hold 95 % of a normal


def synthetic(
    problem: Problem, truth: np.ndarray, rng: np.random.Generator, spread: float = 0.5
) -> Problem:
    """Return the problem with outcomes, priors and a first start drawn from a truth.

    Args:
        problem: the job's.
        truth: coordinates, `(dim,)`.
        rng: source of randomness.
        spread: of the first start about the truth, in standard deviations of the priors.
    """
    free = problem.free
    begin = truth + spread * free.sd * rng.standard_normal(len(truth))
    begin = np.clip(begin, free.low, free.high)
    values = {name: float(value) for name, value in free.values(begin).items()}
    centre = truth + free.sd * rng.standard_normal(len(truth))
    shown = problem.corrected(truth).predicted(truth) + noise(problem, rng)
    targets = tuple(
        replace(target, row=replace(target.row, value=float(value)))
        for target, value in zip(problem.targets, shown, strict=True)
    )
    return replace(
        problem,
        free=replace(free, centre=centre, fixed=values),
        likelihood=replace(problem.likelihood, targets=targets),
    )


def noise(problem: Problem, rng: np.random.Generator) -> np.ndarray:
    """Draw the errors of all rows, percent, `(row,)`: their own, and their trials'."""
    likelihood = problem.likelihood
    own = likelihood.error() * rng.standard_normal(len(problem.targets))
    shared = {block: rng.standard_normal() for block in likelihood.blocks()}
    offsets = [shared[target.block] for target in problem.targets]
    return own + likelihood.offset() * np.array(offsets)


def found_again(problem: Problem, x: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """Say how each parameter was found, a row each.

    Args:
        problem: as fitted.
        x: its optimum, `(dim,)`.
        truth: what its outcomes were drawn from, `(dim,)`.
    """
    from calibration.posterior.identifiability import parameters_table
    from calibration.posterior.laplace import approximate

    table = parameters_table(approximate(problem, x))
    off = (x - truth) / table["posterior_sd"]
    kept = table[["parameter", "evidence", "sd_ratio"]]
    return kept.assign(off=off, inside=np.abs(off) <= REACH)


def summary(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return how often intervals held the truth, by how well the data know the parameter."""
    every = pd.concat(tables)
    grouped = every.groupby("evidence")
    return pd.DataFrame(
        {
            "intervals": grouped.size(),
            "inside": grouped["inside"].mean(),
            "mean_square": grouped["off"].apply(lambda off: float(np.mean(off**2))),
        }
    ).reset_index()


def recover(job: Job, sets: int, seed: int) -> dict[str, Any]:
    """Fit synthetic data sets of a job from random starts."""
    from calibration.fit import fit
    from calibration.problem import make_problem
    from calibration.progress import silent

    problem = make_problem(job)
    truth = problem.free.x(problem.free.fixed)
    tables, fits = [], []
    for number in range(sets):
        drawn = synthetic(problem, truth, np.random.default_rng([seed, number]), job.start.spread)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            found = fit(drawn, job, Path(folder), silent)
        tables.append(found_again(found.problem, found.x, truth).assign(set=number))
        polished = found.starts[found.starts["stage"] == "polish"]
        best = polished.iloc[int(np.argmin(polished["loss"]))]
        fits.append(
            {
                "set": number,
                "seconds": time.perf_counter() - began,
                "loss": float(best["loss"]),
                "converged": bool(best["converged"]),
            }
        )
        show(fits[-1], tables[-1])
    return {
        "job": job.name,
        "starts": job.start.starts,
        "rows": len(problem.targets),
        "free": len(problem.free.names),
        "fits": fits,
        "coverage": summary(tables).to_dict("records"),
        "parameters": pd.concat(tables).to_dict("records"),
    }


def show(told: dict[str, Any], table: pd.DataFrame) -> None:
    """Print one data set's line."""
    known = table[table["evidence"] == "data"]
    print(
        f"set {told['set']}: {told['seconds']:,.0f} s, loss {told['loss']:.1f}, "
        f"{'converged' if told['converged'] else 'not converged'}; {known['inside'].sum()} of "
        f"{len(known)} parameters that the data know lie in their 95 % intervals",
        flush=True,
    )


def show_all(report: dict[str, Any]) -> None:
    """Print the coverage as a table."""
    print(
        f"\n{report['job']}: {report['rows']} rows, {report['free']} parameters, "
        f"{len(report['fits'])} data sets of {report['starts']} random starts"
    )
    print(f"{'known by':<12}{'intervals':>10}{'inside':>10}{'mean square':>14}")
    for line in report["coverage"]:
        print(f"{line['evidence']:<12}{line['intervals']:>10}", end="")
        print(f"{line['inside']:>10.1%}{line['mean_square']:>14.2f}")
    print("nominal: 95 % inside; a mean square of 1, of deviations in posterior sds")


def main() -> None:
    import jax

    from calibration.job.load import load_job

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("job", nargs="?", default="full")
    parser.add_argument("--sets", type=int, default=1, help="synthetic data sets")
    parser.add_argument("--starts", type=int, default=8, help="random starts of each")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    job = load_job(chosen.job, [f"start.starts={chosen.starts}"])
    with jax.enable_x64(True):
        report = recover(job, chosen.sets, chosen.seed)
    show_all(report)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"recovery-{job.name}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
