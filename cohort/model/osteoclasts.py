"""RANKL, OPG and RANK; osteoclast precursors, osteoclasts and resorption.

    lnL = bE [(1 - sT) d_oc + sT Tc] + bPTH Lp - bW (lW - zr Zr) + bGC gc_e + bI lI
          + bTone lnPTH - pCad cad + bMo Mo + offset + noise
    x   = exp(lnL) / (1 + D / KD)                    free RANKL over OPG
    pi  = x (1 + kappa) / (x + kappa)                RANK occupancy, 1 at baseline
    Q'  = kQ [1 - (phiQ pi + 1 - phiQ) Q]            precursors: accumulate when RANKL is blocked
    a   = (1 - etaE d_oc) (1 + Emax b) exp(etaPi (1 - min(pi, 1)))
    C'  = kC (pi Q - a C)                            active osteoclasts
    R   = C pi^psi exp(-psiW lW) (1 + chi Lp u)      resorption, u = 2 pi^2 / (1 + pi^2)
    Mo' = kMo (F_mod - Mo)                           modelled surface that calls osteoclasts

`d_oc` is the estrogen deficit that the osteoclast arm feels, `Tc` what activated T cells make of it
(`endocrine.immune`), `b` the bisphosphonates' saturation.
The catabolic PTH signal acts twice: on RANKL, which denosumab divides and precursors limit, and by
opening surface (`chi`), which osteoclasts take as far as RANK activates them (`u`): through RANKL
alone, or on any osteoclast, it would overcome denosumab at the end of each interval, which DATA did
not see (10.1016/S0140-6736(13)60856-9). Bone modelled on quiescent surfaces calls osteoclasts some
weeks later (`Mo`): under romosozumab CTX falls to half within two weeks and is back near baseline
by the third month (10.1056/NEJMoa1305224). `docs/ablation.md` shows both. Structure after
Lemaire (10.1016/j.jtbi.2004.03.023) and Pivonka (10.1016/j.bone.2008.03.025); recycled precursors
after McDonald (10.1016/j.cell.2021.02.002).
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, State, log
from cohort.model.endocrine.system import Milieu
from cohort.model.exposure import Exposure
from cohort.model.person import Person


def ln_rankl_opg(state: State, person: Person, milieu: Milieu, wnt: Patients) -> Patients:
    """Return `lnL` without the slow noise."""
    immune = person["sT"] * (state["Tc"] - milieu.felt_deficit)
    return (
        person["bE"] * (milieu.felt_deficit + immune)
        + person["bPTH"] * state["Lp"]
        - person["bW"] * (wnt - person["zr"] * state["Zr"])
        + person["bGC"] * milieu.glucocorticoid
        + person["bI"] * milieu.ln_igf1
        + person["bTone"] * milieu.ln_pth
        - person["pCad"] * milieu.calcium
        + person["bMo"] * state["Mo"]
        + person.eta["lnL_offset"]
    )


def rank_occupancy(ln_ratio: Patients, person: Person, exposure: Exposure) -> Patients:
    """Return `pi` from `lnL` and the antibody's concentration."""
    free = jnp.exp(ln_ratio) / (1.0 + exposure.denosumab / person["KD"])
    return free * (1.0 + person["kappa"]) / (free + person["kappa"])


def apoptosis(
    person: Person, occupancy: Patients, deficit: Patients, bisphosphonate: Patients
) -> Patients:
    """Return `a`, the death rate of osteoclasts relative to baseline."""
    unsupported = jnp.exp(person["etaPi"] * (1.0 - jnp.minimum(occupancy, 1.0)))
    poisoned = 1.0 + person["Emax"] * bisphosphonate
    return (1.0 - person["etaE"] * deficit) * poisoned * unsupported


def resorption(state: State, person: Person, occupancy: Patients, wnt: Patients) -> Patients:
    """Return `R`."""
    activity = jnp.exp(person["psi"] * log(occupancy) - person["psiW"] * wnt)
    square = occupancy * occupancy
    taken = 2.0 * square / (1.0 + square)
    return state["C"] * activity * (1.0 + person["chi"] * state["Lp"] * taken)


def tendencies(
    state: State, person: Person, occupancy: Patients, death: Patients, modelling: Patients
) -> dict[str, tuple]:
    """Return production and loss of precursors, osteoclasts and the call of modelled surface."""
    phi = person["phiQ"]
    return {
        "Q": (person["kQ"], person["kQ"] * (phi * occupancy + 1.0 - phi)),
        "C": (person["kC"] * occupancy * state["Q"], person["kC"] * death),
        "Mo": (person["kMo"] * modelling, person["kMo"]),
    }
