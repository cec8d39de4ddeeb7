"""What a person has of her or his own at an age: every axis without any drug.

Before 35 nothing ages: from 20 to 35 a person stays at the steady state of her own parameters, so
peak bone mass is a plateau. Cross-sectional means move by less than 2 % there (NHANES).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from cohort.model.arrays import Patients
from cohort.model.endocrine import growth_hormone, ovary, parathyroid, testis
from cohort.model.endocrine.conditions import amount, factor
from cohort.model.person import Person

YOUNG_AGE = 35.0


class Hormones(NamedTuple):
    """Endogenous hormones of a block of patients, and what age does to the osteoblast lineage.

    Attributes:
        ovarian: the ovaries' estradiol, relative to the young cycle mean; 0 in men.
        peripheral: a woman's estradiol from other tissue, same unit.
        testosterone: free testosterone, healthy young man = 1.
        testosterone_loss: factor of hypogonadism in it.
        ln_igf1: logarithm of IGF-1 relative to the mean at 35, growth-hormone deficiency left out.
        secretion: growth hormone secreted over what a healthy person of that age secretes.
        youth: growth hormone of a healthy person of that age over that at 35.
        ln_pth: logarithm of PTH tone relative to the mean at 35, calcium deficiency left out.
        calcium_deficiency: 0 to 1.
        pth_excess: PTH beyond what calcium asks for, relative to the own level.
        inflammation: added to the T cells' signal.
        loading: mechanical loading, 1 = habitual.
        ageing: `alph * ageT + alph2 * age2`, the loss of progenitor supply on the log scale.
    """

    ovarian: Patients
    peripheral: Patients
    testosterone: Patients
    testosterone_loss: Patients | float
    ln_igf1: Patients
    secretion: Patients | float
    youth: Patients
    ln_pth: Patients
    calcium_deficiency: Patients | float
    pth_excess: Patients | float
    inflammation: Patients | float
    loading: Patients | float
    ageing: Patients


def hormones(person: Person, age: Patients) -> Hormones:
    """Return the hormones at an age.

    Args:
        person: parameters of the block.
        age: years, `(patient,)`.
    """
    years = jnp.maximum(age - YOUNG_AGE, 0.0)
    decades_past_65 = jnp.maximum(age - 65.0, 0.0) / 10.0
    return Hormones(
        ovarian=person.by_sex(ovary.estradiol(person, age), 0.0),
        peripheral=person.by_sex(ovary.remaining(person), 0.0),
        testosterone=testis.own(person, age),
        testosterone_loss=factor(person, "hypogonadism", age),
        ln_igf1=growth_hormone.ln_igf1(person, years),
        secretion=growth_hormone.secretion(factor(person, "growth_hormone_deficiency", age)),
        youth=growth_hormone.youth(years),
        ln_pth=parathyroid.ln_tone(person, years),
        calcium_deficiency=amount(person, "calcium_deficiency", age),
        pth_excess=factor(person, "hyperparathyroidism", age) - 1.0,
        inflammation=amount(person, "inflammation", age),
        loading=factor(person, "immobility", age),
        ageing=person["alph"] * years / 10.0 + person["alph2"] * decades_past_65,
    )
