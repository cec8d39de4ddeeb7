"""Time courses per arm, as figures draw them: statistics from the summary, a few persons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_STATISTICS = ("mean", "ci_low", "ci_high", "p5", "p50", "p95")


@dataclass(frozen=True)
class Series:
    """One outcome of one arm over the visits; every array has one value a visit.

    Attributes:
        mean: mean over persons.
        ci_low: lower end of the 95 % interval of the mean.
        ci_high: upper end.
        p5: 5th percentile of persons.
        p50: median.
        p95: 95th percentile.
    """

    arm: str
    months: np.ndarray
    mean: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    p5: np.ndarray
    p50: np.ndarray
    p95: np.ndarray


def read_series(folder: Path) -> dict[str, list[Series]]:
    """Read `summary.parquet`: outcome -> one series an arm, arms as they are in the file."""
    table = pq.read_table(
        folder / "summary.parquet", columns=["arm", "outcome", "month", *_STATISTICS]
    )
    arms = np.asarray(table["arm"].to_pylist(), dtype=object)
    outcomes = np.asarray(table["outcome"].to_pylist(), dtype=object)
    numbers = {n: _floats(table[n]) for n in ("month", *_STATISTICS)}
    result: dict[str, list[Series]] = {}
    for outcome in dict.fromkeys(outcomes):
        for arm in dict.fromkeys(arms):
            here = np.flatnonzero((arms == arm) & (outcomes == outcome))
            if here.size == 0:
                continue
            here = here[np.argsort(numbers["month"][here], kind="stable")]
            values: Mapping[str, np.ndarray] = {n: numbers[n][here] for n in _STATISTICS}
            series = Series(arm=arm, months=numbers["month"][here], **values)
            result.setdefault(outcome, []).append(series)
    return result


def read_persons(
    folder: Path, arms: Sequence[str], columns: Sequence[str], persons: int
) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Trajectories of the first few persons of a run.

    Args:
        folder: results folder.
        arms: arms to read.
        columns: columns of `visits`.
        persons: how many persons of each arm.

    Returns:
        Arm -> column -> (months (visits,), values (persons, visits)); NaN after dropout.
    """
    result = {}
    for arm in arms:
        parts = sorted((folder / "visits" / f"arm={arm}").glob("part-*.parquet"))
        if not parts:
            continue
        table = pq.ParquetFile(parts[0]).read(columns=["patient_id", "month", *columns])
        ids, months = table["patient_id"].to_numpy(), _floats(table["month"])
        visits, visit = np.unique(months, return_inverse=True)
        kept = np.unique(ids)[:persons]
        chosen = np.isin(ids, kept)
        person = np.searchsorted(kept, ids[chosen])
        values = {}
        for column in columns:
            grid = np.full((kept.size, visits.size), np.nan)
            grid[person, visit[chosen]] = _floats(table[column])[chosen]
            values[column] = (visits, grid)
        result[arm] = values
    return result


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.to_numpy(), dtype=float)
