"""Cumulative incidence of fractures and of death by arm, as curves are drawn from them.

Two estimates of a fracture's incidence stand side by side. Kaplan and Meier's, as trials print it,
takes who dies as if he could still have fractured; it is read from `incidence.parquet`. Aalen and
Johansen's (1978, Scand J Stat 5:141) lets death compete and is the share who fracture before they
die; it is estimated here (statsmodels) from the events. Death itself is estimated by Kaplan and
Meier with Greenwood's variance, who leaves being censored.

Under draws of the parameters an estimate is the mean over draws, its interval the 5th to 95th
percentile over them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cohort.analysis.fractures import ENDPOINTS, participants, wilson
from cohort.results.incidence import OUTCOMES
from cohort.results.layout import Layout
from cohort.results.published import PublishedRow
from cohort.results.schema import DRAW

Reals = npt.NDArray[np.float64]
DEATH = "death"

TITLES: Mapping[str, str] = {
    "vertebral": "New vertebral fracture",
    "hip": "Hip fracture",
    "nonvertebral": "Non-vertebral fracture",
    DEATH: "Death",
}
"""What is drawn, in order."""


@dataclass(frozen=True)
class Curve:
    """Cumulative incidence of one event in one arm, `(visit,)`.

    Attributes:
        arm: the arm.
        months: of the visits.
        incidence: by Kaplan and Meier, %.
        low: lower end of its interval, NaN where there is none.
        high: upper end.
        at_risk: persons followed who have not had the event; mean over draws.
        competing: by Aalen and Johansen, death competing, %; of death itself the same as above.
    """

    arm: str
    months: Reals
    incidence: Reals
    low: Reals
    high: Reals
    at_risk: Reals
    competing: Reals


@dataclass(frozen=True)
class Point:
    """A published cumulative incidence, %, with its interval (Wilson's; NaN without counts)."""

    arm: str
    month: float
    value: float
    low: float
    high: float
    read: bool


def read_curves(folder: Path, arms: Sequence[str]) -> dict[str, list[Curve]]:
    """Return the curves of a run that simulated fractures: event -> one an arm.

    Args:
        folder: results folder of a complete run.
        arms: its arms.

    Returns:
        Empty where the run did not simulate fractures.
    """
    path = Layout(folder).incidence
    if not path.is_file():
        return {}
    table = pq.read_table(path)
    months = np.unique(table["month"].to_numpy()).astype(float)
    curves: dict[str, list[Curve]] = {name: [] for name in TITLES}
    for arm in arms:
        people = list(_people(folder, arm))
        for name in TITLES:
            if name == DEATH:
                found = [_death(own, months) for own in people]
                numbers = {key: np.stack([one[key] for one in found]) for key in found[0]}
                numbers["competing"] = numbers["incidence"]
            else:
                own = (pc.field("arm") == arm) & (pc.field("fracture") == name)
                numbers = _of_table(table.filter(own))
                numbers["competing"] = np.stack([_competing(own, name, months) for own in people])
            curves[name].append(Curve(arm, months, **_over_draws(numbers)))
    return curves


def _of_table(rows: pa.Table) -> dict[str, Reals]:
    """Return what `incidence.parquet` holds of one curve, `(draw, visit)`."""
    keys = [DRAW] if DRAW in rows.column_names else []
    ordered = rows.sort_by([(name, "ascending") for name in (*keys, "month")])
    draws = len(set(rows[DRAW].to_pylist())) if keys else 1
    names = {"incidence": "incidence", "low": "ci_low", "high": "ci_high", "at_risk": "at_risk"}
    return {
        key: ordered[name].to_numpy().astype(float).reshape(draws, -1)
        for key, name in names.items()
    }


def _over_draws(numbers: Mapping[str, Reals]) -> dict[str, Reals]:
    drawn = numbers["incidence"]
    merged = {key: values.mean(axis=0) for key, values in numbers.items()}
    if len(drawn) > 1:
        merged["low"], merged["high"] = np.quantile(drawn, [0.05, 0.95], axis=0)
    return merged


@dataclass(frozen=True)
class _People:
    """Persons of an arm under one draw.

    Attributes:
        ids: who, `(person,)`.
        last: month when each was last seen.
        died: who died then.
        broken: whose fracture it was, `(event,)`.
        kind: of what kind.
        month: when.
    """

    ids: npt.NDArray[np.int64]
    last: Reals
    died: npt.NDArray[np.bool_]
    broken: npt.NDArray[np.int64]
    kind: npt.NDArray
    month: Reals


def _people(folder: Path, arm: str) -> Iterator[_People]:
    layout = Layout(folder)
    file = pq.ParquetFile(layout.patients)
    wanted = ("arm", "patient_id", DRAW, "last_month", "death_month", "result_code")
    columns = [name for name in wanted if name in file.schema_arrow.names]
    groups = range(file.num_row_groups)
    parts = [_arrays(file.read_row_group(group, columns=columns), arm) for group in groups]
    people = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    events = [
        _arrays(pq.ParquetFile(part).read(), None)
        for part in sorted((layout.events / f"arm={arm}").glob("part-*.parquet"))
    ]
    happened = {name: np.concatenate([part[name] for part in events]) for name in events[0]}
    computed = people["result_code"] == 0
    for draw in np.unique(people[DRAW]):
        own, seen = computed & (people[DRAW] == draw), happened[DRAW] == draw
        yield _People(
            people["patient_id"][own],
            people["last_month"][own].astype(float),
            np.isfinite(people["death_month"][own].astype(float)),
            happened["patient_id"][seen],
            happened["event"][seen],
            happened["month"][seen].astype(float),
        )


def _arrays(table: pa.Table, arm: str | None) -> dict[str, npt.NDArray]:
    """Return the columns of a table, of one arm's rows where it is named; a draw for every row."""
    found = {
        name: (
            column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        ).to_numpy()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    found.setdefault(DRAW, np.zeros(table.num_rows, np.int32))
    if arm is None:
        return found
    own = found["arm"] == arm
    return {name: values[own] for name, values in found.items()}


def _competing(people: _People, name: str, months: Reals) -> Reals:
    """Estimate the incidence of a fracture with death competing, %."""
    from statsmodels.duration.survfunc import CumIncidenceRight

    counted = np.isin(people.kind, OUTCOMES[name])
    order = np.argsort(people.ids)
    place = order[np.searchsorted(people.ids, people.broken[counted], sorter=order)]
    first = np.full(people.ids.size, np.inf)
    np.minimum.at(first, place, people.month[counted])
    broke = np.isfinite(first)
    if not broke.any():
        return np.zeros(months.size)
    time = np.where(broke, first, people.last)
    status = np.where(broke, 1, np.where(people.died, 2, 0))
    found = CumIncidenceRight(time, status)
    return 100.0 * _steps(found.times, found.cinc[0], months, 0.0)


def _death(people: _People, months: Reals) -> dict[str, Reals]:
    """Estimate the incidence of death with its 95 % interval on the scale of ln(-ln S), %."""
    from statsmodels.duration.survfunc import SurvfuncRight

    at_risk = np.array([(people.last >= month).sum() for month in months], float)
    nobody = np.full(months.size, math.nan)
    if not people.died.any():
        zero = np.zeros(months.size)
        return {"incidence": zero, "low": nobody, "high": nobody, "at_risk": at_risk}
    found = SurvfuncRight(people.last, people.died)
    alive = _steps(found.surv_times, found.surv_prob, months, 1.0)
    error = _steps(found.surv_times, found.surv_prob_se, months, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = 1.959963984540054 * error / (alive * np.abs(np.log(alive)))
        low, high = (100.0 * (1.0 - alive ** np.exp(sign * half)) for sign in (-1.0, 1.0))
    known = (alive < 1.0) & (alive > 0.0)
    ends = {"low": np.where(known, low, nobody), "high": np.where(known, high, nobody)}
    return {"incidence": 100.0 * (1.0 - alive), "at_risk": at_risk, **ends}


def _steps(times: npt.ArrayLike, values: npt.ArrayLike, at: Reals, before: float) -> Reals:
    """Evaluate a step function that jumps at `times`."""
    place = np.searchsorted(np.asarray(times), at + 1e-6, side="right")
    return np.concatenate([[before], np.asarray(values)])[place]


def published_points(
    rows: Iterable[PublishedRow], arms: Mapping[str, Any]
) -> dict[str, list[Point]]:
    """Return the published incidences that a curve predicts, event -> points.

    Args:
        rows: what a trial published.
        arms: arms of the run.
    """
    whole: dict[tuple[tuple[str, str], ...], str] = {((name, ""),): name for name in TITLES}
    found: dict[str, list[Point]] = {name: [] for name in TITLES}
    for row in rows:
        endpoint = ENDPOINTS.get(row.endpoint)
        name = whole.get(endpoint.parts) if endpoint else None
        known = row.primary and math.isfinite(row.value) and math.isfinite(row.month)
        since_start = not row.versus.startswith("month")
        if name and known and since_start and row.unit != "ratio" and row.arm in arms:
            n = participants().get(row.row_id)
            low, high = (math.nan, math.nan) if n is None else wilson(row.value / 100.0, n)
            point = Point(row.arm, row.month, row.value, 100.0 * low, 100.0 * high, row.read)
            found[name].append(point)
    return found
