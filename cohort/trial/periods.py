"""Periods of treatment: when what the participants of a course are on changes, and to what.

A period begins where another set of therapies is taken, and where something was decided: at
randomisation again, and where a rule acted. Where treatment merely ends, the period goes on
(follow-up, wash-out). What everybody is on, by background or population, is no part of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cohort.patients.population import load_population
from cohort.therapy import load_therapy
from cohort.trial.courses import Course, Courses, Doses
from cohort.trial.schema import Arm, Study
from cohort.trial.study import study_courses
from cohort.units import DAYS_PER_MONTH

NOTHING = "no treatment"
"""What a period is called in which nothing is given."""

_SLACK = 15.0
"""Days within which two changes are one: the last week's pill overlaps what follows it."""


class Period(NamedTuple):
    """A period of one course.

    Attributes:
        start_day: since entry.
        end_day: when the next begins, or of the last visit.
        planned: what was planned for it, randomisation again included, in words.
        actual: what is given, after what rules changed.
        doses: days of the doses that are given, rising.
    """

    start_day: float
    end_day: float
    planned: str
    actual: str
    doses: tuple[float, ...]


class _Spell(NamedTuple):
    """Time on a therapy: days, words."""

    start: float
    end: float
    words: str


def study_periods(study: Study) -> dict[str, dict[str, tuple[Period, ...]]]:
    """Return the periods of every course by arm and the course's label.

    Args:
        study: a study as `load_study` returns it.
    """
    already = load_population(study.population.name).treatments
    ignored = {load_therapy(t.therapy).name for t in (*already, *study.background)}
    end = study.last_month * DAYS_PER_MONTH
    return {
        name: _arm_periods(study.arm(name), courses, ignored, end)
        for name, courses in study_courses(study).items()
    }


def _arm_periods(
    arm: Arm, courses: Courses, ignored: set[str], end: float
) -> dict[str, tuple[Period, ...]]:
    phases = {phase.name for again in arm.rerandomise for phase in again.to}
    rules = {rule.name for rule in arm.rules}
    by_changes = {course.changes: course for course in courses.courses}
    found = {}
    for course in courses.courses:
        planned = by_changes[tuple(c for c in course.changes if c[0] in phases)]
        decided = [month for name, month in course.changes if name in phases | rules]
        found[course.label] = _periods(course, planned, decided, ignored, end)
    return found


def _periods(
    course: Course, planned: Course, decided: Iterable[float], ignored: set[str], end: float
) -> tuple[Period, ...]:
    given = tuple(own for own in course.doses if load_therapy(own.therapy).name not in ignored)
    meant = tuple(own for own in planned.doses if load_therapy(own.therapy).name not in ignored)
    actual, plan = _spells(given), _spells(meant)
    cuts = _cuts([*_changes(actual), *_changes(plan)], [m * DAYS_PER_MONTH for m in decided], end)
    days = sorted(day for own in given for day in own.days)
    return tuple(
        Period(
            start,
            stop,
            _words(plan, start, stop),
            _words(actual, start, stop),
            tuple(day for day in days if start <= day < stop or (start == 0.0 and day < 0)),
        )
        for start, stop in zip(cuts, [*cuts[1:], end], strict=True)
    )


def _spells(doses: Doses) -> list[_Spell]:
    """Return time on each therapy; a dose that is late by less than its interval ends none."""
    by_therapy: dict[str, list[_Spell]] = {}
    for own in sorted(doses, key=lambda course: course.start_day):
        therapy = load_therapy(own.therapy)
        interval = own.interval_days or therapy.reference_interval_days
        words = f"{therapy.name.replace('_', ' ')} {own.amount:g} {therapy.dose_unit}"
        spells = by_therapy.setdefault(therapy.name, [])
        stop = own.last_day + interval
        if spells and own.start_day <= spells[-1].end + interval:
            stop = max(stop, spells[-1].end)
            spells[-1] = spells[-1]._replace(end=stop)
        else:
            spells.append(_Spell(own.start_day, stop, words))
    return [spell for spells in by_therapy.values() for spell in spells]


def _changes(spells: list[_Spell]) -> list[float]:
    """Return the days on which something else is taken; where nothing is any more, none."""
    found = [spell.start for spell in spells]
    for spell in spells:
        if any(other.start < spell.end and other.end > spell.end + _SLACK for other in spells):
            found.append(spell.end)
    return found


def _cuts(changes: Iterable[float], decided: Iterable[float], end: float) -> list[float]:
    """Return the starts of periods; of changes close to each other a decision, else the first."""
    cuts = [0.0]
    for day in (*sorted(decided), *sorted(changes)):
        if 0 < day < end and all(abs(day - other) > _SLACK for other in cuts):
            cuts.append(day)
    return sorted(cuts)


def _words(spells: list[_Spell], start: float, stop: float) -> str:
    """Return what is taken in a period; what ends within its first days is of the one before."""
    until = min(start + _SLACK, stop)
    on = [spell for spell in spells if spell.start <= until and spell.end > start + _SLACK]
    return " + ".join(spell.words for spell in sorted(on)) or NOTHING
