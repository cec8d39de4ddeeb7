"""Who goes into which arm: simple or in permuted blocks, within strata.

A block holds each arm as often as the allocation says, times its size, in random order. A stratum
has its own row of blocks; participants take the next place in theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cohort.planning.randomness import Stream, generator, uniforms
from cohort.planning.schema import Randomisation

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
    if randomisation.method == "simple":
        edges = np.cumsum(allocation) / np.sum(allocation)
        shares = uniforms(seeds, Stream.allocation, stratum.shape[1])
        return np.searchsorted(edges[:-1], shares, side="right")
    block = np.repeat(np.arange(len(allocation)), np.multiply(allocation, randomisation.block))
    arm = np.empty_like(stratum)
    for row, seed in enumerate(seeds):
        for number in np.unique(stratum[row]):
            members = np.flatnonzero(stratum[row] == number)
            rng = generator(int(seed), Stream.allocation, int(number))
            blocks = np.tile(block, (-(-members.size // block.size), 1))
            arm[row, members] = rng.permuted(blocks, axis=1).ravel()[: members.size]
    return arm
