"""Words for what a report draws: titles of outcomes, labels of axes with their units."""

from __future__ import annotations

from cohort.results.outcomes import BY_NAME

CHANGES = {
    "bmd_lumbar_spine_change": "Lumbar spine BMD",
    "bmd_total_hip_change": "Total hip BMD",
    "bmd_femoral_neck_change": "Femoral neck BMD",
    "ctx_change": "CTX, bone resorption",
    "p1np_change": "P1NP, bone formation",
    "bsap_change": "BSAP, bone formation",
}
LEVELS = {
    "estradiol": "Estradiol",
    "testosterone": "Testosterone",
    "testosterone_free": "Free testosterone",
    "lh": "LH",
    "shbg": "SHBG",
    "progesterone": "Progesterone",
    "igf1": "IGF-1",
    "pth": "PTH",
    "calcium": "Calcium",
    "tnf_alpha": "TNF-alpha",
    "il_6": "Interleukin 6",
    "lean_mass": "Lean mass",
}
TITLES = CHANGES | LEVELS
QUANTITIES = {
    "LS": "Lumbar spine BMD",
    "TH": "Total hip BMD",
    "FN": "Femoral neck BMD",
    "CTX": "CTX",
    "P1NP": "P1NP",
    "BSAP": "BSAP",
}
"""Quantities of published rows, by the names that results tables give them."""
SITES = {name: title for name, title in CHANGES.items() if name.startswith("bmd_")}


def axis(column: str) -> str:
    """Return the label of an outcome's axis, with its unit."""
    unit = BY_NAME[column].unit
    if column in CHANGES:
        return f"Change from baseline ({unit})"
    return f"{LEVELS[column]} ({'relative' if unit == '1' else unit})"


def in_words(value: float, column: str) -> str:
    """Return a value of an outcome with its unit."""
    unit = BY_NAME[column].unit
    if column in CHANGES:
        return f"{value:+.1f} {unit}"
    return f"{value:.3g}" if unit == "1" else f"{value:.3g} {unit}"
