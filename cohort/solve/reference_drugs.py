"""Drugs in continuous time for the reference path: compartments, and what enters them when.

One linear system holds every depot, level and peptide concentration of a study, and the antibodies'
serum, whose saturable loss is added by the integrator. It shares nothing with the stepwise inputs
of `schedule` but the rule which courses act as a steady rate (`is_continuous`), and injections of
PTH analogues never do here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.integrate import quad

from cohort.solve.schedule import ANTIBODIES, raised_levels
from cohort.therapy import Therapy, load_therapy
from cohort.trial.regimen import DoseCourse
from cohort.trial.steady import is_continuous

SERUM = tuple(ANTIBODIES.values())


class Compartments(NamedTuple):
    """Names and places of a study's drug states; hashable, since a compiled function hangs on it.

    Attributes:
        names: of every state; the two antibodies' serum comes first.
        levels: name of each level and whether adherence leaves it alone, with the states that add
            up to it and the weight of each.
        blood: the peptide concentrations, over that of half effect.
        analogues: the PTH analogue of each.
    """

    names: tuple[str, ...]
    levels: tuple[tuple[tuple[str, bool], tuple[tuple[int, float], ...]], ...]
    blood: tuple[int, ...]
    analogues: tuple[str, ...]


class Entry(NamedTuple):
    """Something that enters a state: at one moment, or at a steady rate over a span.

    Attributes:
        state: name of a drug's state, or of a bisphosphonate's pool by its therapy.
        amount: in the unit of the state, or that per day.
        start: day.
        end: day; the same as `start` for a jump.
        at_home: whether a person takes it herself, by mouth; read for bisphosphonates only.
    """

    state: str
    amount: float
    start: float
    end: float
    at_home: bool


def compartments(courses: Iterable[DoseCourse]) -> Compartments:
    """Return the drug states that these courses need."""
    names = [f"serum {target}" for target in SERUM]
    levels: dict[tuple[str, bool], list[tuple[int, float]]] = {}
    blood: dict[str, int] = {}
    for therapy, route in sorted({(c.therapy, c.route) for c in courses}):
        drug = load_therapy(therapy)
        if drug.action == "bisphosphonate":
            continue
        if drug.routes[route].to == "depot":
            names.append(f"depot {therapy} {route}")
        if drug.action == "pth_analogue" and therapy not in blood:
            blood[therapy] = len(names)
            names.append(f"blood {therapy}")
        if drug.action == "levels":
            for level, amount in raised_levels(drug, route).items():
                levels.setdefault(level, []).append((len(names), amount))
            names.append(f"level {therapy} {route}")
    return Compartments(
        tuple(names),
        tuple((level, tuple(places)) for level, places in levels.items()),
        tuple(blood.values()),
        tuple(blood),
    )


def linear_flow(rooms: Compartments) -> np.ndarray:
    """Return the matrix of the linear part of `y' = M y`, antibodies' losses left out."""
    matrix = np.zeros((len(rooms.names),) * 2)
    for column, name in enumerate(rooms.names):
        kind, therapy, *route = name.split(" ")
        if kind == "serum":
            continue
        drug = load_therapy(therapy)
        if kind == "level":
            matrix[column, column] = -drug.pk["elimination_rate"].value
        elif kind == "blood":
            matrix[column, column] = -_per_day(drug, "elimination_half_life")
        elif drug.action == "pth_analogue":
            absorbed = _per_day(drug, "absorption_half_life")
            matrix[column, column] = -absorbed
            # exp(-k t) - exp(-ka t) is what a unit of exp(-ka t) feeds at this rate.
            row = rooms.names.index(f"blood {therapy}")
            matrix[row, column] = absorbed - _per_day(drug, "elimination_half_life")
        else:
            absorbed = drug.absorption_rate(route[0])
            matrix[column, column] = -absorbed
            row = rooms.names.index(_central(drug, route[0]))
            matrix[row, column] = absorbed * _central_unit(drug, route[0])
    return matrix


def entries(courses: Iterable[DoseCourse]) -> list[Entry]:
    """Return what enters which state when, in an arm."""
    found = []
    for course in courses:
        drug = load_therapy(course.therapy)
        state, amount = _entrance(drug, course)
        oral = course.route == "oral"
        if is_continuous(course) and drug.action != "pth_analogue":
            rate = amount / course.interval_days
            found.append(Entry(state, rate, course.start_day, course.end_day, oral))
        else:
            found += [Entry(state, amount, day, day, oral) for day in course.days]
    return found


def label_signal(drug: Therapy) -> float:
    """Return the integral over time of `c / (1 + c)` after one label dose of a PTH analogue."""
    ka, k = _per_day(drug, "absorption_half_life"), _per_day(drug, "elimination_half_life")
    height = drug.reference_amount * _peptide_unit(drug)

    def answer(day: float) -> float:
        level = height * (np.exp(-k * day) - np.exp(-ka * day))
        return level / (1.0 + level)

    pieces = [0.0, 0.02, 0.1, 0.3, 1.0, 3.0]
    parts = [quad(answer, *ends, epsabs=1e-13)[0] for ends in itertools.pairwise(pieces)]
    return sum(parts)


def antibody_losses(drugs: Mapping[str, Therapy]) -> np.ndarray:
    """Return linear rate, saturable rate and constant of the two antibodies, `(2, 3)`."""
    losses = np.array([[1.0, 0.0, 1.0]] * len(SERUM))
    for row, target in enumerate(SERUM):
        if target in drugs:
            pk = drugs[target].pk
            names = ("elimination_rate", "saturable_rate", "saturable_constant")
            losses[row] = [pk[name].value for name in names]
    return losses


def _entrance(drug: Therapy, course: DoseCourse) -> tuple[str, float]:
    """Return the state that a dose enters, and by how much."""
    route = drug.routes[course.route]
    if drug.action == "bisphosphonate":
        units = course.amount * route.fraction / drug.pk["reference_systemic_rate"].value
        return drug.name, units
    if drug.action == "pth_analogue":
        amount = course.amount * route.fraction * _peptide_unit(drug)
        return f"depot {drug.name} {course.route}", amount
    if route.to == "depot":
        return f"depot {drug.name} {course.route}", course.amount
    return _central(drug, course.route), course.amount * _central_unit(drug, course.route)


def _central(drug: Therapy, route: str) -> str:
    if drug.action in ANTIBODIES:
        return f"serum {ANTIBODIES[drug.action]}"
    return f"level {drug.name} {route}"


def _central_unit(drug: Therapy, route: str) -> float:
    """Return what a unit of dose is worth in the central state."""
    fraction = drug.routes[route].fraction
    if drug.action in ANTIBODIES:
        return fraction / drug.pk["apparent_volume"].value
    return fraction * drug.pk["elimination_rate"].value / drug.reference_rate


def _per_day(drug: Therapy, half_life: str) -> float:
    return float(np.log(2.0)) / drug.pk[half_life].value * 24.0


def _peptide_unit(drug: Therapy) -> float:
    """Return `exp(-k t) - exp(-ka t)`'s factor per unit of dose: half-effect doses peak at 1."""
    ka, k = _per_day(drug, "absorption_half_life"), _per_day(drug, "elimination_half_life")
    peak_time = np.log(ka / k) / (ka - k)
    peak = np.exp(-k * peak_time) - np.exp(-ka * peak_time)
    return float(1.0 / (peak * drug.pk["half_effect_dose"].value))
