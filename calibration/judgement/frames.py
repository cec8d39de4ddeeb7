"""Small readings of a table that pandas types too loosely: its rows, and its parts by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd


def rows_of(table: pd.DataFrame) -> list[Any]:
    """Return the rows, each with the columns as attributes."""
    return list(table.itertuples())


def parts_by(
    table: pd.DataFrame, keys: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Give the values of the key columns with the rows that have them, in order of appearance."""
    for values, part in table.groupby(list(keys), sort=False):
        found: Any = values  # a tuple, since the keys are a list
        yield tuple(str(value) for value in found), part
