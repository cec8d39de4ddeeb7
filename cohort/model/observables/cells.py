"""Cells and signals that nobody measures but a modeller asks for; written when a study lists them."""

from __future__ import annotations

from cohort.model.arrays import Patients, State
from cohort.model.remodeling import Signals

NAMES = (
    "osteoclast_precursors",
    "osteoclasts",
    "osteoprogenitors",
    "osteoblasts",
    "osteocytes",
    "rank_occupancy",
    "wnt_signal",
    "resorption",
    "formation",
    "quiescent_surface",
    "matrix_spine_trabecular",
    "matrix_spine_cortical",
    "matrix_hip_trabecular",
    "matrix_hip_cortical",
)


def trajectories(state: State, now: Signals) -> dict[str, Patients]:
    """Return every one of `NAMES`, relative to a typical 35-year-old (`wnt_signal`: logarithm)."""
    values = {
        "osteoclast_precursors": state["Q"],
        "osteoclasts": state["C"],
        "osteoprogenitors": state["P"],
        "osteoblasts": state["B"],
        "osteocytes": state["Y"],
        "rank_occupancy": now.occupancy,
        "wnt_signal": now.wnt,
        "resorption": now.resorption,
        "formation": now.remodeling_formation + now.modelling_formation,
        "quiescent_surface": state["Z"],
    }
    return values | {
        name: state["V_" + name.removeprefix("matrix_")]
        for name in NAMES
        if name.startswith("matrix_")
    }
