"""Classes of participants: numbers cut at their limits, words as they are, all combined."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cohort.planning.people import People
from cohort.planning.schema import Stratum


def classes(people: People, strata: tuple[Stratum, ...]) -> npt.NDArray[np.int64]:
    """Return the stratum of every person, 0 to the number of strata that occur - 1, `(person,)`."""
    if not strata:
        return np.zeros(people.patient_id.size, dtype=np.int64)
    codes = []
    for stratum in strata:
        column = people.covariates[stratum.variable]
        if stratum.cuts:
            codes.append(np.digitize(column.astype(float), stratum.cuts))
        else:
            codes.append(np.unique(column.astype(str), return_inverse=True)[1])
    return np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)[1].ravel()
