"""Run the calibration job: `python -m calibration --out my_set.toml`."""

from __future__ import annotations

import argparse
from pathlib import Path

import jax


def main() -> None:
    """Fit, print the errors, write the parameter set."""
    parser = argparse.ArgumentParser(prog="python -m calibration", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="parameter set to write (TOML)")
    parser.add_argument("--start", default="default", help="set to start from, by name or path")
    parser.add_argument("--rounds", type=int, default=2, help="corrections for whole cohorts")
    parser.add_argument("--steps", type=int, default=10, help="derivatives in each round")
    parser.add_argument("--patients", type=int, default=256, help="of each trial's cohort")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)

    from calibration.job import describe, run_job, scores, write_set

    problem, fitted = run_job(options.rounds, options.steps, options.patients, options.start)
    found = scores(problem, fitted.predictions)
    for score in found:
        line = f"{score.quantity:5} {score.rows:4} rows  rmse {score.rmse:6.2f}"
        print(f"{line}  bias {score.bias:+.2f}")
    write_set(options.out, fitted.values, found, describe(problem))


if __name__ == "__main__":
    main()
