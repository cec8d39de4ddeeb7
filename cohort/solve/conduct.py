"""How participants behave: who leaves when, and which share of the own doses each takes."""

from __future__ import annotations

import numpy as np

from cohort.patients.randomness import uniforms
from cohort.trial.schema import Study


def conduct(study: Study, slots: np.ndarray) -> dict[str, np.ndarray]:
    """Return `last_month` and `adherence` of these persons, `(patient,)` each.

    Args:
        study: the study.
        slots: person numbers.
    """
    shares = np.asarray(uniforms(study.seed, "conduct", slots, 2))
    end = study.last_month
    stay = 1.0 - study.dropout.annual_rate
    left = 12.0 * np.log(np.maximum(shares[0], 1e-12)) / np.log(stay) if stay < 1 else end
    months = np.minimum(left, end) * np.ones(len(slots))
    return {"last_month": months.astype(np.float32), "adherence": _adherence(study, shares[1])}


def _adherence(study: Study, share: np.ndarray) -> np.ndarray:
    adherence = study.adherence
    if adherence.sd == 0:
        return np.full(len(share), adherence.mean)
    from scipy.stats import beta

    spread = adherence.mean * (1 - adherence.mean) / adherence.sd**2 - 1
    shape = adherence.mean * spread, (1 - adherence.mean) * spread
    return beta.ppf(share.astype(np.float64), *shape)
