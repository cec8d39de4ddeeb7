"""The visit schedule: months written out, or a rhythm such as every 6 months until month 36."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

from cohort.errors import BadInput
from cohort.units import DAYS_PER_MONTH, parse_duration_days

MAX_MONTH = 960.0
"""A trial and its follow-up last at most 80 years."""

MAX_VISITS = 1000
"""Every visit is a row for every participant; more than this is a slip."""

MIN_GAP = 1.0 / DAYS_PER_MONTH
"""Visits less than a day apart overlap."""


def rhythm(every: str, until: float, extra: Iterable[float] = ()) -> tuple[float, ...]:
    """Return the months of visits at equal intervals from month 0, with extra ones between.

    Args:
        every: the interval, such as `6 months` or `2 weeks`.
        until: month of the last visit; it is a visit even where the rhythm misses it.
        extra: months of further visits.

    Raises:
        BadInput: the interval is not a duration of a day or more, or the end is out of range.

    Examples:
        >>> rhythm("6 months", 24, extra=[1])
        (0.0, 1.0, 6.0, 12.0, 18.0, 24.0)
    """
    step = parse_duration_days(every, "months") / DAYS_PER_MONTH
    if not step >= MIN_GAP:
        raise BadInput(f"'{every}' is not an interval between visits; it must be at least 1 day.")
    if not 0 < until <= MAX_MONTH:
        raise BadInput(f"until {until:g} is not allowed; it must be in 0 to {MAX_MONTH:g} months.")
    count = math.ceil(until / step - 1e-9)
    regular = (round(k * step, 9) for k in range(count))
    return tuple(sorted({*regular, float(until), *map(float, extra)}))


def visit_problems(months: Iterable[float]) -> list[str]:
    """Return what is wrong with a visit schedule, one sentence a problem, naming no file.

    Args:
        months: the months as written.
    """
    listed = list(months)
    if not listed:
        return ["the schedule is empty; allowed is a list such as [0, 6, 12]."]
    if len(listed) > MAX_VISITS:
        return [f"{len(listed)} visits are too many; allowed is up to {MAX_VISITS}."]
    if not all(math.isfinite(month) for month in listed):
        return ["a month is not finite; allowed is a list such as [0, 6, 12]."]
    problems = [
        f"month {month:g} lies before entry; month 0 is the first visit."
        for month in listed
        if month < 0
    ]
    problems += [
        f"month {month:g} is too late; allowed is up to {MAX_MONTH:g}."
        for month in listed
        if month > MAX_MONTH
    ]
    for before, after in itertools.pairwise(listed):
        if after == before:
            problems.append(f"month {after:g} is listed twice; list every visit once.")
        elif after < before:
            problems.append(f"month {after:g} follows {before:g}; list the months in rising order.")
        elif after - before < MIN_GAP:
            problems.append(f"months {before:g} and {after:g} overlap; visits are a day apart.")
    if 0 not in listed and not any(month < 0 for month in listed):
        problems.append("month 0 is missing; the first visit is the baseline, month 0.")
    if not any(month > 0 for month in listed):
        problems.append("no visit follows entry; add at least one month above 0.")
    return problems
