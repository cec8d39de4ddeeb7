"""The model's parameters: declared in `data/parameters/declarations.csv`, one row each.

Priors are those of the prototype on which the model was built (about 700 published observations);
the values that ship are in `data/parameters/default.toml`. Nothing here needs JAX.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import cast

from cohort.errors import BadInput, did_you_mean
from cohort.parameter import Evidence, Parameter, ParameterSet, Scale, load_parameter_set
from cohort.resources import bundled, data_root


def _declared() -> dict[str, Parameter]:
    path = data_root() / "parameters" / "declarations.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {row["name"]: _parameter(row) for row in csv.DictReader(file)}


def _parameter(row: dict[str, str]) -> Parameter:
    return Parameter(
        name=row["name"],
        unit=row["unit"],
        doc=row["meaning"],
        group=row["group"],
        prior=float(row["prior"]),
        sd=float(row["sd"]),
        scale=cast(Scale, row["scale"]),
        evidence=cast(Evidence, row["evidence"]),
        source=row["source"],
    )


PARAMETERS: dict[str, Parameter] = _declared()

# A knockout sets one coupling to zero: what the response would be without that mechanism.
KNOCKOUTS: dict[str, str] = {
    "quiescent_surface_modelling": "wM",
    "precursor_accumulation": "phiQ",
    "secondary_mineralisation": "delt",
    "uncoupled_formation": "fM",
    "wnt_adaptation": "zr",
    "wnt_on_rankl": "bW",
    "modelled_surface_on_rankl": "bMo",
    "pth_on_lining_cells": "aL",
    "pth_tolerance": "tolp",
    "pth_catabolism": "bPTH",
    "pth_surface_opening": "chi",
    "pth_formation_unseen": "vP",
    "pth_escape_from_bisphosphonate": "pEsc",
    "rankl_survival_signal": "etaPi",
    "estrogen_on_rankl": "bE",
    "estrogen_on_osteoclast_life": "etaE",
    "estrogen_on_osteoblast_life": "etaBE",
    "estrogen_on_igf1_receptor": "eE",
    "androgens_on_osteoblasts": "pT",
    "igf1_on_osteoblasts": "pI",
    "igf1_on_rankl": "bI",
    "glucocorticoid_on_rankl": "bGC",
    "glucocorticoid_on_osteoblasts": "gcB",
    "cortical_remodeling_under_pth_excess": "cExc",
    "local_mechanostat": "mu",
    "spine_degeneration": "lsd",
}


def parameter_set(name: str = "default") -> ParameterSet:
    """Load a bundled parameter set by name, or one from a path that ends in `.toml`.

    Raises:
        BadInput: there is no such set, or its file does not hold to the declarations.
    """
    return load_parameter_set(set_file(name), PARAMETERS)


def set_file(name: str) -> Path:
    """Return the file of a bundled parameter set, or the path that ends in `.toml`.

    Raises:
        BadInput: there is no such set.
    """
    sets = bundled("parameters")
    if name in sets:
        return sets[name]
    if name.endswith(".toml"):
        return Path(name)
    raise BadInput(
        f"parameters.set is '{name}'; allowed is {', '.join(sets)} or a path to a .toml file."
        + did_you_mean(name, sets)
    )
