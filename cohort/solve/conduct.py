"""How participants behave: their own doses, visits missed, early or late, who leaves when.

Staying is a hazard that may depend on the arm and on what was measured,

    h(t) = -ln(1 - annual rate) / 12 exp(beta change(t) / sd)      per month,

where change(t) is that at the last visit that a participant came to. A person leaves when her
hazard has added up to her own exponential draw, the same in every arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from cohort.patients.randomness import uniforms
from cohort.results.outcomes import MEASURED
from cohort.results.schema import ADHERENCE
from cohort.solve.visit_days import visit_shifts
from cohort.trial.schema import Study


class Conduct(NamedTuple):
    """How the persons of a block behave.

    Attributes:
        adherence: share of the own doses that each takes, `(patient,)`.
        patience: uniform draw, of whose negative logarithm the hazard of leaving makes use.
        attended: whether a person comes to a visit, as long as she stays, `(patient, visit)`.
        shift: days by which she comes late to it, early below 0, `(patient, visit)`.
    """

    adherence: np.ndarray
    patience: np.ndarray
    attended: np.ndarray
    shift: np.ndarray


def conduct(study: Study, slots: np.ndarray) -> Conduct:
    """Return how these persons behave.

    Args:
        study: the study.
        slots: person numbers.
    """
    shares = np.asarray(uniforms(study.seed, "conduct", slots, 2))
    attended = _attended(study, slots)
    shift = visit_shifts(study, slots, attended)
    return Conduct(_adherence(study, shares[1]), shares[0], attended, shift)


def _attended(study: Study, slots: np.ndarray) -> np.ndarray:
    months = np.array(study.visits.months)
    if study.visits.missed == 0.0:
        return np.ones((len(slots), len(months)), dtype=bool)
    drawn = np.asarray(uniforms(study.seed, "missed visits", slots, len(months))).T
    return (drawn >= study.visits.missed) | (months <= 0.0)


def _adherence(study: Study, share: np.ndarray) -> np.ndarray:
    adherence = study.adherence
    if adherence.sd == 0:
        return np.full(len(share), adherence.mean)
    from scipy.stats import beta

    spread = adherence.mean * (1 - adherence.mean) / adherence.sd**2 - 1
    shape = adherence.mean * spread, (1 - adherence.mean) * spread
    return beta.ppf(share.astype(np.float64), *shape)


def adherence_column(study: Study, behaviour: Conduct) -> dict[str, np.ndarray]:
    """Return the column `adherence` of `patients`, where a study says that not all is taken."""
    if study.adherence.mean == 1.0:  # leaves no room for a spread
        return {}
    return {ADHERENCE: behaviour.adherence.astype(np.float32)}


def leaving(
    study: Study, arm: str, behaviour: Conduct, visits: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return the month in which each person leaves an arm, or of the end, `(patient,)`.

    Args:
        study: the study.
        arm: the arm.
        behaviour: of `conduct`.
        visits: the arm's columns, `(patient, visit)` each.
    """
    end, own = study.last_month, study.arm(arm).annual_dropout
    stay = 1.0 - (study.dropout.annual_rate if own is None else own)
    shares = np.maximum(behaviour.patience, 1e-12)
    if study.dropout.informative is None or stay == 1:
        left = 12.0 * np.log(shares) / np.log(stay) if stay < 1 else end
        return (np.minimum(left, end) * np.ones(len(shares))).astype(np.float32)
    ratios = _hazard_ratios(study, behaviour, visits)
    base = -np.log(stay) / 12.0
    return _exhausted(-np.log(shares.astype(np.float64)), base * ratios, _entered(study))


def _entered(study: Study) -> np.ndarray:
    months = np.array(study.visits.months, dtype=np.float64)
    return months[months >= 0.0]


def _hazard_ratios(
    study: Study, behaviour: Conduct, visits: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return what multiplies the hazard after each visit from entry on, `(patient, visit)`."""
    law = study.dropout.informative
    assert law is not None
    seen = np.asarray(visits[MEASURED + law.outcome], dtype=np.float64)
    came = behaviour.attended & np.isfinite(seen)
    # The change of who misses a visit is that of the last one that she came to.
    latest = np.maximum.accumulate(np.where(came, np.arange(seen.shape[1]), 0), axis=1)
    change = np.take_along_axis(np.where(np.isfinite(seen), seen, 0.0), latest, axis=1)
    first = len(study.visits.months) - len(_entered(study))
    return np.exp(np.clip(law.beta * change[:, first:] / law.sd, -50.0, 50.0))


def _exhausted(budget: np.ndarray, rate: np.ndarray, months: np.ndarray) -> np.ndarray:
    """Return when a hazard that is constant between visits has used up a budget, or the end.

    Args:
        budget: of each person, `(patient,)`.
        rate: hazard after each visit, per month, `(patient, visit)`; after the last it is unused.
        months: of the visits, from 0.
    """
    used = np.cumsum(rate[:, :-1] * np.diff(months), axis=1)
    before = np.column_stack([np.zeros(len(budget)), used])
    last = np.sum(used < budget[:, None], axis=1)
    rows = np.arange(len(budget))
    left = months[last] + (budget - before[rows, last]) / rate[rows, last]
    return np.minimum(left, months[-1]).astype(np.float32)
