"""Fits of a problem whose optimum is known in closed form; killed and gone on with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
from linear_problem import Calls, LinearProblem, as_problem, linear_problem
from scipy.optimize import minimize

from calibration.fit import Fitted, fit
from calibration.fit.descent import descend
from calibration.fit.evaluations import Evaluations
from calibration.fit.fit import make_starts
from calibration.fit.memory import Memory
from calibration.fit.polish import Polished, polish
from calibration.fit.trace import Trace
from calibration.job.schema import Job
from calibration.progress import Event, Step, silent


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


class Killed(Exception):
    """Stands for the end of a process."""


def stop() -> None:
    raise Killed


def a_job(**tables: Any) -> Job:
    return Job.model_validate(tables)


def evaluations(problem: LinearProblem, folder: Path) -> Evaluations:
    """Return the evaluations of a problem in its first round."""
    first = problem.free.x(problem.free.fixed)
    return Evaluations(as_problem(problem), Memory(folder)).corrected(first)


def descended(problem: LinearProblem, folder: Path, job: Job) -> tuple[np.ndarray, pd.DataFrame]:
    trace = Trace(silent)
    starts = make_starts(problem.free, job)
    return descend(job.fit, evaluations(problem, folder), starts, trace), trace.table()


def polished(
    problem: LinearProblem, folder: Path, x: np.ndarray | None = None, **asked: Any
) -> Polished:
    asked = {"tolerance": 1e-12, "steps": 50, "rounds": 1} | asked
    first = problem.free.x(problem.free.fixed) if x is None else x
    own = evaluations(problem, folder)
    return polish(a_job(polish=asked).polish, own, first, 0, Trace(silent))


def loss(problem: LinearProblem, x: np.ndarray) -> float:
    """Return the loss in the rounds that whole cohorts correct."""
    corrected = problem.corrected(x)
    return corrected.cost(corrected.predicted(x) - problem.observed, x)


def least(problem: LinearProblem, x: np.ndarray) -> np.ndarray:
    """Return the optimum inside the bounds by another method, from a point near it."""
    corrected, free = problem.corrected(x), problem.free

    def value_and_slope(x: np.ndarray) -> tuple[float, np.ndarray]:
        (value,), (slope,) = corrected.gradients(np.clip(x, free.low, free.high)[None])
        return value, slope

    box = list(zip(free.low, free.high, strict=True))
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 2000}
    return minimize(value_and_slope, x, jac=True, bounds=box, method="L-BFGS-B", options=options).x


def away(problem: LinearProblem, x: np.ndarray, other: np.ndarray) -> float:
    """Return the largest distance of coordinates, in standard deviations of their priors."""
    return float(np.max(np.abs(x - other) / problem.free.sd))


RATES = {"adam": 0.02, "adamw": 0.02, "sgd": 0.01, "lbfgs": 0.3, "rmsprop": 0.01, "nadam": 0.02}


@pytest.mark.parametrize("optimizer", RATES)
def test_descent_reaches_the_optimum(tmp_path: Path, optimizer: str):
    problem = linear_problem()
    asked = {"optimizer": optimizer, "learning_rate": RATES[optimizer], "steps": 600}
    ends, _ = descended(problem, tmp_path, a_job(fit=asked, start={"starts": 2}))
    best, losses = problem.optimum(), [loss(problem, end) for end in ends]
    assert min(losses) - loss(problem, best) < 1e-3 * loss(problem, best)
    assert away(problem, ends[np.argmin(losses)], best) < 0.05


@pytest.mark.parametrize("schedule", ["constant", "cosine", "exponential"])
def test_the_step_size_falls_as_scheduled(tmp_path: Path, schedule: str):
    # Far from the optimum a step of plain descent is the step size times a clipped gradient.
    problem = linear_problem(reach=1e4)
    asked = {"optimizer": "sgd", "learning_rate": 1e-3, "steps": 9, "clip": 1.0}
    job = a_job(fit={**asked, "schedule": schedule}, start={"starts": 1})
    descended(problem, tmp_path, job)
    units = np.array(problem.calls.starts)[:, 0] / problem.free.sd
    sizes = np.linalg.norm(np.diff(units, axis=0), axis=1)
    turn = np.arange(8)
    expected = {
        "constant": np.ones(8),
        "cosine": 0.5 * (1.0 + np.cos(np.pi * turn / 9)),
        "exponential": 0.05 ** (turn / 9),
    }
    np.testing.assert_allclose(sizes, 1e-3 * expected[schedule], rtol=1e-6)


def test_the_first_start_is_the_set_and_the_others_lie_around_it_in_the_bounds():
    problem = linear_problem(reach=0.5)
    job = a_job(start={"starts": 2000, "spread": 0.5}, seed=3)
    starts = make_starts(problem.free, job)
    set_itself = problem.free.x(problem.free.fixed)
    assert np.array_equal(starts[0], set_itself)
    assert np.all((starts >= problem.free.low) & (starts <= problem.free.high))
    # Of a normal's draws, 31.7 % lie a standard deviation away: here the bounds.
    units = (starts[1:] - set_itself) / problem.free.sd
    np.testing.assert_allclose(np.mean(np.abs(units) > 0.4999, axis=0), 0.317, atol=0.05)
    np.testing.assert_allclose(np.median(units, axis=0), 0.0, atol=0.05)
    assert np.array_equal(starts, make_starts(problem.free, job))
    other = a_job(start={"starts": 2000, "spread": 0.5}, seed=4)
    assert not np.any(starts[1:] == make_starts(problem.free, other)[1:], axis=1).all()


def test_descent_keeps_the_bounds(tmp_path: Path):
    # The problem itself refuses every start outside them.
    problem = linear_problem(reach=0.3)
    inside = np.abs(problem.optimum() - problem.free.x(problem.free.fixed)) < 0.3 * problem.free.sd
    assert not inside.all()
    asked = {"steps": 400, "learning_rate": 0.05}
    ends, _ = descended(problem, tmp_path, a_job(fit=asked, start={"starts": 2}))
    for end in ends:
        # It stops where the loss is flat, so that the loss is what must be met.
        assert loss(problem, end) < loss(problem, least(problem, end)) * (1.0 + 1e-3)


def test_descent_stops_on_a_plateau(tmp_path: Path):
    problem = linear_problem()
    asked = {"steps": 5000, "learning_rate": 0.1, "schedule": "constant"}
    _, trace = descended(problem, tmp_path, a_job(fit=asked, start={"starts": 1}))
    steps = problem.calls.counts["gradients"]
    assert 11 < steps < 1000
    assert len(trace) == steps
    best = trace.loss.cummin().to_numpy()
    assert best[-11] - best[-1] < 1e-5 * best[-1]
    assert np.all(best[:-11] - best[10:-1] >= 1e-5 * best[10:-1])  # never before


def test_descent_takes_no_more_steps_than_asked(tmp_path: Path):
    problem = linear_problem()
    descended(problem, tmp_path, a_job(fit={"steps": 7}, start={"starts": 4}))
    assert problem.calls.counts["gradients"] == 7  # all starts together


def test_the_trace_holds_losses_and_gradient_norms(tmp_path: Path):
    problem = linear_problem()
    job = a_job(fit={"steps": 3}, start={"starts": 2})
    _, trace = descended(problem, tmp_path, job)
    corrected = problem.corrected(make_starts(problem.free, job)[0])
    losses, slopes = corrected.gradients(make_starts(problem.free, job))
    first = trace[trace.step == 1]
    np.testing.assert_allclose(first.loss, losses, rtol=1e-12)
    norms = np.sqrt(np.sum((slopes * problem.free.sd) ** 2, axis=1))
    np.testing.assert_allclose(first.gradient_norm, norms, rtol=1e-12)
    assert np.all(np.diff(trace.seconds) >= 0)


def test_polish_reaches_the_closed_form(tmp_path: Path):
    problem = linear_problem()
    found = polished(problem, tmp_path, rounds=2)
    assert away(problem, found.x, problem.optimum()) < 1e-8
    assert found.converged
    assert found.loss == pytest.approx(loss(problem, problem.optimum()), rel=1e-12)


def test_polish_of_a_robust_and_bent_problem_ends_where_another_method_does(tmp_path: Path):
    problem = linear_problem(huber=1.0, bend=0.5)
    found = polished(problem, tmp_path, rounds=3)
    best = least(problem, found.x)
    assert away(problem, found.x, best) < 1e-3
    assert found.loss == pytest.approx(loss(problem, best), rel=1e-6)
    assert found.converged


def test_polish_keeps_the_bounds_and_ends_on_them(tmp_path: Path):
    problem = linear_problem(reach=0.3)
    found = polished(problem, tmp_path, rounds=3)
    assert np.all((found.x >= problem.free.low) & (found.x <= problem.free.high))
    best = least(problem, found.x)
    on_edge = np.isclose(best, problem.free.low) | np.isclose(best, problem.free.high)
    assert 0 < on_edge.sum() < 4
    assert away(problem, found.x, best) < 1e-3


def test_polish_has_not_converged_when_it_ran_out_of_steps(tmp_path: Path):
    problem = linear_problem(huber=1.0, bend=0.5)
    far = problem.free.centre + 3.0 * problem.free.sd
    short = polished(problem, tmp_path / "short", far, steps=1)
    enough = polished(problem, tmp_path / "enough", far, rounds=2)
    assert not short.converged
    assert enough.converged
    assert enough.loss < short.loss
    assert enough.gradient_norm < short.gradient_norm


def bent(calls: Calls | None = None) -> LinearProblem:
    return linear_problem(huber=1.5, bend=0.5, calls=calls)


def lowest(starts: pd.DataFrame, stage: str) -> dict[str, Any]:
    """Return the row of the lowest loss after a stage."""
    rows = [row for row in starts.to_dict("records") if row["stage"] == stage]
    return min(rows, key=lambda row: row["loss"])


def coordinates(problem: LinearProblem, start: Mapping[str, Any]) -> np.ndarray:
    """Return where a row of the table of starts stood, `(dim,)`."""
    return problem.free.x({**problem.free.fixed, **{n: start[n] for n in problem.free.names}})


JOB = {
    "fit": {"steps": 25, "learning_rate": 0.05, "kept": 2},
    "polish": {"steps": 20, "rounds": 2, "tolerance": 1e-10},
    "start": {"starts": 3, "spread": 1.0},
    "seed": 5,
}


def fitted(folder: Path, problem: LinearProblem, optimizer: str = "adam") -> Fitted:
    folder.mkdir(exist_ok=True)
    asked = {**JOB, "fit": {**JOB["fit"], "optimizer": optimizer}}
    return fit(as_problem(problem), a_job(**asked), folder, silent)


def test_a_fit_ends_at_the_optimum_of_the_errors_that_it_estimated(tmp_path: Path):
    problem = linear_problem()
    found = fitted(tmp_path, problem)
    own = found.problem.likelihood
    assert own.factors.keys() == {"LS"}
    assert away(problem, found.x, replace(problem, likelihood=own).optimum()) < 1e-8
    # The best start of the descent gave the residuals behind the errors.
    starts = found.starts
    best = lowest(starts, "fit")
    at = coordinates(problem, best)
    residuals = problem.corrected(at).predicted(at) - problem.observed
    expected = problem.likelihood.estimated(residuals).factors["LS"]
    assert own.factors["LS"] == pytest.approx(expected, rel=1e-6)


def test_the_best_starts_are_polished_and_the_best_of_them_is_the_fit(tmp_path: Path):
    problem = bent()
    found = fitted(tmp_path, problem)
    starts = found.starts
    assert starts.stage.value_counts().to_dict() == {"start": 3, "fit": 3, "polish": 2}
    descent = starts[starts.stage == "fit"].set_index("start").loss
    kept = starts[starts.stage == "polish"].set_index("start")
    assert set(kept.index) == set(descent.nsmallest(2).index)
    assert kept.converged.all()
    best = coordinates(problem, lowest(starts, "polish"))
    np.testing.assert_allclose(found.x, best, rtol=1e-12)
    assert not starts[starts.stage != "polish"].converged.any()


def test_listeners_hear_every_step(tmp_path: Path):
    heard: list[Event] = []
    found = fit(as_problem(linear_problem()), a_job(**JOB), tmp_path, heard.append)
    steps = [event for event in heard if isinstance(event, Step)]
    descent = [step for step in steps if step.stage == "fit"]
    assert [step.step for step in descent] == list(range(1, len(descent) + 1))
    table = found.trace[found.trace.stage == "fit"]
    np.testing.assert_array_equal([step.loss for step in descent], table.groupby("step").loss.min())
    last = [step for step in steps if step.stage == "polish"]
    assert len(last) == len(found.trace[found.trace.stage == "polish"])
    assert all(step.step <= step.steps and set(step.errors) == {"LS"} for step in last)
    residuals = found.problem.predicted(found.x) - found.problem.observed
    rmse = np.sqrt(np.mean(residuals**2))
    assert min(step.errors["LS"] for step in last) == pytest.approx(rmse, rel=1e-2)


def test_no_descent_is_possible(tmp_path: Path):
    problem = linear_problem()
    tables = {**JOB, "fit": {"steps": 0, "kept": 1}}
    found = fit(as_problem(problem), a_job(**tables), tmp_path, silent)
    assert "gradients" not in problem.calls.counts
    assert found.starts[found.starts.stage == "polish"].converged.all()


def test_no_polish_is_possible(tmp_path: Path):
    problem = linear_problem()
    found = fit(as_problem(problem), a_job(**{**JOB, "polish": {"steps": 0}}), tmp_path, silent)
    assert not found.starts.converged.any()
    best = lowest(found.starts, "fit")
    np.testing.assert_allclose(found.x, coordinates(problem, best), rtol=1e-12)


@pytest.mark.parametrize(("optimizer", "times"), [("adam", 4), ("lbfgs", 1)])
def test_a_fit_that_was_stopped_anywhere_ends_in_the_same_numbers(
    tmp_path: Path, optimizer: str, times: int
):
    whole = bent()
    expected = fitted(tmp_path / "whole", whole, optimizer)
    every = whole.calls.total
    for last in {every - 1, *np.random.default_rng(0).integers(0, every, times).tolist()}:
        folder = tmp_path / f"stopped-{last}"
        with pytest.raises(Killed):
            fitted(folder, bent(Calls(last=last, end=stop)), optimizer)
        rest = bent()
        found = fitted(folder, rest, optimizer)
        assert np.array_equal(found.x, expected.x)
        assert rest.calls.total == every - last  # nothing is evaluated twice
        mine, its = (one.trace.drop(columns="seconds") for one in (found, expected))
        pd.testing.assert_frame_equal(mine, its, check_exact=True)
        pd.testing.assert_frame_equal(found.starts, expected.starts, check_exact=True)


def test_a_finished_fit_is_read_and_not_computed(tmp_path: Path):
    expected = fitted(tmp_path, linear_problem())
    again = linear_problem()
    assert np.array_equal(fitted(tmp_path, again).x, expected.x)
    assert again.calls.total == 0


SCRIPT = """\
import sys
from pathlib import Path
import jax
jax.config.update("jax_enable_x64", True)
sys.path.insert(0, sys.argv[1])
from linear_problem import Calls
from test_fit import bent, fitted
fitted(Path(sys.argv[2]), bent(Calls(last=int(sys.argv[3]))))
"""


def test_a_fit_whose_process_was_killed_ends_in_the_same_numbers(tmp_path: Path):
    whole = bent()
    expected = fitted(tmp_path / "whole", whole)
    last = int(np.random.default_rng(1).integers(5, whole.calls.total))
    words = [str(Path(__file__).parent), str(tmp_path / "killed"), str(last)]
    killed = subprocess.run([sys.executable, "-c", SCRIPT, *words], check=False)
    assert killed.returncode == -9
    rest = bent()
    found = fitted(tmp_path / "killed", rest)
    assert np.max(np.abs(found.x - expected.x)) < 1e-10
    assert rest.calls.total == whole.calls.total - last


def test_other_errors_are_another_evaluation(tmp_path: Path):
    # A round with new errors must not find the losses of the round before.
    problem = linear_problem()
    own = evaluations(problem, tmp_path)
    x = problem.free.x(problem.free.fixed)
    before, _ = own.gradients(x[None])
    after, _ = own.reweighed(x).gradients(x[None])
    assert before[0] != after[0]
    assert own.gradients(x[None])[0] == before
