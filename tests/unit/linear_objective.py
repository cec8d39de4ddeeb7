"""An objective whose posterior is known: linear rows, normal noise, one offset a block of a trial.

`y = A x + b + noise`, with the noise's covariance `R = diag(error^2) + offset^2` between rows of
one block and the prior `normal(centre, sd)`: the posterior is normal with precision
`A' R^-1 A + diag(1 / sd^2)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

import jax.numpy as jnp
import numpy as np
from jax import Array
from published_rows import row

from cohort.results.published import PublishedRow

if TYPE_CHECKING:
    from calibration.objective import Objective


@dataclass(frozen=True)
class LinearTarget:
    row: PublishedRow
    sampling: float
    error: float
    block: tuple[str, str]


@dataclass(frozen=True)
class LinearFree:
    """All on a logarithmic scale; `tied` follows the first coordinate, `fixed` does not move."""

    names: tuple[str, ...]
    centre: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def values(self, x) -> dict[str, Array]:
        own = {name: jnp.exp(x[j]) for j, name in enumerate(self.names)}
        return own | {"tied": 2.0 * jnp.exp(x[0]), "fixed": jnp.asarray(7.0)}

    def x(self, values: Mapping[str, float]) -> np.ndarray:
        return np.log([values[name] for name in self.names])


@dataclass(frozen=True)
class LinearObjective:
    design: np.ndarray
    free: LinearFree
    targets: tuple[LinearTarget, ...]
    offset: float = 0.0
    intercept: float = 0.0
    observed: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        values = np.array([target.row.value for target in self.targets])
        object.__setattr__(self, "observed", values)

    @cached_property
    def noise(self) -> np.ndarray:
        """Covariance of the rows' noise, `(row, row)`."""
        blocks = [target.block for target in self.targets]
        shared = np.array([[one == other for other in blocks] for one in blocks])
        return np.diag([target.error**2 for target in self.targets]) + self.offset**2 * shared

    @cached_property
    def whitening(self) -> np.ndarray:
        return np.linalg.inv(np.linalg.cholesky(self.noise))

    def rows(self, x) -> Array:
        return jnp.asarray(self.design) @ x + self.intercept

    def whiten(self, residuals) -> Array:
        return jnp.asarray(self.whitening) @ residuals

    def loss(self, x) -> Array:
        misfit = self.whiten(self.rows(x) - self.observed)
        away = (x - self.free.centre) / self.free.sd
        return 0.5 * jnp.sum(misfit**2) + 0.5 * jnp.sum(away**2)

    def jacobian(self, x) -> np.ndarray:
        return self.design

    @property
    def precision(self) -> np.ndarray:
        """Of the posterior, `(dim, dim)`."""
        information = self.design.T @ np.linalg.solve(self.noise, self.design)
        return information + np.diag(self.free.sd**-2.0)

    @property
    def covariance(self) -> np.ndarray:
        """Of the posterior without bounds, `(dim, dim)`."""
        return np.linalg.inv(self.precision)

    @property
    def mean(self) -> np.ndarray:
        """Of the posterior without bounds, `(dim,)`."""
        seen = np.linalg.solve(self.noise, self.observed - self.intercept)
        return self.covariance @ (self.design.T @ seen + self.free.centre / self.free.sd**2)


def linear(
    design: Sequence[Sequence[float]],
    observed: Sequence[float],
    trials: Sequence[str],
    *,
    error: float = 1.0,
    offset: float = 0.0,
    centre: float = 0.0,
    sd: float = 1.0,
    reach: float = 5.0,
) -> LinearObjective:
    """Build an objective.

    Args:
        design: `(row, dim)`.
        observed: the rows' values.
        trials: the rows' trials; every row is of the spine.
        error: standard deviation of every row.
        offset: standard deviation of a trial's offset.
        centre: of every prior.
        sd: of every prior.
        reach: prior sds from the centre to the bounds.
    """
    dim = len(design[0])
    whole = np.ones(dim)
    free = LinearFree(
        tuple("abcdefghijkl"[:dim]),
        centre * whole,
        sd * whole,
        (centre - reach * sd) * whole,
        (centre + reach * sd) * whole,
    )
    targets = tuple(
        LinearTarget(
            row(trial=trial, row_id=f"outcomes-{i}", value=value, month=6.0 * (i + 1)),
            0.5 * error,
            error,
            (trial, "LS"),
        )
        for i, (value, trial) in enumerate(zip(observed, trials, strict=True))
    )
    return LinearObjective(np.array(design, float), free, targets, offset)


def example() -> LinearObjective:
    """Three parameters, seven rows of three trials with offsets."""
    design = [[1, 0, 0], [1, 1, 0], [0, 1, 1], [2, 0, 1], [0, 0, 1], [1, -1, 0], [0, 2, 0]]
    trials = ["one", "one", "two", "two", "two", "three", "three"]
    return linear(design, [0.8, 0.1, -0.6, 1.2, -0.4, 1.5, -1.9], trials, error=0.4, offset=0.3)


def as_objective(linear_objective: LinearObjective) -> Objective:
    """Return it under the type that calibration code declares."""
    return cast("Objective", linear_objective)
