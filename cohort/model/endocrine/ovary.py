"""Ovaries: estradiol and progesterone from puberty to the years after menopause.

Estradiol relative to the mean over a young cycle falls along a logistic in years since the final
menstrual period,

    E_ovary = (1 - E_post) / (1 + exp((ysm + 0.1) / w)),   w = 0.55 years

so the fall begins about two years before it and ends about two years after (SWAN, Randolph 2011,
10.1210/jc.2010-1746); after surgery `w` is ten days. What remains, `E_post`, is made in fat and
muscle (`estrogen`). Progesterone needs ovulation, which fails earlier: its logistic is centred two
years before the final period (luteal function in the transition, Santoro 2008,
10.1210/jc.2007-2281).
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients
from cohort.model.person import Person

POSTMENOPAUSAL_ESTRADIOL = 0.08
LEAD = 0.1  # years by which half of the fall precedes the final period
OVULATION_LEAD = 2.0
POSTMENOPAUSAL_PROGESTERONE = 0.05
LH_RISE = 5.0  # 5 IU/L in the cycle's mean, about 30 after menopause (unchecked)


def remaining(person: Person) -> Patients:
    """Return `E_post`, the estradiol that is not from the ovaries."""
    return POSTMENOPAUSAL_ESTRADIOL * person.eta["E_post"]


def estradiol(person: Person, age: Patients) -> Patients:
    """Return the ovaries' estradiol, relative to the young cycle mean."""
    return (1.0 - remaining(person)) * _function(person, age, LEAD)


def progesterone(person: Person, age: Patients) -> Patients:
    """Return progesterone relative to the mean over a young cycle."""
    floor = POSTMENOPAUSAL_PROGESTERONE
    return floor + (1.0 - floor) * _function(person, age, OVULATION_LEAD)


def lh(person: Person, age: Patients) -> Patients:
    """Return LH relative to young women: it rises as the ovaries fail."""
    return 1.0 + LH_RISE * (1.0 - _function(person, age, LEAD))


def _function(person: Person, age: Patients, lead: float) -> Patients:
    since = age - person.life["age_at_menopause"]
    return 1.0 / (1.0 + jnp.exp(jnp.minimum((since + lead) / person.life["menopause_width"], 60.0)))
