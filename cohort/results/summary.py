"""`summary.parquet`: what each arm did at each visit, with the published value beside it.

Values are gathered for a few columns and months at a time, so that memory stays under a set number
of values whatever the number of columns and visits; percentiles are exact. The mean's confidence
interval is Student's, from the sampling of patients alone.

Under draws of the parameters two uncertainties are held apart. The same persons live under every
draw, so means of draws differ by parameters alone: `mean_low` to `mean_high`. Within a draw,
patients differ by what they are: `sd`. Percentiles `p5` to `p95` are over both together.
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
from cohort.results.schema import DRAW, outcome_columns, summary_schema
from cohort.results.writer import write_tables

_BUDGET = 24_000_000
"""Values held at once (float32, so 96 MB), unless one outcome at one visit has more."""

_PERCENTILES = (5, 50, 95)
_OF_DRAWS = ("mean_sd", "mean_low", "mean_high")
_INTERVAL = (5, 95)
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
            sizes = (list(counted[month].values()) for _, month in wanted)
            for (column, month), found in zip(
                wanted, pool.map(statistics, values.values(), sizes), strict=True
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


def _rows_by_month(files: Sequence[Path]) -> dict[float, dict[int, int]]:
    """Count rows by nominal month, then by draw, over the part files of an arm.

    A file holds rows of one draw, and files of later draws come later.
    """
    counted: dict[float, dict[int, int]] = {}
    keys = [name for name in ("month", DRAW) if name in read_part_schema(files[0]).names]
    for file in files:
        table = read_part(file, keys)
        draw = table[DRAW][0].as_py() if DRAW in keys else 0
        for month, rows in zip(
            *np.unique(table["month"].to_numpy(), return_counts=True), strict=True
        ):
            by_draw = counted.setdefault(float(month), {})
            by_draw[draw] = by_draw.get(draw, 0) + int(rows)
    return dict(sorted(counted.items()))


def _batches(
    columns: Sequence[str], counted: Mapping[float, Mapping[int, int]], budget: int
) -> Iterator[list[tuple[str, float]]]:
    """Split all pairs of column and month into runs that fit the budget."""
    batch: list[tuple[str, float]] = []
    size = 0
    for column in columns:
        for month, by_draw in counted.items():
            rows = sum(by_draw.values())
            if batch and size + rows > budget:
                yield batch
                batch, size = [], 0
            batch.append((column, month))
            size += rows
    if batch:
        yield batch


def _gather(
    files: Sequence[Path],
    wanted: Sequence[tuple[str, float]],
    counted: Mapping[float, Mapping[int, int]],
) -> dict[tuple[str, float], np.ndarray]:
    """Read the values of these columns and months, part by part; NaN for a failed patient."""
    values = {pair: np.empty(sum(counted[pair[1]].values()), np.float32) for pair in wanted}
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


def statistics(
    values: np.ndarray, sizes: Sequence[int] | None = None
) -> dict[str, float | int | None]:
    """Return n, mean, sd, se, 95 % limits of the mean, percentiles, and the spread over draws.

    Args:
        values: (N,), NaN where a patient has none; None stands for what N does not allow.
        sizes: how many of the values each draw of the parameters holds, one draw after another;
            all are of one draw by default.

    >>> statistics(np.array([1.0, 3.0]))["mean"]
    2.0
    """
    ends = np.cumsum(sizes or [values.size])
    draws = [_known(part) for part in np.split(values, ends[:-1])]
    draws = [known for known in draws if known.size]
    names = ("mean", "sd", "se", "ci_low", "ci_high", "p5", "p50", "p95", *_OF_DRAWS)
    found: dict[str, float | int | None] = {"n": 0, **dict.fromkeys(names)}
    if not draws:
        return found
    n = min(known.size for known in draws)
    means = [float(np.mean(known, dtype=np.float64)) for known in draws]
    mean = float(np.mean(means))
    known = draws[0] if len(draws) == 1 else np.sort(np.concatenate(draws))
    found |= {"n": n, "mean": mean, **{f"p{p}": _percentile(known, p) for p in _PERCENTILES}}
    if n > 1:
        within = [_variance(*draw) for draw in zip(draws, means, strict=True)]
        sd = math.sqrt(float(np.mean(within)))
        se = sd / math.sqrt(n)
        reach = float(stdtrit(n - 1, 0.975)) * se
        found |= {"sd": sd, "se": se, "ci_low": mean - reach, "ci_high": mean + reach}
    low, high = (_percentile(np.sort(means), percent) for percent in _INTERVAL)
    spread = float(np.std(means, ddof=1)) if len(means) > 1 else None
    return found | dict(zip(_OF_DRAWS, (spread, low, high), strict=True))


def _known(values: np.ndarray) -> np.ndarray:
    """Return the values that are there, in order."""
    # Sorting is faster than selecting where numpy has vector instructions; NaN goes last.
    return np.sort(values)[: values.size - np.count_nonzero(np.isnan(values))]


def _variance(known: np.ndarray, mean: float) -> float:
    return float(np.sum(np.square(known - mean, dtype=np.float64))) / (known.size - 1)


def _percentile(ordered: np.ndarray, percent: int) -> float:
    """Return a percentile of sorted values, interpolated between neighbours."""
    below, share = divmod((ordered.size - 1) * percent / 100, 1.0)
    low = float(ordered[int(below)])
    high = float(ordered[min(int(below) + 1, ordered.size - 1)])
    return low + share * (high - low)
