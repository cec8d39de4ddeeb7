"""A trial left out of a fit: exact where rows are linear, whatever the job stresses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np

from calibration.left_out import left_out
from calibration.problem import Problem

TRIALS = ("a", "a", "a", "b", "b", "c", "c", "c")
SD = np.array([0.5, 2.0, 1.0])


def linear(low: float = -np.inf, huber: float = 1e9):
    """Return a linear problem with correlated rows of unlike weight, its optimum and pieces."""
    rng = np.random.default_rng(4)
    jacobian, observed = rng.normal(size=(8, 3)), 3.0 * rng.normal(size=8)
    whitener = np.zeros((8, 8))
    for trial in sorted(set(TRIALS)):
        rows = np.flatnonzero(np.array(TRIALS) == trial)
        own = rng.normal(size=(len(rows), len(rows)))
        whitener[np.ix_(rows, rows)] = own + 2.0 * np.eye(len(rows))
    centre = np.array([0.3, -0.2, 0.1])
    problem = SimpleNamespace(
        free=SimpleNamespace(centre=centre, sd=SD, low=np.full(3, low), high=np.full(3, np.inf)),
        likelihood=SimpleNamespace(huber=huber),
        targets=[SimpleNamespace(row=SimpleNamespace(trial=trial)) for trial in TRIALS],
        observed=observed,
        predicted=lambda x: jacobian @ x,
        whiten=lambda rows: whitener @ rows,
    )
    return cast(Problem, problem), jacobian, whitener


def refitted(problem: Problem, jacobian: np.ndarray, whitener: np.ndarray, kept: np.ndarray):
    """Fit the rows that are kept by linear least squares; return optimum and covariance."""
    rows = np.vstack([whitener[kept] @ jacobian, np.diag(1.0 / SD)])
    values = np.concatenate([whitener[kept] @ problem.observed, problem.free.centre / SD])
    return np.linalg.lstsq(rows, values, rcond=None)[0], np.linalg.inv(rows.T @ rows)


def test_a_linear_fit_without_a_trial_leaves_these_residuals():
    problem, jacobian, whitener = linear()
    x, _ = refitted(problem, jacobian, whitener, np.ones(8, bool))
    found = left_out(problem, x, jacobian)
    for trial in set(TRIALS):
        rows = np.array(TRIALS) == trial
        again, covariance = refitted(problem, jacobian, whitener, ~rows)
        expected = jacobian[rows] @ again - problem.observed[rows]
        np.testing.assert_allclose(found.residuals[rows], expected, rtol=1e-9)
        variance = np.diag(jacobian[rows] @ covariance @ jacobian[rows].T)
        np.testing.assert_allclose(found.explained[rows], variance, rtol=1e-9)
    own = jacobian @ x - problem.observed
    assert np.square(found.residuals).sum() > 1.2 * np.square(own).sum()


def test_no_parameter_leaves_its_bounds():
    free, jacobian, whitener = linear()
    x, _ = refitted(free, jacobian, whitener, np.ones(8, bool))
    bounded, _, _ = linear(low=float(x.min()))
    unbounded, kept = (left_out(problem, x, jacobian).residuals for problem in (free, bounded))
    assert not np.allclose(unbounded, kept)
    for trial in set(TRIALS):
        rows = np.array(TRIALS) == trial
        again, _ = refitted(free, jacobian, whitener, ~rows)
        inside = np.maximum(again, x.min())
        np.testing.assert_allclose(kept[rows], jacobian[rows] @ inside - free.observed[rows])


def test_residuals_that_the_loss_draws_in_pull_by_their_sign_alone():
    """Far beyond the loss's limit its slope is the limit, and the prior alone holds against it."""
    huber = 1e-7
    problem, jacobian, whitener = linear(huber=huber)
    x = problem.free.centre
    own = jacobian @ x - problem.observed
    pull = huber * np.sign(whitener @ own)
    moved = left_out(problem, x, jacobian).residuals - own
    for trial in set(TRIALS):
        rows = np.array(TRIALS) == trial
        step = SD**2 * ((whitener @ jacobian)[rows].T @ pull[rows])
        np.testing.assert_allclose(moved[rows], jacobian[rows] @ step, rtol=1e-4)
