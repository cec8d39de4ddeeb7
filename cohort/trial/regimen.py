"""Regimens as sentences: `60 mg sc every 6 months from 0 to 36` becomes a course of doses.

The grammar, in any case:

    AMOUNT UNIT [ROUTE] FREQUENCY [from M] [to M | for D] [x N]
    FREQUENCY  daily | weekly | monthly | yearly | once | twice daily | 3 times a week
               | every day | every other day | every N days|weeks|months|years

Numbers after `from` and `to` are months since entry unless they have a unit of time; negative ones
lie before entry. Doses are given at the start, start + interval, ... strictly before `to`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from cohort.errors import BadInput, did_you_mean
from cohort.therapy import ROUTE_SYNONYMS, Therapy, normal_route
from cohort.units import DAYS_PER_MONTH, convert, parse_duration_days, tidy, time_unit_days

MAX_DOSES = 100_000
"""More doses than this in one course is a slip of the pen: 270 years of daily doses."""

_ROUTE_WORDS = {*ROUTE_SYNONYMS, *ROUTE_SYNONYMS.values(), "gel", "pump"}

_COUNTS = {"once": 1.0, "twice": 2.0, "thrice": 3.0}
_ADVERBS = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}
_ADVERBS |= {"annually": "year", "hourly": "hour"}
_NUM = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_TAIL = re.compile(
    rf"\s*(?:(?P<word>from|to|until|for)\s+"
    rf"(?P<span>(?:{_NUM}|[+-]?(?:inf|nan))(?:\s*(?!(?:from|to|until|for|x)\b)[a-z]+)?)(?=\s|$)"
    rf"|x\s*(?P<count>{_NUM})(?:\s+doses?)?(?=\s|$))"
)
_HEAD = re.compile(rf"({_NUM}|[+-]?inf|[+-]?nan)\s*([^\s\d]\S*)?\s*(.*)")
_FREQUENCY_ALLOWED = "daily, weekly, monthly, yearly, once, 'every 6 months' or '3 times a week'"
_EXAMPLE = "write it as '60 mg sc every 6 months from 0 to 36'"


@dataclass(frozen=True)
class DoseCourse:
    """Equal doses at equal intervals.

    Attributes:
        therapy: the therapy's name (or the path of its file).
        route: one of the therapy's routes.
        amount: each dose, in the therapy's `dose_unit`.
        start_day: day of the first dose since entry; negative before entry.
        interval_days: days between doses; 0 where there is one dose.
        doses: how many, at least one.
    """

    therapy: str
    route: str
    amount: float
    start_day: float
    interval_days: float
    doses: int

    @property
    def days(self) -> tuple[float, ...]:
        """The day of every dose."""
        return tuple(self.start_day + k * self.interval_days for k in range(self.doses))

    @property
    def one_by_one(self) -> tuple[DoseCourse, ...]:
        """The same doses, a course each."""
        return tuple(replace(self, start_day=day, interval_days=0.0, doses=1) for day in self.days)

    @property
    def last_day(self) -> float:
        """The day of the last dose."""
        return self.start_day + (self.doses - 1) * self.interval_days

    @property
    def end_day(self) -> float:
        """The day on which the last dose's interval is over."""
        return self.start_day + self.doses * self.interval_days


def parse_sentence(text: str, therapy: Therapy, *, until_day: float | None = None) -> DoseCourse:
    """Read a regimen's sentence.

    Args:
        text: the sentence, in the grammar of this module.
        therapy: the therapy given; its dose unit is the unit of the result.
        until_day: where doses stop if the sentence does not say so (a study's last visit).

    Returns:
        the course of doses.

    Raises:
        BadInput: every problem of the sentence, each one sentence that quotes the offending words.
    """
    plain = " ".join(text.replace("µ", "u").replace("μ", "u").split()).lower()
    plain = plain.replace(" by mouth", " oral")
    head = _HEAD.fullmatch(plain)
    if head is None:
        raise BadInput(f"'{text}' does not start with an amount such as '60 mg'; {_EXAMPLE}.")
    problems: list[str] = []
    unit, rest = _split_unit(head[2] or "", head[3], therapy)
    amount = _collect(problems, lambda: _positive(head[1]))
    scale = _collect(problems, lambda: convert(1.0, unit, therapy.dose_unit))
    route, rest = _route(rest, therapy, problems)
    interval, rest = _frequency(rest, problems)
    window = _tail(rest, problems)
    if interval is None or problems:
        raise BadInput(problems)
    start, doses = _count(window, interval, until_day)
    step = interval if doses > 1 else 0.0
    return DoseCourse(therapy.name, route, tidy(amount * scale), start, step, doses)


def _collect(problems: list[str], read: Any) -> Any:
    """Return what `read` returns; keep its problems and return None where it cannot."""
    try:
        return read()
    except BadInput as error:
        problems += error.problems
        return None


def _split_unit(word: str, rest: str, therapy: Therapy) -> tuple[str, str]:
    """Hand a word back that stands where the unit should be but is a route or a frequency."""
    known = {*_ROUTE_WORDS, *therapy.routes, *_ADVERBS, *_COUNTS, "every"}
    return ("", f"{word} {rest}") if word in known else (word, rest)


def _positive(number: str) -> float:
    value = float(number)
    if not (value > 0 and math.isfinite(value)):
        raise BadInput(f"the amount {number} is not allowed; it must be finite and above zero.")
    return value


def _route(rest: str, therapy: Therapy, problems: list[str]) -> tuple[str, str]:
    """Take the route off the front, if the next word is not already the frequency."""
    word, _, after = rest.partition(" ")
    route = normal_route(word)
    if route in therapy.routes:
        return route, after
    if not word or word in {"every", *_ADVERBS, *_COUNTS} or re.match(r"[\d.]+ times", rest):
        return therapy.usual_route, rest
    if route in _ROUTE_WORDS or _frequency(after, []) != (None, after):
        problems.append(route_problem(word, therapy))
        return therapy.usual_route, after
    return therapy.usual_route, rest


def route_problem(word: str, therapy: Therapy) -> str:
    """Say that a therapy is not given by this route, and which routes it has."""
    allowed = ", ".join(therapy.routes)
    hint = did_you_mean(normal_route(word), therapy.routes)
    return f"the route '{word}' is not one of {therapy.name}; allowed is {allowed}.{hint}"


def _frequency(rest: str, problems: list[str]) -> tuple[float | None, str]:
    """Take the frequency off the front; return the interval in days, 0 for a single dose."""
    unit = r"(?P<unit>[a-z]+)"
    every = re.match(rf"every (?:(?P<n>other|{_NUM}) ?)?{unit}\b ?", rest)
    times = re.match(
        rf"(?:(?P<n>{_NUM}) times|(?P<w>once|twice|thrice)) (?:an?|per) {unit}\b ?", rest
    )
    adverb = re.match(r"(?:(?P<w>once|twice|thrice) )?(?P<a>[a-z]+)\b ?", rest)
    if every:
        number = 2.0 if every["n"] == "other" else float(every["n"] or 1)
        return _interval(number, every["unit"], every[0], problems), rest[every.end() :]
    if times:
        count = _COUNTS[times["w"]] if times["w"] else float(times["n"])
        per = _interval(1.0, times["unit"], times[0], problems)
        if per is not None and not count > 0:
            problems.append(f"'{times[0].strip()}' is not a frequency; the count must be above 0.")
            return None, rest[times.end() :]
        return (per and per / count), rest[times.end() :]
    if adverb and adverb["a"] in _ADVERBS:
        days = time_unit_days(_ADVERBS[adverb["a"]]) or 0.0
        return days / _COUNTS.get(adverb["w"] or "once", 1.0), rest[adverb.end() :]
    if rest == "once" or rest.startswith("once "):
        return 0.0, rest[4:]
    return _no_frequency(rest, problems)


def _no_frequency(rest: str, problems: list[str]) -> tuple[None, str]:
    """Say what stands where the frequency should be."""
    if not rest or _TAIL.match(rest):
        problems.append(f"the frequency is missing; allowed is {_FREQUENCY_ALLOWED}.")
        return None, rest
    word, _, after = rest.partition(" ")
    hint = did_you_mean(word, [*_ADVERBS, "once", "every"])
    problems.append(f"'{word}' is not a frequency; allowed is {_FREQUENCY_ALLOWED}.{hint}")
    tail = re.search(r"\b(?:from|to|until|for)\s|\bx\s*\d", after)
    return None, (after[tail.start() :] if tail else "")


def _interval(number: float, unit: str, words: str, problems: list[str]) -> float | None:
    days = time_unit_days(unit)
    if days is None:
        hint = did_you_mean(unit, ["days", "weeks", "months", "years"])
        problems.append(
            f"'{words.strip()}' has the unknown unit of time '{unit}'; "
            f"allowed is days, weeks, months or years.{hint}"
        )
    elif not number > 0:
        problems.append(f"'{words.strip()}' is not an interval; it must be above zero.")
    else:
        return number * days
    return None


@dataclass
class _Window:
    """The `from`, `to`, `for` and `x` of a sentence, in days."""

    start: float = 0.0
    stop: float | None = None
    length: float | None = None
    count: int | None = None


def _tail(rest: str, problems: list[str]) -> _Window:
    """Read what follows the frequency; each clause at most once."""
    window, seen = _Window(), set()
    while rest.strip():
        clause = _TAIL.match(rest)
        if clause is None:
            problems.append(
                f"'{rest.strip()}' is not understood; after the frequency stand "
                f"'from M', 'to M', 'for D' or 'x N'."
            )
            break
        word = {"until": "to"}.get(clause["word"] or "x", clause["word"] or "x")
        if word in seen:
            problems.append(f"'{clause[0].strip()}' comes on top of another '{word}'; write one.")
        seen.add(word)
        _clause(window, word, clause, problems)
        rest = rest[clause.end() :]
    return window


def _clause(window: _Window, word: str, clause: re.Match[str], problems: list[str]) -> None:
    if word == "x":
        number = float(clause["count"])
        if number < 1 or number != int(number):
            problems.append(f"'{clause[0].strip()}' is not a number of doses; 1, 2, 3 ... is.")
        else:
            window.count = int(number)
        return
    days = _collect(problems, lambda: parse_duration_days(clause["span"], "months"))
    if days is None:
        return
    if word == "from":
        window.start = days
    elif word == "to":
        window.stop = days
    else:
        window.length = days


def _count(window: _Window, interval: float, until_day: float | None) -> tuple[float, int]:
    """Return the start and the number of doses that a window holds."""
    stop = window.stop
    if window.length is not None:
        if stop is not None:
            raise BadInput("both 'to' and 'for' are given; write one of them.")
        stop = window.start + window.length
    if stop is None and window.count is None and interval > 0:
        if until_day is None:
            raise BadInput("the end is missing; add 'to MONTH' or 'x N', such as 'to 36'.")
        stop = until_day
    if stop is not None and not stop > window.start:
        raise BadInput(
            f"the course ends at month {stop / DAYS_PER_MONTH:g}, which is not after its start at "
            f"month {window.start / DAYS_PER_MONTH:g}; "
            f"'from' must come before 'to'."
        )
    if interval == 0:
        if window.count not in (None, 1):
            raise BadInput(f"'once' and 'x {window.count}' contradict each other; write 'every'.")
        return window.start, 1
    fits = MAX_DOSES + 1
    if stop is not None:
        fits = min(math.ceil((stop - window.start) / interval - 1e-9), fits)
    doses = window.count or fits
    if doses > MAX_DOSES:
        raise BadInput(f"the course has more than {MAX_DOSES} doses; allowed is up to {MAX_DOSES}.")
    if doses > fits:
        raise BadInput(f"'x {doses}' does not fit before 'to': only {fits} doses do; write one.")
    return window.start, doses
