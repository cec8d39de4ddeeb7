"""Gaussian approximation, its draws and weights, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest
from linear_objective import as_objective, example, linear
from scipy.stats import norm

from calibration.posterior.laplace import approximate, sample, weigh
from calibration.posterior.truncated import TRIES, draw_truncated, draw_truncated_scalar
from cohort.errors import CohortError


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def test_the_covariance_is_that_of_the_linear_model():
    known = example()
    found = approximate(as_objective(known), known.mean)
    np.testing.assert_allclose(found.covariance, known.covariance, rtol=1e-12)
    np.testing.assert_allclose(found.precision, known.precision, rtol=1e-12)


def test_draws_have_the_moments_of_the_posterior():
    known = example()
    draws = sample(approximate(as_objective(known), known.mean), 20_000, seed=3)
    sd = np.sqrt(np.diag(known.covariance))
    assert draws.x.shape == (1, 20_000, 3)
    np.testing.assert_allclose(draws.flat.mean(0), known.mean, atol=5 * sd.max() / np.sqrt(20_000))
    correlation = np.cov(draws.flat.T) / np.outer(sd, sd)
    np.testing.assert_allclose(correlation, known.covariance / np.outer(sd, sd), atol=0.05)


def test_one_seed_gives_the_same_draws():
    known = example()
    gaussian = approximate(as_objective(known), known.mean)
    one, again, other = (sample(gaussian, 50, seed=seed).x for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.any(one == other)


def test_draws_stay_inside_tight_bounds():
    known = linear([[1.0, 0.5]], [0.5], ["one"], reach=0.7)
    draws = sample(approximate(as_objective(known), np.array([0.7, -0.7])), 400, seed=0)
    assert draws.flat.shape == (400, 2)
    assert np.all((draws.flat >= known.free.low) & (draws.flat <= known.free.high))
    assert 0.0 < draws.facts["inside"] < 0.5


def test_a_corner_of_many_bounds_is_sampled_too():
    # Pairs correlated by r, all cut off below 0: E[x] of a pair is (1 + r) / (2 sqrt(2 pi) P),
    # with P = 1/4 + asin(r) / (2 pi) the probability of the quadrant.
    r, pairs, count = 0.5, 8, 4000
    covariance = np.kron(np.eye(pairs), [[1.0, r], [r, 1.0]])
    quadrant = 0.25 + np.arcsin(r) / (2 * np.pi)
    assert quadrant**pairs < 1 / TRIES
    bounds = np.zeros(2 * pairs), np.full(2 * pairs, np.inf)
    rng = np.random.default_rng(0)
    draws, inside = draw_truncated(np.zeros(2 * pairs), covariance, bounds, count, rng)
    assert inside < 1 / TRIES
    assert draws.min() >= 0.0
    expected = (1 + r) / (2 * np.sqrt(2 * np.pi) * quadrant)
    np.testing.assert_allclose(draws.mean(0), expected, atol=5 / np.sqrt(count))
    assert draws.mean() == pytest.approx(expected, abs=5 / np.sqrt(count * pairs))


def test_the_far_tail_of_a_truncated_normal_keeps_its_digits():
    # The median of a standard normal above 10: Phi(-x) = Phi(-10) / 2.
    median = draw_truncated_scalar(np.array([0.5]), 10.0, np.inf)
    assert norm.logsf(median[0]) == pytest.approx(norm.logsf(10.0) - np.log(2.0), rel=1e-9)


def test_the_pareto_shape_of_too_narrow_an_approximation():
    # A normal proposal of variance q^2 for a posterior of s^2: weights of tail 1 - q^2 / s^2.
    known = linear([[0.0]], [0.0], ["one"], reach=50.0)
    exact = approximate(as_objective(known), known.mean)
    narrow = replace(exact, covariance=exact.covariance / 4, precision=exact.precision * 4)
    weighed = weigh(as_objective(known), narrow, sample(narrow, 4000, seed=1))
    assert weighed.facts["pareto_k"] == pytest.approx(0.75, abs=0.15)
    assert np.exp(weighed.stats["log_weight"]).sum() == pytest.approx(1.0)
    assert weighed.facts["effective"] < 2000


def test_weights_undo_a_wrong_centre():
    known = linear([[0.0]], [0.0], ["one"], reach=50.0)
    exact = approximate(as_objective(known), known.mean)
    beside = replace(exact, centre=exact.centre + 0.3)
    weighed = weigh(as_objective(known), beside, sample(beside, 4000, seed=1))
    assert weighed.facts["pareto_k"] < 0.5
    mean = np.sum(np.exp(weighed.stats["log_weight"]) * weighed.x[..., 0])
    assert mean == pytest.approx(0.0, abs=5 / np.sqrt(weighed.facts["effective"]))


def test_a_derivative_that_is_not_finite_is_named():
    known = example()
    broken = replace(known, design=known.design * np.array([1.0, np.nan, 1.0]))
    with pytest.raises(CohortError, match=r"no finite derivative by b\."):
        approximate(as_objective(broken), known.mean)
