"""Cells and signals that nobody measures but a modeller asks for, if a study lists them."""

from __future__ import annotations

from cohort.model.arrays import Patients, State
from cohort.model.person import Person
from cohort.model.remodeling import Signals

_PART = {"lumbar_spine": "spine", "total_hip": "hip", "femoral_neck": "hip"}


def trajectories(state: State, person: Person, now: Signals) -> dict[str, Patients]:
    """Return cells and signals by name, relative to a typical 35-year-old (`wnt`: logarithm)."""
    kappa = person["kappa"]
    values = {
        "osteoclast_precursors": state["Q"],
        "osteoclasts": state["C"],
        "osteoblast_precursors": state["P"],
        "osteoblasts": state["B"],
        "osteocytes": state["Y"],
        "rankl_opg": kappa * now.occupancy / (1.0 + kappa - now.occupancy),
        "rank_occupancy": now.occupancy,
        "wnt": now.wnt,
        "resorption": now.resorption,
        "formation": now.remodeling_formation + now.modelling_formation,
    }
    for site, part in _PART.items():
        for compartment in ("trabecular", "cortical"):
            values[f"matrix_{site}_{compartment}"] = state[f"V_{part}_{compartment}"]
    return values
