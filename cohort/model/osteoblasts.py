"""Coupling, osteoprogenitors, osteoblasts and formation.

    G'  = kG (R - G)                                 matrix-derived factors (TGF-beta, IGF)
    sP  = [(1 - fM) G^gam + fM]
          exp(-ageing + pI lI + pT / 2 lnT + pPg mpa - gcP gc_e + offset + noise)
    Dd  = exp(wD lW) (1 + dPTH Ae)                   differentiation
    P'  = kP [sP - (phiP Dd + 1 - phiP) P]           progenitors
    aB  = [1 + (etaBE d + gcB gc_e) / (1 + 3 sPTH Ae)] / (1 + sPTH Ae) exp(-pT / 2 lnT)
    B'  = kB (Dd P - aB B)                           osteoblasts
    F_rem = B exp(wF lW),  F_mod = wM Li Z           remodeling- and modelling-based formation

The exponent `gam` is below 1: formation falls less than resorption, so that deep block of RANKL
keeps gaining for ten years while the shallower block of bisphosphonates levels off. Coupling by
matrix factors: Pivonka 2008 (10.1016/j.bone.2008.03.025).
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, State, power
from cohort.model.endocrine.system import Milieu
from cohort.model.person import Person


def progenitor_supply(
    coupling: Patients, person: Person, milieu: Milieu, noise: Patients
) -> Patients:
    """Return `sP`; `coupling` is `G` and `noise` the slow noise of `ln sP`."""
    coupled = (1.0 - person["fM"]) * power(coupling, person["gam"]) + person["fM"]
    return coupled * jnp.exp(
        person["pI"] * milieu.ln_igf1
        - milieu.ageing
        + 0.5 * person["pT"] * milieu.androgen
        + person["pPg"] * milieu.progestin
        - person["gcP"] * milieu.glucocorticoid
        + person.eta["sP_offset"]
        + noise
    )


def differentiation(person: Person, wnt: Patients, anabolic: Patients) -> Patients:
    """Return `Dd`."""
    return jnp.exp(person["wD"] * wnt) * (1.0 + person["dPTH"] * anabolic)


def apoptosis(person: Person, milieu: Milieu, anabolic: Patients) -> Patients:
    """Return `aB`."""
    protected = person["sPTH"] * anabolic
    harm = person["etaBE"] * milieu.deficit + person["gcB"] * milieu.glucocorticoid
    rescue = jnp.exp(-0.5 * person["pT"] * milieu.androgen)
    return rescue * (1.0 + harm / (1.0 + 3.0 * protected)) / (1.0 + protected)


def remodeling_formation(osteoblasts: Patients, person: Person, wnt: Patients) -> Patients:
    """Return `F_rem`."""
    return osteoblasts * jnp.exp(person["wF"] * wnt)


def tendencies(
    state: State,
    person: Person,
    resorption: Patients,
    supply: Patients,
    differentiation: Patients,
    death: Patients,
) -> dict[str, tuple]:
    """Return production and loss of coupling signal, progenitors and osteoblasts."""
    phi = person["phiP"]
    return {
        "G": (person["kG"] * resorption, person["kG"]),
        "P": (person["kP"] * supply, person["kP"] * (phi * differentiation + 1.0 - phi)),
        "B": (person["kB"] * differentiation * state["P"], person["kB"] * death),
    }
