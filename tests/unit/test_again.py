"""A scan that is cut into segments for derivatives is the scan that it was cut from."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cohort.solve.again import KEPT, scan_again


def with_zeros(rows: jax.Array, extra: int) -> jax.Array:
    return jnp.pad(rows, (0, extra))


def scanned(rate: jax.Array, rows: jax.Array) -> jax.Array:
    """The product of `1 - rate * row`: a row of zero changes nothing."""

    def body(level: jax.Array, row: jax.Array) -> tuple[jax.Array, None]:
        return level * (1.0 - rate * row), None

    return scan_again(body, jnp.ones(()), rows, with_zeros)


@pytest.mark.parametrize("count", [1, 7, KEPT, KEPT + 1, 1000])
def test_value_and_gradient_are_those_of_the_product(count: int) -> None:
    rows = np.random.default_rng(0).uniform(0.0, 2.0 / count, count)
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(scanned)(jnp.asarray(0.7), jnp.asarray(rows))
    product = np.prod(1.0 - 0.7 * rows)
    np.testing.assert_allclose(value, product, rtol=1e-13)
    np.testing.assert_allclose(slope, -product * np.sum(rows / (1.0 - 0.7 * rows)), rtol=1e-12)


def temporary(count: int) -> float:
    """Bytes that the gradient of a scan over a thousand patients takes beside its arguments."""

    def body(level: jax.Array, row: jax.Array) -> tuple[jax.Array, None]:
        return jnp.sin(level) + row, None

    def last(level: jax.Array, rows: jax.Array) -> jax.Array:
        return jnp.sum(scan_again(body, level, rows, with_zeros))

    lowered = jax.jit(jax.grad(last)).lower(jnp.ones(1000), jnp.ones(count))
    stated = lowered.compile().memory_analysis()
    assert stated is not None
    return stated.temp_size_in_bytes


def test_memory_of_derivatives_grows_with_the_square_root_of_the_steps() -> None:
    few, many = 4 * KEPT, 64 * KEPT
    assert temporary(many) < 1.2 * np.sqrt(many / few) * temporary(few)
