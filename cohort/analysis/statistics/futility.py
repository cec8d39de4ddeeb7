"""Stopping for futility: bounds of Z in the better direction; below, a trial ends unsuccessful.

    obrien_fleming_spending   the type II error b = 1 - power is spent as `interim` spends alpha:
    pocock_spending           P(Z_k < a_k, not stopped before) = b(t_k) - b(t_{k-1}) at the drift
                              that has the power, a_K = c_K (Pampallona, Tsiatis & Kim 2001,
                              10.1177/009286150103500408)
    conditional_power         the chance to succeed in the end, if the effect is as estimated, is
                              below a limit g (Lan & Wittes 1988, 10.2307/2531870):
                              a_k = sqrt(t_k) (c_K + sqrt(1 - t_k) z_g)

With these a trial shows the better direction only: its error is alpha / 2, on one side. Bounds that
do not bind leave the efficacy boundary as it is without them, so that the error holds whether or
not a trial stops. Binding ones lower it: who stops for futility cannot err any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.interim import (
    Boundary,
    boundaries,
    exits,
    root,
    spent,
    unscaled,
)
from cohort.analysis.statistics.margins import Hypothesis
from cohort.analysis.statistics.walk import Walk

Reals = npt.NDArray[np.float64]
Rule = Literal["none", "obrien_fleming_spending", "pocock_spending", "conditional_power"]

_FAR = 12.0
_ROUNDS = 200
_SAME = 1e-7


@dataclass(frozen=True)
class Futility:
    """When a trial stops for futility.

    Attributes:
        rule: how the bounds are found.
        binding: whether the efficacy boundary relies on stopping.
        power: power of the trial by which the type II error is spent.
        least: conditional power below which a trial stops.
    """

    rule: Rule = "none"
    binding: bool = False
    power: float = 0.9
    least: float = 0.1


NEVER = Futility()


@dataclass(frozen=True)
class Looks:
    """The looks of a trial.

    Attributes:
        shares: share of the information at each, rising, the last one 1.
        critical: critical value of Z at each.
        futility: value of Z in the better direction below which it stops; None for no such rule.
    """

    shares: tuple[float, ...]
    critical: Reals
    futility: Reals | None = None


def looks_told(looks: Looks) -> list[dict[str, float | None]]:
    """Return the boundaries as rows, in JSON's types; none without interim looks."""
    if len(looks.shares) == 1:
        return []
    futility = [None] * len(looks.shares) if looks.futility is None else looks.futility.tolist()
    return [
        {"share": share, "efficacy": upper, "futility": lower}
        for share, upper, lower in zip(looks.shares, looks.critical.tolist(), futility, strict=True)
    ]


def planned_looks(
    shares: Sequence[float], alpha: float, kind: Boundary, futility: Futility = NEVER
) -> Looks:
    """Return the boundaries of a trial.

    Args:
        shares: share of the information at each look, rising, the last one 1.
        alpha: two-sided type I error; half of it, on one side, with stopping for futility.
        kind: shape of the efficacy boundary.
        futility: when it stops for futility.

    Raises:
        ArithmeticError: binding bounds do not come to rest.
    """
    upper = boundaries(shares, alpha, kind)
    if futility.rule == "none":
        return Looks(tuple(shares), upper)
    t = np.asarray(shares, dtype=float)
    lower = _futile(t, upper, futility)
    if not futility.binding:
        return Looks(tuple(shares), upper, lower)
    for _ in range(_ROUNDS):
        found = _efficacy(t, alpha / 2, kind, lower)
        lower = _futile(t, found, futility)
        if np.abs(found - upper).max() < _SAME:
            return Looks(tuple(shares), found, lower)
        upper = found
    raise ArithmeticError("binding futility bounds do not come to rest")


def _futile(t: Reals, upper: Reals, futility: Futility) -> Reals:
    """Return the futility bounds that go with an efficacy boundary."""
    if futility.rule == "conditional_power":
        from scipy.stats import norm

        last = upper[-1] + np.sqrt(1 - t) * float(norm.ppf(futility.least))
        return np.minimum(np.sqrt(t) * last, upper)
    error = 1 - futility.power
    kind = "pocock_spending" if futility.rule == "pocock_spending" else "obrien_fleming_spending"
    shares = np.diff(spent(t, 2 * error, kind) / 2, prepend=0.0)

    def excess(drift: float) -> float:
        lower = _spending(t, upper, shares, drift)
        return float(exits(t, lower, upper, drift)[1].sum()) - error

    return _spending(t, upper, shares, root(excess, 0.0, _FAR))


def _spending(t: Reals, upper: Reals, shares: Reals, drift: float) -> Reals:
    """Return the bounds that spend the type II error at a drift, the last one that of efficacy."""
    walk, found = Walk(drift), []
    for now, high, share in zip(t[:-1], upper[:-1], shares[:-1], strict=True):
        walk.to(float(now))
        if walk.below(float(high)) <= share:
            found.append(float(high))
        else:
            found.append(root(lambda a, share=share: walk.below(a) - share, -_FAR, float(high)))
        walk.go_on(found[-1], float(high))
    return np.array([*found, upper[-1]])


def _efficacy(t: Reals, error: float, kind: Boundary, lower: Reals) -> Reals:
    """Return the efficacy boundary of trials that stop below `lower`, error on one side."""
    if kind == "obrien_fleming" or kind == "pocock":
        shape = unscaled(t, kind)

        def excess(c: float) -> float:
            upper = c * shape
            return float(exits(t, np.minimum(lower, upper), upper)[0].sum()) - error

        return root(excess, 0.1, 10.0) * shape
    walk, found = Walk(0.0), []
    shares = np.diff(spent(t, 2 * error, kind) / 2, prepend=0.0)
    for now, low, share in zip(t, lower, shares, strict=True):
        walk.to(float(now))
        found.append(root(lambda c, share=share: walk.above(c) - share, -_FAR, _FAR))
        walk.go_on(float(low), found[-1])
    return np.array(found)


def verdicts(
    effect: Effect, hypothesis: Hypothesis, looks: Looks, number: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return whether effects are shown at a look, and whether trials are to stop for futility.

    Args:
        effect: as estimated at the look; what could not be estimated shows nothing.
        hypothesis: what is to be shown.
        looks: the boundaries.
        number: of the look, from 0.
    """
    from scipy.stats import norm

    beyond = float(norm.sf(looks.critical[number]))
    if looks.futility is None:
        level = 2 * beyond if hypothesis.claim == "superiority" else beyond
        shown = hypothesis.p_value(effect) <= level
        return shown, np.zeros(shown.shape, dtype=bool)
    p_value = hypothesis.one_sided(effect)
    last = number == len(looks.shares) - 1
    futile = p_value > norm.sf(looks.futility[number])
    return p_value <= beyond, futile & (not last)
