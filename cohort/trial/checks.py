"""What a study must meet beyond its shape: small checks, each reporting every problem it sees.

They read the raw table and pass over what has the wrong type, which the schema reports; so one
reading of a study lists the problems of both kinds together.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cohort.errors import BadInput, did_you_mean
from cohort.patients.population import (
    COVARIATES,
    TARGETS,
    UNITS,
    load_population,
    recruitment_problems,
)
from cohort.therapy import Therapy, load_therapy
from cohort.trial.problems import Problem, shown
from cohort.trial.regimen import DoseCourse, parse_sentence, route_problem
from cohort.trial.schema import Baseline
from cohort.trial.settle import table, tables
from cohort.trial.source import Key
from cohort.trial.visits import MAX_MONTH, rhythm, visit_problems
from cohort.units import DAYS_PER_MONTH

Document = Mapping[str, Any]


def _number(value: Any) -> float | None:
    """Return a number as it is; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _numbers(value: Any) -> list[float] | None:
    """Return a list of numbers; None where anything else is among them."""
    if not isinstance(value, (list, tuple)):
        return None
    found = [number for number in map(_number, value) if number is not None]
    return found if len(found) == len(value) else None


def _absent(word: str) -> bool:
    """Whether a word is the path of a file that is not there (settling the study has said so)."""
    return word.endswith(".toml") and not os.path.exists(word)


def check_visits(document: Document) -> Iterator[Problem]:
    """Visits rise from month 0, none twice; or their rhythm can be read."""
    visits = document.get("visits")
    if not isinstance(visits, dict):
        return
    rhythmic = [key for key in ("every", "until", "extra") if visits.get(key)]
    if "months" in visits and (visits["months"] or not rhythmic):
        for key in rhythmic:
            yield Problem(("visits", key), "stands beside months; give one of them.")
        months = _numbers(visits["months"])
        if months is not None and all(map(math.isfinite, months)):
            yield from (Problem(("visits", "months"), text) for text in visit_problems(months))
        return
    if not {"every", "until"} <= visits.keys():
        yield Problem(
            ("visits",), "holds no schedule; give months = [0, 6, 12], or every and until."
        )
        return
    every, until = visits["every"], _number(visits["until"])
    extra = _numbers(visits.get("extra", []))
    if isinstance(every, str) and until is not None and extra is not None:
        try:
            sentences = visit_problems(rhythm(every, until, extra))
        except BadInput as error:
            sentences = error.problems
        for sentence in sentences:
            yield Problem(("visits", "every"), sentence)


def last_day(document: Document) -> float | None:
    """Return the day of the last visit, where the schedule can be read."""
    visits = table(document, "visits")
    months = _numbers(visits.get("months")) or _numbers([visits.get("until")]) or []
    finite = [month for month in months if math.isfinite(month)]
    return max(finite) * DAYS_PER_MONTH if finite and max(finite) > 0 else None


def check_arms(document: Document) -> Iterator[Problem]:
    """There is an arm, and no two have one name."""
    arms = document.get("arms")
    if isinstance(arms, (list, tuple)) and not arms:
        yield Problem(("arms",), "is empty; a study has at least one arm, under [[arms]].")
    seen: dict[str, int] = {}
    for number, arm in tables(arms):
        name = arm.get("name")
        if not isinstance(name, str):
            continue
        if name in seen:
            yield Problem(
                ("arms", number, "name"), f"'{name}' names two arms; every arm needs its own name."
            )
        seen.setdefault(name, number)


def check_doses(document: Document) -> Iterator[Problem]:
    """Every regimen can be read, and courses of one therapy do not overlap unless meant to."""
    background = [
        *_courses(document, _already_taken(document), ("population", "treatments")),
        *_courses(document, document.get("background"), ("background",)),
    ]
    yield from (item for item in background if isinstance(item, Problem))
    shared = [item for item in background if not isinstance(item, Problem)]
    yield from _overlaps(shared)
    for number, arm in tables(document.get("arms")):
        place: Key = ("arms", number)
        found = [
            *_courses(document, arm.get("treatments"), (*place, "treatments")),
            *_event_courses(arm.get("event_rows"), (*place, "event_rows")),
        ]
        yield from (item for item in found if isinstance(item, Problem))
        own = [item for item in found if not isinstance(item, Problem)]
        yield from _overlaps([*shared, *own], already=len(shared))


def _already_taken(document: Document) -> list[dict[str, Any]]:
    """Return what every member of the population is on; nothing where it cannot be read."""
    name = table(document, "population").get("name")
    try:
        population = load_population(name) if isinstance(name, str) else None
    except BadInput:
        return []
    return [treatment.model_dump() for treatment in population.treatments] if population else []


Placed = tuple[Key, DoseCourse, bool]


def _therapy(word: Any) -> Therapy | None:
    """Return a therapy; None where there is none (settling the study has said so)."""
    if not isinstance(word, str) or _absent(word):
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
        therapy = _therapy(treatment.get("therapy"))
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
        therapy, here = _therapy(row.get("therapy")), (*place, index)
        time, amount = _number(row.get("time")), _number(row.get("amt"))
        interval, more = _number(row.get("ii", 0.0)), _number(row.get("addl", 0))
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
    for number, (place, course, meant) in enumerate(courses):
        for other_place, other, other_meant in courses[: number if number >= already else 0]:
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


def check_eligibility(document: Document) -> Iterator[Problem]:
    """Every rule names a covariate and a range with something in it."""
    for index, rule in tables(document.get("eligibility")):
        place: Key = ("eligibility", index)
        variable = rule.get("variable")
        if isinstance(variable, str) and variable not in COVARIATES:
            yield Problem(
                (*place, "variable"),
                f"'{variable}' is not known at screening; allowed is {', '.join(COVARIATES)}."
                f"{did_you_mean(variable, COVARIATES)}",
            )
        if "min" not in rule and "max" not in rule:
            yield Problem(place, "has neither min nor max; give at least one of them.")
        low, high = _number(rule.get("min")), _number(rule.get("max"))
        if low is not None and high is not None and low > high:
            yield Problem(
                place,
                f"min {low:g} lies above max {high:g}; nobody can be eligible; exchange them.",
            )


_PLAUSIBLE = {
    "age": (18.0, 110.0),
    "years_since_menopause": (-40.0, 70.0),
    "bmi": (10.0, 80.0),
    "testosterone": (1.0, 2000.0),
    "igf1": (5.0, 1000.0),
}


def check_baseline(document: Document) -> Iterator[Problem]:
    """The published baseline is that of living adults."""
    baseline = table(table(document, "population"), "baseline")
    for variable in Baseline.model_fields:
        mean = _number(table(baseline, variable).get("mean"))
        low, high = _PLAUSIBLE.get(variable, (-8.0, 8.0))
        if mean is not None and math.isfinite(mean) and not low <= mean <= high:
            yield Problem(
                ("population", "baseline", variable, "mean"),
                f"found {mean:g}; allowed is {low:g} to {high:g} ({UNITS.get(variable, '1')}).",
            )


def check_population(document: Document) -> Iterator[Problem]:
    """The population can be read, and its members can be what the study asks of them."""
    choice = table(document, "population")
    name = choice.get("name")
    if not isinstance(name, str) or _absent(name):
        return
    try:
        population = load_population(name)
    except BadInput as error:
        yield from (Problem(("population", "name"), sentence) for sentence in error.problems)
        return
    moved = [key for key in table(choice, "baseline") if key in TARGETS]
    words = (rule.get("variable") for _, rule in tables(document.get("eligibility")))
    looked_at = [word for word in words if isinstance(word, str) and word in UNITS]
    for sentence in recruitment_problems(population, moved, looked_at):
        place, _, told = sentence.partition(": ")
        yield Problem(tuple(place.split(".")), told)


def check_adherence(document: Document) -> Iterator[Problem]:
    """The spread of adherence is one that a share between 0 and 1 can have."""
    adherence = table(document, "adherence")
    mean, sd = _number(adherence.get("mean", 1.0)), _number(adherence.get("sd", 0.0))
    if mean is None or sd is None or not 0 < mean <= 1 or not sd > 0:
        return
    most = math.sqrt(mean * (1.0 - mean))
    if sd >= most:
        yield Problem(
            ("adherence", "sd"),
            f"found {sd:g}; allowed is below {most:.3g}, since a share with mean {mean:g} cannot "
            f"spread further.",
        )


def check_outputs(document: Document) -> Iterator[Problem]:
    """Extra outputs and knocked-out mechanisms exist."""
    from cohort.model.parameters import KNOCKOUTS
    from cohort.results.outcomes import BY_NAME

    outputs = table(document, "outputs")
    for key, known, what in (
        ("extra", list(BY_NAME), "an outcome"),
        ("knockout", list(KNOCKOUTS), "a mechanism"),
    ):
        words = outputs.get(key)
        for index, word in enumerate(words if isinstance(words, (list, tuple)) else ()):
            place: Key = ("outputs", key, index)
            if isinstance(word, str) and word in BY_NAME and BY_NAME[word].fracture:
                yield Problem(place, f"'{word}' comes with `fractures = true`; leave it out here.")
            elif isinstance(word, str) and word not in known:
                listed = "see `cohort list outcomes`" if key == "extra" else ", ".join(known)
                hint = did_you_mean(word, known)
                yield Problem(place, f"'{word}' is not {what}; allowed: {listed}.{hint}")


def check_fractures(document: Document) -> Iterator[Problem]:
    """Fractures at entry are possible, and a background is one that is known."""
    from cohort.fractures.law import load_law

    population = table(document, "population")
    stated = table(population, "prevalent_fracture")
    some, several = (_number(stated.get(key)) for key in ("vertebral", "several"))
    if some is not None and several is not None and several > some:
        yield Problem(
            ("population", "prevalent_fracture", "several"),
            f"found {several:g}; allowed is `vertebral` ({some:g}) or less, being a part of it.",
        )
    name, known = population.get("fracture_background"), load_law().background
    if isinstance(name, str) and name not in known:
        yield Problem(
            ("population", "fracture_background"),
            f"'{name}' is none that is known; allowed: {', '.join(known)}."
            f"{did_you_mean(name, known)}",
        )


def check_parameters(document: Document) -> Iterator[Problem]:
    """The parameter set exists, and overrides are finite numbers inside their bounds."""
    from cohort.model.parameters import PARAMETERS, parameter_set

    choice = table(document, "parameters")
    override = choice.get("override")
    for name, value in (override if isinstance(override, dict) else {}).items():
        place: Key = ("parameters", "override", name)
        if name not in PARAMETERS:
            hint = did_you_mean(str(name), PARAMETERS)
            listed = "`cohort list parameters` shows those there are"
            yield Problem(place, f"is not a parameter of the model; {listed}.{hint}")
            continue
        number = _number(value)
        low, high = PARAMETERS[name].bounds
        if number is not None and math.isfinite(number) and not low < number < high:
            unit = PARAMETERS[name].unit
            yield Problem(
                place, f"found {shown(value)}; allowed is {low:.4g} to {high:.4g} {unit}."
            )
    name = choice.get("set")
    if not isinstance(name, str) or _absent(name):
        return
    try:
        parameter_set(name)
    except BadInput as error:
        yield from (Problem(("parameters", "set"), sentence) for sentence in error.problems)


CHECKS: tuple[Callable[[Document], Iterator[Problem]], ...] = (
    check_visits,
    check_arms,
    check_doses,
    check_eligibility,
    check_baseline,
    check_population,
    check_adherence,
    check_outputs,
    check_fractures,
    check_parameters,
)
"""Every check, in the order of a study file's tables."""


def check(document: Document) -> list[Problem]:
    """Return everything that the checks find."""
    return list(itertools.chain.from_iterable(one(document) for one in CHECKS))
