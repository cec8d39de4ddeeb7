"""Time courses per arm, as figures draw them: statistics from the summary, a few persons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_STATISTICS = ("mean", "p5", "p50", "p95")
_OF_SAMPLING, _OF_DRAWS = ("ci_low", "ci_high"), ("mean_low", "mean_high")


@dataclass(frozen=True)
class Series:
    """One outcome of one arm over the visits; every array has one value a visit.

    Attributes:
        mean: mean over persons.
        low: lower end of the mean's interval: of 90 % over draws of the parameters where the run
            has them, else of 95 % by the sampling of persons.
        high: upper end.
        p5: 5th percentile of persons; of persons and draws together where the run has draws.
        p50: median.
        p95: 95th percentile.
        drawn: whether the run has draws.
    """

    arm: str
    months: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p5: np.ndarray
    p50: np.ndarray
    p95: np.ndarray
    drawn: bool = field(default=False, kw_only=True)


def read_series(folder: Path) -> dict[str, list[Series]]:
    """Read `summary.parquet`: outcome -> one series an arm, arms as they are in the file."""
    path = folder / "summary.parquet"
    drawn = set(_OF_DRAWS) <= set(pq.read_schema(path).names)
    columns = {"months": "month", **{name: name for name in _STATISTICS}}
    columns |= zip(("low", "high"), _OF_DRAWS if drawn else _OF_SAMPLING, strict=True)
    table = pq.read_table(path, columns=["arm", "outcome", *columns.values()])
    arms = np.asarray(table["arm"].to_pylist(), dtype=object)
    outcomes = np.asarray(table["outcome"].to_pylist(), dtype=object)
    numbers = {name: _floats(table[column]) for name, column in columns.items()}
    result: dict[str, list[Series]] = {}
    for outcome in dict.fromkeys(outcomes):
        for arm in dict.fromkeys(arms):
            here = np.flatnonzero((arms == arm) & (outcomes == outcome))
            if here.size == 0:
                continue
            here = here[np.argsort(numbers["months"][here], kind="stable")]
            values: Mapping[str, np.ndarray] = {n: v[here] for n, v in numbers.items()}
            series = Series(arm=arm, drawn=drawn, **values)
            result.setdefault(outcome, []).append(series)
    return result


def read_persons(
    folder: Path, arms: Sequence[str], columns: Sequence[str], persons: int
) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Trajectories of the first few persons of a run, under the first draw of its parameters.

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
