"""`incidence.parquet`: the cumulative incidence of fractures by arm and visit, with its interval.

By Kaplan and Meier, who dies or leaves being censored: what a trial prints. The interval is
Greenwood's on the scale of ln(-ln S). Under draws of the parameters each draw has rows of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.results.layout import Layout
from cohort.results.reader import read_part
from cohort.results.schema import DRAW, has_draws, incidence_schema
from cohort.results.survival import survival
from cohort.results.writer import write_tables

OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "vertebral": ("vertebral",),
    "hip": ("hip",),
    "nonvertebral": ("hip", "other_nonvertebral"),
    "any": ("vertebral", "hip", "other_nonvertebral"),
}


def write_incidence(
    layout: Layout, arms: Sequence[str], months: Sequence[float], identity: Mapping[str, Any]
) -> None:
    """Estimate the incidences of a results folder and write `incidence.parquet`.

    Args:
        layout: the folder, with every part and `patients.parquet` in place.
        arms: arms, in the order in which they are to appear.
        months: of the visits.
        identity: the part of the manifest that every file carries.
    """
    rows: list[dict[str, Any]] = []
    for arm in arms:
        people, events = _people(layout, arm), _events(layout, arm)
        for draw in np.unique(people[DRAW]):
            key = {"arm": arm} | ({DRAW: int(draw)} if has_draws(identity) else {})
            own = people[DRAW] == draw
            for name, kinds in OUTCOMES.items():
                counted = (events[DRAW] == draw) & np.isin(events["event"], kinds)
                when = _first(people["patient_id"][own], events, counted)
                for row in _curve(when, people["last_month"][own], months):
                    rows.append(key | {"fracture": name} | row)
    table = pa.Table.from_pylist(rows, schema=incidence_schema(identity))
    write_tables(layout.incidence, table.schema, [table])


def _people(layout: Layout, arm: str) -> dict[str, np.ndarray]:
    """Return the persons of an arm who have results."""
    names = set(pq.read_schema(layout.patients).names)
    wanted = [n for n in (DRAW, "patient_id", "last_month") if n in names]
    chosen = [("arm", "==", arm), ("result_code", "==", 0)]
    return _arrays(pq.read_table(layout.patients, columns=wanted, filters=chosen))


def _events(layout: Layout, arm: str) -> dict[str, np.ndarray]:
    files = sorted((layout.events / f"arm={arm}").glob("part-*.parquet"))
    parts = [_arrays(read_part(file)) for file in files]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _arrays(table: pa.Table) -> dict[str, np.ndarray]:
    """Return the columns of a table, words as words, and a draw for every row."""
    found = {
        name: (column.cast(pa.string()) if name == "event" else column).to_numpy()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return {DRAW: np.zeros(table.num_rows, np.int32)} | found


def _first(ids: np.ndarray, events: dict[str, np.ndarray], counted: np.ndarray) -> np.ndarray:
    """Return the month of each person's first counted event, infinite for none."""
    order = np.argsort(ids)
    place = np.searchsorted(ids, events["patient_id"][counted], sorter=order)
    found = np.full(len(ids), np.inf)
    np.minimum.at(found, order[place], events["month"][counted])
    return found


def _curve(when: np.ndarray, last: np.ndarray, months: Sequence[float]) -> list[dict[str, Any]]:
    """Return one row a visit: at risk, fractured, incidence with its limits."""
    broke = np.isfinite(when)
    if not broke.any():
        return [_row(m, int((last >= m).sum()), 0, 0.0, None, None) for m in months]
    curve = survival(when[broke], last[~broke])
    stop = np.where(broke, when, last)
    rows = []
    for month in months:
        happened = int((when <= month).sum())
        at_risk = int((stop >= month).sum())
        # Before the first fracture everybody is without one, and there is no interval.
        place = int(np.searchsorted(curve.time, month, side="right")) - 1
        low, high = curve.high[place], curve.low[place]
        known = happened > 0 and np.isfinite(low) and np.isfinite(high)
        incidence = 100.0 * (1.0 - float(curve.share[place] if happened else 1.0))
        bounds = (100.0 * (1.0 - low), 100.0 * (1.0 - high)) if known else (None, None)
        rows.append(_row(month, at_risk, happened, incidence, *bounds))
    return rows


def _row(
    month: float, at_risk: int, fractured: int, incidence: float, low: Any, high: Any
) -> dict[str, Any]:
    return {
        "month": month,
        "at_risk": at_risk,
        "fractured": fractured,
        "incidence": incidence,
        "ci_low": low,
        "ci_high": high,
    }
