"""Hormone levels, relative to what the person's reference is, and what their assays see."""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, State, power
from cohort.model.endocrine import (
    estrogen,
    growth_hormone,
    immune,
    muscle,
    ovary,
    parathyroid,
    system,
    testis,
)
from cohort.model.endocrine.own import Hormones
from cohort.model.exposure import Exposure, no_exposure
from cohort.model.person import Person
from cohort.model.remodeling import Signals

# SHBG doubles at most under oral estrogen (published +50 to +100 %, approximate) and falls with
# androgens (a quarter less under supraphysiological testosterone, approximate).
SHBG_BY_ORAL_ESTROGEN = 0.6
SHBG_BY_TESTOSTERONE = -0.15
SHBG_RISE = 0.0136  # ln per year in men: 34.6 nmol/L in the forties, 52 in the seventies (EMAS)
# Men's serum estradiol stays level from 40 to 79 (EMAS) while what tissues get of it falls with
# free testosterone (Khosla 2001, 10.1210/jcem.86.8.7785): SHBG and fat hold the total up.
ESTRADIOL_RISE = 0.0098  # ln per year
# Serum estradiol under one unit of estrogen: 41 pg/mL on a 50 ug patch and about 40 on 1 mg by
# mouth, less the 3 to 5 of one's own (Scott 1991; Lobo 2007). This is the median; persons differ
# in what a dose gives them (`pHRT`), and their mean is 1.13 times it.
SERUM_ESTRADIOL = 33.0  # pg/mL
IGF1_BEFORE_35 = 0.022  # ln per year (Bidlingmaier 2014); bone's plateau does not follow it


def endogenous(person: Person, hormones: Hormones, age: Patients) -> dict[str, Patients]:
    """Return the person's own hormone levels, relative to young people of the same sex."""
    untreated = system.balanced(person, hormones)
    deficiency, excess = hormones.calcium_deficiency, hormones.pth_excess
    return {
        "estradiol": estrogen.own_estradiol(person, hormones, estrogen.serum_share(person, age))
        * _serum_estradiol(person, age),
        "testosterone_free": hormones.testosterone,
        "shbg": _shbg(person, age),
        "lh": _lh(person, age),
        "progesterone": person.by_sex(ovary.progesterone(person, age), 1.0),
        "igf1": _igf1(hormones, age) * untreated["I"],
        "pth": parathyroid.relative_pth(hormones.ln_pth, deficiency, excess, no_exposure()),
    }


def relative_hormones(
    state: State,
    person: Person,
    hormones: Hormones,
    exposure: Exposure,
    now: Signals,
    age: Patients,
) -> dict[str, Patients]:
    """Return hormone levels as an assay sees them, drugs included; units as `endogenous`.

    `estradiol_given` (pg/mL) and `progesterone_given` (ng/mL) add to whatever the person makes.
    """
    milieu, gonads = now.milieu, system.gonads(state)
    lacking = parathyroid.lacking(hormones.calcium_deficiency, exposure)
    excess = parathyroid.excess(hormones.pth_excess, exposure)
    share = estrogen.serum_share(person, age)
    made = estrogen.made(person, hormones, milieu.testosterone, gonads, exposure, share)
    given = exposure.level("estradiol_assay") * person.eta["pHRT"]
    oral = 1.0 + SHBG_BY_ORAL_ESTROGEN * exposure.level("oral_estrogen")
    androgens = power(milieu.testosterone / hormones.testosterone, SHBG_BY_TESTOSTERONE)
    own_progesterone = person.by_sex(ovary.progesterone(person, age) * gonads, 1.0)
    return {
        "estradiol": made * _serum_estradiol(person, age),
        "estradiol_given": SERUM_ESTRADIOL * given,
        "testosterone_free": milieu.testosterone,
        "shbg": _shbg(person, age) * oral * person.by_sex(1.0, androgens),
        "lh": _lh(person, age) * state.get("LH", 1.0),
        "progesterone": own_progesterone,
        "progesterone_given": jnp.asarray(exposure.level("progesterone")),
        "igf1": _igf1(hormones, age) * state.get("I", 1.0),
        "pth": parathyroid.relative_pth(hormones.ln_pth, lacking, excess, exposure),
        "sclerostin": now.sclerostin,
    }


def on_request(
    state: State, person: Person, hormones: Hormones, exposure: Exposure, age: Patients
) -> dict[str, Patients]:
    """Return calcium in mmol/L, and cytokines, growth hormone, muscle and falls as ratios."""
    lacking = parathyroid.lacking(hormones.calcium_deficiency, exposure)
    excess = parathyroid.excess(hormones.pth_excess, exposure)
    pituitary = {"I": state.get("I", jnp.ones(()))}
    muscles = state.get("M", 1.0)
    secretion, youth = hormones.secretion, hormones.youth
    return immune.cytokines(state["Tc"]) | {
        "calcium": parathyroid.serum_calcium(lacking, excess),
        "growth_hormone": youth * growth_hormone.total(pituitary, secretion, youth, exposure),
        "gh_pulse": youth * growth_hormone.pulse_size(pituitary, secretion, exposure),
        "lean_mass": muscle.lean_mass(muscles, age),
        "fall_rate": muscle.fall_rate(muscles, age),
    }


def _serum_estradiol(person: Person, age: Patients) -> Patients:
    """Return the total over what tissues get, relative to young people of the same sex."""
    rise = jnp.exp(ESTRADIOL_RISE * jnp.maximum(age - 40.0, 0.0))
    return person.by_sex(1.0, rise)


def _igf1(hormones: Hormones, age: Patients) -> Patients:
    return jnp.exp(hormones.ln_igf1 + IGF1_BEFORE_35 * jnp.maximum(35.0 - age, 0.0))


def _shbg(person: Person, age: Patients) -> Patients:
    rise = jnp.exp(SHBG_RISE * jnp.maximum(age - 45.0, 0.0))
    return person.by_sex(1.0, rise) * person.eta["shbg"]


def _lh(person: Person, age: Patients) -> Patients:
    return person.by_sex(ovary.lh(person, age), testis.lh(age))
