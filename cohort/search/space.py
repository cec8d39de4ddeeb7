"""The candidates of a search: sequences of courses, what breaks a rule, what each costs.

A candidate is a tuple of numbers, one a slot: which of the slot's choices (an option for a length)
is taken, and at how many times its dose where that is sought. Courses follow one another without a
pause; a pause is a course of an option that gives nothing.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod
from typing import Any

from cohort.results.schema import canonical_json
from cohort.search.schema import Option, Search
from cohort.therapy import load_therapy
from cohort.trial.doses import read_course
from cohort.trial.regimen import DoseCourse
from cohort.units import DAYS_PER_MONTH

Code = tuple[int, ...]
"""The number of each slot's choice."""
Candidate = tuple[int | tuple[int, float], ...]
"""The same, or with what its doses are multiplied by."""
_SAME = 1e-6


@dataclass(frozen=True)
class Choice:
    """What one slot may hold.

    Attributes:
        option: what is given.
        months: for how long.
    """

    option: Option
    months: float


@dataclass(frozen=True)
class Course:
    """A choice in its place.

    Attributes:
        option: what is given.
        start: month since entry.
        months: for how long.
        dose: what all doses are multiplied by.
    """

    option: Option
    start: float
    months: float
    dose: float = 1.0

    @property
    def cost(self) -> float:
        """What it costs, in the unit of the search file."""
        return self.dose * (self.option.cost + self.option.monthly_cost * self.months)

    @property
    def words(self) -> str:
        """The course as people write it."""
        times = "" if self.dose == 1.0 else f" (dose x {self.dose:.3g})"
        return f"{self.option.name} {self.months:g}{times}"


@dataclass(frozen=True)
class Space:
    """All candidates of a search.

    Attributes:
        search: the checked search.
    """

    search: Search

    @cached_property
    def slots(self) -> tuple[tuple[Choice, ...], ...]:
        """The choices of every slot, repeated slots written out."""
        found = []
        for slot in self.search.slots:
            names = slot.options or tuple(option.name for option in self.search.options)
            options = [self.search.option(name) for name in names]
            choices = tuple(Choice(o, months) for o in options for months in slot.months)
            found += [choices] * slot.repeat
        return tuple(found)

    @property
    def size(self) -> int:
        """Number of candidates, those that break a rule included."""
        return prod(len(choices) for choices in self.slots)

    def codes(self) -> Iterator[Code]:
        """Yield every candidate, the last slot varying fastest."""
        yield from itertools.product(*(range(len(choices)) for choices in self.slots))

    def courses(self, code: Candidate) -> tuple[Course, ...]:
        """Return a candidate's courses, each in its place."""
        found, start = [], 0.0
        for choices, taken in zip(self.slots, code, strict=True):
            number, dose = taken if isinstance(taken, tuple) else (taken, 1.0)
            choice = choices[number]
            found.append(Course(choice.option, start, choice.months, dose))
            start += choice.months
        return tuple(found)

    def placements(self) -> Iterator[Course]:
        """Yield every course that some candidate may hold, none twice, up to the last month."""
        starts = {0.0}
        seen: set[tuple[str, float, float]] = set()
        for choices in self.slots:
            for start, choice in itertools.product(sorted(starts), choices):
                key = choice.option.name, start, choice.months
                if key not in seen and self._fits(start + choice.months):
                    seen.add(key)
                    yield Course(choice.option, start, choice.months)
            ends = {start + choice.months for start in starts for choice in choices}
            starts = {end for end in ends if self._fits(end)}

    def _fits(self, end: float) -> bool:
        return end <= self.search.objective.month + _SAME

    def treated_months(self, code: Candidate) -> float:
        """Return for how many months a candidate gives anything."""
        return sum(c.months for c in self.courses(code) if c.option.treatments)

    def cost(self, code: Candidate) -> float:
        """Return what a candidate costs, in the unit of the search file."""
        return round(sum(course.cost for course in self.courses(code)), 9)  # equal ones are equal

    def broken(self, code: Candidate) -> list[str]:
        """Return the rules that a candidate breaks, in words; none for one that is allowed."""
        courses, rules = self.courses(code), self.search.constraints
        uses: Counter[str] = Counter()
        months: defaultdict[str, float] = defaultdict(float)
        for course in courses:
            for therapy in {given.therapy for given in course.option.treatments}:
                uses[therapy] += 1
                months[therapy] += course.months
        told = []
        if not self._fits(courses[-1].start + courses[-1].months):
            told.append(f"lasts beyond month {self.search.objective.month:g}")
        for therapy, most in rules.max_uses.items():
            if uses[therapy] > most:
                told.append(f"{uses[therapy]} courses of {therapy}, allowed {most}")
        for therapy, limit in rules.max_months.items():
            if months[therapy] > limit + _SAME:
                told.append(f"{months[therapy]:g} months of {therapy}, allowed {limit:g}")
        treated, cost = self.treated_months(code), self.cost(code)
        if rules.max_treated_months and treated > rules.max_treated_months + _SAME:
            told.append(f"{treated:g} months treated, allowed {rules.max_treated_months:g}")
        if rules.max_cost and cost > rules.max_cost * (1 + _SAME):
            told.append(f"costs {cost:g}, allowed {rules.max_cost:g}")
        pairs = {(a.option.name, b.option.name) for a, b in itertools.pairwise(courses)}
        told += [f"{b} after {a}" for a, b in rules.forbidden if (a, b) in pairs]
        return told

    def words(self, code: Candidate) -> str:
        """Return a candidate as people write it: `romosozumab 12 > alendronate 24` (months)."""
        return " > ".join(course.words for course in self.courses(code))

    def key(self, code: Candidate) -> str:
        """Return the hash of the doses that a candidate gives: equal schedules share it."""
        doses = [d for course in self.courses(code) for d in course_doses(course)]
        return hashlib.sha256(canonical_json(_joined(doses)).encode()).hexdigest()


def _joined(doses: list[DoseCourse]) -> list[list[Any]]:
    """Return doses as rows, those that go on where others end as one, however they were cut."""
    rows: list[list[Any]] = []
    open_rows: dict[tuple[str, str, float, float], list[Any]] = {}
    for d in sorted(doses, key=lambda d: d.start_day):
        kind = d.therapy, d.route, d.amount, d.interval_days
        row = open_rows.get(kind)
        if row is not None and abs(row[-2] + row[-1] * d.interval_days - d.start_day) < _SAME:
            row[-1] += d.doses
        else:
            open_rows[kind] = row = [*kind, round(d.start_day, 6), d.doses]
            rows.append(row)
    return sorted(rows)


def course_doses(course: Course) -> tuple[DoseCourse, ...]:
    """Return the doses of a course in days since entry.

    Raises:
        BadInput: a regimen cannot be read.
    """
    shift = course.start * DAYS_PER_MONTH
    found = []
    for given in course.option.treatments:
        doses = option_doses(given.therapy, given.regimen, course.months)
        amount = course.dose * doses.amount
        found.append(replace(doses, start_day=doses.start_day + shift, amount=amount))
    return tuple(found)


@lru_cache(maxsize=4096)
def option_doses(therapy: str, regimen: str, months: float) -> DoseCourse:
    """Return the doses of one therapy in a course of so many months that starts on day 0.

    Raises:
        BadInput: the regimen cannot be read.
    """
    return read_course(
        {"therapy": therapy, "regimen": regimen}, load_therapy(therapy), months * DAYS_PER_MONTH
    )
