"""Interim looks: critical values that keep the type I error over all looks.

With Z_1..Z_K jointly normal, E Z_k = 0 and cov(Z_j, Z_k) = sqrt(I_j / I_k) under the null, the
boundaries c_k are such that P(|Z_k| >= c_k for some k) = alpha, two-sided:

    pocock                  c_k = c                        (Pocock 1977, 10.1093/biomet/64.2.191)
    obrien_fleming          c_k = c / sqrt(t_k)            (O'Brien & Fleming 1979, 10.2307/2530245)
    pocock_spending         alpha ln(1 + (e - 1) t) spent by information t
    obrien_fleming_spending 4 - 4 Phi(z_{1 - alpha/4} / sqrt(t)), alpha/2 on each side
                                                  (both Lan & DeMets 1983, 10.1093/biomet/70.3.659)

Probabilities of crossing come from recursive numerical integration of the density of those who have
not crossed yet (Armitage, McPherson & Rowe 1969, 10.2307/2343787; Jennison & Turnbull 2000, Group
Sequential Methods, chapter 19).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Boundary = Literal["obrien_fleming", "pocock", "obrien_fleming_spending", "pocock_spending"]

_NODES = 120
"""Gauss-Legendre points over the region that goes on: far more than the tables' digits need."""


def boundaries(fractions: Sequence[float], alpha: float, kind: Boundary) -> Reals:
    """Return the critical value of |Z| at each look.

    Args:
        fractions: share of the information at each look, rising, the last one 1.
        alpha: two-sided type I error over all looks.
        kind: shape of the boundary.

    >>> boundaries([0.5, 1.0], 0.05, "pocock").round(3).tolist()
    [2.178, 2.178]
    """
    t = np.asarray(fractions, dtype=float)
    if kind in ("obrien_fleming_spending", "pocock_spending"):
        return _spending_boundaries(t, np.diff(_spent(t, alpha, kind), prepend=0.0))
    shape = np.ones_like(t) if kind == "pocock" else 1 / np.sqrt(t)

    def excess(c: float) -> float:
        return float(crossing(t, c * shape).sum()) - alpha

    return _root(excess, 0.5, 10.0) * shape


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import root_scalar

    return float(root_scalar(excess, bracket=(low, high), method="brentq", xtol=1e-8).root)


def _spent(t: Reals, alpha: float, kind: Boundary) -> Reals:
    """Return the type I error spent by each look."""
    from scipy.stats import norm

    if kind == "pocock_spending":
        return alpha * np.log(1 + (np.e - 1) * t)
    return 4 * norm.sf(norm.ppf(1 - alpha / 4) / np.sqrt(t))


def _spending_boundaries(t: Reals, shares: Reals) -> Reals:
    from scipy.stats import norm

    found: list[float] = []
    for look, share in enumerate(shares):

        def excess(c: float, look: int = look, share: float = share) -> float:
            return float(crossing(t[: look + 1], np.array([*found, c]))[-1]) - share

        # What was spent before only lowers the chance of crossing now, so this bounds c above.
        upper = float(norm.isf(share / 2)) + 1e-6
        found.append(_root(excess, 0.0, upper))
    return np.array(found)


def crossing(fractions: Reals, critical: Reals, drift: float = 0.0) -> Reals:
    """Return the probability that |Z| crosses first at each look.

    Args:
        fractions: share of the information at each look.
        critical: critical value at each look.
        drift: mean of Z at full information: the effect over its standard error.
    """
    from scipy.stats import norm

    base, weight = np.polynomial.legendre.leggauss(_NODES)
    result = np.empty(len(critical))
    # In the scale of the score S = Z sqrt(t), increments are independent: N(drift dt, dt).
    edge = critical * np.sqrt(fractions)
    steps = np.diff(fractions, prepend=0.0)
    points, mass = np.zeros(1), np.ones(1)
    for look, (limit, step) in enumerate(zip(edge, steps, strict=True)):
        mean, sd = points + drift * step, np.sqrt(step)
        outside = norm.sf(limit, mean, sd) + norm.cdf(-limit, mean, sd)
        result[look] = mass @ outside
        here = limit * base
        density = norm.pdf(here[:, None], mean[None, :], sd) @ mass
        points, mass = here, density * weight * limit
    return result
