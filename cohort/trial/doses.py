"""The doses of a study's arms: every regimen can be read, and none overlaps by a slip."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from cohort.errors import BadInput
from cohort.patients.population import load_population
from cohort.therapy import Therapy, load_therapy
from cohort.trial.problems import Problem
from cohort.trial.raw import Document, absent, last_day, number
from cohort.trial.regimen import DoseCourse, parse_sentence, route_problem
from cohort.trial.settle import table, tables
from cohort.trial.source import Key
from cohort.trial.visits import MAX_MONTH
from cohort.units import DAYS_PER_MONTH


def check_doses(document: Document) -> Iterator[Problem]:
    """Every regimen can be read, and courses of one therapy do not overlap unless meant to."""
    background = [
        *_courses(document, _already_taken(document), ("population", "treatments")),
        *_courses(document, document.get("background"), ("background",)),
    ]
    yield from (item for item in background if isinstance(item, Problem))
    shared = [item for item in background if not isinstance(item, Problem)]
    yield from _overlaps(shared)
    for index, arm in tables(document.get("arms")):
        place: Key = ("arms", index)
        found = [
            *_courses(document, arm.get("treatments"), (*place, "treatments")),
            *_event_courses(arm.get("event_rows"), (*place, "event_rows")),
        ]
        yield from (item for item in found if isinstance(item, Problem))
        own = [item for item in found if not isinstance(item, Problem)]
        yield from _overlaps([*shared, *own], already=len(shared))


def readable_doses(document: Document, arm: Mapping[str, Any]) -> tuple[DoseCourse, ...]:
    """Return what can be read of the doses of a raw arm, background included."""
    found = [
        *_courses(document, _already_taken(document), ()),
        *_courses(document, arm.get("treatments"), ()),
        *_courses(document, document.get("background"), ()),
        *_event_courses(arm.get("event_rows"), ()),
    ]
    return tuple(item[1] for item in found if not isinstance(item, Problem))


def _already_taken(document: Document) -> list[dict[str, Any]]:
    """Return what every member of the population is on; nothing where it cannot be read."""
    name = table(document, "population").get("name")
    try:
        population = load_population(name) if isinstance(name, str) else None
    except BadInput:
        return []
    return [treatment.model_dump() for treatment in population.treatments] if population else []


Placed = tuple[Key, DoseCourse, bool]


def known_therapy(word: Any) -> Therapy | None:
    """Return a therapy; None where there is none (settling the study has said so)."""
    if not isinstance(word, str) or absent(word):
        return None
    try:
        return load_therapy(word)
    except BadInput:
        return None


def read_course(
    treatment: Mapping[str, Any], therapy: Therapy, until_day: float | None
) -> DoseCourse:
    """Return the doses of one treatment, named as the study names the therapy.

    Raises:
        BadInput: the regimen cannot be read, or lies outside what a study may cover.
    """
    course = parse_sentence(treatment["regimen"], therapy, until_day=until_day)
    limit = MAX_MONTH * DAYS_PER_MONTH
    if not -limit <= course.start_day <= course.end_day <= 2 * limit:
        raise BadInput(f"the doses lie more than {MAX_MONTH:g} months from entry; allowed is less.")
    return replace(course, therapy=treatment["therapy"])


def _courses(document: Document, treatments: Any, place: Key) -> Iterator[Placed | Problem]:
    for index, treatment in tables(treatments):
        therapy = known_therapy(treatment.get("therapy"))
        if therapy is None or not isinstance(treatment.get("regimen"), str):
            continue
        here = (*place, index)
        try:
            course = read_course(treatment, therapy, last_day(document))
        except BadInput as error:
            for sentence in error.problems:
                yield Problem((*here, "regimen"), sentence)
            continue
        yield here, course, treatment.get("overlap") is True


def _event_courses(rows: Any, place: Key) -> Iterator[Placed | Problem]:
    for index, row in tables(rows):
        therapy, here = known_therapy(row.get("therapy")), (*place, index)
        time, amount = number(row.get("time")), number(row.get("amt"))
        interval, more = number(row.get("ii", 0.0)), number(row.get("addl", 0))
        if therapy is None or None in (time, amount, interval, more):
            continue
        if not isinstance(row.get("route"), str):
            continue
        if row["route"] not in therapy.routes:
            yield Problem((*here, "route"), route_problem(row["route"], therapy))
        elif more and not interval:
            yield Problem((*here, "ii"), "is 0 with addl above 0; allowed is days above 0.")
        elif all(map(math.isfinite, (time or 0, amount or 0, interval or 0, more or 0))):
            step = interval or 0.0
            doses = int(more or 0) + 1
            yield (
                here,
                DoseCourse(row["therapy"], row["route"], amount or 0.0, time or 0.0, step, doses),
                False,
            )


def _overlaps(courses: list[Placed], already: int = 0) -> Iterator[Problem]:
    """Compare courses pairwise; the first `already` were compared with each other before."""
    for index, (place, course, meant) in enumerate(courses):
        for other_place, other, other_meant in courses[: index if index >= already else 0]:
            if meant or other_meant or course.therapy != other.therapy:
                continue
            if course.start_day > other.last_day or other.start_day > course.last_day:
                continue
            months = max(course.start_day, other.start_day) / DAYS_PER_MONTH
            yield Problem(
                place,
                f"gives {course.therapy} at month {months:g}, where {_giver(other_place)} gives it "
                f"too; end one course where the other starts, or say overlap = true if both are "
                f"meant.",
            )


def _giver(place: Key) -> str:
    """Name what gives another course: a treatment of the arm or background, or the population."""
    if place[0] == "population":
        return "the population"
    return ".".join(str(step) for step in place[-2:])
