"""What decides within a trial: rules, randomisation again and late doses can be followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from cohort.errors import BadInput, did_you_mean
from cohort.trial.courses import Courses, Doses, courses_of, started
from cohort.trial.doses import known_therapy, read_course, readable_doses
from cohort.trial.problems import Problem
from cohort.trial.randomisation import AT_ENROLMENT, Randomisation, strata_problems
from cohort.trial.raw import Document, last_day, number, numbers
from cohort.trial.schema import Arm
from cohort.trial.settle import answers, table, tables
from cohort.trial.source import Key
from cohort.trial.steady import is_continuous
from cohort.trial.treating import LateDose
from cohort.trial.visits import rhythm
from cohort.units import DAYS_PER_MONTH

Raw = Mapping[str, Any]


def check_decisions(document: Document) -> Iterator[Problem]:
    """Rules read what is measured at visits, changes can be made, courses are not too many."""
    months, end = visit_months(document), last_day(document)
    if months is None or end is None:
        return
    for index, arm in tables(document.get("arms")):
        place: Key = ("arms", index)
        doses = readable_doses(document, arm)
        found = [
            *_names(arm, place),
            *_rules(document, arm, place, months),
            *_randomisations(arm, place, months),
            *_late_doses(arm, place, doses),
            *_switches(arm, place, doses, end),
        ]
        yield from found
        if not found:
            yield from _combined(arm, place, doses, end)


def visit_months(document: Document) -> list[float] | None:
    """Return the months of the visits of a raw study, None where they cannot be read."""
    visits = table(document, "visits")
    months = numbers(visits.get("months"))
    if months:
        return months
    every, until = visits.get("every"), number(visits.get("until"))
    extra = numbers(visits.get("extra", []))
    if not isinstance(every, str) or until is None or extra is None:
        return None
    try:
        return list(rhythm(every, until, extra))
    except BadInput:
        return None


def _answers(arm: Raw, place: Key) -> Iterator[tuple[Key, Raw, float]]:
    """Yield every raw rule and phase, with its place and the last month at which it acts."""
    for here, answer in answers(arm, place):
        months = numbers(answer.get("months"))
        if here[-2] == "to":
            again = arm["rerandomise"][here[-3]]
            months = numbers([again.get("month")])
        yield here, answer, max(months or [0.0])


def _names(arm: Raw, place: Key) -> Iterator[Problem]:
    seen: set[str] = set()
    for here, answer, _ in _answers(arm, place):
        name = answer.get("name")
        if isinstance(name, str) and name in seen:
            yield Problem(
                (*here, "name"), f"'{name}' names two changes of the arm; each needs its own name."
            )
        if isinstance(name, str):
            seen.add(name)


def _rules(document: Document, arm: Raw, place: Key, months: list[float]) -> Iterator[Problem]:
    from cohort.results.outcomes import BY_NAME

    measurable = [name for name, outcome in BY_NAME.items() if outcome.measured]
    names = [str(answer.get("name")) for _, answer, _ in _answers(arm, place)]
    for index, rule in tables(arm.get("rules")):
        here = (*place, "rules", index)
        when, after = rule.get("when"), rule.get("after")
        if isinstance(when, str) and when not in measurable:
            yield Problem(
                (*here, "when"),
                f"'{when}' is not an outcome that is measured; `cohort list outcomes` shows which "
                f"are.{did_you_mean(when, measurable)}",
            )
        if ("below" in rule) == ("above" in rule):
            yield Problem(here, "needs one of below and above, and one only.")
        if isinstance(after, str) and (after not in names or after == rule.get("name")):
            others = [name for name in names if name != rule.get("name")]
            yield Problem(
                (*here, "after"),
                f"'{after}' is no other rule or phase of the arm; allowed is "
                f"{', '.join(others) or 'nothing, for there is none'}.",
            )
        yield from _at_visits((*here, "months"), numbers(rule.get("months")), months)
        if table(document, "measurement").get("enabled") is False:
            yield Problem(here, "decides by what is measured, and measurement.enabled is false.")


def _randomisations(arm: Raw, place: Key, months: list[float]) -> Iterator[Problem]:
    for index, again in tables(arm.get("rerandomise")):
        here = (*place, "rerandomise", index)
        month, phases = number(again.get("month")), again.get("to")
        yield from _at_visits((*here, "month"), None if month is None else [month], months)
        if isinstance(phases, (list, tuple)) and len(phases) < 2:
            yield Problem((*here, "to"), "holds fewer than two phases; allowed is two or more.")
        try:
            how = Randomisation.model_validate(again.get("randomisation") or {})
        except ValidationError:
            continue  # the schema says what is wrong with it
        yield from strata_problems(how, (*here, "randomisation"), AT_ENROLMENT)


def _at_visits(place: Key, stated: list[float] | None, months: list[float]) -> Iterator[Problem]:
    allowed = [month for month in months if 0 <= month < months[-1]]
    shown = ", ".join(f"{month:g}" for month in allowed[:20])
    if stated is not None and not stated:
        yield Problem(place, f"is empty; allowed are visits before the last: {shown}.")
    for month in dict.fromkeys(stated or ()):
        if month not in allowed:
            yield Problem(place, f"found {month:g}; allowed are visits before the last: {shown}.")
        elif (stated or []).count(month) > 1:
            yield Problem(place, f"month {month:g} is listed twice; list every visit once.")


def _late_doses(arm: Raw, place: Key, doses: Doses) -> Iterator[Problem]:
    for index, late in tables(arm.get("late_doses")):
        here = (*place, "late_doses", index)
        therapy, month, by = late.get("therapy"), number(late.get("month")), number(late.get("by"))
        own = [course for course in doses if course.therapy == therapy]
        if known_therapy(therapy) is None or month is None or by is None:
            continue
        single = [course for course in own if not is_continuous(course)]
        days = sorted({day for course in single for day in course.days})
        if own and not single:
            yield Problem(
                (*here, "therapy"),
                f"{therapy} is given too often for one dose to be late; `adherence` tells how many "
                f"doses are taken.",
            )
        elif all(abs(day - month * DAYS_PER_MONTH) > 0.5 for day in days):
            told = ", ".join(f"{day / DAYS_PER_MONTH:g}" for day in days[:20]) or "none"
            yield Problem(
                (*here, "month"),
                f"found {month:g}; allowed are months of doses of {therapy} in this arm: {told}.",
            )
        elif late.get("later") == "kept":
            due = month * DAYS_PER_MONTH
            gap = min((day - due for day in days if day > due + 1), default=None)
            if gap is not None and by * DAYS_PER_MONTH >= gap:
                yield Problem(
                    (*here, "by"),
                    f"found {by:g}; allowed is below {gap / DAYS_PER_MONTH:g}, when the next dose "
                    f"is due, where later doses keep their months.",
                )


def _switches(arm: Raw, place: Key, doses: Doses, end: float) -> Iterator[Problem]:
    """Check what rules and phases stop and start."""
    all_answers = list(_answers(arm, place))
    started_ones = [
        own.get("therapy") for _, a, _ in all_answers for _, own in tables(a.get("start"))
    ]
    given = sorted({str(t) for t in (*(course.therapy for course in doses), *started_ones)})
    for here, answer, month in all_answers:
        if here[-2] == "rules" and not answer.get("stop") and not answer.get("start"):
            yield Problem(here, "changes nothing; give stop, start or both.")
        words = answer.get("stop")
        for index, word in enumerate(words if isinstance(words, (list, tuple)) else ()):
            if isinstance(word, str) and known_therapy(word) is not None and word not in given:
                yield Problem(
                    (*here, "stop", index),
                    f"'{word}' is not given in this arm; allowed is {', '.join(given) or 'nothing'}"
                    f".{did_you_mean(word, given)}",
                )
        for index, own in tables(answer.get("start")):
            therapy = known_therapy(own.get("therapy"))
            if therapy is None or not isinstance(own.get("regimen"), str):
                continue
            regimen: Key = (*here, "start", index, "regimen")
            try:
                course = read_course(own, therapy, end - month * DAYS_PER_MONTH)
            except BadInput as error:
                yield from (Problem(regimen, sentence) for sentence in error.problems)
                continue
            if course.start_day < 0:
                yield Problem(regimen, "starts before the change is decided; allowed is from 0 on.")


def _combined(arm: Raw, place: Key, doses: Doses, end: float) -> Iterator[Problem]:
    """Check the courses that the decisions lead to; where the arm has the wrong shape, none."""
    try:
        shaped = Arm.model_validate(arm)
    except ValidationError:
        return
    try:
        courses = courses_of(shaped, doses, end)
    except BadInput as error:
        yield from (Problem(place, sentence) for sentence in error.problems)
        return
    yield from dict.fromkeys(_overlaps(shaped, place, courses, end))


def _overlaps(arm: Arm, place: Key, courses: Courses, end: float) -> Iterator[Problem]:
    """Report what a change starts while the arm still gives it."""
    places = {id(rule): (*place, "rules", index) for index, rule in enumerate(arm.rules)}
    places |= {
        id(phase): (*place, "rerandomise", index, "to", number_of)
        for index, again in enumerate(arm.rerandomise)
        for number_of, phase in enumerate(again.to)
    }
    for decision, rows in zip(courses.decisions, courses.onward, strict=True):
        for number_of, row in enumerate(rows):
            before = courses.courses[number_of].doses
            for answer, onward in zip(decision.answers, row, strict=True):
                if answer is None or onward == number_of or isinstance(answer.changes, LateDose):
                    continue
                new = started(answer.changes, decision.month * DAYS_PER_MONTH, end)
                pairs = zip(answer.changes.start, new, strict=True)
                for index, (own, course) in enumerate(pairs):
                    if own.overlap or own.therapy in answer.changes.stop:
                        continue
                    if any(
                        c.therapy == own.therapy
                        and c.last_day >= course.start_day
                        and c.start_day <= course.last_day
                        for c in before
                    ):
                        yield Problem(
                            (*places[id(answer.changes)], "start", index),
                            f"gives {own.therapy} where the arm gives it already; name it in stop, "
                            f"or say overlap = true if both are meant.",
                        )
