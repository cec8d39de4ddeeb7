"""Coordinates without bounds in which every prior is a standard normal.

A prior `normal(centre, sd)` truncated to `(low, high)` has the distribution function
`F(z) = (Phi(z) - Phi(a)) / (Phi(b) - Phi(a))` of `z = (x - centre) / sd`. The coordinate is
`u = Phi^-1(F(z))`, so far from the bounds `u = z`. The density in `u` gains `dx / du`, whose
logarithm is `(z^2 - u^2) / 2` up to a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtr, ndtri
from scipy import special

if TYPE_CHECKING:
    from calibration.objective import Coordinates

EDGE = 1e-9  # share of the prior's mass that a point on a bound is moved inwards


def constrained(free: Coordinates, u: Array) -> Array:
    """Return `x`, `(dim,)`, of unbounded coordinates; traceable, accurate in both tails."""
    low, high = _edges(free)
    lower = special.ndtr(low) + (special.ndtr(high) - special.ndtr(low)) * ndtr(u)
    upper = special.ndtr(-high) + (special.ndtr(-low) - special.ndtr(-high)) * ndtr(-u)
    z = jnp.where(u < 0, ndtri(lower), -ndtri(upper))
    return jnp.asarray(free.centre + free.sd * z)


def unconstrained(free: Coordinates, x: np.ndarray) -> np.ndarray:
    """Inverse of `constrained`; points on a bound are moved inside by a trifle."""
    low, high = _edges(free)
    z = (x - free.centre) / free.sd
    below = (special.ndtr(z) - special.ndtr(low)) / (special.ndtr(high) - special.ndtr(low))
    above = (special.ndtr(-z) - special.ndtr(-high)) / (special.ndtr(-low) - special.ndtr(-high))
    below, above = np.clip(below, EDGE, 1.0), np.clip(above, EDGE, 1.0)
    return np.where(below < above, special.ndtri(below), -special.ndtri(above))


def slope(free: Coordinates, u: Array) -> Array:
    """Return `dx / du`, `(dim,)`, at a point; traceable."""
    low, high = _edges(free)
    z = (constrained(free, u) - free.centre) / free.sd
    mass = special.ndtr(high) - special.ndtr(low)
    return free.sd * mass * jnp.exp(0.5 * (z**2 - u**2))


def potential(free: Coordinates, loss: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return the negative log posterior density in unbounded coordinates, up to a constant."""

    def energy(u: Array) -> Array:
        x = constrained(free, u)
        z = (x - free.centre) / free.sd
        return loss(x) + 0.5 * jnp.sum(u**2 - z**2)

    return energy


def _edges(free: Coordinates) -> tuple[np.ndarray, np.ndarray]:
    return (free.low - free.centre) / free.sd, (free.high - free.centre) / free.sd
