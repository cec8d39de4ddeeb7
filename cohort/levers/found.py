"""Reading `indices.parquet` by output and lever, for figures and tables."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeAlias

import numpy as np

from cohort.levers.outputs import Column
from cohort.results.reader import read_part

Numbers: TypeAlias = tuple[float, float, float]
Found: TypeAlias = dict[str, dict[str, Numbers]]
"""Value and confidence limits by lever and index; NaN where there are none."""

Place: TypeAlias = tuple[str, str, float]
"""Outcome, arm (or contrast) and month of an output."""

_NUMBERS = ("value", "ci_low", "ci_high")


def read_found(path: Path) -> dict[Place, Found]:
    """Return the indices of every output of a job, in the order of the file."""
    found: dict[Place, Found] = {}
    for row in read_part(path).to_pylist():
        place = row["outcome"], row["arm"], float(row["month"])
        value, low, high = (math.nan if row[k] is None else row[k] for k in _NUMBERS)
        found.setdefault(place, {}).setdefault(row["factor"], {})[row["index"]] = value, low, high
    return found


def place_of(column: Column) -> Place:
    """Return where the indices of an output stand."""
    return column.outcome, column.label, _single(column.month)


def _single(month: float) -> float:
    """Return a month as the table has it, in single precision."""
    return float(np.float32(month))


def weight(found: Found, lever: str, index: str) -> float:
    """Return the size of a lever's index, 0 where it is not defined."""
    value = abs(found[lever][index][0])
    return value if math.isfinite(value) else 0.0


def heaviest(found: Found, index: str) -> list[str]:
    """Return the levers of one output, the heaviest first."""
    return sorted(found, key=lambda lever: -weight(found, lever, index))
