"""How participants are put into arms: simple or in permuted blocks, within strata.

A block holds each arm as often as the allocation says, times its size, in random order. A stratum
has its own row of blocks; participants take the next place in theirs.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from cohort.errors import did_you_mean
from cohort.results.outcomes import SITES
from cohort.trial.fields import Number, Table, Whole
from cohort.trial.problems import Problem
from cohort.trial.source import Key

Numbers = npt.NDArray[np.int64]

AT_ENROLMENT = ("sex", "age", "bmi", *(f"t_score_{site}" for site in SITES.values()))
"""What a study knows of its participants when it randomises them."""


class Stratum(Table):
    """A variable by which randomisation is stratified."""

    variable: str = Field(description="A column of `patients`, such as `age` or `sex`.")
    cuts: tuple[Number, ...] = Field(
        (), description="Where a number is cut into classes, rising; not for `sex`."
    )


class Randomisation(Table):
    """How participants are put into arms."""

    method: Literal["simple", "blocked"] = Field(
        "blocked", description="`blocked`: permuted blocks, within strata if there are any."
    )
    block: Annotated[Whole, Field(ge=1, le=100)] = Field(
        2, description="Size of a block, in units of the sum of the allocation's numbers."
    )
    strata: tuple[Stratum, ...] = Field((), description="Variables of stratification.")


def strata_problems(
    randomisation: Randomisation, place: Key, known: Sequence[str]
) -> Iterator[Problem]:
    """Yield what is wrong with the strata.

    Args:
        randomisation: how participants are put into arms.
        place: where it stands.
        known: numbers that can be cut into classes, and `sex`.
    """
    if randomisation.method == "simple" and randomisation.strata:
        yield Problem((*place, "strata"), 'strata need `method = "blocked"`.')
    for index, stratum in enumerate(randomisation.strata):
        here = (*place, "strata", index)
        if stratum.variable not in known:
            yield Problem(
                (*here, "variable"),
                f"found {stratum.variable!r}; allowed is {', '.join(known)}."
                f"{did_you_mean(stratum.variable, known)}",
            )
        rising = all(a < b for a, b in itertools.pairwise(stratum.cuts))
        if (stratum.variable == "sex") == bool(stratum.cuts) or not rising:
            allowed = "none" if stratum.variable == "sex" else "one or more, rising"
            yield Problem((*here, "cuts"), f"found {list(stratum.cuts)}; allowed is {allowed}.")


def classes(columns: Mapping[str, npt.NDArray], strata: Sequence[Stratum], count: int) -> Numbers:
    """Return the stratum of every person, 0 to the number of strata that occur - 1, `(person,)`.

    Numbers are cut at their limits, words taken as they are, and all combined.

    Args:
        columns: by name, `(person,)` each.
        strata: the variables.
        count: how many persons there are.
    """
    if not strata:
        return np.zeros(count, dtype=np.int64)
    codes = []
    for stratum in strata:
        column = columns[stratum.variable]
        if stratum.cuts:
            codes.append(np.digitize(column.astype(float), stratum.cuts))
        else:
            codes.append(np.unique(column.astype(str), return_inverse=True)[1])
    return np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)[1].ravel()


def generator_at(*address: object) -> np.random.Generator:
    """Return random numbers that depend on an address alone: a seed, what for, and for whom."""
    words = "/".join(map(str, address)).encode()
    digest = hashlib.blake2b(words, digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def allocated(
    stratum: Numbers,
    allocation: Sequence[int],
    randomisation: Randomisation,
    generator_of: Callable[[int], np.random.Generator],
) -> Numbers:
    """Put participants into arms.

    Args:
        stratum: of every participant in the order of enrolment, `(participant,)`.
        allocation: a number an arm.
        randomisation: how.
        generator_of: returns the random numbers of a stratum by its number.

    Returns:
        Number of the arm, `(participant,)`.
    """
    if randomisation.method == "simple":
        edges = np.cumsum(allocation) / np.sum(allocation)
        shares = generator_of(0).random(len(stratum))
        return np.searchsorted(edges[:-1], shares, side="right")
    block = np.repeat(np.arange(len(allocation)), np.multiply(allocation, randomisation.block))
    arm = np.empty_like(stratum)
    for number in np.unique(stratum):
        members = np.flatnonzero(stratum == number)
        blocks = np.tile(block, (-(-members.size // block.size), 1))
        arm[members] = generator_of(int(number)).permuted(blocks, axis=1).ravel()[: members.size]
    return arm
