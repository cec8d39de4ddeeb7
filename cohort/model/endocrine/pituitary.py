"""Pituitary and gonads: LH under feedback, GnRH drugs, and what the gonads make of LH.

    LH' = kLH [ ( 1.1 / (e^2 + 0.1) * 1.05 / (1 + 0.05 t^2) + pulses ) / (1 + 300 g) - LH ]
    answer = 7 LH / (LH + 6)

LH is relative to the person's own untreated level; `e` and `t` are estradiol and testosterone over
the person's own, so that nobody's axis moves before a drug does. Most of the feedback in men runs
through estradiol: letrozole lowered it by 62 % and raised LH 4.2-fold (T'Sjoen 2005,
10.1530/eje.1.01963), anastrozole by 35 % and LH 1.5-fold (Leder 2004, 10.1210/jc.2003-031467).
`g` is the level of a GnRH agonist or antagonist: it leaves 44 of 500 ng/dL of testosterone
(Finkelstein 2013, 10.1056/NEJMoa1206168). `pulses` of gonadorelin reach the pituitary past the
hypothalamus. The first days' flare of an agonist is left out.
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients
from cohort.model.exposure import Exposure

RATE = 0.1  # 1/day: suppression and recovery take weeks
ESTRADIOL_FLOOR = 0.1
ANDROGEN_SHARE = 0.05
SUPPRESSION = 300.0
HALF_ANSWER = 6.0
MOST = 1.8  # feedback is complete when estradiol is this multiple of one's own


def tendency(
    estradiol: Patients, testosterone: Patients, exposure: Exposure
) -> tuple[Patients, float]:
    """Return production and loss of LH.

    Args:
        estradiol: over the person's own.
        testosterone: over the person's own.
        exposure: GnRH drugs.
    """
    e = jnp.minimum(estradiol, MOST)
    by_estradiol = (1.0 + ESTRADIOL_FLOOR) / (e * e + ESTRADIOL_FLOOR)
    androgens = ANDROGEN_SHARE * testosterone * testosterone
    drive = by_estradiol * (1.0 + ANDROGEN_SHARE) / (1.0 + androgens)
    drive = drive + exposure.level("gnrh_pulses")
    return RATE * drive / (1.0 + SUPPRESSION * exposure.level("gnrh_suppression")), RATE


def answer(lh: Patients | float) -> Patients | float:
    """Return what the gonads make under this LH, over what they make untreated."""
    return lh * (1.0 + HALF_ANSWER) / (lh + HALF_ANSWER)
