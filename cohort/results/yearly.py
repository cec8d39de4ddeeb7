"""`yearly.parquet`: what a health-economic model takes from a long horizon, year by year.

A year of an arm has the patients who begin it, the years that they live in it, their fractures and
deaths, and the years that they spend on treatment. Everything is counted from `patients.parquet`
and the events, one row group at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.results.layout import Layout
from cohort.results.outcomes import PLANNED
from cohort.results.reader import read_part
from cohort.results.schema import COURSE, DRAW, has_draws, yearly_schema
from cohort.results.writer import write_tables

Window = tuple[float, float]
"""Months from and to which a treatment is given."""

FRACTURES: Mapping[str, tuple[str, ...]] = {
    "fractures_vertebral": ("vertebral",),
    "fractures_hip": ("hip",),
    "fractures_nonvertebral": ("hip", "other_nonvertebral"),
}
_SUMMED = ("patients", "person_years", *FRACTURES, "deaths", "left", "years_on_treatment")

_Counts = dict[tuple[str, int], dict[str, np.ndarray]]


def write_yearly(
    layout: Layout,
    arms: Sequence[str],
    end: float,
    windows: Mapping[str, Mapping[str, Sequence[Window]]],
    identity: Mapping[str, Any],
) -> None:
    """Count the years of a results folder and write `yearly.parquet`.

    Args:
        layout: the folder, with every part and `patients.parquet` in place.
        arms: arms, in the order in which they are to appear.
        end: month of the last visit.
        windows: months on treatment by arm and course of treatment; they may overlap.
        identity: the part of the manifest that every file carries.
    """
    years = max(1, math.ceil(end / 12.0))
    counts: _Counts = {}
    for arm, draw, course, last, died in _patients(layout):
        treated = merge(windows.get(arm, {}).get(course, ()))
        _count_patients(_own(counts, arm, draw, years), last, died, end, treated)
    for arm in arms:
        for file in sorted((layout.events / f"arm={arm}").glob("part-*.parquet")):
            _count_fractures(counts, arm, read_part(file), years)
    order = sorted(counts, key=lambda key: (arms.index(key[0]), key[1]))
    drawn = has_draws(identity)
    rows = [
        {"arm": arm, "year": year + 1}
        | ({DRAW: draw} if drawn else {})
        | {name: values[year] for name, values in counts[arm, draw].items()}
        for arm, draw in order
        for year in range(years)
    ]
    table = pa.Table.from_pylist(rows, schema=yearly_schema(identity))
    write_tables(layout.yearly, table.schema, [table])


def merge(windows: Sequence[Window]) -> list[Window]:
    """Return windows that do not overlap and cover the same months.

    >>> merge([(12, 24), (0, 6), (3, 12)])
    [(0, 24)]
    """
    merged: list[Window] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _own(counts: _Counts, arm: str, draw: int, years: int) -> dict[str, np.ndarray]:
    return counts.setdefault((arm, draw), {name: np.zeros(years) for name in _SUMMED})


def _patients(layout: Layout) -> Iterator[tuple[str, int, str, np.ndarray, np.ndarray]]:
    """Yield who has results, those of like arm, draw and course of a row group together.

    After these three follow the last month and the month of death of each.
    """
    file = pq.ParquetFile(layout.patients)
    keys = [name for name in (DRAW, COURSE) if name in file.schema_arrow.names]
    wanted = [*keys, "arm", "last_month", "death_month", "result_code"]
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=wanted)
        ok = table["result_code"].to_numpy() == 0
        arms = table["arm"].cast(pa.string()).to_numpy()[ok]
        draws = table[DRAW].to_numpy()[ok] if DRAW in keys else np.zeros(len(arms), int)
        courses = np.full(len(arms), PLANNED)
        if COURSE in keys:
            courses = table[COURSE].cast(pa.string()).to_numpy()[ok]
        last = table["last_month"].to_numpy().astype(np.float64)[ok]
        died = table["death_month"].to_numpy().astype(np.float64)[ok]
        groups = set(zip(arms.tolist(), draws.tolist(), courses.tolist(), strict=True))
        for arm, draw, course in sorted(groups):
            own = (arms == arm) & (draws == draw) & (courses == course)
            yield arm, draw, course, last[own], died[own]


def _count_patients(
    own: dict[str, np.ndarray],
    last: np.ndarray,
    died: np.ndarray,
    end: float,
    windows: Sequence[Window],
) -> None:
    alive = ~np.isfinite(died)
    for year in range(len(own["patients"])):
        since, until = 12.0 * year, min(12.0 * (year + 1), end)
        here = (last > since) & (last <= until)
        own["patients"][year] += np.count_nonzero(last > since)
        own["person_years"][year] += _months(last, since, until) / 12.0
        own["deaths"][year] += np.count_nonzero(here & ~alive)
        own["left"][year] += np.count_nonzero(here & alive & (last < end))
        for start, stop in windows:
            within = max(since, start), min(until, stop)
            own["years_on_treatment"][year] += _months(last, *within) / 12.0


def _months(last: np.ndarray, since: float, until: float) -> float:
    """Return the months that persons spend between two months, until each one's last."""
    if until <= since:
        return 0.0
    return float(np.clip(last - since, 0.0, until - since).sum())


def _count_fractures(counts: _Counts, arm: str, table: pa.Table, years: int) -> None:
    kinds = table["event"].cast(pa.string()).to_numpy()
    month = table["month"].to_numpy()
    year = np.clip(np.ceil(month / 12.0).astype(int) - 1, 0, years - 1)
    draws = table[DRAW].to_numpy() if DRAW in table.column_names else np.zeros(len(month), int)
    for draw in np.unique(draws):
        own = _own(counts, arm, int(draw), years)
        for name, counted in FRACTURES.items():
            chosen = np.isin(kinds, counted) & (draws == draw)
            own[name] += np.bincount(year[chosen], minlength=years)
