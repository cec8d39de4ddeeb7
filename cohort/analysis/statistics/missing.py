"""Single values in the place of missing ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]


def carried_forward(values: Reals) -> Reals:
    """Carry the last observation forward (LOCF).

    Args:
        values: `(..., visit)`, NaN where missing.

    Returns:
        The same with every gap filled by the nearest earlier value; NaN before the first one.

    >>> carried_forward(np.array([np.nan, 2.0, np.nan, np.nan])).tolist()
    [nan, 2.0, 2.0, 2.0]
    """
    there = np.isfinite(values)
    place = np.where(there, np.arange(values.shape[-1]), 0)
    latest = np.maximum.accumulate(place, axis=-1)
    return np.take_along_axis(values, latest, axis=-1)
