"""Random numbers of a replicate: its seed alone gives them, so that it can be drawn again alone.

A replicate's seed is a digest of the job's seed and the replicate's number; it does not depend on
the design. So replicate 7 of every design recruits the same people in the same order, and designs
are compared without the noise between trials.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

import numpy as np
import numpy.typing as npt


class Stream(IntEnum):
    """What a replicate's numbers are for; imputation has the stream 3."""

    persons = 0
    leaving = 1
    allocation = 2
    events = 4


_STREAMS = 8


def replicate_seed(seed: int, replicate: int) -> int:
    """Return the seed of a replicate, 63 bits."""
    digest = hashlib.blake2b(f"{seed}/power/{replicate}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, stream: Stream, part: int = 0) -> np.random.Generator:
    """Return the generator of a stream of a replicate, or of a part of the stream (a stratum)."""
    return np.random.Generator(np.random.Philox(key=[seed, int(stream) + _STREAMS * part]))


def uniforms(seeds: npt.NDArray[np.uint64], stream: Stream, count: int) -> npt.NDArray[np.float64]:
    """Return `(replicate, count)` uniform numbers; more of them begin with the same ones."""
    return np.stack([generator(int(seed), stream).random(count) for seed in seeds])
