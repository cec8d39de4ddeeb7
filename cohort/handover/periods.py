"""Periods of treatment in ADaM: of a subject (TRTxxP, TRTxxA, TRTSEQP, ...) and of a record.

A run in which no arm's treatment changes has one period, and none of these variables but those of
the first. Days stand for dates, as everywhere in these data sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cohort.handover.trial import TrialArm, day_of, numbers, same, words
from cohort.results.tables import DAYS_A_MONTH

Words = npt.NDArray[np.str_]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Period:
    """A period of one course of treatment.

    Attributes:
        start_day: since entry.
        end_day: when the next begins, or of the last visit.
        planned: the treatment as planned.
        actual: the treatment as given.
        doses: days of its doses, rising.
    """

    start_day: float
    end_day: float
    planned: str
    actual: str
    doses: tuple[float, ...]


Courses = Mapping[str, Sequence[Period]]
"""Periods by the label of the course."""


@dataclass(frozen=True)
class Periods:
    """The periods of a run.

    Attributes:
        of: by arm.
        codes: number of every treatment, those of the arms first.
    """

    of: Mapping[str, Courses]
    codes: Mapping[str, int]

    @property
    def most(self) -> int:
        """The largest number of periods that a course has."""
        return max(len(own) for arm in self.of.values() for own in arm.values())


def make_periods(arms: Sequence[TrialArm], of: Mapping[str, Courses]) -> Periods | None:
    """Return the periods of a run; None where there is one, in which each arm has its treatment.

    Args:
        arms: of the run.
        of: periods by arm and course.
    """
    several = {arm: any(len(own) > 1 for own in courses.values()) for arm, courses in of.items()}
    if not any(several.values()):
        return None
    codes = {arm.treatment: arm.number for arm in arms}
    found: dict[str, Courses] = {}
    for arm in arms:
        courses = of[arm.name]
        if not several[arm.name]:  # its one treatment is called as the arm is
            courses = {label: _called(own, arm.treatment) for label, own in courses.items()}
        found[arm.name] = courses
        for own in courses.values():
            for told in (word for period in own for word in (period.planned, period.actual)):
                codes.setdefault(told, max(codes.values()) + 1)
    return Periods(found, codes)


def _called(periods: Sequence[Period], name: str) -> tuple[Period, ...]:
    return tuple(Period(p.start_day, p.end_day, name, name, p.doses) for p in periods)


def subject_periods(
    periods: Periods, arm: TrialArm, course: Words, last_day: Reals
) -> dict[str, pa.Array]:
    """Return the variables of ADSL by period.

    Args:
        periods: of the run.
        arm: the subjects' arm.
        course: label of each subject's course.
        last_day: on which each was last seen; NaN for who could not be computed.
    """
    count, courses = len(course), periods.of[arm.name]
    labels = list(courses)
    which = np.array([labels.index(own) for own in course], dtype=np.int64)
    found: dict[str, pa.Array] = {}
    for number in range(1, periods.most + 1):
        own = [courses[label][number - 1 : number] for label in labels]
        there = np.array([bool(period) for period in own])[which]
        start = np.array([p[0].start_day if p else np.nan for p in own])[which]
        reached = there & (start <= last_day) if number == 1 else there & (start < last_day)
        found |= _treatments(
            periods, f"{number:02d}", "P", which, [_one(p, "planned") for p in own]
        )
        given = [_one(p, "actual") for p in own]
        found |= _treatments(periods, f"{number:02d}", "A", np.where(reached, which, -1), given)
        following = [courses[label][number : number + 1] for label in labels]
        found |= _days(f"{number:02d}", own, following, which, reached, last_day)
    for letter, attribute in (("P", "planned"), ("A", "actual")):
        told = [" - ".join(getattr(p, attribute) for p in courses[label]) for label in labels]
        found[f"TRTSEQ{letter}"] = words(which, told) if count else same(None, 0)
    return found


def _one(period: Sequence[Period], attribute: str) -> str | None:
    return getattr(period[0], attribute) if period else None


def _treatments(
    periods: Periods, place: str, letter: str, which: npt.NDArray[np.int64], told: list[str | None]
) -> dict[str, pa.Array]:
    known = np.array([word is not None for word in told])
    shown = np.where((which >= 0) & known[which], which, -1)
    codes = np.array([np.nan if word is None else periods.codes[word] for word in told])
    return {
        f"TRT{place}{letter}": words(shown, [word or "" for word in told]),
        f"TRT{place}{letter}N": numbers(np.where(shown >= 0, codes[which], np.nan)),
    }


def _days(
    place: str,
    own: list[Sequence[Period]],
    following: list[Sequence[Period]],
    which: npt.NDArray[np.int64],
    reached: npt.NDArray[np.bool_],
    last_day: Reals,
) -> dict[str, pa.Array]:
    """Return the days of a period and of the exposure in it; null for who did not reach it."""
    shape = len(which)
    first, end, begun, ended = (np.full(shape, np.nan) for _ in range(4))
    for number, (period, after) in enumerate(zip(own, following, strict=True)):
        mine = np.flatnonzero(reached & (which == number))
        if not period or not mine.size:
            continue
        last = last_day[mine]
        first[mine] = _day(np.full(mine.size, period[0].start_day))
        end[mine] = _day(last)
        if after:
            stop = _day(np.array([after[0].start_day]))[0] - 1.0
            end[mine] = np.where(after[0].start_day < last, stop, end[mine])
        days = np.array(period[0].doses)
        taken = np.searchsorted(days, last)
        some = taken > 0
        if days.size:
            begun[mine[some]] = _day(days[:1])[0]
            ended[mine[some]] = _day(days[taken[some] - 1])
    found = {"AP{}SDY": first, "AP{}EDY": end, "TR{}SDY": begun, "TR{}EDY": ended}
    return {name.format(place): numbers(values) for name, values in found.items()}


def _day(days: Reals) -> Reals:
    """Return the relative day; there is no day 0."""
    found = day_of(days / DAYS_A_MONTH)
    return np.where(days < 0, np.floor(days), found)


def record_periods(
    periods: Periods, arm: TrialArm, course: Words, month: Reals
) -> dict[str, pa.Array]:
    """Return APERIOD, APERIODC and the treatments of records.

    A visit belongs to the period before what is changed at it.

    Args:
        periods: of the run.
        arm: the subjects' arm.
        course: label of the course of each record's subject.
        month: nominal month of each record.
    """
    number = np.ones(len(month), dtype=np.int64)
    planned, actual = np.zeros((2, len(month)), dtype=np.int64)
    told = list(periods.codes)
    for label, own in periods.of[arm.name].items():
        mine = course == label
        starts = np.array([period.start_day for period in own])
        place = np.searchsorted(starts, month[mine] * DAYS_A_MONTH - 1e-3) - 1
        place = np.clip(place, 0, len(own) - 1)
        number[mine] = place + 1
        planned[mine] = np.array([told.index(p.planned) for p in own])[place]
        actual[mine] = np.array([told.index(p.actual) for p in own])[place]
    codes = np.array([periods.codes[word] for word in told], float)
    names = [f"Period {n:02d}" for n in range(1, periods.most + 1)]
    return {
        "TRTP": words(planned, told),
        "TRTPN": numbers(codes[planned]),
        "TRTA": words(actual, told),
        "TRTAN": numbers(codes[actual]),
        "APERIOD": numbers(number.astype(float)),
        "APERIODC": words(number - 1, names),
    }
