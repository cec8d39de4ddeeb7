"""Gaussian approximation of the posterior at the optimum (Laplace's, by Fisher's information).

With `W = whiten(d rows / d x)` the information of the data is `W'W` (Gauss-Newton: what curves the
rows themselves is left out), the precision of the posterior `W'W + diag(1 / sd^2)`, and its
covariance the inverse. The distribution is truncated to the bounds of the free parameters, as their
priors are; its centre is the optimum, also where that lies on a bound.

How good it is, importance weights tell: `posterior / approximation` at the draws, whose tail has
the Pareto shape `k` (Vehtari, Simpson, Gelman, Yao and Gabry, JMLR 25:72, 2024): below 0.5 good,
below 0.7 usable with the weights, above it not to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from calibration.posterior.extras import extra
from calibration.posterior.samples import Samples
from calibration.posterior.truncated import draw_truncated
from cohort.errors import CohortError

if TYPE_CHECKING:
    from calibration.objective import Coordinates, Objective


@dataclass(frozen=True)
class Laplace:
    """A Gaussian approximation, on the priors' scales.

    Attributes:
        free: the free parameters.
        centre: the optimum, `(dim,)`.
        jacobian: derivatives of the rows there, `(row, dim)`.
        information: of the data alone, `(dim, dim)`.
        precision: of the posterior, `(dim, dim)`.
        covariance: its inverse, before truncation.
    """

    free: Coordinates
    centre: np.ndarray
    jacobian: np.ndarray
    information: np.ndarray
    precision: np.ndarray
    covariance: np.ndarray

    @property
    def sd(self) -> np.ndarray:
        """Posterior standard deviations, `(dim,)`."""
        return np.sqrt(np.diag(self.covariance))


def approximate(objective: Objective, x: np.ndarray) -> Laplace:
    """Approximate the posterior at its optimum.

    Args:
        objective: what was minimised.
        x: the optimum, `(dim,)`.

    Raises:
        CohortError: a derivative is not finite there.
    """
    free = objective.free
    jacobian = np.asarray(objective.jacobian(x))
    whitened = np.asarray(objective.whiten(jacobian))
    finite = np.all(np.isfinite(whitened), axis=0).tolist()
    broken = [name for name, fine in zip(free.names, finite, strict=True) if not fine]
    if broken:
        raise CohortError(f"the rows have no finite derivative by {', '.join(broken)}.")
    information = whitened.T @ whitened
    precision, covariance = posterior_of(information, free.sd)
    return Laplace(free, np.asarray(x, float), jacobian, information, precision, covariance)


def posterior_of(information: np.ndarray, sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior precision and covariance, `(dim, dim)`, from information and prior sds."""
    precision = information + np.diag(sd**-2.0)
    # In units of the prior's sds every eigenvalue is at least 1, so the inverse is well posed.
    scaled = np.linalg.inv(np.eye(len(sd)) + information * np.outer(sd, sd))
    covariance = 0.5 * (scaled + scaled.T) * np.outer(sd, sd)
    return precision, covariance


def sample(laplace: Laplace, count: int, seed: int) -> Samples:
    """Draw from the approximation, truncated to the bounds; one seed gives the same draws.

    Args:
        laplace: the approximation.
        count: how many draws.
        seed: of the random numbers.

    Returns:
        One chain of independent draws. `facts["inside"]` is the share of untruncated proposals that
        lay inside the bounds.
    """
    free = laplace.free
    x, inside = draw_truncated(
        laplace.centre,
        laplace.covariance,
        (free.low, free.high),
        count,
        np.random.default_rng([seed, 0]),
    )
    return Samples("laplace", x[None], facts={"seed": seed, "inside": inside})


def weigh(objective: Objective, laplace: Laplace, samples: Samples) -> Samples:
    """Add smoothed importance weights of draws of the approximation against the exact loss.

    Costs one evaluation of the loss a draw.

    Returns:
        The samples with `stats`: `lp` (log posterior up to a constant) and `log_weight` (smoothed,
        summing to 1), and `facts`: `pareto_k` and `effective`, the number of draws of the exact
        posterior that the weighted draws are worth.
    """
    psislw = extra("arviz", "Weighing the draws of a Laplace approximation").psislw
    loss = jax.jit(objective.loss)
    exact = -np.array([float(loss(jnp.asarray(x))) for x in samples.flat])
    away = samples.flat - laplace.centre
    gaussian = -0.5 * np.einsum("di,ij,dj->d", away, laplace.precision, away)
    # A draw where the model fails has no posterior mass.
    ratio = np.where(np.isfinite(exact), exact - gaussian, -np.inf)
    weights, k = psislw(ratio)
    shape = samples.x.shape[:2]
    stats = {"lp": exact.reshape(shape), "log_weight": np.asarray(weights).reshape(shape)}
    facts = {"pareto_k": float(k), "effective": float(1.0 / np.sum(np.exp(2.0 * weights)))}
    return replace(samples, stats={**samples.stats, **stats}, facts={**samples.facts, **facts})
