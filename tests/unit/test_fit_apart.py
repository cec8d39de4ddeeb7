"""A fit whose starts are taken one by one, by whoever is there, ends where it ends together."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
from linear_problem import as_problem, linear_problem

from calibration.fit import Fitted, fit
from calibration.fit.apart import Recipe
from calibration.job.load import load_job
from calibration.job.schema import Job
from calibration.problem import Problem
from calibration.progress import Event, Step, silent
from cohort.execute.crew import Crew, Threads

JOB: dict[str, Any] = {
    "start": {"starts": 4},
    "fit": {"steps": 30, "learning_rate": 0.05, "kept": 2},
    "polish": {"rounds": 2, "steps": 20},
}


@pytest.fixture(autouse=True)
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


class Posted(Threads[Problem]):
    """Threads to which everything is sent by pickle, as to other processes."""

    apart = True

    def in_order(self, do: Callable[..., Any], units: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        sent = pickle.loads(pickle.dumps(do))
        for unit in units:
            yield (
                unit,
                pickle.loads(pickle.dumps(sent(self._worker, pickle.loads(pickle.dumps(unit))))),
            )


def fitted(
    folder: Path, crew: Crew[Problem] | None, progress: Callable[[Event], None] = silent
) -> Fitted:
    folder.mkdir(exist_ok=True)
    problem = as_problem(linear_problem(bend=0.05, huber=2.0))
    return fit(problem, Job.model_validate(JOB), folder, progress, crew)


def test_starts_apart_end_where_they_end_together(tmp_path: Path) -> None:
    heard: list[Event] = []
    # A worker's own problem knows nothing of the rounds of the fit.
    crew = Posted(as_problem(linear_problem(bend=0.05, huber=2.0)), 2)
    one, other = fitted(tmp_path / "together", None), fitted(tmp_path / "apart", crew, heard.append)
    np.testing.assert_array_equal(one.x, other.x)
    np.testing.assert_array_equal(one.problem.correction, other.problem.correction)
    assert one.problem.likelihood.factors == other.problem.likelihood.factors
    pd.testing.assert_frame_equal(one.starts, other.starts)
    traces = one.trace.drop(columns="seconds"), other.trace.drop(columns="seconds")
    pd.testing.assert_frame_equal(traces[0], traces[1])
    polished = {step.start for step in heard if isinstance(step, Step) and step.stage == "polish"}
    assert len(polished) == JOB["fit"]["kept"]


def test_what_a_worker_found_is_remembered_in_the_folder(tmp_path: Path) -> None:
    """Gone on with, nothing is evaluated again, though a worker did it."""
    problem = linear_problem(bend=0.05, huber=2.0)
    first = fitted(tmp_path, Posted(as_problem(problem), 1))
    before = problem.calls.total
    again = fitted(tmp_path, Posted(as_problem(problem), 1))
    assert problem.calls.total == before > 0
    np.testing.assert_array_equal(first.x, again.x)


def test_a_job_travels_to_the_workers() -> None:
    job = load_job("quick")
    assert pickle.loads(pickle.dumps(Recipe(job))).job == job
