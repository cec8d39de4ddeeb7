"""Where a job looks: points of the unit cube, drawn by SALib, and the values that they stand for.

Morris' trajectories: 10.1080/00401706.1991.10484804. Sobol's sequence in Saltelli's radial design:
10.1016/j.cpc.2009.09.018. Latin hypercube: 10.1080/00401706.1979.10489755. Correlated factors go
through a Gaussian copula, `u -> Phi(L Phi^-1(u))` with `L` the Cholesky factor of the correlations
of their normal scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cohort.levers.factors import Factor, Kind
from cohort.levers.schema import DEFAULT_SAMPLES, Correlation, Method

KINDS: dict[Kind, str] = {
    "parameter": "parameters",
    "covariate": "covariates",
    "pk": "pharmacokinetics",
}
"""What the kinds of factors are called as levers."""

_EDGE = 1e-12  # normal scores of 0 and 1 would be infinite


@dataclass(frozen=True)
class Design:
    """The points of a job.

    Attributes:
        factors: what is varied.
        method: how.
        seed: of the points and of the bootstrap.
        correlations: between factors.
    """

    factors: tuple[Factor, ...]
    method: Method
    seed: int = 0
    correlations: tuple[Correlation, ...] = field(default=())

    @property
    def samples(self) -> int:
        """Base samples, trajectories or points."""
        return self.method.samples or DEFAULT_SAMPLES[self.method.name]

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of each factor, that an index is computed for."""
        if self.method.by == "kinds":
            return tuple(KINDS[factor.kind] for factor in self.factors)
        if self.method.by == "groups":
            return tuple(factor.group or factor.name for factor in self.factors)
        return tuple(factor.name for factor in self.factors)

    @property
    def levers(self) -> tuple[str, ...]:
        """What has an index: the groups, each once, in the order of the factors."""
        return tuple(dict.fromkeys(self.groups))

    @property
    def rows_a_sample(self) -> int:
        """Evaluations that stand and fall together: a base sample's, a trajectory's, a point."""
        return {"sobol": len(self.levers) + 2, "morris": len(self.levers) + 1}.get(
            self.method.name, 1
        )

    @property
    def evaluations(self) -> int:
        """Number of points."""
        return self.samples * self.rows_a_sample

    def problem(self) -> dict[str, Any]:
        """Return the factors as SALib takes them: uniform on the unit cube."""
        found: dict[str, Any] = {
            "num_vars": len(self.factors),
            "names": [factor.name for factor in self.factors],
            "bounds": [[0.0, 1.0]] * len(self.factors),
        }
        return found if self.method.by == "factors" else found | {"groups": list(self.groups)}

    def points(self) -> np.ndarray:
        """Return the points, float64 `(evaluation, factor)`; the same for the same seed."""
        name, problem = self.method.name, self.problem()
        if name == "sobol":
            from SALib.sample import sobol

            return sobol.sample(problem, self.samples, calc_second_order=False, seed=self.seed)
        if name == "morris":
            from SALib.sample import morris

            return morris.sample(
                problem, self.samples, num_levels=self.method.levels, seed=self.seed
            )
        if name == "prcc":
            from SALib.sample import latin

            return latin.sample(problem, self.samples, seed=self.seed)
        raise ValueError("local derivatives have no points but the study's own")

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return the factors' values at points, `(evaluation, factor)`."""
        u = self._correlated(points)
        return np.stack([factor.value(u[:, i]) for i, factor in enumerate(self.factors)], axis=1)

    def _correlated(self, points: np.ndarray) -> np.ndarray:
        if not self.correlations:
            return points
        from scipy.stats import norm

        scores = norm.ppf(np.clip(points, _EDGE, 1.0 - _EDGE))
        lower = np.linalg.cholesky(correlation_matrix(self.factors, self.correlations))
        return norm.cdf(scores @ lower.T)


def correlation_matrix(
    factors: Sequence[Factor], correlations: Sequence[Correlation]
) -> np.ndarray:
    """Return the correlations of all factors' normal scores, `(factor, factor)`."""
    places = {factor.name: index for index, factor in enumerate(factors)}
    matrix = np.eye(len(factors))
    for pair in correlations:
        i, j = (places[name] for name in pair.between)
        matrix[i, j] = matrix[j, i] = pair.value
    return matrix
