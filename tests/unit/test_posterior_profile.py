"""Profile likelihood against closed forms and against scipy's minimiser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_objective import LinearObjective, as_objective, example, linear
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

from calibration.posterior.laplace import approximate
from calibration.posterior.profile import (
    Profile,
    interval,
    interval_table,
    points_table,
    profiles,
)
from cohort.errors import BadInput

Z95 = 1.959963984540054


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@dataclass(frozen=True)
class Curved(LinearObjective):
    """Rows that are exponentials of the linear ones."""

    def rows(self, x):
        return jnp.exp(super().rows(x))

    def jacobian(self, x):
        return np.asarray(self.rows(jnp.asarray(x)))[:, None] * self.design


def test_the_interval_of_a_linear_model_is_the_gaussian_one():
    known = example()
    gaussian = approximate(as_objective(known), known.mean)
    found = profiles(as_objective(known), gaussian, ["c", "a"])
    table = interval_table(as_objective(known).free, found).set_index("parameter")
    rows = table.to_dict("index")
    sd = np.sqrt(np.diag(known.covariance))
    for name, j in (("a", 0), ("c", 2)):
        expected = np.exp(known.mean[j] + np.array([0.0, -Z95, Z95]) * sd[j])
        got = [rows[name][column] for column in ("estimate", "low", "high")]
        np.testing.assert_allclose(got, expected, rtol=1e-4)
        assert rows[name]["low_end"] == rows[name]["high_end"] == "crossed"
    # Along a Gaussian's profile the deviance is the squared distance in sds.
    points = points_table(as_objective(known).free, found)
    own: Any = points[points["parameter"] == "a"]
    away = (np.array(own["x"]) - known.mean[0]) / sd[0]
    np.testing.assert_allclose(own["deviance"], away**2, atol=1e-3)
    np.testing.assert_allclose(own["value"], np.exp(own["x"]))
    assert all(own["converged"])
    assert np.all(np.diff(own["x"]) > 0)


def test_a_curved_profile_is_that_of_an_independent_minimiser():
    plain = linear([[1.0, 1.0], [1.0, -0.5]], [3.0, 0.4], ["one", "two"], error=0.3)
    curved = Curved(plain.design, plain.free, plain.targets)

    def lowest(a):
        return lowest_of(lambda b: float(loss(jnp.array([a, b])))).fun

    def lowest_of(function) -> Any:
        return minimize_scalar(function, (-1.0, 1.0), tol=1e-12)

    loss = jax.jit(curved.loss)
    a = lowest_of(lowest).x
    b = lowest_of(lambda b: float(loss(jnp.array([a, b])))).x
    gaussian = approximate(as_objective(curved), np.array([a, b]))
    (found,) = profiles(as_objective(curved), gaussian, ["a"], side=3, tolerance=1e-8)
    np.testing.assert_allclose(found.loss, [lowest(a) for a in found.x[:, 0]], rtol=1e-6)
    assert found.converged.all()


def test_the_others_stop_at_their_bounds():
    # Loss of the row 10 (a + b - 0): along a the other would go to -a (nearly), but b >= -0.5.
    known = linear([[1.0, 1.0]], [0.0], ["one"], error=0.1, reach=5.0)
    free = known.free
    free.low[1], free.high[1] = -0.5, 0.5
    gaussian = approximate(as_objective(known), np.zeros(2))
    (found,) = profiles(as_objective(known), gaussian, ["a"], tolerance=1e-10)
    a = found.x[:, 0]
    expected = np.clip(-100.0 * a / 101.0, -0.5, 0.5)
    np.testing.assert_allclose(found.x[:, 1], expected, atol=1e-4)
    assert np.abs(expected).max() == 0.5
    assert found.converged.all()


def test_sides_without_an_end_are_open():
    known = linear([[0.0, 1.0]], [0.0], ["one"], reach=1.5)
    gaussian = approximate(as_objective(known), np.zeros(2))
    table = interval_table(
        as_objective(known).free, profiles(as_objective(known), gaussian, ["a"])
    ).iloc[0]
    assert (table["low_end"], table["high_end"]) == ("bound", "bound")
    assert table["low"] == pytest.approx(np.exp(-1.5))
    assert table["high"] == pytest.approx(np.exp(1.5))


def test_an_optimum_on_its_bound_is_open_there():
    known = linear([[1.0]], [9.0], ["one"], reach=2.0)
    gaussian = approximate(as_objective(known), np.array([2.0]))
    (found,) = profiles(as_objective(known), gaussian, ["a"], side=20)
    ends = interval(found, found.x[:, 0], (-2.0, 2.0))
    assert (ends.high, ends.high_end, ends.low_end) == (2.0, "bound", "crossed")
    # Loss (x - 4.5)^2 from 2 downwards: 2 ((x - 4.5)^2 - 2.5^2) = 3.84.
    expected = 4.5 - np.sqrt(2.5**2 + chi2.ppf(0.95, 1) / 2)
    assert ends.low == pytest.approx(expected, abs=0.02)


def test_a_flat_side_ends_with_the_grid():
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    profile = Profile("a", values[:, None], np.array([8.0, 2.0, 0.0, 0.1, 0.2]), np.ones(5, bool))
    ends = interval(profile, values, (-9.0, 9.0))
    # The root of the deviance falls by 2 a unit on the left.
    assert ends.low == pytest.approx(-Z95 / 2)
    assert (ends.high, ends.high_end) == (2.0, "grid")


def test_a_name_that_is_not_free_is_refused():
    known = example()
    gaussian = approximate(as_objective(known), known.mean)
    with pytest.raises(BadInput, match="names 'fixed', which is not a free parameter"):
        profiles(as_objective(known), gaussian, ["a", "fixed"])
