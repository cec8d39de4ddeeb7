"""An arm's doses as inputs to the model, step by step.

Absorption and every linear loss are solved exactly here, once an arm, in float64; what is left for
the patients is the antibodies' saturable loss and whatever differs between persons. Courses of
frequent doses act as a steady rate (`trial.steady`); rarer doses enter on their day. An injection
of a PTH analogue works within hours, so a course of them begins and ends with half an injection and
is steady from the first to the last: the trapezoid rule for a sum, without which the cells would
feel it half a day late. Rarer ones than every other day are given one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cohort.errors import BadInput
from cohort.solve.grid import Grid, make_grid
from cohort.therapy import Therapy, load_therapy
from cohort.trial.regimen import DoseCourse
from cohort.trial.steady import is_continuous, is_pulsed

ANTIBODIES = {"rankl_antibody": "denosumab", "sclerostin_antibody": "romosozumab"}


@dataclass(frozen=True)
class Pulse:
    """A kind of injection of a PTH analogue: one therapy at one dose."""

    therapy: str
    amount: float


@dataclass(frozen=True)
class Drugs:
    """The drugs that a study uses, in any arm.

    Attributes:
        therapies: every therapy by name.
        antibodies: therapy by target, `denosumab` and `romosozumab`.
        bisphosphonates: therapies, in the order of their pools.
        pulses: kinds of PTH injections.
        levels: names of the levels that they raise, each with whether doses are given by others,
            so that a person's adherence does not scale them.
    """

    therapies: Mapping[str, Therapy]
    antibodies: Mapping[str, Therapy]
    bisphosphonates: tuple[str, ...]
    pulses: tuple[Pulse, ...]
    levels: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Forcing:
    """Inputs of one arm, a row a step.

    Attributes:
        antibody: ug/mL/day into serum, `(step, 2)` for RANKL and sclerostin antibodies.
        bisphosphonate: label days per day onto bone, `(step, drug, 2)`: taken at home, given.
        pulses: injections per day, `(step, pulse)`.
        level_start: levels at the start of the step, in the order of `Drugs.levels`,
            `(step, level)`.
        level_end: the same at its end.
    """

    antibody: np.ndarray
    bisphosphonate: np.ndarray
    pulses: np.ndarray
    level_start: np.ndarray
    level_end: np.ndarray


def study_drugs(arms: Mapping[Any, Sequence[DoseCourse]]) -> Drugs:
    """Collect the drugs of all arms.

    Raises:
        BadInput: two antibodies of one study have the same target.
    """
    courses = [course for arm in arms.values() for course in arm]
    therapies = {name: load_therapy(name) for name in sorted({c.therapy for c in courses})}
    antibodies: dict[str, Therapy] = {}
    for therapy in therapies.values():
        target = ANTIBODIES.get(therapy.action)
        if target in antibodies:
            raise BadInput(f"{therapy.name}: a study can use one {therapy.drug_class} only.")
        if target:
            antibodies[target] = therapy
    injections = {
        (c.therapy, c.amount) for c in courses if therapies[c.therapy].action == "pth_analogue"
    }
    return Drugs(
        therapies,
        antibodies,
        tuple(t.name for t in therapies.values() if t.action == "bisphosphonate"),
        tuple(Pulse(*kind) for kind in sorted(injections)),
        tuple(sorted({x for c in courses for x in raised_levels(therapies[c.therapy], c.route)})),
    )


def raised_levels(therapy: Therapy, route: str) -> dict[tuple[str, bool], float]:
    """Return the levels that a therapy raises by a route, by how much at the reference dose.

    Their keys say besides whether doses are given by others, so that adherence does not scale them.
    """
    clinic = therapy.routes[route].clinic
    return {
        (name, clinic): effect.amount
        for name, effect in therapy.levels.items()
        if not effect.routes or route in effect.routes
    }


def study_grid(
    visit_days: Sequence[float],
    arms: Mapping[Any, Sequence[DoseCourse]],
    accuracy: str = "default",
) -> Grid:
    """Lay the grid that holds every dose, start and stop of every arm, and every visit."""
    return make_grid(visit_days, *dose_days(arms), accuracy)


def dose_days(arms: Mapping[Any, Sequence[DoseCourse]]) -> tuple[set[float], set[float]]:
    """Return the days of every start and stop in any arm, and those of the doses between."""
    changes: set[float] = set()
    repeats: set[float] = set()
    for course in (course for arm in arms.values() for course in arm):
        changes.add(course.start_day)
        if is_continuous(course):
            changes.add(course.last_day if is_pulsed(course) else course.end_day)
        else:
            repeats.update(course.days[1:])
    return changes, repeats


def arm_forcing(courses: Iterable[DoseCourse], drugs: Drugs, grid: Grid) -> Forcing:
    """Turn an arm's courses into inputs on the grid."""
    steps = len(grid.start)
    antibody = np.zeros((steps, 2))
    bisphosphonate = np.zeros((steps, len(drugs.bisphosphonates), 2))
    pulses = np.zeros((steps, len(drugs.pulses)))
    level_start = np.zeros((steps, len(drugs.levels)))
    level_end = np.zeros((steps, len(drugs.levels)))
    for course in courses:
        therapy = drugs.therapies[course.therapy]
        route = therapy.routes[course.route]
        given = _given(course, grid)
        if therapy.action in ANTIBODIES:
            flux = _into_serum(*given, course, therapy, grid)
            column = list(ANTIBODIES).index(therapy.action)
            antibody[:, column] += flux * route.fraction / therapy.pk["apparent_volume"].value
        elif therapy.action == "bisphosphonate":
            where = 0 if course.route == "oral" else 1
            unit = therapy.pk["reference_systemic_rate"].value
            drug = drugs.bisphosphonates.index(therapy.name)
            bisphosphonate[:, drug, where] += _spread(*given, grid) * route.fraction / unit
        elif therapy.action == "pth_analogue":
            kind = drugs.pulses.index(Pulse(course.therapy, course.amount))
            pulses[:, kind] += _spread(*given, grid) * route.fraction / course.amount
        else:
            start, end = _level(*given, course, therapy, grid)
            for raised, amount in raised_levels(therapy, course.route).items():
                column = drugs.levels.index(raised)
                level_start[:, column] += amount * start
                level_end[:, column] += amount * end
    return Forcing(antibody, bisphosphonate, pulses, level_start, level_end)


def _given(course: DoseCourse, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return what is given in each step: steadily, per day, and at once, at its start."""
    nothing = np.zeros(len(grid.start))
    if not is_continuous(course):
        return nothing, _at_once(course.days, course.amount, grid)
    end = course.last_day if is_pulsed(course) else course.end_day
    middle = grid.start + 0.5 * grid.length
    inside = (middle > course.start_day) & (middle < end) & (grid.length > 0)
    rate = np.where(inside, course.amount / course.interval_days, 0.0)
    if is_pulsed(course):
        return rate, _at_once((course.start_day, end), 0.5 * course.amount, grid)
    return rate, nothing


def _at_once(days: Iterable[float], amount: float, grid: Grid) -> np.ndarray:
    doses = np.zeros(len(grid.start))
    real = np.flatnonzero(grid.length > 0)
    for day in days:
        if day < grid.end[-1] - 1e-6:
            doses[real[np.argmin(np.abs(grid.start[real] - day))]] += amount
    return doses


def _spread(rate: np.ndarray, doses: np.ndarray, grid: Grid) -> np.ndarray:
    """Return dose units per day in each step, a dose spread over the step that it starts."""
    return rate + np.divide(doses, grid.length, out=np.zeros_like(doses), where=grid.length > 0)


def _into_serum(
    rate: np.ndarray, doses: np.ndarray, course: DoseCourse, therapy: Therapy, grid: Grid
) -> np.ndarray:
    route = therapy.routes[course.route]
    if route.to == "central":
        return _spread(rate, doses, grid)
    absorption = route.absorption_rate or therapy.pk["absorption_rate"]
    return _absorbed(rate, doses, absorption.value, grid)


def _absorbed(given: np.ndarray, doses: np.ndarray, rate: float, grid: Grid) -> np.ndarray:
    """Mean flux out of a depot in each step, exactly: `A' = given - rate A`, doses as jumps."""
    flux = np.zeros_like(given)
    depot = 0.0
    for step, length in enumerate(grid.length):
        if length > 0:
            depot += doses[step]
            kept = np.exp(-rate * length)
            after = depot * kept + given[step] * (1.0 - kept) / rate
            flux[step] = given[step] + (depot - after) / length
            depot = after
    return flux


def _level(
    rate: np.ndarray, doses: np.ndarray, course: DoseCourse, therapy: Therapy, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Return the relative level at the start and at the end of each step.

    It is 1 in the long run at the label's rate. The end is exact; the start is such that the area
    is, since the slow states feel areas and a quick drug is gone within a step. Where that would
    take a start below zero, the next step repays the area.
    """
    route, loss = therapy.routes[course.route], therapy.pk["elimination_rate"].value
    unit = route.fraction / therapy.reference_rate
    start, end = np.zeros_like(rate), np.zeros_like(rate)
    level = depot = owed = 0.0
    for step, length in enumerate(grid.length):
        if length == 0.0:
            start[step] = end[step] = level
            continue
        if route.to == "central":
            level += unit * loss * doses[step]
            arrived, from_depot = rate[step] * length, 0.0
        else:
            absorption = therapy.absorption_rate(course.route)
            steady = rate[step] / absorption
            above = depot + doses[step] - steady
            kept = np.exp(-absorption * length)
            arrived = rate[step] * length + above * (1.0 - kept)
            from_depot = above * absorption * _lag(absorption, loss, length)
            depot = steady + above * kept
        kept = np.exp(-loss * length)
        after = level * kept + unit * (rate[step] * (1.0 - kept) + loss * from_depot)
        area = unit * arrived - (after - level) / loss - owed
        start[step], end[step] = max(2.0 * area / length - after, 0.0), after
        owed = 0.5 * (start[step] + after) * length - area
        level = after
    return start, end


def _lag(first: float, second: float, length: float) -> float:
    """Return `(exp(-first t) - exp(-second t)) / (second - first)`."""
    slow, apart = min(first, second), abs(second - first)
    if apart * length < 1e-8:
        return length * np.exp(-slow * length)
    return np.exp(-slow * length) * -np.expm1(-apart * length) / apart
