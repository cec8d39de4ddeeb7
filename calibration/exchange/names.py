"""Names that a fit has in PEtab: of the model's inputs and outputs, observables and offsets.

The model of PEtab is a trial: set `arm` (and `compared_arm`, `since_month` where the published
number is a difference), and the outputs are statistics over the persons of that arm at a month.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from calibration.targets import Target

LANGUAGE = "bone-cohort"
"""Language of the model in PEtab's `model_files`: neither SBML nor another that PEtab knows."""

MODEL = "bone_cohort"
"""Identifier of the model."""

INPUTS = {
    "arm": "number of the trial's arm, as `arms` below gives it",
    "compared_arm": "number of the arm it is compared with: outputs of BMD are then differences, "
    "outputs of markers 100 [(1 + a/100) / (1 + b/100) - 1]; 0 for none",
    "since_month": "month from which changes are counted; 0 for baseline",
}
"""What a condition sets."""

STATISTICS = {"mean": "mean", "median": "median", "sd": "standard deviation"}
"""Statistics over the persons of an arm: the first word of an output."""

SPREAD = "SD "
"""What precedes the quantity of rows on the spread between persons."""

LOGIT = "logit_"
"""What precedes the name of a fraction that is estimated on the logit scale."""


def slug(*words: str) -> str:
    """Return an identifier that PEtab allows: letters, digits and `_`, no digit first."""
    text = re.sub(r"\W", "_", "_".join(words), flags=re.ASCII)
    return text if re.match(r"[A-Za-z_]", text) else f"_{text}"


def unique(words: Iterable[str]) -> list[str]:
    """Return the words, those that stand there again with a number."""
    taken: set[str] = set()
    found = []
    for word in words:
        name, number = word, 1
        while name in taken:
            number += 1
            name = f"{word}_{number}"
        taken.add(name)
        found.append(name)
    return found


def statistic(target: Target) -> str:
    """Return which of `STATISTICS` a row gives."""
    return "sd" if target.block[1].startswith(SPREAD) else target.row.center or "mean"


def observable(target: Target) -> str:
    """Return the identifier of a row's observable: `LS_mean`."""
    return slug(target.block[1], statistic(target))


def output(target: Target) -> str:
    """Return the model's output that a row measures: `mean_bmd_lumbar_spine_change`."""
    return f"{statistic(target)}_{target.row.column}"


def offset_name(block: tuple[str, str]) -> str:
    """Return the parameter of a trial's offset in one quantity, in units of its SD."""
    return slug("offset", *block)


def fraction(name: str) -> str:
    """Return what a fraction is of its logit, in PEtab's mathematics."""
    return f"1 / (1 + exp(-{LOGIT}{name}))"
