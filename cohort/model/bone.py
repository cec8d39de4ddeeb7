"""Matrix volume and mineralisation of the bone compartments.

Spine and hip each have a trabecular-like and a cortical-like compartment with volume `V` and a
young, under-mineralised part `U`:

    V' = r [F V^-mu - R V^nu]
    U' = r F V^-mu - km U - r R V^(nu - 1) U
    F_spine = (F_rem + F_mod) / (1 + vP Ae),  F_hip = (F_rem + hM F_mod) / (1 + hP Ae)
    R_cort  = R (1 + cBP b) (1 + cExc m')

with `m'` the continuous signal of PTH in excess and `r = rT` (spine), `hipT rT` (hip) and `rC`
(cortical), `rM` times that in men, `nu` = 1/2. Of what PTH analogues form, areal density shows less
than P1NP lets expect (`hP`, `vP`): it lies in tunnels within cortex and in a larger bone. Total
hip and femoral neck are two weightings of the hip's compartments. Remodeling space, secondary
mineralisation and true balance all come out of `V` and `U`; the compartments are response weights,
not histology. Secondary mineralisation: Ruffoni 2007 (10.1016/j.bone.2006.11.012); mechanostat:
Frost 1987 (10.1002/ar.1092190104).
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, State, power
from cohort.model.person import Person

COMPARTMENTS = ("spine_trabecular", "spine_cortical", "hip_trabecular", "hip_cortical")


def turnover_rate(person: Person, compartment: str) -> Patients:
    """Return `r` of a compartment, per day."""
    if compartment.endswith("cortical"):
        return person["rC"]
    return person["rT"] * (person["hipT"] if compartment.startswith("hip") else 1.0)


def fluxes(
    person: Person,
    compartment: str,
    formation: tuple[Patients, Patients],
    resorption: Patients,
    anabolic: Patients,
    bisphosphonate: Patients,
    pth_excess: Patients | float = 0.0,
) -> tuple[Patients, Patients]:
    """Return formation and resorption of a compartment, relative to baseline.

    Args:
        person: parameters of the block.
        compartment: one of `COMPARTMENTS`.
        formation: remodeling-based and modelling-based formation.
        resorption: `R`.
        anabolic: `Ae`.
        bisphosphonate: `b`.
        pth_excess: continuous signal of PTH in excess.
    """
    remodeling, modelling = formation
    if compartment.startswith("hip"):
        formed = (remodeling + person["hM"] * modelling) / (1.0 + person["hP"] * anabolic)
    else:
        formed = (remodeling + modelling) / (1.0 + person["vP"] * anabolic)
    if compartment.endswith("cortical"):
        within = 1.0 + person["cExc"] * pth_excess
        resorption = resorption * (1.0 + person["cBP"] * bisphosphonate) * within
    return formed, resorption


def tendencies(
    state: State, person: Person, compartment: str, formed: Patients, resorbed: Patients
) -> dict[str, tuple]:
    """Return production and loss of a compartment's volume and young part."""
    volume = state[f"V_{compartment}"]
    rate = turnover_rate(person, compartment)
    gain = rate * formed * power(volume, -person["mu"])
    loss = rate * resorbed / jnp.sqrt(volume)
    return {
        f"V_{compartment}": (gain, loss),
        f"U_{compartment}": (gain, person["km"] + loss),
    }
