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
from cohort.model.exposure import Exposure
from cohort.model.person import Person
from cohort.model.remodeling import Signals

# SHBG doubles at most under oral estrogen (published +50 to +100 %, approximate) and falls with
# androgens (a quarter less under supraphysiological testosterone, approximate).
SHBG_BY_ORAL_ESTROGEN = 0.6
SHBG_BY_TESTOSTERONE = -0.15
SHBG_RISE = 0.0136  # ln per year in men: 34.6 nmol/L in the forties, 52 in the seventies (EMAS)


def endogenous(person: Person, hormones: Hormones, age: Patients) -> dict[str, Patients]:
    """Return the person's own hormone levels, relative to young people of the same sex."""
    untreated = system.balanced(person, hormones)
    deficiency, excess = hormones.calcium_deficiency, hormones.pth_excess
    return {
        "estradiol": estrogen.own_estradiol(person, hormones),
        "testosterone_free": hormones.testosterone,
        "shbg": _shbg(person, age),
        "lh": _lh(person, age),
        "progesterone": person.by_sex(ovary.progesterone(person, age), 1.0),
        "igf1": jnp.exp(hormones.ln_igf1) * untreated["I"],
        "pth": jnp.exp(hormones.ln_pth + parathyroid.DEFICIENCY * deficiency) * (1.0 + excess),
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

    `progesterone_given` is in ng/mL, for it adds to whatever the person has.
    """
    milieu, gonads = now.milieu, system.gonads(state)
    lacking = parathyroid.lacking(hormones.calcium_deficiency, exposure)
    excess = parathyroid.excess(hormones.pth_excess, exposure)
    seen = estrogen.estradiol(
        person, hormones, milieu.testosterone, gonads, exposure, "estradiol_assay"
    )
    oral = 1.0 + SHBG_BY_ORAL_ESTROGEN * exposure.level("oral_estrogen")
    androgens = power(milieu.testosterone / hormones.testosterone, SHBG_BY_TESTOSTERONE)
    own_progesterone = person.by_sex(ovary.progesterone(person, age) * gonads, 1.0)
    return {
        "estradiol": seen,
        "testosterone_free": milieu.testosterone,
        "shbg": _shbg(person, age) * oral * person.by_sex(1.0, androgens),
        "lh": _lh(person, age) * state.get("LH", 1.0),
        "progesterone": own_progesterone,
        "progesterone_given": jnp.asarray(exposure.level("progesterone")),
        "igf1": jnp.exp(hormones.ln_igf1) * state.get("I", 1.0),
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


def _shbg(person: Person, age: Patients) -> Patients:
    rise = jnp.exp(SHBG_RISE * jnp.maximum(age - 45.0, 0.0))
    return person.by_sex(1.0, rise) * person.eta["shbg"]


def _lh(person: Person, age: Patients) -> Patients:
    return person.by_sex(ovary.lh(person, age), testis.lh(age))
