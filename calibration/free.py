"""The free parameters of a job: coordinates `x` on the scales of their priors.

On its scale (log or logit) a parameter's prior is normal, truncated to its bounds. Fixed parameters
keep the value of the start, and tied ones the ratio that they have there to the one they follow (on
the logit scale, the ratio of the odds).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from calibration.job.parameters import followers, free_parameters, start_values
from calibration.job.schema import Job
from cohort.model.arrays import Patients
from cohort.model.parameters import PARAMETERS


@dataclass(frozen=True)
class Free:
    """Names, priors and bounds of the coordinates.

    Attributes:
        names: of the free parameters, in the order of `x`.
        centre: of the priors, `(dim,)`, on their scales, as all that follows.
        sd: of the priors, `(dim,)`.
        low: lower bounds, `(dim,)`.
        high: upper bounds, `(dim,)`.
        fixed: every parameter's value at the start.
        leaders: the parameter that each tied one follows.
    """

    names: tuple[str, ...]
    centre: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray
    fixed: Mapping[str, float]
    leaders: Mapping[str, str]

    def values(self, x: ArrayLike) -> dict[str, Patients]:
        """Return the value of every parameter of the model; differentiable.

        Args:
            x: coordinates, `(dim,)`.
        """
        scaled = dict(zip(self.names, jnp.asarray(x), strict=True))
        for name, leader in self.leaders.items():
            scaled[name] = scaled[leader] + self._scaled(name) - self._scaled(leader)
        known = {name: jnp.asarray(value) for name, value in self.fixed.items()}
        return known | {name: _natural(name, value) for name, value in scaled.items()}

    def x(self, values: Mapping[str, float]) -> np.ndarray:
        """Return the coordinates of these values, `(dim,)`, moved inside the bounds."""
        own = np.array([PARAMETERS[name].to_scale(values[name]) for name in self.names])
        return np.clip(own, self.low, self.high)

    def _scaled(self, name: str) -> float:
        return PARAMETERS[name].to_scale(self.fixed[name])


def _natural(name: str, scaled: Patients) -> Patients:
    return jnp.exp(scaled) if PARAMETERS[name].scale == "log" else jax.nn.sigmoid(scaled)


def make_free(job: Job) -> Free:
    """Return the free parameters that a job declares."""
    chosen = free_parameters(job)

    def scaled(field: str) -> np.ndarray:
        return np.array([PARAMETERS[p.name].to_scale(getattr(p, field)) for p in chosen])

    margin = 1e-9  # a set's values lie strictly inside their bounds
    return Free(
        names=tuple(p.name for p in chosen),
        centre=scaled("centre"),
        sd=np.array([p.sd for p in chosen]),
        low=scaled("low") + margin,
        high=scaled("high") - margin,
        fixed=start_values(job),
        leaders=followers(job),
    )
