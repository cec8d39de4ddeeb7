"""When a person fractures: each kind has a clock of its own, and the hazard is how fast it runs.

The k-th fracture of a kind happens when the kind's cumulative hazard has grown by a unit
exponential draw since the one before (the modified next reaction method, Anderson 2007,
10.1063/1.2799998). The draws are the same in every arm, so that a person whose hazards are lower
throughout never fractures earlier. After a fracture all clocks go on at the rate of who has had it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cohort.fractures.history import SEVERAL, log_prior
from cohort.fractures.intervals import cumulative, when
from cohort.fractures.law import KINDS, Law

Reals = np.ndarray

Clock = Callable[[str, int], Reals]
"""Gives the unit exponential draws of all N persons for a kind and the number of the fracture."""


@dataclass(frozen=True)
class Person:
    """What N persons bring to their fractures.

    Attributes:
        vertebral: vertebral fractures at entry, 0, 1 or 2 for several, `(N,)`.
        frailty: multiplies all hazards, `(N,)`.
        exit_month: of death, of leaving, or of the end, `(N,)`.
    """

    vertebral: np.ndarray
    frailty: Reals
    exit_month: Reals


@dataclass(frozen=True)
class Events:
    """Fractures, one a row, in the order of persons and then of time.

    Attributes:
        person: index of the person, `(E,)`.
        month: when, `(E,)`.
        kind: index in `KINDS`, `(E,)`.
    """

    person: np.ndarray
    month: Reals
    kind: np.ndarray

    def first(self, kinds: tuple[str, ...], persons: int) -> Reals:
        """Return the month of each person's first fracture of these kinds, infinite for none."""
        found = np.full(persons, np.inf)
        own = np.isin(self.kind, [KINDS.index(kind) for kind in kinds])
        np.minimum.at(found, self.person[own], self.month[own])
        return found

    def until(self, month: Reals) -> Events:
        """Return the events up to a month of each person's own, `(N,)`."""
        kept = self.month <= month[self.person]
        return Events(self.person[kept], self.month[kept], self.kind[kept])


class _State:
    """The clocks of all persons as they run."""

    def __init__(self, law: Law, who: Person, clock: Clock) -> None:
        self.law, self.clock = law, clock
        self.vertebral = np.array(who.vertebral, np.int8)
        self.others = np.zeros(len(who.vertebral), bool)
        self.number = np.zeros((len(KINDS), len(who.vertebral)), np.int64)
        self.left = np.stack([np.array(clock(kind, 0), np.float64) for kind in KINDS])
        self.found: list[tuple[np.ndarray, Reals, np.ndarray]] = []

    def prior(self, kind: str, where: np.ndarray) -> Reals:
        return log_prior(self.law.of(kind), self.vertebral[where], self.others[where])

    def fracture(self, where: np.ndarray, month: Reals, kind: np.ndarray) -> None:
        """Note one fracture of each of these persons and wind the clock of its kind anew."""
        self.found.append((where, month, kind))
        spine = kind == KINDS.index("vertebral")
        self.vertebral[where[spine]] = np.minimum(self.vertebral[where[spine]] + 1, SEVERAL)
        self.others[where[~spine]] = True
        self.number[kind, where] += 1
        for place, name in enumerate(KINDS):
            own = where[kind == place]
            for number in np.unique(self.number[place, own]):
                again = own[self.number[place, own] == number]
                self.left[place, again] = self.clock(name, int(number))[again]


def draw_events(
    law: Law, log_hazard: Mapping[str, Reals], months: Reals, who: Person, clock: Clock
) -> Events:
    """Return the fractures of N persons between their visits, until each one's exit.

    Args:
        law: the coefficients, here those of prior fractures.
        log_hazard: of `hazard.log_hazards`, `(N, V)` by kind.
        months: of the visits, `(V,)`.
        who: the persons.
        clock: their draws.
    """
    state = _State(law, who, clock)
    years = np.asarray(months, np.float64) / 12.0
    exit_year = np.asarray(who.exit_month, np.float64) / 12.0
    weakness = np.log(np.maximum(who.frailty, 1e-300))
    for visit in range(len(years) - 1):
        length = years[visit + 1] - years[visit]
        until = np.clip(exit_year - years[visit], 0.0, length)
        start = np.stack([log_hazard[kind][:, visit] + weakness for kind in KINDS])
        end = np.stack([log_hazard[kind][:, visit + 1] + weakness for kind in KINDS])
        _run_interval(state, start, (end - start) / length, until, years[visit])
    if not state.found:
        nobody = np.zeros(0, np.int64)
        return Events(nobody, np.zeros(0), nobody)
    person, month, kind = (np.concatenate(part) for part in zip(*state.found, strict=True))
    order = np.lexsort((kind, month, person))
    return Events(person[order], month[order], kind[order])


def _run_interval(
    state: _State, start: Reals, slope: Reals, until: Reals, first_year: float
) -> None:
    """Let all clocks run through one interval; those who fracture go on from there."""
    where = np.flatnonzero(until > 0)
    since = np.zeros(len(where))
    while where.size:
        now = np.stack(
            [start[place, where] + state.prior(kind, where) for place, kind in enumerate(KINDS)]
        )
        rate = slope[:, where]
        grown = cumulative(now, rate, since, until[where])
        fires = state.left[:, where] <= grown
        some = fires.any(axis=0)
        state.left[:, where[~some]] -= grown[:, ~some]
        if not some.any():
            return
        where, since, now, rate = where[some], since[some], now[:, some], rate[:, some]
        times = when(now, rate, since, state.left[:, where])
        times = np.where(fires[:, some], times, np.inf)
        kind = times.argmin(axis=0)
        at = np.minimum(times[kind, np.arange(len(kind))], until[where])
        state.left[:, where] -= cumulative(now, rate, since, at)
        state.left[:, where] = np.maximum(state.left[:, where], 0.0)
        state.fracture(where, 12.0 * (first_year + at), kind)
        since = at


def counts_by_visit(events: Events, kinds: tuple[str, ...], months: Reals, persons: int) -> Reals:
    """Return how many fractures of these kinds each visit finds since the last, `(N, V)`."""
    own = np.isin(events.kind, [KINDS.index(kind) for kind in kinds])
    visit = np.searchsorted(np.asarray(months, np.float64), events.month[own], side="left")
    found = np.zeros((persons, len(months)), np.float32)
    np.add.at(found, (events.person[own], visit), 1.0)
    return found
