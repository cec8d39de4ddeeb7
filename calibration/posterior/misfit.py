"""The posterior as a least-squares problem without bounds.

In the coordinates `u` of `unconstrained` every truncated prior is a standard normal, so that minus
the logarithm of the posterior density in `u` is half the sum of squares of

    F(u) = [ drawn_in(W (rows(x(u)) - observed)) ; u ]

with `W` the whitener of the residuals' whole covariance, trial offsets included, and `drawn_in`
what the robust loss makes of a residual (`likelihood`).
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from calibration.fit.evaluations import Evaluations
from calibration.likelihood import drawn_in, drawn_in_slope
from calibration.posterior.unconstrained import constrained, slope


class Misfit:
    """Evaluates `F` and its derivatives; counts how often."""

    def __init__(self, evaluations: Evaluations) -> None:
        """Take the evaluations of a problem with the corrections and errors of its fit's end."""
        self.evaluations = evaluations
        self.problem = evaluations.problem
        self.whitener = self.problem.likelihood.whitener()
        self.huber = self.problem.likelihood.huber
        self.evaluated = self.differentiated = 0
        free = self.problem.free
        self._x, self._slope = jax.jit(partial(constrained, free)), jax.jit(partial(slope, free))

    def x(self, u: np.ndarray) -> np.ndarray:
        """Return the bounded coordinates, `(dim,)`."""
        return np.asarray(self._x(jnp.asarray(u)))

    def at(self, u: np.ndarray) -> np.ndarray:
        """Return `F`, `(row + dim,)`; one evaluation of all rows."""
        self.evaluated += 1
        return self._whole(self.problem.predicted(self.x(u)), u)

    def slopes(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return `F`, `(row + dim,)`, and its derivatives, `(row + dim, dim)`."""
        self.differentiated += 1
        return self._sloped(*self.problem.linearised(self.x(u)), u)

    def remembered_slopes(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what `slopes` does, kept on disk as the evaluations of a fit are."""
        return self._sloped(*self.evaluations.linearised(self.x(u)), u)

    def _whole(self, rows: np.ndarray, u: np.ndarray) -> np.ndarray:
        whitened = self.whitener @ (rows - self.problem.observed)
        return np.concatenate([drawn_in(whitened, self.huber), u])

    def _sloped(
        self, rows: np.ndarray, derivatives: np.ndarray, u: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        whitened = self.whitener @ (rows - self.problem.observed)
        inner = drawn_in_slope(whitened, self.huber)[:, None] * (self.whitener @ derivatives)
        inner = inner * np.asarray(self._slope(jnp.asarray(u)))
        return self._whole(rows, u), np.concatenate([inner, np.eye(len(u))])
