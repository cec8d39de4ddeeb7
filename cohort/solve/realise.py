"""Which course each person of an arm is on, and what is seen of her.

The courses of an arm are computed as if everybody were on them; two give the same numbers, bit for
bit, until the decision that parts them. So the decisions are gone through in their order, each made
from what was measured on the course that the person is on by then, and in the end every person's
whole row is taken from her own course.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from cohort.patients.randomness import uniforms
from cohort.results.outcomes import MEASURED
from cohort.solve.arrivals import Arrivals
from cohort.trial.courses import Courses, Decision
from cohort.trial.treating import LateDose, Rerandomisation, TreatmentRule


class Solved(NamedTuple):
    """Some persons on one course, or each on her own.

    Attributes:
        columns: by name, `(patient, visit)` each.
        bad_day: day at which the state stopped being finite, infinite for none, `(patient,)`.
    """

    columns: Mapping[str, np.ndarray]
    bad_day: np.ndarray


class Realised(NamedTuple):
    """Every person on her own course.

    Attributes:
        solved: what is seen of her.
        course: number of her course after what was decided at a visit, `(patient, visit)`.
    """

    solved: Solved
    course: np.ndarray


def solved_once(courses: Courses, solve: Callable[[int], Solved]) -> Callable[[int], Solved]:
    """Return what solves a course by its number, each schedule of doses at most once.

    Args:
        courses: of the arm.
        solve: returns what is seen under a schedule, by its number.
    """
    once, schedule_of = cache(solve), courses.schedule_of
    return lambda number: once(schedule_of[number])


def needed_columns(courses: Mapping[str, Courses]) -> tuple[str, ...]:
    """Return the columns by which the arms' rules decide."""
    rules = (decision.source for own in courses.values() for decision in own.decisions)
    return tuple(MEASURED + rule.when for rule in rules if isinstance(rule, TreatmentRule))


def draw_chances(courses: Courses, seed: int, slots: np.ndarray) -> np.ndarray:
    """Return uniform numbers of the decisions that are left to chance, `(decision, patient)`.

    They depend on the seed, the person and what is decided, and are the same in every arm.

    Args:
        courses: of the arm.
        seed: of the run.
        slots: person numbers.
    """
    found = np.zeros((len(courses.decisions), len(slots)))
    for number, decision in enumerate(courses.decisions):
        stream = _stream(decision)
        if stream:
            found[number] = np.asarray(uniforms(seed, stream, slots, 1))[0]
    return found


def _stream(decision: Decision) -> str:
    """Return the name of the random numbers that a decision takes; empty for none."""
    if isinstance(decision.source, Rerandomisation):
        return f"randomised again at month {decision.month:g}"
    if isinstance(decision.source, LateDose):
        (name,) = (answer.name for answer in decision.answers if answer)
        return f"{name} at month {decision.month:g}"
    return ""


def realise(
    courses: Courses,
    solve: Callable[[int], Solved],
    months: np.ndarray,
    chance: np.ndarray,
    attended: np.ndarray,
    arrivals: Arrivals | None = None,
) -> Realised:
    """Put each person on her own course.

    Args:
        courses: of the arm.
        solve: returns what is seen on a course, by its number; called only for courses that
            somebody is on, and as often as one is needed.
        months: of the visits.
        chance: of `draw_chances`, `(decision, patient)`.
        attended: whether a person came to a visit, `(patient, visit)`; no rule acts where not.
        arrivals: the participants, as far as randomisation in blocks asks for them.
    """
    number = np.zeros(len(attended), dtype=np.int32)
    course = np.zeros(attended.shape, dtype=np.int32)
    for decision, onward, drawn in zip(courses.decisions, courses.onward, chance, strict=True):
        if arrivals and isinstance(decision.source, Rerandomisation) and decision.source.in_blocks:
            seen = _taken(number, solve).columns
            answer = arrivals.placed(decision, _at_random(decision.source, drawn), seen)
        else:
            answer = _answers(decision, number, solve, months, drawn, attended)
        number = np.asarray(onward, dtype=np.int32)[number, answer]
        course[:, months >= decision.month] = number[:, None]
    return Realised(_taken(number, solve), course)


def _answers(
    decision: Decision,
    number: np.ndarray,
    solve: Callable[[int], Solved],
    months: np.ndarray,
    drawn: np.ndarray,
    attended: np.ndarray,
) -> np.ndarray:
    """Return the answer that each person gets, `(patient,)`."""
    source = decision.source
    if isinstance(source, Rerandomisation):
        return _at_random(source, drawn)
    if isinstance(source, LateDose):
        return (drawn < source.share).astype(np.int32)
    visit = int(np.flatnonzero(months == decision.month)[0])
    seen = np.empty(len(number))
    for own in np.unique(number):
        here = number == own
        seen[here] = solve(int(own)).columns[MEASURED + source.when][here, visit]
    below = seen < (-np.inf if source.below is None else source.below)
    above = seen > (np.inf if source.above is None else source.above)
    return ((below | above) & attended[:, visit]).astype(np.int32)


def _at_random(again: Rerandomisation, drawn: np.ndarray) -> np.ndarray:
    """Return the phase that each person's own draw puts her into, `(patient,)`."""
    edges = np.cumsum([phase.ratio for phase in again.to])
    return np.searchsorted(edges[:-1] / edges[-1], drawn, side="right")


def _taken(number: np.ndarray, solve: Callable[[int], Solved]) -> Solved:
    """Return every person's row of her own course."""
    found: Solved | None = None
    for own in np.unique(number):
        here, solved = number == own, solve(int(own))
        if found is None:
            columns = {name: values.copy() for name, values in solved.columns.items()}
            found = Solved(columns, solved.bad_day.copy())
            continue
        for name, values in solved.columns.items():
            found.columns[name][here] = values[here]
        found.bad_day[here] = solved.bad_day[here]
    assert found is not None
    return found
