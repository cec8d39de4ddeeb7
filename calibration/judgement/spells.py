"""What an arm is given in time: spells of each therapy, in months since entry.

A spell is a stretch in which a therapy acts by its own rhythm: from the first dose until the last
dose's interval is over. A single dose counts for the therapy's labelled interval (a zoledronate
infusion for a year, an operation for good). Courses of one therapy that follow one another within
`PAUSE` months are one spell: cycles of an intermittent regimen are no stops, and the pause after
its last cycle is as long as those before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cohort.therapy import load_therapy
from cohort.trial.doses import read_course
from cohort.trial.regimen import DoseCourse
from cohort.trial.schema import Arm, Study
from cohort.units import DAYS_PER_MONTH

PAUSE = 3.0
"""Months without doses from which a therapy counts as stopped."""

SLACK = 0.5
"""Months by which a visit may miss its nominal time, as in the comparison with published rows."""

Regimen = tuple[str, float, float]
"""Route, amount of a dose, days between doses."""


@dataclass(frozen=True)
class Course:
    """Equal doses: from the first until the last dose's interval is over, in months."""

    start: float
    end: float
    regimen: Regimen


@dataclass(frozen=True)
class Spell:
    """A stretch on one therapy.

    Attributes:
        therapy: its name.
        start: month of the first dose.
        end: month at which the last dose's interval is over.
        courses: its parts, by start; they differ in dose.
    """

    therapy: str
    start: float
    end: float
    courses: tuple[Course, ...]

    def begun(self, month: float) -> bool:
        """Whether doses came before a visit; those given at the visit itself do not count."""
        return self.start < month - SLACK or self.start <= 0.0 < month

    def on(self, month: float) -> bool:
        """Whether the therapy was given up to a visit."""
        return self.begun(month) and month <= self.end + SLACK

    def over(self, month: float) -> bool:
        """Whether the therapy had ended before a visit."""
        return self.begun(month) and month > self.end + SLACK

    def regimens(self, month: float) -> frozenset[Regimen]:
        """Return the regimens in force just before a visit."""
        current = [c for c in self.courses if c.start < month <= c.end + SLACK]
        # At a change of dose the visit closes the dose before.
        ending = [c for c in current if c.end <= month + SLACK]
        return frozenset(c.regimen for c in ending or current)


def arm_spells(study: Study) -> dict[str, tuple[Spell, ...]]:
    """Return the spells of every arm by its name; what every arm is given is left out.

    Args:
        study: a study as `load_study` returns it.
    """
    return {arm.name: spells(_courses(arm, study)) for arm in study.arms}


def spells(courses: Iterable[DoseCourse]) -> tuple[Spell, ...]:
    """Join courses to spells, in the order of their starts."""
    by_therapy: dict[str, list[Course]] = {}
    for course in sorted(courses, key=lambda c: c.start_day):
        therapy = load_therapy(course.therapy)
        days = course.interval_days or therapy.reference_interval_days
        end = (course.last_day + days) / DAYS_PER_MONTH
        regimen = course.route, course.amount, days
        joined = by_therapy.setdefault(therapy.name, [])
        joined.append(Course(course.start_day / DAYS_PER_MONTH, end, regimen))
    found = [s for name, parts in by_therapy.items() for s in _join(name, parts)]
    return tuple(sorted(found, key=lambda s: (s.start, s.therapy)))


def _join(therapy: str, courses: Sequence[Course]) -> list[Spell]:
    groups: list[list[Course]] = []
    for course in courses:
        if groups and course.start <= max(c.end for c in groups[-1]) + PAUSE:
            groups[-1].append(course)
        else:
            groups.append([course])
    return [_spell(therapy, group) for group in groups]


def _spell(therapy: str, courses: Sequence[Course]) -> Spell:
    pauses = [after.start - before.end for before, after in pairwise(courses)]
    end = max(course.end for course in courses) + max([0.0, *pauses])
    return Spell(therapy, courses[0].start, end, tuple(courses))


def _courses(arm: Arm, study: Study) -> list[DoseCourse]:
    until = study.last_month * DAYS_PER_MONTH
    sentences = [
        read_course(treatment.model_dump(), load_therapy(treatment.therapy), until)
        for treatment in arm.treatments
    ]
    rows = [
        DoseCourse(row.therapy, row.route, row.amt, row.time, row.ii, row.addl + 1)
        for row in arm.event_rows
    ]
    return [*sentences, *rows]
