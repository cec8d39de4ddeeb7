"""What a method of fitting or of uncertainty may ask of a problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from jax.typing import ArrayLike

from calibration.targets import Target
from cohort.model.arrays import Patients


class Coordinates(Protocol):
    """The free parameters as coordinates on the scales of their priors; `free.Free` is one."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the free parameters, in the order of `x`."""
        ...

    @property
    def centre(self) -> np.ndarray:
        """Centres of the priors, `(dim,)`."""
        ...

    @property
    def sd(self) -> np.ndarray:
        """Standard deviations of the priors, `(dim,)`."""
        ...

    @property
    def low(self) -> np.ndarray:
        """Lower bounds, `(dim,)`."""
        ...

    @property
    def high(self) -> np.ndarray:
        """Upper bounds, `(dim,)`."""
        ...

    def values(self, x: ArrayLike) -> dict[str, Patients]:
        """Return the value of every parameter that the coordinates decide."""
        ...

    def x(self, values: Mapping[str, float]) -> np.ndarray:
        """Return the coordinates of these values, `(dim,)`."""
        ...


class Objective(Protocol):
    """Targets, their predictions, and how far the two are apart."""

    @property
    def free(self) -> Coordinates:
        """The free parameters."""
        ...

    @property
    def targets(self) -> tuple[Target, ...]:
        """The rows that are fitted."""
        ...

    def rows(self, x: ArrayLike) -> Patients:
        """Return the predicted rows, percent, `(row,)`; differentiable."""
        ...

    def loss(self, x: ArrayLike) -> Patients:
        """Return minus the logarithm of the posterior, up to a constant; differentiable."""
        ...

    def whiten(self, residuals: ArrayLike) -> Patients:
        """Return residuals, `(row, ...)`, in units of independent standard normals."""
        ...

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Return the derivatives of the rows, `(row, dim)`, exact."""
        ...
