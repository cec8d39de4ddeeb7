"""What a method of fitting or of uncertainty may ask of a problem."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jax.typing import ArrayLike

from calibration.free import Free
from calibration.targets import Target
from cohort.model.arrays import Patients


class Objective(Protocol):
    """Targets, their predictions, and how far the two are apart."""

    @property
    def free(self) -> Free:
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
