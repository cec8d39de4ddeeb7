"""Predictions of published rows with their intervals: the table that judgement starts from.

Everything else (errors, coverage, signs, the worst rows, the report) reads this table, which a
results folder keeps as `predictions.parquet`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from calibration.judgement.intervals import intervals
from calibration.judgement.questions import (
    SEPARATOR,
    Design,
    design_of,
    phase,
    questions,
    regimen_history,
)
from calibration.judgement.reasons import reasons
from calibration.targets import Target
from cohort.analysis.compare import Prediction
from cohort.results.published import PublishedRow
from cohort.results.writer import write_tables
from cohort.trial.schema import Study

NATURAL_HISTORY = "natural history"
"""Kind and question of rows that no trial's study file stands behind."""

SPREAD = "spread"
"""Kind of rows on the spread between persons."""

_PERCENT = "%"
COLUMNS: dict[str, tuple[str, str]] = {
    "row_id": ("1", "Stable name of the published row"),
    "trial": ("1", "Bundled trial"),
    "arm": ("1", "Arm of the trial"),
    "quantity": ("1", "Site of BMD, marker, or `SD` and that: the spread between persons"),
    "endpoint": ("1", "What was measured"),
    "site": ("1", "Where: LS, TH, FN, serum"),
    "month": ("month", "Nominal month"),
    "statistic": ("1", "Statistic as published"),
    "versus": ("1", "Against what the change is"),
    "verification": ("1", "How the number was obtained"),
    "split": ("1", "calibration, validation or do_not_fit"),
    "kind": ("1", "scored, unchecked, shown, spread or natural history: the table it counts in"),
    "question": ("1", "What the row asks, separated by commas"),
    "therapy": ("1", "What the arm had been given up to the month, in order"),
    "phase": ("1", "What the arm was on up to the month"),
    "observed": (_PERCENT, "Published value"),
    "observed_se": (_PERCENT, "Its standard error as published, or null"),
    "predicted": (_PERCENT, "Prediction at the fitted parameters, without the trial's offset"),
    "low": (_PERCENT, "Lower end of the 90 % prediction interval"),
    "high": (_PERCENT, "Upper end of the 90 % prediction interval"),
    "sd_parameters": (_PERCENT, "SD of the prediction by the parameters' posterior"),
    "sd_offset": (_PERCENT, "SD between trials of the same treatment"),
    "sd_sampling": (_PERCENT, "Standard error of the published value, imputed where missing"),
    "residual": (_PERCENT, "Predicted minus published"),
    "inside": ("1", "Whether the published value lies in the interval"),
    "reason": ("1", "Why a row outside its interval is, as far as the data tell"),
}
"""Columns of the table: unit and description."""


def judge(
    targets: Sequence[Target],
    predicted: np.ndarray,
    offset: np.ndarray,
    studies: Mapping[str, Study],
    *,
    jacobian: np.ndarray | None = None,
    covariance: np.ndarray | None = None,
    draws: np.ndarray | None = None,
) -> pd.DataFrame:
    """Put predictions beside published rows, with intervals and what each row asks.

    Args:
        targets: the rows, fitted or not.
        predicted: their predictions, percent, `(row,)`.
        offset: standard deviation between trials of each row, percent, `(row,)`.
        studies: study of every trial by name; rows of another are natural history.
        jacobian: derivatives of the rows by the parameters, `(row, dim)`.
        covariance: of the parameters' posterior, `(dim, dim)`.
        draws: predictions under posterior draws, `(draw, row)`; used where given.

    Returns:
        One row a target, in order, with the columns of `COLUMNS`.
    """
    sampling = np.array([target.sampling for target in targets])
    found = intervals(
        np.asarray(predicted, dtype=float),
        np.hypot(offset, sampling),
        jacobian=jacobian,
        covariance=covariance,
        draws=draws,
    )
    used = {target.row.trial for target in targets}
    designs = {name: design_of(study) for name, study in studies.items() if name in used}
    table = pd.DataFrame([_described(target, designs.get(target.row.trial)) for target in targets])
    table["predicted"] = np.asarray(predicted, dtype=float)
    table["low"], table["high"], table["sd_parameters"] = found
    table["sd_offset"], table["sd_sampling"] = np.asarray(offset, dtype=float), sampling
    table["residual"] = table.predicted - table.observed
    table["inside"] = (table.low <= table.observed) & (table.observed <= table.high)
    table["reason"] = reasons(table)
    return table.loc[:, list(COLUMNS)]


def write_predictions(predictions: pd.DataFrame, path: Path) -> None:
    """Write the table as Parquet, with unit and description of each column."""
    table = pa.Table.from_pandas(predictions.loc[:, list(COLUMNS)], preserve_index=False)
    fields = [
        pa.field(name, _stored(table.schema.field(name).type), metadata=_metadata(name))
        for name in COLUMNS
    ]
    write_tables(path, pa.schema(fields), [table.cast(pa.schema(fields))])


def compared(predictions: pd.DataFrame) -> list[Prediction]:
    """Return the rows as the comparison of replicas holds them, for its errors."""
    return [_prediction(record) for record in predictions.to_dict("records")]


def _described(target: Target, design: Design | None) -> dict[str, object]:
    row, quantity = target.row, target.block[1]
    kind, question, therapy, on = _kind(row, quantity), "", "", ""
    if design is None:
        kind, question, therapy, on = NATURAL_HISTORY, NATURAL_HISTORY, "nothing", "nothing"
    else:
        question = SEPARATOR.join(questions(row, design))
        therapy, on = regimen_history(row, design), phase(row, design)
    return {
        "row_id": row.row_id,
        "trial": row.trial,
        "arm": row.arm,
        "quantity": quantity,
        "endpoint": row.endpoint,
        "site": row.site,
        "month": row.month,
        "statistic": row.statistic,
        "versus": row.versus,
        "verification": row.verification,
        "split": row.split,
        "kind": kind,
        "question": question,
        "therapy": therapy,
        "phase": on,
        "observed": row.value,
        "observed_se": row.standard_error,
    }


def _kind(row: PublishedRow, quantity: str) -> str:
    if quantity != row.quantity:
        return SPREAD
    if row.scored:
        return "scored"
    return "unchecked" if row.unchecked else "shown"


def _prediction(record: Mapping) -> Prediction:
    """Return a record of the table as a prediction; what no error reads is left empty."""
    row = PublishedRow(
        **{name: record[name] for name in _SHARED},
        value=record["observed"],
        unit="percent change",
        primary=record["kind"] in ("scored", "unchecked"),
        low=math.nan,
        high=math.nan,
        standard_error=record["observed_se"],
        citation="",
        note="",
    )
    return Prediction(row, record["predicted"], record["therapy"])


_SHARED = ("trial", "row_id", "arm", "endpoint", "site", "month", "statistic", "versus")
_SHARED += ("verification", "split")


def _stored(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_large_string(kind) else kind


def _metadata(name: str) -> dict[bytes | str, bytes | str]:
    unit, description = COLUMNS[name]
    return {"unit": unit, "description": description}
