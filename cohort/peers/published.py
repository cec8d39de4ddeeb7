"""The published parameters of the two models, and regimens in their units."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np

from cohort.peers import joerg as joerg_model
from cohort.peers import peterson_riggs as pr
from cohort.peers.grid import Grading, Grid, graded, make_grid, together
from cohort.peers.model import Values
from cohort.resources import data_root

Courses = Sequence[tuple[str, float, float, int, float]]
"""Of one patient: drug, first hour, hours between doses, number of doses, amount (ug or mg)."""
Spells = Sequence[tuple[str, float, float, float]]
"""Of one patient: drug, day, day of the end, amount a day; a single dose ends where it begins."""


def _read(model: str, file: str) -> dict[str, float]:
    path = data_root() / "peers" / model / file
    with path.open(encoding="utf-8", newline="") as lines:
        _, *rows = csv.reader(lines)
    return {row[0]: float(row[-1]) for row in rows if row[-1] not in ("TRUE", "FALSE")}


def peterson_riggs_values() -> tuple[dict[str, float], dict[str, float]]:
    """Return parameters and initial state under their published names."""
    return _read("peterson_riggs", "parameters.csv"), _read("peterson_riggs", "initial_state.csv")


def joerg_values() -> dict[str, float]:
    """Return the parameters of the fit under their published names."""
    return _read("joerg", "parameters.csv")


# Hours, and days for Joerg. What they cost in accuracy is in docs/peers.md.
STEPS = {
    "denosumab": Grading(first=1.0, growth=1.5, longest=56.0, later=56.0),
    "denosumab 60 mg": Grading(first=1.0, growth=1.5, longest=168.0, later=168.0),
    "teriparatide": Grading(first=0.06, growth=1.8, longest=2.5, later=56.0),
    "joerg": Grading(first=0.25, growth=1.6, longest=10.0, later=10.0),
}


def peterson_riggs_grid(
    values: Values,
    visits: Sequence[float] | np.ndarray,
    regimens: Sequence[Courses],
    steps: Grading | None = None,
) -> Grid:
    """Return the grid of a regimen, or of one for each patient.

    Args:
        values: parameters, of which the fraction of denosumab absorbed is used.
        visits: hours that are reported; the first is the start.
        regimens: one for all patients, or one each.
        steps: their grading, hours; that of the drug that needs the shortest if not said.
    """
    of = {"teriparatide": ("TERISC", pr.PMOL_PER_UG), "denosumab": ("DENSC", values["DENF"] * 1e6)}
    patients = []
    for courses in regimens:
        boluses: dict[str, dict[float, float]] = {}
        for drug, start, every, count, amount in courses:
            name, factor = of[drug]
            at = boluses.setdefault(name, {})
            at.update({start + i * every: amount * factor for i in range(count)})
        patients.append(boluses)
    daily = any("TERISC" in boluses for boluses in patients)
    steps = steps or STEPS["teriparatide" if daily else "denosumab"]
    events = [t for boluses in patients for at in boluses.values() for t in at]
    knots = graded(visits, [visits[0], *events], steps)
    return together([make_grid(knots, visits, boluses, {}) for boluses in patients])


def joerg_grid(
    values: Values,
    visits: Sequence[float] | np.ndarray,
    regimens: Sequence[Spells],
    steps: Grading = STEPS["joerg"],
) -> Grid:
    """Return the grid of a regimen, or of one for each patient.

    Args:
        values: parameters, of which the age at menopause is used.
        visits: days of age that are reported; the first is the start.
        regimens: one for all patients, or one each.
        steps: their grading, days.
    """
    menopause = values["a_e"] * joerg_model.DAYS_PER_YEAR
    events = [t for spells in regimens for _, start, end, _ in spells for t in (start, end)]
    knots = graded(visits, [visits[0], menopause, *events], steps)
    patients = []
    for spells in regimens:
        boluses: dict[str, dict[float, float]] = {}
        flows: dict[str, list[tuple[float, float, float]]] = {}
        for drug, start, end, amount in spells:
            if end > start:
                flows.setdefault(drug, []).append((start, end, amount))
            else:
                boluses.setdefault(drug, {})[start] = amount
        patients.append(make_grid(knots, visits, boluses, flows))
    return together(patients)
