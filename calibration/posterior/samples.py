"""Samples of a posterior, whichever method drew them, and their values in natural units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from calibration.objective import Coordinates


USABLE = 0.7  # Pareto shape of weights below which they can be used
BETTER = {
    "laplace": "posterior.method 'rto' or 'nuts' does better.",
    "rto": "more posterior.draws, or posterior.method 'nuts', does better.",
}


@dataclass(frozen=True)
class Samples:
    """Draws of the free parameters.

    Attributes:
        method: `laplace`, `rto` or `nuts`.
        x: draws on the priors' scales, `(chain, draw, dim)`.
        stats: what the sampler knows of every draw, `(chain, draw)` by name.
        facts: what it knows of the whole: seed, share of proposals kept, Pareto k, divergences.
    """

    method: str
    x: np.ndarray
    stats: Mapping[str, np.ndarray] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def flat(self) -> np.ndarray:
        """Draws of all chains, one after another, `(chain * draw, dim)`."""
        return self.x.reshape(-1, self.x.shape[-1])


def doubts(samples: Samples) -> list[str]:
    """Return what speaks against draws, a sentence each."""
    facts, found = samples.facts, []
    if lost := int(facts.get("unsettled", 0)):
        found.append(
            f"{lost} of {int(facts['members'])} members of the posterior's ensemble did not reach "
            "their optimum and are no draws; more posterior.steps may help."
        )
    # Not "at most": the shape is NaN where too few weights differ to tell it.
    if not facts.get("pareto_k", 0.0) <= USABLE and samples.method != "nuts":
        found.append(
            f"the draws of the posterior are not to be trusted far out: their weights have a "
            f"Pareto shape of {facts['pareto_k']:.2f}, above {USABLE}; {BETTER[samples.method]}"
        )
    return found


def natural(free: Coordinates, x: np.ndarray) -> dict[str, np.ndarray]:
    """Return the parameters that move with `x`, in natural units: the free ones, then the tied.

    Args:
        free: the free parameters.
        x: points on the priors' scales, `(..., dim)`.

    Returns:
        Values of shape `(...)` by name; parameters that are fixed are left out.
    """
    names = moving(free)
    points = jnp.asarray(x).reshape(-1, x.shape[-1])
    values = jax.jit(jax.vmap(lambda at: {name: free.values(at)[name] for name in names}))(points)
    return {name: np.asarray(values[name]).reshape(x.shape[:-1]) for name in names}


def moving(free: Coordinates) -> tuple[str, ...]:
    """Return the names of the free parameters and of those that are tied to one of them."""
    here, there = (
        free.values(jnp.asarray(free.centre)),
        free.values(jnp.asarray(free.centre + 0.1 * free.sd)),
    )
    tied = [n for n in here if n not in free.names and float(here[n]) != float(there[n])]
    return (*free.names, *tied)
