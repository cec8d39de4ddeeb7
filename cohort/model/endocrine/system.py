"""The axes together: what hormones and the drugs that act on them come to for bone.

The slow states of the axes stand still in a person without drugs and conditions, so that a study
without hormones leaves them out (`SLOW`); the T cells' signal `Tc` follows age and is always there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import jax.numpy as jnp

from cohort.model.arrays import Patients, State, log
from cohort.model.endocrine import (
    estrogen,
    glucocorticoid,
    growth_hormone,
    immune,
    muscle,
    parathyroid,
    pituitary,
    testis,
)
from cohort.model.endocrine.own import Hormones
from cohort.model.exposure import Exposure
from cohort.model.person import Person

SLOW = ("LH", "I", "M", "Zg")
# Levels that leave every axis where it is: they act on bone or on calcium alone.
LOCAL = frozenset({"serm", "progestin", "progesterone", "calcium_vitamin_d"})


class Milieu(NamedTuple):
    """What bone cells see of hormones, drugs included.

    Attributes:
        estradiol: relative to young people of the same sex.
        testosterone: free, healthy young man = 1.
        deficit: estrogen deficit `d`.
        felt_deficit: `d` as the osteoclast arm feels it, `d_oc`.
        androgen: logarithm of the androgen signal.
        ln_igf1: `lI`.
        glucocorticoid: `gc_e`.
        ln_pth: logarithm of PTH tone.
        pth_signal: continuous PTH signal, 0 in health.
        calcium: level of calcium and vitamin D given.
        progestin: level of progestins given.
        loading: mechanical load, 1 = habitual.
        ageing: loss of progenitor supply on the log scale.
        inflammation: added to the T cells' signal.
    """

    estradiol: Patients
    testosterone: Patients
    deficit: Patients
    felt_deficit: Patients
    androgen: Patients | float
    ln_igf1: Patients
    glucocorticoid: Patients | float
    ln_pth: Patients
    pth_signal: Patients | float
    calcium: Patients | float
    progestin: Patients | float
    loading: Patients | float
    ageing: Patients
    inflammation: Patients | float


def slow_states(person: Person, levels: Iterable[str]) -> bool:
    """Whether the slow states of the axes can move in these persons under these levels."""
    return bool(person.conditions) or not LOCAL.issuperset(levels)


def gonads(state: State) -> Patients | float:
    """Return the gonads' answer to LH."""
    return pituitary.answer(state["LH"]) if "LH" in state else 1.0


def testosterone(state: State, person: Person, hormones: Hormones, exposure: Exposure) -> Patients:
    """Return free testosterone, own and given; women's, half of it adrenal, is left to itself."""
    answer = person.by_sex(1.0, gonads(state))
    return testis.produced(hormones.testosterone, answer) + exposure.level("testosterone")


def milieu(state: State, person: Person, hormones: Hormones, exposure: Exposure) -> Milieu:
    """Return what bone cells see."""
    free = testosterone(state, person, hormones, exposure)
    own = estrogen.made(person, hormones, free, gonads(state), exposure)
    total = own + estrogen.given(person, exposure)
    deficit = estrogen.deficit(person, total)
    progestin = exposure.level("progestin")
    lacking = parathyroid.lacking(hormones.calcium_deficiency, exposure)
    excess = parathyroid.excess(hormones.pth_excess, exposure)
    ln_igf1 = hormones.ln_igf1 - person["eE"] * deficit
    return Milieu(
        estradiol=total,
        testosterone=free,
        deficit=deficit,
        felt_deficit=deficit * (1.0 - person["pRLX"] * exposure.level("serm")),
        androgen=testis.androgen_signal(person, free),
        ln_igf1=ln_igf1 + log(state["I"]) if "I" in state else ln_igf1,
        glucocorticoid=glucocorticoid.felt(state, person, progestin, exposure),
        ln_pth=hormones.ln_pth + parathyroid.DEFICIENCY * lacking,
        pth_signal=parathyroid.continuous_signal(excess),
        calcium=exposure.level("calcium_vitamin_d"),
        progestin=progestin,
        loading=hormones.loading * state.get("M", 1.0),
        ageing=hormones.ageing,
        inflammation=hormones.inflammation,
    )


def tendencies(
    state: State, person: Person, hormones: Hormones, exposure: Exposure, now: Milieu
) -> dict[str, tuple]:
    """Return production and loss of the axes' states."""
    pairs: dict[str, tuple] = {"Tc": immune.tendency(now.felt_deficit, now.inflammation)}
    if "I" not in state:
        return pairs
    own = estrogen.own_estradiol(person, hormones)
    healthy = hormones.testosterone / hormones.testosterone_loss
    built = muscle.target(now.testosterone / healthy, state["I"], now.glucocorticoid)
    if "LH" in state:
        pairs["LH"] = pituitary.tendency(
            now.estradiol / own, now.testosterone / hormones.testosterone, exposure
        )
    return pairs | {
        "I": growth_hormone.tendency(
            state, hormones.secretion, hormones.youth, hormones.ln_igf1, exposure
        ),
        "M": (muscle.RATE * built, muscle.RATE),
        "Zg": glucocorticoid.tendency(exposure),
    }


def balanced(person: Person, hormones: Hormones) -> State:
    """Return the slow states of a person without drugs whose hormones have long been these.

    LH is left out: no condition moves it from 1, only drugs do, and the long steps of a history
    would overshoot against its feedback.
    """
    igf1 = growth_hormone.balanced(hormones.secretion)
    like = jnp.zeros_like(hormones.testosterone)
    return {
        "I": like + igf1,
        "M": like + muscle.target(jnp.asarray(hormones.testosterone_loss), igf1, 0.0),
        "Zg": like,
    }
