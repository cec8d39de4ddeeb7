"""Estradiol from every source, and how much of its effect bone lacks.

Women, relative to the young cycle mean (about 90 pg/mL):

    E = E_ovary answer(LH) (1 - i_w / 2) + (E_post + 0.9 T_given / 3.4) (1 - i_w) + pHRT given

men, relative to the young man's, 1 / 3.4 of it:

    E = (0.1 + 0.9 T) aromatisation (1 - i_m) + 3.4 pHRT given

with `i` the share of aromatisation that an inhibitor blocks; ovaries, driven by LH, escape half of
it (anastrozole lowers premenopausal estradiol by 39 % at most). What bone feels is

    sE = min(most, E (1 + k) / (E + k))
    d  = 1 - sE,          k = kE,      most = 1.15   in women
    d  = menE (1 - sE),   k = 3.4 kE,  most = 1      in men

so that half of the effect needs the same concentration in both. Hence resorption rises steeply only
below about 10 pg/mL in men, who gain nothing from more than a young man has (Finkelstein 2016,
10.1172/JCI84137), and most of what testosterone does for bone it does as estradiol (Falahati-Nini
2000, 10.1172/JCI10942).

After menopause bone answers to more than an assay of estradiol sees, estrone and what it makes
itself: of `E_post`, 8 % of the young mean, serum shows 60 % in the end (median 4.8 of 90 pg/mL in
ULTRA), and more in the years until the ovaries' androgens run out.
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients
from cohort.model.endocrine.own import Hormones
from cohort.model.exposure import Exposure
from cohort.model.person import Person

WOMEN_OVER_MEN = 3.4
FROM_TESTOSTERONE = 0.9
OVARIAN_ESCAPE = 0.5
HALF_INHIBITION = 0.04  # of the label dose: twice a week does nearly what daily does (Leder 2005)
MOST_WOMEN, MOST_MEN = 1.15, 1.0
SERUM_SHARE = 0.60  # of the estradiol that is not from the ovaries, in the end
SERUM_YEARS = 3.0


def serum_share(person: Person, age: Patients) -> Patients:
    """Return the share of a woman's peripheral estradiol that an assay sees."""
    since = jnp.maximum(age - person.life["age_at_menopause"], 0.0)
    return SERUM_SHARE + (1.0 - SERUM_SHARE) * jnp.exp(-since / SERUM_YEARS)


def own_estradiol(
    person: Person, hormones: Hormones, peripheral: Patients | float = 1.0
) -> Patients:
    """Return estradiol without any drug, relative to young people of the same sex.

    Args:
        person: parameters of the block.
        hormones: the person's own.
        peripheral: share of it that counts: 1 for bone, `serum_share` for an assay.
    """
    women = hormones.ovarian + hormones.peripheral * peripheral
    return person.by_sex(women, _aromatised(person, hormones.testosterone))


def made(
    person: Person,
    hormones: Hormones,
    testosterone: Patients,
    gonads: Patients | float,
    exposure: Exposure,
    peripheral: Patients | float = 1.0,
) -> Patients:
    """Return the estradiol that the body makes under drugs, testosterone given included.

    Args:
        person: parameters of the block.
        hormones: the person's own.
        testosterone: with drugs.
        gonads: the gonads' answer to LH, 1 untreated.
        exposure: of the block.
        peripheral: as in `own_estradiol`.
    """
    blocked = _blocked(exposure, "aromatase_inhibition_women")
    other = hormones.peripheral * peripheral
    if "testosterone" in exposure.levels:
        other = other + FROM_TESTOSTERONE / WOMEN_OVER_MEN * exposure.level("testosterone")
    ovarian = hormones.ovarian * gonads * (1.0 - (1.0 - OVARIAN_ESCAPE) * blocked)
    women = ovarian + other * (1.0 - blocked)
    if not person.with_men:
        return women
    kept = 1.0 - _blocked(exposure, "aromatase_inhibition_men")
    return person.by_sex(women, _aromatised(person, testosterone) * kept)


def given(person: Person, exposure: Exposure) -> Patients:
    """Return what estrogens given are worth, relative to young people of the same sex."""
    unit = person["pHRT"] * exposure.level("estrogen")
    return unit * person.by_sex(1.0, WOMEN_OVER_MEN) if person.with_men else unit


def deficit(person: Person, estradiol: Patients) -> Patients:
    """Return `d` from estradiol relative to young people of the same sex."""
    half = person["kE"] * person.by_sex(1.0, WOMEN_OVER_MEN)
    most = person.by_sex(MOST_WOMEN, MOST_MEN)
    lacking = 1.0 - jnp.minimum(estradiol * (1.0 + half) / (estradiol + half), most)
    return lacking * person.by_sex(1.0, person["menE"]) if person.with_men else lacking


def _aromatised(person: Person, testosterone: Patients) -> Patients:
    share = 1.0 - FROM_TESTOSTERONE + FROM_TESTOSTERONE * testosterone
    return share * person.eta["aromatisation"]


def _blocked(exposure: Exposure, kind: str) -> Patients | float:
    """Return the share of aromatisation blocked, which saturates in the inhibitor's level."""
    if "aromatase_inhibitor" not in exposure.levels:
        return 0.0
    level = exposure.level("aromatase_inhibitor")
    return exposure.level(kind) * (1.0 + HALF_INHIBITION) / (level + HALF_INHIBITION)
