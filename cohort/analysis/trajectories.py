"""Statistics over the persons of a results folder, read from its Parquet one column at a time.

A change from baseline is already a row of `summary.parquet`; a change from month N is not, so it is
made from the persons' values at the two visits.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

WITHIN = 0.5
"""Months by which a visit may miss a published month."""


class FolderTrajectories:
    """Means and medians of one results folder.

    Args:
        folder: results folder of `cohort run`.
    """

    def __init__(self, folder: Path) -> None:
        """Read the summary; `visits` are read when a change from month N asks for them."""
        self._folder = folder
        table = pq.read_table(
            folder / "summary.parquet", columns=["arm", "outcome", "month", "mean", "p50"]
        )
        columns = {name: table[name].to_pylist() for name in table.column_names}
        self._summary = {
            (arm, outcome, round(float(month), 3)): {"mean": mean, "median": median}
            for arm, outcome, month, mean, median in zip(
                columns["arm"],
                columns["outcome"],
                columns["month"],
                columns["mean"],
                columns["p50"],
                strict=True,
            )
        }
        self._months = sorted({month for _, _, month in self._summary})
        self._column = lru_cache(maxsize=16)(self._read_column)

    def visit(self, month: float) -> float | None:
        """Month of the nearest visit within half a month, or None."""
        near = min(self._months, key=lambda m: abs(m - month), default=None)
        return near if near is not None and abs(near - month) <= WITHIN else None

    def center(
        self, arm: str, column: str, month: float, statistic: str, since: float | None = None
    ) -> float | None:
        """Mean or median percent change of one arm at a visit (see `compare.Trajectories`)."""
        at = self.visit(month)
        if at is None:
            return None
        if since is None:
            found = self._summary.get((arm, column, at))
            return None if found is None else found[statistic]
        start = self.visit(since)
        if start is None:
            return None
        base = column.removesuffix("_change")
        change = 100.0 * (self._column(arm, base, at) / self._column(arm, base, start) - 1.0)
        change = change[np.isfinite(change)]
        if change.size == 0:
            return None
        return float(np.mean(change) if statistic == "mean" else np.median(change))

    def _read_column(self, arm: str, column: str, month: float) -> np.ndarray:
        """Values of one outcome at one visit, ordered by person; NaN for who was not there."""
        ids, values = [], []
        for part in sorted((self._folder / "visits" / f"arm={arm}").glob("part-*.parquet")):
            table = pq.ParquetFile(part).read(columns=["patient_id", "month", column])
            here = np.abs(table["month"].to_numpy() - month) < 1e-3
            everyone = np.unique(table["patient_id"].to_numpy())
            part_values = np.full(everyone.size, np.nan)
            place = np.searchsorted(everyone, table["patient_id"].to_numpy()[here])
            part_values[place] = table[column].to_numpy()[here]
            ids.append(everyone)
            values.append(part_values)
        if not values:
            return np.empty(0)
        return np.concatenate(values)[np.argsort(np.concatenate(ids), kind="stable")]
