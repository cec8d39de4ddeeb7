"""Interim looks: critical values that keep the type I error over all looks.

With Z_1..Z_K jointly normal, E Z_k = 0 and cov(Z_j, Z_k) = sqrt(I_j / I_k) under the null, the
boundaries c_k are such that P(|Z_k| >= c_k for some k) = alpha, two-sided:

    pocock                  c_k = c                        (Pocock 1977, 10.1093/biomet/64.2.191)
    obrien_fleming          c_k = c / sqrt(t_k)            (O'Brien & Fleming 1979, 10.2307/2530245)
    pocock_spending         alpha ln(1 + (e - 1) t) spent by information t
    obrien_fleming_spending 4 - 4 Phi(z_{1 - alpha/4} / sqrt(t)), alpha/2 on each side
                                                  (both Lan & DeMets 1983, 10.1093/biomet/70.3.659)

Probabilities of crossing are those of `walk`; stopping for futility is in `futility`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.walk import Walk

Reals = npt.NDArray[np.float64]
Spending = Literal["obrien_fleming_spending", "pocock_spending"]
Boundary = Literal["obrien_fleming", "pocock", "obrien_fleming_spending", "pocock_spending"]


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
    if kind == "obrien_fleming_spending" or kind == "pocock_spending":
        return _spending_boundaries(t, np.diff(spent(t, alpha, kind), prepend=0.0))
    shape = unscaled(t, kind)

    def excess(c: float) -> float:
        return float(crossing(t, c * shape).sum()) - alpha

    return root(excess, 0.5, 10.0) * shape


def unscaled(t: Reals, kind: Boundary) -> Reals:
    """Return the shape of a boundary that is a constant times it."""
    return np.ones_like(t) if kind == "pocock" else 1 / np.sqrt(t)


def root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function of one number is zero."""
    from scipy.optimize import root_scalar

    return float(root_scalar(excess, bracket=(low, high), method="brentq", xtol=1e-8).root)


def spent(t: Reals, alpha: float, kind: Spending) -> Reals:
    """Return the error spent by each look; the formulas are those of an error on both sides."""
    from scipy.stats import norm

    if kind == "pocock_spending":
        return alpha * np.log(1 + (np.e - 1) * t)
    return 4 * norm.sf(norm.ppf(1 - alpha / 4) / np.sqrt(t))


def _spending_boundaries(t: Reals, shares: Reals) -> Reals:
    from scipy.stats import norm

    found: list[float] = []
    walk = Walk(0.0)
    for now, share in zip(t, shares, strict=True):
        walk.to(float(now))

        def excess(c: float, share: float = share) -> float:
            return walk.above(c) + walk.below(-c) - share

        # What was spent before only lowers the chance of crossing now, so this bounds c above.
        upper = float(norm.isf(share / 2)) + 1e-6
        found.append(root(excess, 0.0, upper))
        walk.go_on(-found[-1], found[-1])
    return np.array(found)


def crossing(fractions: Reals, critical: Reals, drift: float = 0.0) -> Reals:
    """Return the probability that |Z| crosses first at each look.

    Args:
        fractions: share of the information at each look.
        critical: critical value at each look.
        drift: mean of Z at full information: the effect over its standard error.
    """
    above, below = exits(fractions, -critical, critical, drift)
    return above + below


def exits(fractions: Reals, lower: Reals, upper: Reals, drift: float = 0.0) -> tuple[Reals, Reals]:
    """Return the probabilities of leaving first at each look, above `upper` and below `lower`.

    Args:
        fractions: share of the information at each look.
        lower: bound of Z at each look, not above `upper`.
        upper: the other bound.
        drift: mean of Z at full information.
    """
    walk, above, below = Walk(drift), [], []
    for t, low, high in zip(fractions, lower, upper, strict=True):
        walk.to(float(t))
        above.append(walk.above(float(high)))
        below.append(walk.below(float(low)))
        walk.go_on(float(low), float(high))
    return np.array(above), np.array(below)
