"""The ensemble: exact where rows are linear, and by its weights where they are not."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from linear_problem import LinearProblem, as_problem, linear_problem

from calibration.fit.evaluations import Evaluations
from calibration.fit.memory import Memory
from calibration.posterior import rto
from calibration.posterior.samples import Samples
from calibration.progress import Event, Members
from cohort.errors import CohortError


@pytest.fixture(autouse=True)
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def drawn(
    problem: LinearProblem,
    folder: Path,
    draws: int,
    *,
    exact: bool = True,
    seed: int = 0,
    steps: int = 60,
    heard: list[Event] | None = None,
) -> Samples:
    folder.mkdir(exist_ok=True)
    evaluations = Evaluations(as_problem(problem), Memory(folder))
    x = problem.free.centre
    asked = {"draws": draws, "steps": steps, "exact": exact, "seed": seed}
    return rto.sample(evaluations, x, **asked, progress=(heard if heard is not None else []).append)


def corrected(**asked) -> LinearProblem:
    problem = linear_problem(**asked)
    return replace(problem, correction=problem.whole)


def whitened(problem: LinearProblem, samples: Samples) -> np.ndarray:
    """Return draws in the closed form's own standard normals, `(draw, dim)`."""
    design = problem.likelihood.whitener() @ problem.design
    precision = design.T @ design + np.diag(problem.free.sd**-2.0)
    return (samples.flat - problem.optimum()) @ np.linalg.cholesky(precision)


def test_on_a_linear_problem_mean_and_covariance_are_the_closed_form(tmp_path: Path) -> None:
    """Offsets that the rows of a trial share are in the whitener of both."""
    problem, count = corrected(), 1500
    samples = drawn(problem, tmp_path, count, exact=False)
    z = whitened(problem, samples)
    assert samples.facts["unsettled"] == 0
    assert np.abs(z.mean(axis=0)).max() < 4 / np.sqrt(count)
    # A covariance of standard normals has errors of sqrt(2 / n) on its diagonal, sqrt(1 / n) off.
    error = np.sqrt((1.0 + np.eye(4)) / count)
    assert np.all(np.abs(z.T @ z / count - np.eye(4)) < 4 * error)


def test_on_a_linear_problem_every_member_is_taken_and_weighs_the_same(tmp_path: Path) -> None:
    samples = drawn(corrected(), tmp_path, 50)
    assert samples.facts["accepted"] == 1.0
    assert samples.facts["effective"] == pytest.approx(50.0)
    assert np.ptp(samples.stats["log_weight"]) < 1e-9
    # The shared factor is the problem's own: nobody needs a second step, or derivatives to move.
    assert samples.facts["evaluations"] == 50
    assert samples.facts["jacobians"] == 50


def banana(bend: float, reach: float) -> LinearProblem:
    """Two parameters, and rows that bend strongly in the first."""
    problem = linear_problem(reach=reach)
    free = problem.free
    curve = np.zeros((24, 2))
    curve[:, 0] = bend * problem.design[:, 1]
    two = replace(
        free,
        names=free.names[:2],
        centre=free.centre[:2],
        sd=free.sd[:2],
        low=free.low[:2],
        high=free.high[:2],
    )
    noisy = replace(problem.likelihood, scale=4.0 * problem.likelihood.scale, huber=2.0)
    return replace(problem, free=two, likelihood=noisy, design=problem.design[:, :2], bend=curve)


def moments(problem: LinearProblem) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of the posterior in its bounds, by the trapezoidal rule."""
    free, likelihood = problem.free, problem.likelihood
    sides = [np.linspace(lo, hi, 401) for lo, hi in zip(free.low, free.high, strict=True)]
    points = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
    away = points - free.x(free.fixed)
    rows = away @ problem.design.T + away**2 @ problem.bend.T
    z = (rows - problem.observed) @ likelihood.whitener().T / likelihood.huber
    loss = likelihood.huber**2 * np.sum(np.sqrt(1.0 + z**2) - 1.0, axis=1)
    loss += 0.5 * np.sum(((points - free.centre) / free.sd) ** 2, axis=1)
    edge = [np.where((side == side[0]) | (side == side[-1]), 0.5, 1.0) for side in sides]
    weight = np.exp(loss.min() - loss) * np.outer(*edge).ravel()
    weight /= weight.sum()
    mean = weight @ points
    return mean, ((points - mean) * weight[:, None]).T @ (points - mean)


@pytest.mark.parametrize(("bend", "reach"), [(2.0, 8.0), (2.0, 1.0)])
def test_of_a_banana_the_chain_has_the_moments_of_quadrature(
    tmp_path: Path, bend: float, reach: float
) -> None:
    problem, count = banana(bend, reach), 500
    mean, covariance = moments(problem)
    samples = drawn(problem, tmp_path, count)
    free, sd = problem.free, np.sqrt(np.diag(covariance))
    assert np.all((samples.flat >= free.low) & (samples.flat <= free.high))
    error = 1.0 / np.sqrt(samples.facts["effective"])
    assert np.abs((samples.flat.mean(axis=0) - mean) / sd).max() < 4 * error
    assert np.abs(samples.flat.std(axis=0) / sd - 1.0).max() < 4 * error
    correlation = np.corrcoef(samples.flat.T)[0, 1]
    assert correlation == pytest.approx(covariance[0, 1] / sd.prod(), abs=4 * error)
    assert samples.facts["pareto_k"] < 0.7


def test_one_seed_gives_the_same_members_and_more_draws_the_same_first_ones(tmp_path: Path) -> None:
    one = drawn(banana(1.0, 8.0), tmp_path / "one", 6, exact=False)
    more = drawn(banana(1.0, 8.0), tmp_path / "more", 9, exact=False)
    other = drawn(banana(1.0, 8.0), tmp_path / "other", 6, exact=False, seed=1)
    np.testing.assert_array_equal(more.flat[:6], one.flat)
    assert not np.any(one.flat == other.flat)


def test_members_without_an_optimum_are_counted_and_are_no_draws(tmp_path: Path) -> None:
    heard: list[Event] = []
    # So few evaluations that only the members nearest to the optimum arrive.
    samples = drawn(banana(10.0, 8.0), tmp_path, 40, exact=False, steps=4, heard=heard)
    lost = samples.facts["unsettled"]
    assert 0 < lost < 40
    assert samples.flat.shape == (40 - lost, 2)
    last = heard[-1]
    assert isinstance(last, Members)
    assert (last.done, last.of, last.settled) == (40, 40, 40 - lost)
    assert last.evaluations == samples.facts["evaluations"]
    chained = drawn(banana(10.0, 8.0), tmp_path, 40, steps=4)
    assert set(chained.stats["member"][0]) <= set(samples.stats["member"][0])
    assert chained.flat.shape == (40, 2)  # the chain repeats a member in place of a lost one


def test_an_ensemble_without_any_optimum_is_no_posterior(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"none of 3 members .* raise posterior\.steps"):
        drawn(banana(100.0, 8.0), tmp_path, 3, steps=1)


SCRIPT = """\
import sys
from pathlib import Path
import jax
jax.config.update("jax_enable_x64", True)
sys.path.insert(0, sys.argv[1])
from linear_problem import Calls
from test_posterior_rto import banana, drawn, replace
problem = replace(banana(1.0, 8.0), calls=Calls(last=int(sys.argv[3])))
drawn(problem, Path(sys.argv[2]), 8)
"""


def test_an_ensemble_whose_process_was_killed_ends_in_the_same_draws(tmp_path: Path) -> None:
    whole = banana(1.0, 8.0)
    expected = drawn(whole, tmp_path / "whole", 8)
    last = whole.calls.total // 2
    words = [str(Path(__file__).parent), str(tmp_path / "killed"), str(last)]
    killed = subprocess.run([sys.executable, "-c", SCRIPT, *words], check=False)
    assert killed.returncode == -signal.SIGKILL
    rest = banana(1.0, 8.0)
    found = drawn(rest, tmp_path / "killed", 8)
    np.testing.assert_array_equal(found.flat, expected.flat)
    assert found.facts == expected.facts
    # All but the member that was under way are read.
    assert whole.calls.total - last <= rest.calls.total < whole.calls.total - last + 60
