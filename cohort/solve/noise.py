"""Slow noise: an Ornstein-Uhlenbeck process at quarterly nodes, linear between them.

Life-long differences alone would leave every person at her own quasi-steady state; what she does
from year to year (weight, diet, illness, activity) moves resorption and formation around it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from cohort.model.arrays import Patients
from cohort.solve.history import NODES_PER_YEAR


def slow_noise(normals: Patients, sd: Patients, years: Patients) -> Patients:
    """Return the noise of `lnL` and `ln sP` at its nodes.

    Args:
        normals: independent standard normal draws, `(node, 2, patient)`.
        sd: stationary standard deviations of the two, `(2,)`.
        years: correlation time.
    """
    kept = jnp.exp(-1.0 / (NODES_PER_YEAR * years))
    fresh = jnp.sqrt(1.0 - kept**2)

    def walk(value, draw):
        value = kept * value + fresh * draw
        return value, value

    _, rest = jax.lax.scan(walk, normals[0], normals[1:])
    path = jnp.concatenate([normals[:1], rest])
    return path * sd[None, :, None]
