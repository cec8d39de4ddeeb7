"""The persons of a run as a report looks at them one by one: a sample where there are very many.

The first persons of an arm are a random sample of it, since each is drawn independently of all
others. Under draws of the parameters they are those of the first draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.results.layout import Layout
from cohort.results.outcomes import MEASURED
from cohort.results.schema import DRAW

MOST = 20_000
"""Persons of an arm that figures of individuals look at; of more, the first so many."""

Reals = npt.NDArray[np.float32]


class Persons:
    """Values of the persons of one arm, read one column at a time.

    Attributes:
        arm: the arm.
        ids: who is in the sample, rising, `(person,)`.
        months: nominal months of the visits, `(visit,)`.
    """

    def __init__(self, folder: Path, arm: str, most: int = MOST) -> None:
        """Find out who is in the sample.

        Args:
            folder: results folder of a complete run.
            arm: one of its arms.
            most: persons that are looked at.
        """
        self.arm = arm
        self._files: list[pq.ParquetFile] = []
        self._rows: list[npt.NDArray[np.bool_]] = []
        ids, months = [], []
        for part in sorted((Layout(folder).visits / f"arm={arm}").glob("part-*.parquet")):
            file = pq.ParquetFile(part)
            keys = [k for k in (DRAW, "patient_id", "month") if k in file.schema_arrow.names]
            table = file.read(columns=keys)
            first = table[DRAW].to_numpy() == 0 if DRAW in keys else np.ones(table.num_rows, bool)
            if not first.any() or len(np.unique(np.concatenate([*ids, []]))) >= most:
                break
            self._files.append(file)
            self._rows.append(first)
            ids.append(table["patient_id"].to_numpy()[first])
            months.append(table["month"].to_numpy()[first])
        every, when = np.concatenate([*ids, []]), np.concatenate([*months, []])
        self.ids = np.unique(every)[:most].astype(np.int64)
        self.months, self._visit = np.unique(when, return_inverse=True)
        place = np.minimum(np.searchsorted(self.ids, every), max(self.ids.size - 1, 0))
        self._kept = self.ids[place] == every if self.ids.size else np.zeros(0, bool)
        self._person = place

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the visits."""
        return frozenset(self._files[0].schema_arrow.names) if self._files else frozenset()

    def as_seen(self, outcome: str) -> Reals:
        """Return an outcome as an analyst sees it: measured where that was written.

        Returns:
            `(person, visit)`; NaN where there is no value, everywhere if the run lacks the outcome.
        """
        found = [name for name in (MEASURED + outcome, outcome) if name in self.columns]
        if not found:
            return np.full((self.ids.size, self.months.size), np.nan, np.float32)
        return self._values(found[0])

    def _values(self, column: str) -> Reals:
        """Return a column of the visits, `(person, visit)`; NaN where there is no value."""
        parts = [
            file.read(columns=[column])[column].to_numpy().astype(np.float32)[rows]
            for file, rows in zip(self._files, self._rows, strict=True)
        ]
        grid = np.full((self.ids.size, self.months.size), np.nan, np.float32)
        flat = np.concatenate([*parts, np.empty(0, np.float32)])
        grid[self._person[self._kept], self._visit[self._kept]] = flat[self._kept]
        return grid


def patients_of(folder: Path, arm: str, columns: Sequence[str]) -> dict[str, npt.NDArray]:
    """Return what `patients.parquet` holds of an arm's persons, under the first draw.

    Args:
        folder: results folder.
        arm: one of its arms.
        columns: columns; those that the run lacks are left out.

    Returns:
        Column -> values `(person,)`, `patient_id` among them.
    """
    file = pq.ParquetFile(Layout(folder).patients)
    names = file.schema_arrow.names
    wanted = ["patient_id", *(c for c in columns if c in names)]
    keys = ["arm", *(name for name in (DRAW,) if name in names)]
    found: dict[str, list[npt.NDArray]] = {name: [] for name in wanted}
    for group in range(file.num_row_groups):  # one at a time, however many persons there are
        table = file.read_row_group(group, columns=[*keys, *wanted])
        own = table["arm"].cast(pa.string()).to_numpy() == arm
        if DRAW in keys:
            own &= table[DRAW].to_numpy() == 0
        for name, parts in found.items():
            column = table[name]
            if pa.types.is_dictionary(column.type):
                column = column.cast(pa.string())
            parts.append(column.to_numpy()[own])
    return {name: np.concatenate(parts) for name, parts in found.items()}
