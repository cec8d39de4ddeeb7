"""Hormones as inputs: estradiol across the menopause, IGF-1 and PTH tone with age.

Estradiol relative to the young cycle mean falls along a logistic in years since the final menstrual
period, `E = E_post + (1 - E_post) / (1 + exp((ysm + 0.1) / 0.55))`: the fall begins about two years
before it and ends about two years after (SWAN, Randolph 2011, 10.1210/jc.2010-1746). The level that
remains, `E_post`, is 8 % of the young mean and differs between women.

`ln I = -0.010 (age - 35)` plus the person's own offset (IGF-1; decline after Bidlingmaier 2014,
10.1210/jc.2013-3059). PTH tone rises by a third from 35 to 75 years (typical immunoassays).

Before 35 nothing ages: from 20 to 35 a person stays at the steady state of her own parameters, so
peak bone mass is a plateau. Cross-sectional means move by less than 2 % there (NHANES).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from cohort.model.arrays import Patients, log
from cohort.model.person import Person

YOUNG_AGE = 35.0
POSTMENOPAUSAL_ESTRADIOL = 0.08
IGF1_DECLINE = 0.010  # ln per year
PTH_RISE = 0.0082  # ln per year: 36 pg/mL at 35, 50 at 75


class Hormones(NamedTuple):
    """Endogenous hormones of a block of patients, and what age does to the osteoblast lineage.

    Attributes:
        estradiol: relative to the young cycle mean.
        ln_igf1: logarithm of IGF-1 relative to the mean at 35.
        ln_pth: logarithm of PTH tone relative to the mean at 35.
        ageing: `alph * ageT + alph2 * age2`, the loss of progenitor supply on the log scale.
    """

    estradiol: Patients
    ln_igf1: Patients
    ln_pth: Patients
    ageing: Patients


def hormones(person: Person, age: Patients) -> Hormones:
    """Return the hormones at an age.

    Args:
        person: parameters of the block.
        age: years, `(patient,)`.
    """
    years = jnp.maximum(age - YOUNG_AGE, 0.0)
    remaining = POSTMENOPAUSAL_ESTRADIOL * person.eta["E_post"]
    fall = jnp.exp(jnp.minimum((age - person.age_at_menopause + 0.1) / 0.55, 60.0))
    decades_past_65 = jnp.maximum(age - 65.0, 0.0) / 10.0
    return Hormones(
        estradiol=remaining + (1.0 - remaining) / (1.0 + fall),
        ln_igf1=-IGF1_DECLINE * years + log(person.eta["igf1"]),
        ln_pth=PTH_RISE * years + log(person.eta["pth"]),
        ageing=person["alph"] * years / 10.0 + person["alph2"] * decades_past_65,
    )


def estrogen_deficit(person: Person, estradiol: Patients) -> Patients:
    """Return `d = 1 - sE`, with `sE = min(1.15, E (1 + kE) / (E + kE))`.

    Args:
        person: parameters of the block.
        estradiol: relative to the young mean, endogenous and given.
    """
    half = person["kE"]
    return 1.0 - jnp.minimum(estradiol * (1.0 + half) / (estradiol + half), 1.15)
