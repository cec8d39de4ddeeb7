"""The hazard of a fracture, from what is known of a person at a visit.

For each kind (vertebral, hip, other),

    ln h = a + b (age - 70) + m male - g (T + 2.5) - (k - g) (T - T_0 + l t)
           + tau ln max(C / C_ref, C_min) - phi B + ln(1 - s + s F)
    B = max(0, min(ln(P / P_0), 3 [ln(P / P_0) - ln(C / C_0)]))

with `T` the T-score at the kind's site (young women's reference in both sexes), `t` years since
entry, `C` serum CTX, `P` serum P1NP, `F` the fall rate over that of a healthy person of 70, `_0` at
entry, and the gradient `g = g_65 + g_age (age - 65)`. Between persons a standard deviation of
density counts `g` (Marshall 1996, 10.1136/bmj.312.7041.1254; Johnell 2005, 10.1359/JBMR.050304).
Within a person it counts `k`, which trials show to be more (Bouxsein 2019, 10.1002/jbmr.3641),
apart from what age takes anyway (`l` a year), which the gradient by age holds already. Resorption
counts beside density (Johansson 2014, 10.1007/s00223-014-9842-y). Formation that rises and outruns
resorption, as on anabolic drugs and unlike in the rebound after an antiresorptive, makes bone
stronger than its density says, by `phi`. `s` is the share of these
fractures that follow a fall.

Prior fractures and a person's frailty multiply the hazard; see `history` and `events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cohort.fractures.law import KINDS, KindLaw, Law

Reals = np.ndarray

AGE, T_SCORE, GRADIENT_AGE = 70.0, -2.5, 65.0
"""Where `log_rate` and the gradients hold."""

OUTRUN = 3.0
"""Formation counts up to so many times as far as it outruns resorption."""

_FALLS_PER_YEAR_OF_AGE = 0.035
_FALLS_AGE = 65.0
FALLS_AT_AGE = float(np.exp(_FALLS_PER_YEAR_OF_AGE * (AGE - _FALLS_AGE)))
"""Fall rate of a healthy person of 70, over that of one of 65 (the outcome `fall_rate`)."""


@dataclass(frozen=True)
class Course:
    """What the hazards need of N persons over V visits.

    Attributes:
        months: of the visits, rising from 0, `(V,)`.
        age: years at entry, `(N,)`.
        male: 1 in men, `(N,)`.
        t_score: by site, young women's reference, `(N, V)`.
        ctx: serum CTX, ng/mL, `(N, V)`.
        p1np: serum P1NP, ng/mL, `(N, V)`.
        fall_rate: over that of a healthy person of 65, `(N, V)`.
    """

    months: Reals
    age: Reals
    male: Reals
    t_score: Mapping[str, Reals]
    ctx: Reals
    p1np: Reals
    fall_rate: Reals

    @property
    def years(self) -> Reals:
        """Years of the visits since entry, `(V,)`."""
        return np.asarray(self.months, np.float64) / 12.0


def log_hazards(law: Law, course: Course, vertebral_background: float = 0.0) -> dict[str, Reals]:
    """Return ln of the hazard (1/year) at each visit by kind, `(N, V)`, without prior or frailty.

    Args:
        law: the coefficients.
        course: what the persons' bones do.
        vertebral_background: ln of what the vertebral hazard is multiplied by.
    """
    ctx = np.asarray(course.ctx, np.float64)
    reference, floor = law.common.turnover_reference.value, law.common.turnover_floor.value
    effects = _Effects(
        resorption=np.log(np.maximum(ctx / reference, floor)),
        formation=formation_effect(course),
        falls=np.asarray(course.fall_rate, np.float64) / FALLS_AT_AGE,
    )
    found = {kind: _log_hazard(law.of(kind), course, effects) for kind in KINDS}
    return found | {"vertebral": found["vertebral"] + vertebral_background}


class _Effects(NamedTuple):
    """What counts beside density, the same for all kinds, `(N, V)` each."""

    resorption: Reals
    formation: Reals
    falls: Reals


def _growth(level: Reals) -> Reals:
    """Return ln of a level over that at entry."""
    return np.log(level / level[:, :1])


def formation_effect(course: Course) -> Reals:
    """Return `B` of the formula, `(N, V)`."""
    ctx, p1np = (np.asarray(level, np.float64) for level in (course.ctx, course.p1np))
    formed, resorbed = _growth(p1np), _growth(ctx)
    return np.maximum(np.minimum(formed, OUTRUN * (formed - resorbed)), 0.0)


def _log_hazard(own: KindLaw, course: Course, effects: _Effects) -> Reals:
    age = np.asarray(course.age, np.float64)[:, None] + course.years[None, :]
    t_score = np.asarray(course.t_score[own.site], np.float64)
    gradient = np.maximum(own.bmd.value + own.bmd_age.value * (age - GRADIENT_AGE), 0.0)
    beyond_age = t_score - t_score[:, :1] + own.natural_loss.value * course.years[None, :]
    share = own.falls.value
    return (
        own.log_rate.value
        + own.age.value * (age - AGE)
        + own.male.value * np.asarray(course.male, np.float64)[:, None]
        - gradient * (t_score - T_SCORE)
        - (own.change.value - gradient) * beyond_age
        + own.turnover.value * effects.resorption
        - own.formation.value * effects.formation
        + np.log(1.0 - share + share * effects.falls)
    )
