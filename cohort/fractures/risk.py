"""The probability of a first fracture, person by person: an incidence without the play of chance.

Given a person's frailty and her fractures of other kinds, a first fracture of a kind has happened
by time t with probability `1 - exp(-H(t))`, `H` being the cumulative hazard of who has not had it.
The mean over persons is the expected incidence, which the drawn fractures scatter around.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cohort.fractures.events import Events, Person
from cohort.fractures.history import log_prior
from cohort.fractures.intervals import cumulative
from cohort.fractures.law import KINDS, Law

Reals = np.ndarray

OUTCOMES: dict[str, tuple[str, ...]] = {
    "vertebral": ("vertebral",),
    "hip": ("hip",),
    "nonvertebral": ("hip", "other"),
}
"""What trials count, by the kinds that it holds: hip fractures are among the non-vertebral."""


def cumulative_hazard(
    law: Law,
    log_hazard: Mapping[str, Reals],
    months: Reals,
    who: Person,
    events: Events,
    outcome: str,
) -> Reals:
    """Return the cumulative hazard of a first fracture of an outcome at each visit, `(N, V)`.

    Args:
        law: the coefficients.
        log_hazard: of `hazard.log_hazards`, `(N, V)` by kind.
        months: of the visits, `(V,)`.
        who: the persons.
        events: their fractures, of which those of other outcomes change the hazard.
        outcome: one of `OUTCOMES`.
    """
    persons = len(who.vertebral)
    elsewhere = tuple(kind for kind in KINDS if kind not in OUTCOMES[outcome])
    changed = events.first(elsewhere, persons) / 12.0
    years = np.asarray(months, np.float64) / 12.0
    found = np.zeros((persons, len(years)))
    for kind in OUTCOMES[outcome]:
        before, after = _levels(law, kind, who, "vertebral" in elsewhere)
        for visit in range(len(years) - 1):
            length = years[visit + 1] - years[visit]
            start = log_hazard[kind][:, visit]
            slope = (log_hazard[kind][:, visit + 1] - start) / length
            at = np.clip(changed - years[visit], 0.0, length)
            grown = cumulative(start + before, slope, np.zeros(persons), at)
            grown += cumulative(start + after, slope, at, np.full(persons, length))
            found[:, visit + 1] += grown
    return np.cumsum(found, axis=1) * np.asarray(who.frailty, np.float64)[:, None]


def _levels(law: Law, kind: str, who: Person, by_vertebral: bool) -> tuple[Reals, Reals]:
    """Return ln of the effect of prior fractures, before and after one of another outcome."""
    nothing = np.zeros(len(who.vertebral), bool)
    before = log_prior(law.of(kind), who.vertebral, nothing)
    if by_vertebral:
        more = np.minimum(who.vertebral + 1, 2).astype(np.int8)
        return before, log_prior(law.of(kind), more, nothing)
    return before, log_prior(law.of(kind), who.vertebral, ~nothing)
