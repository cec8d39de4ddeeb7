"""Comparison of whole replicas with their publications, and `compare.parquet`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from cohort.analysis.compare import Prediction, arms_of, published_predictions
from cohort.analysis.trajectories import FolderTrajectories
from cohort.errors import BadInput, did_you_mean
from cohort.resources import bundled
from cohort.results.published import published_of
from cohort.results.reader import read_manifest
from cohort.results.writer import write_tables

_COLUMNS: tuple[tuple[str, pa.DataType, str, Callable[[Prediction], Any]], ...] = (
    ("row_id", pa.string(), "Stable name of the published row", lambda p: p.row.row_id),
    ("trial", pa.string(), "Bundled trial", lambda p: p.row.trial),
    ("arm", pa.string(), "Arm of the trial", lambda p: p.row.arm),
    ("therapy", pa.string(), "Therapies of the arm, background left out", lambda p: p.therapy),
    ("endpoint", pa.string(), "What was measured", lambda p: p.row.endpoint),
    ("site", pa.string(), "Where: LS, TH, FN, serum", lambda p: p.row.site),
    ("month", pa.float32(), "Nominal month", lambda p: p.row.month),
    ("statistic", pa.string(), "Statistic as published", lambda p: p.row.statistic),
    ("versus", pa.string(), "Against what the change is", lambda p: p.row.versus),
    ("observed", pa.float64(), "Published value, %", lambda p: p.row.value),
    ("observed_se", pa.float64(), "Its standard error, %", lambda p: p.row.standard_error),
    ("predicted", pa.float64(), "Prediction, %", lambda p: p.predicted),
    ("difference", pa.float64(), "Predicted minus published, %", lambda p: p.difference),
    ("split", pa.string(), "calibration, validation or do_not_fit", lambda p: p.row.split),
    ("verification", pa.string(), "How the number was obtained", lambda p: p.row.verification),
    ("kind", pa.string(), "scored, unchecked or shown (in no error)", lambda p: p.kind),
    ("reason", pa.string(), "Why there is no prediction", lambda p: p.reason),
)


def compare_folder(folder: Path) -> list[Prediction]:
    """Predictions for every published row of the trial that a results folder replicates.

    Returns:
        Empty where the study is no bundled replica.
    """
    study = read_manifest(folder)["study"]
    rows = published_of(study["name"])
    if not rows:
        return []
    return published_predictions(rows, arms_of(study), FolderTrajectories(folder))


def replicas(names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the bundled trials of these names; all that have a comparable row by default.

    Raises:
        BadInput: a name is no bundled trial; every unknown name at once.
    """
    trials = bundled("trials")
    unknown = [name for name in names if name not in trials]
    if unknown:
        raise BadInput(
            [
                f"'{name}' is no bundled trial; `cohort list studies` lists them."
                + did_you_mean(name, trials)
                for name in unknown
            ]
        )
    if names:
        return tuple(dict.fromkeys(names))
    return tuple(name for name in trials if any(r.comparable for r in published_of(name)))


def comparison_table(predictions: Sequence[Prediction]) -> pa.Table:
    """Return a row for each comparable published row, predicted or not."""
    arrays, fields = [], []
    for name, kind, description, value in _COLUMNS:
        values = [value(p) for p in predictions]
        if pa.types.is_floating(kind):
            values = [v if math.isfinite(v) else None for v in values]
        arrays.append(pa.array(values, kind))
        unit = "month" if name == "month" else "%" if kind == pa.float64() else "1"
        fields.append(pa.field(name, kind, metadata={"unit": unit, "description": description}))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def write_comparison(predictions: Sequence[Prediction], path: Path) -> None:
    """Write `compare.parquet`."""
    table = comparison_table(predictions)
    write_tables(path, table.schema, [table])
