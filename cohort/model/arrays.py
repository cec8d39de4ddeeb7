"""The few array idioms that the equations share."""

from __future__ import annotations

from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float

Patients: TypeAlias = Float[Array, "*patient"]
State: TypeAlias = dict[str, Patients]

# Logarithms see at least this, so that a state that a drug has emptied keeps finite derivatives.
TINY = 1e-12


def log(x: Patients) -> Patients:
    """Natural logarithm of a quantity that is positive in exact arithmetic."""
    return jnp.log(jnp.maximum(x, TINY))


def power(x: Patients, exponent: Patients | float) -> Patients:
    """Return `x**exponent` for positive `x`; `exp(k ln x)` costs a quarter of `**` under XLA."""
    return jnp.exp(exponent * log(x))
