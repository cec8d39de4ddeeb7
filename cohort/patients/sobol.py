"""The Sobol sequence: points that fill the unit cube evenly, the same in every process.

Point `i` is the exclusive or of direction numbers, one for each bit that is set in the Gray code of
`i`: as many points again are therefore those so far, backwards, each with one number more. The
direction numbers are those of Joe and Kuo (2008, 10.1137/070709359, file new-joe-kuo-6.21201). So
are those of `scipy.stats.qmc.Sobol`, but importing `scipy.stats` takes longer than all of a small
study's sampling.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BITS = 30

# Of each dimension but the first: its primitive polynomial, a bit a coefficient, and its first
# direction numbers.
_DIRECTIONS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (0b11, (1,)),
    (0b111, (1, 3)),
    (0b1011, (1, 3, 1)),
    (0b1101, (1, 1, 1)),
    (0b10011, (1, 1, 3, 3)),
    (0b11001, (1, 3, 5, 13)),
    (0b100101, (1, 1, 5, 5, 17)),
    (0b101001, (1, 1, 5, 5, 5)),
    (0b101111, (1, 1, 7, 11, 19)),
    (0b110111, (1, 1, 5, 1, 1)),
    (0b111011, (1, 1, 1, 3, 11)),
    (0b111101, (1, 3, 5, 5, 31)),
)
DIMENSIONS = 1 + len(_DIRECTIONS)


def sobol_points(count: int, dimensions: int) -> npt.NDArray[np.float64]:
    """Return the first points of the sequence, which begins at the origin.

    Args:
        count: how many, at most 2^30.
        dimensions: at most `DIMENSIONS`.

    Returns:
        Points in [0, 1), `(point, dimension)`.
    """
    directions = np.array([_directions(place) for place in range(dimensions)])
    points = np.zeros((1, dimensions), np.int64)
    for direction in directions.T[: (count - 1).bit_length()]:
        points = np.concatenate([points, points[::-1] ^ direction])
    return points[:count] / 2.0**_BITS


def _directions(dimension: int) -> list[int]:
    """Return the direction numbers of a dimension, one for each bit."""
    if dimension == 0:
        return [1 << (_BITS - 1 - bit) for bit in range(_BITS)]
    polynomial, first = _DIRECTIONS[dimension - 1]
    degree, numbers = len(first), list(first)
    for bit in range(degree, _BITS):
        following = numbers[bit - degree]
        for back in range(1, degree + 1):
            if polynomial >> (degree - back) & 1:
                following ^= numbers[bit - back] << back
        numbers.append(following)
    return [number << (_BITS - 1 - bit) for bit, number in enumerate(numbers)]
