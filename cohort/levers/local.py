"""Local sensitivity: what derivatives at the study's own values say of the cohort and of persons.

    elasticity = (dY / dx) (x / Y)
    swing = (dY / ds) (s(high) - s(low)),  s the factor's scale: x, ln x or logit x

A covariate's factor is a shift from 0, of which no elasticity is defined; nor is that of an output
that is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cohort.levers.factors import Factor
from cohort.levers.indices import Index
from cohort.levers.outputs import Column

_NAN = float("nan")


def local_indices(
    factors: Sequence[Factor],
    columns: Sequence[Column],
    outputs: np.ndarray,
    slopes: np.ndarray,
) -> Iterator[tuple[Column, Index]]:
    """Yield derivative, elasticity and swing of every output's mean by every factor.

    Args:
        factors: what is varied.
        columns: the outputs.
        outputs: of every person, `(column, patient)`.
        slopes: their derivatives, `(factor, column, patient)`.
    """
    means, mean_slopes = outputs.mean(axis=1), slopes.mean(axis=2)
    relative = elasticities(factors, means[:, None], mean_slopes[:, :, None])[:, :, 0]
    for place, column in enumerate(columns):
        for index, factor in enumerate(factors):
            found = {
                "derivative": mean_slopes[index, place],
                "elasticity": relative[index, place],
                "swing": mean_slopes[index, place] * factor.stretch,
            }
            for name, value in found.items():
                yield column, Index(factor.name, name, float(value), _NAN, _NAN)


def elasticities(factors: Sequence[Factor], outputs: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Return elasticities in the shape of `slopes`, `(factor, column, patient)`; NaN for none."""
    own = np.array([_NAN if f.kind == "covariate" else f.base for f in factors])[:, None, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = slopes * own / outputs[None]
    return np.where(np.isfinite(found), found, _NAN)
