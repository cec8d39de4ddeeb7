"""Comparison of whole replicas with their publications, and `compare.parquet`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from cohort.analysis.compare import Prediction, arms_of, published_predictions
from cohort.analysis.fractures import FolderRisks, FracturePrediction, fracture_predictions
from cohort.analysis.hormones import HormonePrediction, hormone_predictions
from cohort.analysis.trajectories import FolderTrajectories
from cohort.errors import BadInput, did_you_mean
from cohort.fractures.law import load_law
from cohort.resources import bundled
from cohort.results.published import has_prediction, published_of
from cohort.results.reader import read_manifest
from cohort.results.writer import write_tables

T = TypeVar("T")
Compared = Prediction | HormonePrediction
"""A published row with its prediction, on the scale of bone or on that of hormones."""

_COLUMNS: tuple[tuple[str, pa.DataType, str, Callable[[Compared], Any]], ...] = (
    ("row_id", pa.string(), "Stable name of the published row", lambda p: p.row.row_id),
    ("trial", pa.string(), "Bundled trial", lambda p: p.row.trial),
    ("arm", pa.string(), "Arm of the trial", lambda p: p.row.arm),
    ("therapy", pa.string(), "Therapies of the arm, background left out", lambda p: p.therapy),
    ("endpoint", pa.string(), "What was measured", lambda p: p.row.endpoint),
    ("site", pa.string(), "Where: LS, TH, FN, serum", lambda p: p.row.site),
    ("month", pa.float32(), "Nominal month", lambda p: p.row.month),
    ("statistic", pa.string(), "Statistic as published", lambda p: p.row.statistic),
    ("versus", pa.string(), "Against what the change is", lambda p: p.row.versus),
    (
        "unit",
        pa.string(),
        "Unit of observed and predicted: %, ratio (of a hormone to its baseline), pg/mL ...",
        lambda p: p.unit,
    ),
    ("observed", pa.float64(), "Published value, in `unit`", lambda p: p.observed),
    ("observed_se", pa.float64(), "Its standard error, in `unit`", lambda p: p.standard_error),
    ("predicted", pa.float64(), "Prediction, in `unit`", lambda p: p.predicted),
    (
        "difference",
        pa.float64(),
        "Predicted minus published; of a ratio, predicted over published minus 1",
        lambda p: p.difference,
    ),
    ("split", pa.string(), "calibration, validation or do_not_fit", lambda p: p.row.split),
    ("verification", pa.string(), "How the number was obtained", lambda p: p.row.verification),
    ("kind", pa.string(), "scored, unchecked, hormone or shown (in no error)", lambda p: p.kind),
    ("reason", pa.string(), "Why there is no prediction", lambda p: p.reason),
)


_IN_UNIT = "as the column `unit` says"
_UNITS = {"month": "month", "difference": "%"} | dict.fromkeys(
    ("observed", "observed_se", "predicted"), _IN_UNIT
)


def compare_folder(folder: Path) -> list[Prediction]:
    """Predictions for every change of BMD and markers that the replicated trial published.

    Returns:
        Empty where the study of the results folder is no bundled replica.
    """
    return _predicted(folder, published_predictions)


def compare_hormones(folder: Path) -> list[HormonePrediction]:
    """Predictions for every level of a hormone that the replicated trial published.

    Returns:
        Empty where the study of the results folder is no bundled replica.
    """
    return _predicted(folder, hormone_predictions)


def compare_fractures(folder: Path) -> list[FracturePrediction]:
    """Predictions for every incidence and relative risk of fracture that the trial published.

    Returns:
        Empty where the study of the results folder is no bundled replica.
    """
    study = read_manifest(folder)["study"]
    rows = published_of(study["name"])
    return fracture_predictions(rows, arms_of(study), FolderRisks(folder), load_law())


def _predicted(folder: Path, predictions: Callable[..., list[T]]) -> list[T]:
    study = read_manifest(folder)["study"]
    rows = published_of(study["name"])
    return predictions(rows, arms_of(study), FolderTrajectories(folder)) if rows else []


def replicas(names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the bundled trials of these names; all that have a comparable row by default.

    Raises:
        BadInput: a name is no bundled trial; every unknown name at once.
    """
    trials = bundled("trials")
    unknown = [name for name in names if name not in trials]
    if unknown:
        raise BadInput([_no_trial(name) for name in unknown])
    if names:
        return tuple(dict.fromkeys(names))
    return tuple(name for name in trials if has_prediction(name))


def _no_trial(name: str) -> str:
    if name in bundled("protocols"):
        return f"'{name}' is a protocol: nobody has published it, so there is nothing to compare."
    near = did_you_mean(name, bundled("trials"))
    return f"'{name}' is no bundled trial; `cohort list studies` lists them.{near}"


def comparison_table(predictions: Sequence[Compared], participants: Mapping[str, str]) -> pa.Table:
    """Return a row for each comparable published row, predicted or not.

    Args:
        predictions: of changes of BMD and markers, and of levels of hormones.
        participants: `women`, `men` or `mixed` by trial.
    """

    def who(prediction: Compared) -> Any:
        return participants[prediction.row.trial]

    recruited = ("participants", pa.string(), "Whom the trial recruited: women, men, mixed", who)
    arrays, fields = [], []
    for name, kind, description, value in (*_COLUMNS, recruited):
        values = [value(p) for p in predictions]
        if pa.types.is_floating(kind):
            values = [v if math.isfinite(v) else None for v in values]
        arrays.append(pa.array(values, kind))
        unit = _UNITS.get(name, "1")
        fields.append(pa.field(name, kind, metadata={"unit": unit, "description": description}))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def write_comparison(
    predictions: Sequence[Compared], participants: Mapping[str, str], path: Path
) -> None:
    """Write `compare.parquet`: the rows of `comparison_table`."""
    table = comparison_table(predictions, participants)
    write_tables(path, table.schema, [table])
