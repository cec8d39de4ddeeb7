"""The table of predicted beside published fractures, and `fractures.parquet`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from cohort.analysis.fractures import INCIDENCE, RATIO, FracturePrediction
from cohort.results.writer import write_tables

_UNIT = f"% for {INCIDENCE}, 1 for {RATIO}"

_COLUMNS: tuple[tuple[str, pa.DataType, str, str, Callable[[FracturePrediction], Any]], ...] = (
    ("row_id", pa.string(), "", "Published row", lambda p: p.row.row_id),
    ("trial", pa.string(), "", "Bundled trial", lambda p: p.row.trial),
    ("arm", pa.string(), "", "Arm of the trial", lambda p: p.row.arm),
    ("versus", pa.string(), "", "Arm that a relative risk is against", lambda p: p.versus),
    ("endpoint", pa.string(), "", "What was counted", lambda p: p.row.endpoint),
    ("measure", pa.string(), "", f"{INCIDENCE} or {RATIO}", lambda p: p.measure),
    ("month", pa.float32(), "month", "Nominal month", lambda p: p.row.month),
    ("observed", pa.float64(), _UNIT, "As published", lambda p: p.observed),
    ("low", pa.float64(), _UNIT, "Lower end of its 95 % interval", lambda p: p.low),
    ("high", pa.float64(), _UNIT, "Upper end of its 95 % interval", lambda p: p.high),
    ("predicted", pa.float64(), _UNIT, "Prediction", lambda p: p.predicted),
    ("inside", pa.bool_(), "", "Whether the prediction is in the interval", lambda p: p.inside),
    ("split", pa.string(), "", "calibration or validation", lambda p: p.row.split),
    ("verification", pa.string(), "", "How it was obtained", lambda p: p.row.verification),
    ("reason", pa.string(), "", "Why there is no prediction", lambda p: p.reason),
)


def fracture_table(predictions: Sequence[FracturePrediction]) -> pa.Table:
    """Return a row for each published incidence or relative risk, predicted or not."""
    arrays, fields = [], []
    for name, kind, unit, description, value in _COLUMNS:
        values = [value(p) for p in predictions]
        if pa.types.is_floating(kind):
            values = [v if math.isfinite(v) else None for v in values]
        arrays.append(pa.array(values, kind))
        fields.append(pa.field(name, kind, metadata={"unit": unit, "description": description}))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def write_fractures(predictions: Sequence[FracturePrediction], path: Path) -> None:
    """Write `fractures.parquet`: the rows of `fracture_table`."""
    table = fracture_table(predictions)
    write_tables(path, table.schema, [table])
