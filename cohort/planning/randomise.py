"""Who goes into which arm, replicate by replicate (`trial.randomisation` says how)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cohort.planning.randomness import Stream, generator
from cohort.trial.randomisation import Randomisation, allocated

Whole = npt.NDArray[np.int64]


def randomised(
    seeds: npt.NDArray[np.uint64],
    stratum: Whole,
    allocation: Sequence[int],
    randomisation: Randomisation,
) -> Whole:
    """Put participants into arms.

    Args:
        seeds: of the replicates, `(replicate,)`.
        stratum: of every participant in the order of enrolment, `(replicate, participant)`.
        allocation: a number an arm.
        randomisation: how.

    Returns:
        Number of the arm, `(replicate, participant)`.
    """

    def of_replicate(seed: int, own: Whole) -> Whole:
        def of_stratum(number: int) -> np.random.Generator:
            return generator(seed, Stream.allocation, number)

        return allocated(own, allocation, randomisation, of_stratum)

    pairs = zip(seeds, stratum, strict=True)
    return np.stack([of_replicate(int(seed), own) for seed, own in pairs])
