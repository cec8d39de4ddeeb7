"""The courses of an arm: every way in which its participants may come to be treated.

An arm plans doses and may hold decisions: rules at visits, randomisation again, late doses. A
course is what becomes of the doses under one set of answers to them, so that an arm has finitely
many, and each can be computed as if everybody were on it: potential outcomes. Two courses give the
same doses until the decision that parts them. Which course a person is on follows from what was
measured of the courses until then (`solve.realise`), so nobody is treated by what is yet to come.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from cohort.errors import BadInput
from cohort.results.outcomes import PLANNED
from cohort.therapy import load_therapy
from cohort.trial.doses import read_course
from cohort.trial.regimen import DoseCourse
from cohort.trial.schema import Arm
from cohort.trial.steady import is_continuous, is_pulsed
from cohort.trial.treating import LateDose, Phase, Rerandomisation, TreatmentRule
from cohort.units import DAYS_PER_MONTH

MAX_COURSES = 64
"""Courses that an arm may have: each takes as long to compute as an arm."""

_SAME_DAY = 1e-6

Doses = tuple[DoseCourse, ...]
Source = TreatmentRule | Rerandomisation | LateDose


@dataclass(frozen=True)
class Switch:
    """One answer to a decision.

    Attributes:
        name: what the answer is called in results.
        changes: a rule or phase whose `stop` and `start` are done, or a dose that comes late.
    """

    name: str
    changes: TreatmentRule | Phase | LateDose


@dataclass(frozen=True)
class Decision:
    """Something that is decided for every participant of an arm.

    Attributes:
        month: when.
        source: what decides.
        answers: the answers there are; None for going on as before.
    """

    month: float
    source: Source
    answers: tuple[Switch | None, ...]


@dataclass(frozen=True)
class Course:
    """What becomes of an arm's doses under one set of answers.

    Attributes:
        changes: name and month of every answer that changed something, in order.
        doses: what is given, background included.
    """

    changes: tuple[tuple[str, float], ...]
    doses: Doses

    @property
    def label(self) -> str:
        """The course as results name it: `rescue@12`, several changes joined by `+`."""
        return "+".join(f"{name}@{month:g}" for name, month in self.changes) or PLANNED

    @property
    def month(self) -> float:
        """Month of the last change, NaN where there was none."""
        return self.changes[-1][1] if self.changes else math.nan


@dataclass(frozen=True)
class Courses:
    """The decisions of an arm and the courses to which they lead.

    Attributes:
        decisions: in the order in which they are made.
        courses: all courses; the first is the planned one.
        onward: number of the course that follows, by decision, course before it and answer.
    """

    decisions: tuple[Decision, ...]
    courses: tuple[Course, ...]
    onward: tuple[tuple[tuple[int, ...], ...], ...]

    @property
    def schedules(self) -> tuple[Doses, ...]:
        """The doses that courses give, once where several give the same; the planned ones first."""
        return tuple(dict.fromkeys(course.doses for course in self.courses))

    @property
    def schedule_of(self) -> tuple[int, ...]:
        """The place of each course's doses among the schedules."""
        numbers = {doses: number for number, doses in enumerate(self.schedules)}
        return tuple(numbers[course.doses] for course in self.courses)


def courses_of(arm: Arm, planned: Doses, end_day: float) -> Courses:
    """Return the courses of one arm.

    Args:
        arm: the arm.
        planned: the doses that it plans, background included.
        end_day: of the last visit.

    Raises:
        BadInput: there are more courses than are allowed.
    """
    courses = [Course((), planned)]
    onward = []
    decisions = decisions_of(arm)
    for decision in decisions:
        rows = []
        for number, course in enumerate(tuple(courses)):
            row = []
            for answer in decision.answers:
                if answer is None or not _concerns(decision, course):
                    row.append(number)
                    continue
                changes = (*course.changes, (answer.name, decision.month))
                doses = changed(course.doses, answer.changes, decision.month, end_day)
                row.append(len(courses))
                courses.append(Course(changes, doses))
            rows.append(tuple(row))
            if len(courses) > MAX_COURSES:
                raise BadInput(
                    f"its rules, randomisations and late doses can be combined to more than "
                    f"{MAX_COURSES} courses of treatment, which is the most that is allowed; take "
                    f"visits from `months`, or make one rule wait for another by `after`."
                )
        onward.append(tuple(rows))
    return Courses(decisions, tuple(courses), tuple(onward))


def decisions_of(arm: Arm) -> tuple[Decision, ...]:
    """Return an arm's decisions by month; of one month rules first, then randomisation, doses."""
    found = [
        Decision(month, rule, (None, Switch(rule.name, rule)))
        for rule in arm.rules
        for month in rule.months
    ]
    found += [
        Decision(again.month, again, tuple(Switch(phase.name, phase) for phase in again.to))
        for again in arm.rerandomise
    ]
    found += [
        Decision(late.month, late, (None, Switch(f"{Path(late.therapy).stem}_late", late)))
        for late in arm.late_doses
    ]
    return tuple(sorted(found, key=lambda decision: decision.month))


def _concerns(decision: Decision, course: Course) -> bool:
    """Whether a decision is made about those on a course: a rule acts once, and may wait."""
    rule = decision.source
    if not isinstance(rule, TreatmentRule):
        return True
    made = dict(course.changes)
    waits = rule.after is not None and not made.get(rule.after, math.inf) < decision.month
    return rule.name not in made and not waits


def changed(
    doses: Doses, answer: TreatmentRule | Phase | LateDose, month: float, end_day: float
) -> Doses:
    """Return an arm's doses after an answer; what is given before its day stays as it is.

    Args:
        doses: before.
        answer: what is changed.
        month: when.
        end_day: of the last visit.
    """
    day = month * DAYS_PER_MONTH
    if isinstance(answer, LateDose):
        return _delayed(doses, answer, day)
    kept = [_ended(own, day) if own.therapy in answer.stop else own for own in doses]
    return (*(own for own in kept if own is not None), *started(answer, day, end_day))


def started(answer: TreatmentRule | Phase, day: float, end_day: float) -> Doses:
    """Return what an answer starts, in days since entry.

    Args:
        answer: the answer.
        day: when it is given; its regimens count from there.
        end_day: of the last visit.

    Raises:
        BadInput: a regimen cannot be read.
    """
    return tuple(
        later(read_course(own.model_dump(), load_therapy(own.therapy), end_day - day), day)
        for own in answer.start
    )


def later(course: DoseCourse, days: float) -> DoseCourse:
    """Return a course that many days later."""
    return replace(course, start_day=course.start_day + days)


def _before(course: DoseCourse, day: float) -> int:
    """Return how many doses of a course come before a day."""
    if course.doses == 1:
        return int(course.start_day < day - _SAME_DAY)
    count = math.ceil((day - _SAME_DAY - course.start_day) / course.interval_days)
    return min(max(count, 0), course.doses)


def _ended(course: DoseCourse, day: float) -> DoseCourse | None:
    """Return what is given of a course that ends on a day, or None.

    What acts as a steady rate must stay one, and the same, until that day: injections of a PTH
    analogue go on to the first at or after it.
    """
    count = _before(course, day)
    if count == 0:
        return None
    if is_continuous(course):
        count = count + 1 if is_pulsed(course) else max(count, 2)
    return replace(course, doses=min(count, course.doses))


def _delayed(doses: Doses, late: LateDose, day: float) -> Doses:
    """Return doses of which those of a therapy come late from a day on, or only the next one."""
    days = late.by * DAYS_PER_MONTH
    own = [course for course in doses if course.therapy == late.therapy]
    due = [c.start_day + n * c.interval_days for c in own if (n := _before(c, day)) < c.doses]
    found: list[DoseCourse] = []
    for course in doses:
        count = _before(course, day)
        if course.therapy != late.therapy or count == course.doses:
            found.append(course)
            continue
        next_day = course.start_day + count * course.interval_days
        if late.later == "kept" and next_day > min(due):
            found.append(course)
            continue
        moved = course.doses - count if late.later == "shifted" else 1
        first, rest = count + moved, course.doses - count - moved
        found += _part(course, 0, count)
        found.append(later(replace(course, start_day=next_day, doses=moved), days))
        found += _part(course, first, rest)
    return tuple(found)


def _part(course: DoseCourse, first: int, count: int) -> Iterable[DoseCourse]:
    """Yield a number of doses of a course from its `first` on; nothing where there are none."""
    if count:
        day = course.start_day + first * course.interval_days
        yield replace(course, start_day=day, doses=count)
