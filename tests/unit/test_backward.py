"""Derivatives of element-wise functions, computed in kernels, are those of mathematics."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cohort.solve import backward
from cohort.solve.backward import in_lanes, with_kernels_back


@pytest.fixture(params=(1, 2, 150))
def together(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(backward, "TOGETHER", request.param)
    return request.param


def function(x, shared):
    """Of what it is given, `unread` is not read and `told` is read as it is."""
    grown = jnp.exp(shared["rate"] * x["a"])
    return {"u": grown * x["b"] + grown, "v": x["b"] / x["a"], "w": shared["told"]}


def test_derivatives_are_those_of_mathematics(together: int) -> None:
    a, b, u, v = np.random.default_rng(0).uniform(0.5, 2.0, (4, 9))
    rate = 0.7
    like = jnp.asarray(a)

    def weighed(a, rate, unread):
        shared = in_lanes({"rate": rate, "told": jnp.asarray(2.0), "unread": unread}, like)
        told = with_kernels_back(function)({"a": a, "b": jnp.asarray(b)}, shared)
        return jnp.sum(told["u"] * u + told["v"] * v + told["w"])

    by_a, by_rate, by_unread = jax.jit(jax.grad(weighed, argnums=(0, 1, 2)))(like, rate, 1.0)
    grown = np.exp(rate * a)
    np.testing.assert_allclose(by_a, u * rate * grown * (b + 1.0) - v * b / a**2, rtol=1e-5)
    assert by_rate == pytest.approx(np.sum(u * a * grown * (b + 1.0)), rel=1e-5)
    assert by_unread == 0.0


def test_many_at_once_have_their_own_derivatives(together: int) -> None:
    a = jnp.asarray(np.random.default_rng(1).uniform(0.5, 2.0, (3, 4)))

    def one(a, rate):
        shared = in_lanes({"rate": rate, "told": jnp.asarray(0.0), "unread": rate}, a)
        return jnp.sum(with_kernels_back(function)({"a": a, "b": 2.0 * a}, shared)["u"])

    rates = jnp.asarray([0.1, 0.2, 0.3])
    found = jax.jit(jax.vmap(jax.grad(one, argnums=1)))(a, rates)
    expected = np.sum(a * np.exp(rates[:, None] * a) * (2.0 * a + 1.0), axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
