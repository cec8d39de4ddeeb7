"""From a simulated block to Arrow tables: rows after dropout left out, failed patients nulled.

A number that is not finite never reaches a file. A patient whom the simulator flagged, or one in
whom such a number is found here, keeps the row with its code in `patients` and has null values in
`visits`; every such patient is counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from cohort.results.block import EVENTS, BlockResult, FractureEvents, ResultCode
from cohort.results.outcomes import MEASURED
from cohort.results.schema import COURSE, COURSE_MONTH, DRAW, NULLABLE, outcome_columns

DAYS_A_MONTH = 30.4375
_NEVER = math.inf


@dataclass(frozen=True)
class Counts:
    """What happened to the patients of a block, a part, or a run; counts add up.

    Attributes:
        patients: rows of `patients.parquet`: persons times the arms they are in.
        visits: rows of `visits`.
        screened: candidates drawn.
        rejected: candidates rejected, by reason.
        failed: patients without results, by the phrase of their code.
        worst: the failed patient whose numbers broke first: `patient_id`, `arm`, `day`, `reason`.
    """

    patients: int = 0
    visits: int = 0
    screened: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    worst: Mapping[str, Any] | None = None

    @property
    def failed_patients(self) -> int:
        """Patients without results."""
        return sum(self.failed.values())

    def __add__(self, other: Counts) -> Counts:
        """Add up two sets of patients; of the worst, the first in time then in number stays."""
        found = [w for w in (self.worst, other.worst) if w is not None]
        return Counts(
            self.patients + other.patients,
            self.visits + other.visits,
            self.screened + other.screened,
            _added(self.rejected, other.rejected),
            _added(self.failed, other.failed),
            min(found, key=_how_soon) if found else None,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as the manifest and the files' metadata hold them."""
        return {
            "patients": self.patients,
            "visits": self.visits,
            "screened": self.screened,
            "rejected": dict(sorted(self.rejected.items())),
            "failed_patients": self.failed_patients,
            "failed": dict(sorted(self.failed.items())),
            "worst": None if self.worst is None else dict(self.worst),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Counts:
        """Return the counts that `as_dict` wrote."""
        return cls(**{name: value[name] for name in cls.__dataclass_fields__})


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted({*one, *other})}


def _how_soon(worst: Mapping[str, Any]) -> tuple[float, int, str]:
    day = worst["day"]
    return (_NEVER if day is None else day, worst["patient_id"], worst["arm"])


@dataclass(frozen=True)
class ArmTables:
    """One arm of one block, ready to be written.

    Attributes:
        patients: rows of `patients.parquet`.
        visits: rows of the arm's part file.
        counts: what happened to these patients; screening is counted by block, not here.
        events: rows of the arm's file of fractures and deaths, where the study asks for them.
    """

    patients: pa.Table
    visits: pa.Table
    counts: Counts
    events: pa.Table | None = None


def arm_tables(
    block: BlockResult,
    arm: str,
    slots: np.ndarray,
    patients_schema: pa.Schema,
    visits_schema: pa.Schema,
    draw: int = 0,
    events_schema: pa.Schema | None = None,
) -> ArmTables:
    """Return the rows of one arm of a block.

    Args:
        block: what the simulator gave for N persons.
        arm: one of its arms.
        slots: the persons, int64 (N,).
        patients_schema: schema of `patients.parquet`.
        visits_schema: schema of this arm's part files.
        draw: number of the parameter draw, written where the schemas have a column for it.
        events_schema: schema of this arm's files of fractures and deaths, where there are any.
    """
    months = np.asarray(block.months, dtype=np.float32)
    last = np.asarray(block.last_month[arm], dtype=np.float32)
    kept = months[None, :] <= last[:, None]
    values = {
        name: np.asarray(block.visits[arm][name], dtype=np.float32)
        for name in ["day", *outcome_columns(visits_schema)]
    }
    code, bad_day = _checked(block, arm, values, kept)
    ok = code == ResultCode.OK
    patients = _patients_table(block, arm, slots, draw, code, patients_schema)
    visits = _visits_table(block, arm, slots, draw, values, kept, ok, visits_schema)
    worst = _worst(arm, slots, code, bad_day)
    if worst is not None and DRAW in visits_schema.names:
        worst[DRAW] = draw
    counts = Counts(
        patients=len(slots), visits=visits.num_rows, failed=_by_reason(code), worst=worst
    )
    events = None
    if events_schema is not None:
        events = _events_table(block.events[arm], slots, draw, ok, events_schema)
    return ArmTables(patients, visits, counts, events)


def _checked(
    block: BlockResult, arm: str, values: Mapping[str, np.ndarray], kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and first bad days, with patients flagged in whom a number is not finite."""
    code = np.array(block.result_code[arm], dtype=np.int8)
    bad_day = np.array(block.first_bad_day[arm], dtype=np.float32)
    bad = np.zeros_like(kept)
    for name, column in values.items():
        unseen = block.missed if name.startswith(MEASURED) else None
        bad |= ~np.isfinite(column) & (True if unseen is None else ~unseen)
    bad &= kept
    for name, column in block.patients.items():
        if name != "sex" and name not in NULLABLE:
            bad[:, 0] |= ~np.isfinite(np.asarray(column, dtype=np.float32))
    found = bad.any(axis=1) & (code == ResultCode.OK)
    first = np.asarray(block.months, dtype=np.float32)[bad.argmax(axis=1)] * DAYS_A_MONTH
    code[found] = ResultCode.NOT_FINITE
    bad_day[found] = first[found]
    return code, bad_day


def _visits_table(
    block: BlockResult,
    arm: str,
    slots: np.ndarray,
    draw: int,
    values: Mapping[str, np.ndarray],
    kept: np.ndarray,
    ok: np.ndarray,
    schema: pa.Schema,
) -> pa.Table:
    """Lay visits out patient by patient.

    Null is every value of a failed patient, and what would have been measured at a missed visit.
    """
    months = np.asarray(block.months, dtype=np.float32)
    null = None if ok.all() else np.broadcast_to(~ok[:, None], kept.shape)[kept]
    unseen = null
    if block.missed is not None:
        unseen = block.missed[kept] if null is None else null | block.missed[kept]
    keys = {DRAW: draw, "patient_id": slots[:, None], "month": months[None, :]}
    columns = []
    for name in schema.names:
        if name in keys:
            own = np.broadcast_to(keys[name], kept.shape)[kept]
            columns.append(pa.array(own, schema.field(name).type))
        elif name == COURSE:
            taken = block.courses[arm]
            columns.append(_words(taken.number[kept], taken.labels))
        else:
            mask = unseen if name.startswith(MEASURED) else null
            columns.append(pa.array(values[name][kept], pa.float32(), mask=mask))
    return pa.Table.from_arrays(columns, schema=schema)


def _words(codes: np.ndarray, labels: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), list(labels))


def _events_table(
    events: FractureEvents, slots: np.ndarray, draw: int, ok: np.ndarray, schema: pa.Schema
) -> pa.Table:
    """Lay out one row per fracture or death; none of a failed patient."""
    kept = ok[events.patient]
    known = {
        DRAW: np.full(int(kept.sum()), draw),
        "patient_id": slots[events.patient[kept]],
        "month": events.month[kept],
    }
    columns = {
        name: pa.array(values, schema.field(name).type)
        for name, values in known.items()
        if name in schema.names
    }
    columns["event"] = _words(events.event[kept], EVENTS)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _patients_table(
    block: BlockResult, arm: str, slots: np.ndarray, draw: int, code: np.ndarray, schema: pa.Schema
) -> pa.Table:
    """Lay out one row per person of this arm; null where a value does not apply."""
    size = len(slots)
    known: dict[str, pa.Array] = {
        DRAW: pa.array(np.full(size, draw)),
        "patient_id": pa.array(slots, pa.int64()),
        "arm": pa.DictionaryArray.from_arrays(pa.array(np.zeros(size, np.int32)), [arm]),
        "sex": pa.array(np.asarray(block.patients["sex"], dtype=object), pa.string()),
        "last_month": pa.array(np.asarray(block.last_month[arm], dtype=np.float32)),
        "result_code": pa.array(code, pa.int8()),
    }
    own = {**block.patients, **block.of_arm.get(arm, {})}
    if arm in block.courses:
        known |= _course_columns(block, arm)
    columns = []
    for name in schema.names:
        if name not in known:
            column = np.asarray(own[name], dtype=np.float32)
            known[name] = pa.array(column, mask=~np.isfinite(column))
        columns.append(known[name].cast(schema.field(name).type))
    return pa.Table.from_arrays(columns, schema=schema)


def _course_columns(block: BlockResult, arm: str) -> dict[str, pa.Array]:
    """Return the course that each patient was on when last seen, and since when."""
    taken, months = block.courses[arm], np.asarray(block.months, dtype=np.float32)
    last = np.asarray(block.last_month[arm], dtype=np.float32)
    visit = np.searchsorted(months, last, side="right") - 1
    number = taken.number[np.arange(len(last)), visit]
    since = np.asarray(taken.months, dtype=np.float32)[number]
    return {
        COURSE: _words(number, taken.labels),
        COURSE_MONTH: pa.array(since, mask=~np.isfinite(since)),
    }


def _by_reason(code: np.ndarray) -> dict[str, int]:
    """Count failed patients by the phrase of their code."""
    codes, numbers = np.unique(code[code != ResultCode.OK], return_counts=True)
    return {ResultCode(int(c)).words: int(n) for c, n in zip(codes, numbers, strict=True)}


def _worst(
    arm: str, slots: np.ndarray, code: np.ndarray, bad_day: np.ndarray
) -> dict[str, Any] | None:
    """Return the failed patient whose numbers broke first, or None."""
    failed = np.flatnonzero(code != ResultCode.OK)
    if failed.size == 0:
        return None
    day = np.where(np.isfinite(bad_day[failed]), bad_day[failed], np.float32(_NEVER))
    at = int(np.argmin(day))
    return {
        "patient_id": int(slots[failed[at]]),
        "arm": arm,
        "day": None if math.isinf(day[at]) else float(day[at]),
        "reason": ResultCode(int(code[failed[at]])).words,
    }
