"""`summary.parquet`: what each arm did at each visit, with the published value beside it.

Values are gathered for a few columns and months at a time, so that memory stays under a set number
of values whatever the number of columns and visits; percentiles are exact. The mean's confidence
interval is Student's, from the sampling of patients alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import stdtrit

from cohort.results.layout import Layout
from cohort.results.outcomes import MEASURED, outcome
from cohort.results.published import PublishedRow
from cohort.results.reader import read_part, read_part_schema
from cohort.results.schema import outcome_columns, summary_schema
from cohort.results.writer import write_tables

_BUDGET = 24_000_000
"""Values held at once (float32, so 96 MB), unless one outcome at one visit has more."""

_PERCENTILES = (5, 50, 95)
_THREADS = min(4, os.cpu_count() or 1)


def write_summary(
    layout: Layout,
    arms: Sequence[str],
    identity: Mapping[str, Any],
    published: Mapping[tuple[str, str, float], PublishedRow],
    *,
    budget: int = _BUDGET,
) -> None:
    """Summarise the visits of a results folder and write `summary.parquet`.

    Args:
        layout: the folder, with every part in place.
        arms: arms, in the order in which they are to appear.
        identity: the part of the manifest that every file carries.
        published: published numbers by (arm, outcome without `measured_`, month).
        budget: values held in memory at once.
    """
    rows: list[dict[str, Any]] = []
    for arm in arms:
        files = sorted((layout.visits / f"arm={arm}").glob("part-*.parquet"))
        if files:
            rows += _summarise_arm(arm, files, published, budget)
    table = pa.Table.from_pylist(rows, schema=summary_schema(identity))
    write_tables(layout.summary, table.schema, [table])


def _summarise_arm(
    arm: str,
    files: Sequence[Path],
    published: Mapping[tuple[str, str, float], PublishedRow],
    budget: int,
) -> list[dict[str, Any]]:
    """Return the rows of one arm, by outcome then month."""
    columns = outcome_columns(read_part_schema(files[0]))
    counted = _rows_by_month(files)
    rows = []
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="cohort-summary") as pool:
        for wanted in _batches(columns, counted, budget):
            values = _gather(files, wanted, counted)
            for (column, month), found in zip(
                wanted, pool.map(statistics, values.values()), strict=True
            ):
                row = {"arm": arm, "outcome": column, "unit": outcome(column).unit, "month": month}
                seen = published.get((arm, column.removeprefix(MEASURED), round(month, 4)))
                rows.append(row | found | _beside(seen))
    return rows


def _beside(seen: PublishedRow | None) -> dict[str, Any]:
    """Return the columns of the published value, empty where there is none."""
    if seen is None:
        return {}
    se = None if math.isnan(seen.standard_error) else seen.standard_error
    return {"observed": seen.value, "observed_se": se, "source": seen.source}


def _rows_by_month(files: Sequence[Path]) -> dict[float, int]:
    """Count rows by nominal month over the part files of an arm."""
    counted: dict[float, int] = {}
    for file in files:
        months = read_part(file, ["month"])["month"].to_numpy()
        for month, rows in zip(*np.unique(months, return_counts=True), strict=True):
            counted[float(month)] = counted.get(float(month), 0) + int(rows)
    return dict(sorted(counted.items()))


def _batches(
    columns: Sequence[str], counted: Mapping[float, int], budget: int
) -> Iterator[list[tuple[str, float]]]:
    """Split all pairs of column and month into runs that fit the budget."""
    batch: list[tuple[str, float]] = []
    size = 0
    for column in columns:
        for month, rows in counted.items():
            if batch and size + rows > budget:
                yield batch
                batch, size = [], 0
            batch.append((column, month))
            size += rows
    if batch:
        yield batch


def _gather(
    files: Sequence[Path], wanted: Sequence[tuple[str, float]], counted: Mapping[float, int]
) -> dict[tuple[str, float], np.ndarray]:
    """Read the values of these columns and months, part by part; NaN for a failed patient."""
    values = {pair: np.empty(counted[pair[1]], np.float32) for pair in wanted}
    filled = dict.fromkeys(wanted, 0)
    columns = list(dict.fromkeys(column for column, _ in wanted))
    for file in files:
        table = read_part(file, ["month", *columns])
        months = table["month"].to_numpy()
        rows = {m: np.flatnonzero(months == np.float32(m)) for m in {m for _, m in wanted}}
        for column in columns:
            read = table[column].to_numpy()
            for month, where in rows.items():
                if (column, month) in values:
                    start = filled[column, month]
                    filled[column, month] = start + len(where)
                    values[column, month][start : start + len(where)] = read[where]
    return values


def statistics(values: np.ndarray) -> dict[str, float | int | None]:
    """Return n, mean, sd, se, 95 % limits of the mean and percentiles.

    Args:
        values: (N,), NaN where a patient has none; None stands for what N does not allow.

    >>> statistics(np.array([1.0, 3.0]))["mean"]
    2.0
    """
    # Sorting is faster than selecting where numpy has vector instructions; NaN goes last.
    n = int(values.size - np.count_nonzero(np.isnan(values)))
    known = np.sort(values)[:n]
    names = ("mean", "sd", "se", "ci_low", "ci_high", "p5", "p50", "p95")
    found: dict[str, float | int | None] = {"n": n, **dict.fromkeys(names)}
    if n == 0:
        return found
    mean = float(np.mean(known, dtype=np.float64))
    found |= {"mean": mean, **{f"p{p}": _percentile(known, p) for p in _PERCENTILES}}
    if n > 1:
        sd = math.sqrt(float(np.sum(np.square(known - mean, dtype=np.float64))) / (n - 1))
        se = sd / math.sqrt(n)
        reach = float(stdtrit(n - 1, 0.975)) * se
        found |= {"sd": sd, "se": se, "ci_low": mean - reach, "ci_high": mean + reach}
    return found


def _percentile(ordered: np.ndarray, percent: int) -> float:
    """Return a percentile of sorted values, interpolated between neighbours."""
    below, share = divmod((ordered.size - 1) * percent / 100, 1.0)
    low = float(ordered[int(below)])
    high = float(ordered[min(int(below) + 1, ordered.size - 1)])
    return low + share * (high - low)
