"""Areal BMD of a site from volume and mineralisation of its compartments.

    BMC = (V - delt U) / (1 - delt U0),   BMD_s = w_s BMC_trab + (1 - w_s) BMC_cort

with `U0 = r / (km + r)` the young part at a typical steady state. The spine gains what is not bone
but reads as bone (osteophytes, calcified aorta): `lsd` a year in women beyond 60, `lsdM` in men
beyond 50 (mean spine BMD of men does not fall with age: NHANES).
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model import bone
from cohort.model.arrays import Patients, State
from cohort.model.person import Person

# site -> (skeletal part of its compartments, parameter that weights the trabecular one)
SITES = {
    "lumbar_spine": ("spine", "wLS"),
    "total_hip": ("hip", "wTH"),
    "femoral_neck": ("hip", "wFN"),
}


def mineral(state: State, person: Person, compartment: str) -> Patients:
    """Return `BMC` of a compartment, relative to a typical 35-year-old."""
    rate = bone.turnover_rate(person, compartment) / person.eta["rate_turnover"]
    young = rate / (person["km"] + rate)
    content = state[f"V_{compartment}"] - person["delt"] * state[f"U_{compartment}"]
    return content / (1.0 - person["delt"] * young)


def relative_bmd(state: State, person: Person, age: Patients) -> dict[str, Patients]:
    """Return measured BMD by site, relative to a typical 35-year-old.

    Args:
        state: of the block.
        person: parameters of the block.
        age: years, `(patient,)`.
    """
    result = {}
    for site, (part, weight) in SITES.items():
        trabecular = mineral(state, person, f"{part}_trabecular")
        cortical = mineral(state, person, f"{part}_cortical")
        result[site] = person[weight] * trabecular + (1.0 - person[weight]) * cortical
    degeneration = person.by_sex(
        person["lsd"] * jnp.maximum(age - 60.0, 0.0), person["lsdM"] * jnp.maximum(age - 50.0, 0.0)
    )
    result["lumbar_spine"] = result["lumbar_spine"] + degeneration
    return result
