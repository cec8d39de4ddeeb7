"""Who is in which arm of a randomised run, part by part.

A part's participants are enrolled in the order of their numbers. Each part has blocks of its own,
so that parts can be computed apart; under draws of the parameters the same persons stay in their
arms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cohort.results.schema import canonical_json
from cohort.trial.randomisation import Numbers, Randomisation, allocated, classes, generator_at

Slots = npt.NDArray[np.int64]


def assigned(study: Mapping[str, Any], seed: int, ratios: Sequence[int], slots: Slots) -> Numbers:
    """Return the number of each participant's arm, `(participant,)`.

    Where the study does not say how, slot i falls to an arm by its place in a repeated sequence
    that holds every arm as often as its ratio says; slots are exchangeable, so this is as random as
    the slots themselves, and never leaves an arm short.

    Args:
        study: as resolved.
        seed: of the run.
        ratios: a number an arm.
        slots: of one part, whole.
    """
    stated = study.get("randomisation")
    if stated is None:
        edges = np.cumsum(ratios)
        return np.searchsorted(edges, slots % edges[-1], side="right")
    how = Randomisation.model_validate(stated)
    first = int(slots[0])
    stratum = np.zeros(slots.size, dtype=np.int64)
    if how.strata:
        stratum = _strata(canonical_json(study), first, slots.size)

    def of_stratum(number: int) -> np.random.Generator:
        return generator_at(seed, "randomisation", first, number)

    return allocated(stratum, ratios, how, of_stratum)


@lru_cache(maxsize=8)
def _strata(study_json: str, first: int, count: int) -> Numbers:
    """Return the stratum of each participant of a part, from what is known at enrolment."""
    from cohort.solve.enrolment import Enrolment
    from cohort.solve.plan import study_variability
    from cohort.trial.study import parse_study

    study = parse_study(json.loads(study_json))
    assert study.randomisation is not None
    slots = np.arange(first, first + count, dtype=np.int64)
    drawn = Enrolment(study, study_variability(study)).sample(slots).covariates
    columns = {name: np.asarray(values) for name, values in drawn.items()}
    columns["sex"] = np.where(columns["male"] > 0, "male", "female")
    return classes(columns, study.randomisation.strata, count)
