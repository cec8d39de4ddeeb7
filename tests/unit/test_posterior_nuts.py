"""The sampler of the exact posterior, and the coordinates that it works in."""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_objective import as_objective, example, linear
from scipy.integrate import quad

from calibration.posterior.laplace import approximate
from calibration.posterior.nuts import convergence, sample
from calibration.posterior.unconstrained import constrained, potential, slope, unconstrained
from cohort.errors import BadInput


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def test_nuts_finds_the_posterior_of_the_linear_model():
    known = example()
    gaussian = approximate(as_objective(known), known.mean)
    found = sample(as_objective(known), gaussian, draws=500, warmup=100, chains=2, seed=4)
    assert found.x.shape == (2, 500, 3)
    table = convergence(found, known.free.names)
    assert table["parameter"].tolist() == ["a", "b", "c"]
    assert max(table["r_hat"].tolist()) == found.facts["r_hat"] < 1.02
    assert found.facts["divergences"] == 0
    sd = np.sqrt(np.diag(known.covariance))
    error = sd / np.sqrt(np.array(table["ess_bulk"]))
    assert np.all(np.abs(found.flat.mean(0) - known.mean) < 4 * error)
    np.testing.assert_allclose(found.flat.std(0), sd, rtol=0.15)
    exact = [-float(known.loss(jnp.asarray(x))) for x in found.x[1, :5]]
    np.testing.assert_allclose(found.stats["lp"][1, :5], exact, rtol=1e-9)


def test_unbounded_coordinates_keep_the_posterior_of_tight_bounds():
    known = linear([[1.0]], [2.0], ["one"], reach=0.8)
    energy, loss = jax.jit(potential(known.free, known.loss)), jax.jit(known.loss)
    point = jax.jit(lambda at: constrained(known.free, at))

    def moment(power, weight, reach):
        def density(at):
            x, height = weight(at)
            return x**power * np.exp(-height)

        return quad(density, -reach, reach, epsabs=1e-12)[0]

    def bounded(x):
        return x, float(loss(jnp.array([x])))

    def unbounded(u):
        at = jnp.array([u])
        return float(point(at)[0]), float(energy(at))

    for power in (1, 2):
        expected = moment(power, bounded, 0.8) / moment(0, bounded, 0.8)
        assert moment(power, unbounded, 9.0) / moment(0, unbounded, 9.0) == pytest.approx(expected)


@pytest.mark.parametrize("reach", [0.5, np.inf])
def test_coordinates_go_there_and_back(reach):
    free = linear([[0.0] * 4], [0.0], ["one"], centre=0.3, sd=0.7, reach=reach).free
    near = min(reach, 6.0)
    x = 0.3 + 0.7 * near * np.array([-0.99, -0.2, 0.4, 0.99])
    u = unconstrained(free, x)
    there = jax.jit(lambda at: constrained(free, at))
    np.testing.assert_allclose(there(jnp.asarray(u)), x, rtol=1e-9)
    traced = jax.jit(jax.jacfwd(there))(jnp.asarray(u))
    np.testing.assert_allclose(slope(free, jnp.asarray(u)), np.diag(traced), rtol=1e-6)


@pytest.mark.parametrize(
    ("reach", "expected"),
    # At the bounds only the coordinates themselves pull; without bounds the row, 0 for 2, too.
    [(5.0, [30.0, -30.0]), (np.inf, [28.0, -32.0])],
)
def test_far_out_the_gradient_stays_finite(reach, expected):
    known = linear([[1.0, 1.0]], [2.0], ["one"], reach=reach)
    gradient = jax.jit(jax.grad(potential(known.free, known.loss)))(jnp.array([30.0, -30.0]))
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_without_numpyro_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpyro.infer", None)
    known = example()
    gaussian = approximate(as_objective(known), known.mean)
    with pytest.raises(BadInput, match=r"needs numpyro, .* `pip install 'bone-cohort\[bayes\]'`"):
        sample(as_objective(known), gaussian, draws=1, warmup=1)
