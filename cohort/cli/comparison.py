"""The tables of `cohort compare`: errors by site and marker, by trial; rows by therapy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cohort.analysis.compare import (
    Errors,
    Prediction,
    errors,
    errors_by_quantity,
    rows_by_therapy,
)
from cohort.cli.tables import print_table

_SPLITS = {
    "calibration": "Calibration rows",
    "validation": "Validation rows (never fitted)",
    "do_not_fit": "Context rows (never fitted)",
}


def groups(predictions: Sequence[Prediction]) -> dict[str, list[Prediction]]:
    """Rows that are scored, by split; then the `unchecked` rows apart; empty groups left out."""
    found = {
        title: [p for p in predictions if p.kind == "scored" and p.row.split == split]
        for split, title in _SPLITS.items()
    }
    found["Unchecked rows (known from the literature, not re-read)"] = [
        p for p in predictions if p.kind == "unchecked"
    ]
    return {title: rows for title, rows in found.items() if rows}


def errors_by_trial(predictions: Sequence[Prediction]) -> list[Errors]:
    """Errors by trial and quantity."""
    return errors(predictions, lambda p: f"{p.row.trial} {p.row.quantity}")


def print_comparison(predictions: Sequence[Prediction]) -> None:
    """Print errors by trial, then by therapy, then by site and marker."""
    headers = ("rows", "trials", "RMSE", "bias")
    numbers = (1, 2, 3, 4)
    found = groups(predictions)
    for title, rows in found.items():
        by_trial = [(*_cells(e), *e.group.split(" ")) for e in errors_by_trial(rows)]
        print_table(
            ("trial", "quantity", "rows", "RMSE", "bias"),
            [(trial, what, n, rmse, bias) for _, n, _, rmse, bias, trial, what in by_trial],
            title=f"{title}, by trial",
            numbers=(2, 3, 4),
        )
    for title, rows in found.items():
        print_table(
            ("site or marker", *headers),
            [_cells(e) for e in errors_by_quantity(rows)],
            title=f"{title}, by site and marker (percentage points; each trial once for markers)",
            numbers=numbers,
        )
        print_table(
            ("therapy", "rows"),
            [(therapy, str(n)) for therapy, n in rows_by_therapy(rows).items()],
            title=f"{title}, by therapy",
            numbers=(1,),
        )
    without = [p for p in predictions if p.reason]
    if without:
        print(f"{len(without)} published rows have no prediction:")
        for prediction in without:
            print(f"  {prediction.row.trial} {prediction.row.row_id}: {prediction.reason}")


def _cells(error: Errors) -> tuple[str, str, str, str, str]:
    return (
        error.group,
        str(error.rows),
        str(error.trials),
        f"{error.rmse:.2f}",
        f"{error.bias:+.2f}",
    )


def comparison_json(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """The same tables as plain values."""
    return {
        title: {
            "by_quantity": [asdict(e) for e in errors_by_quantity(rows)],
            "by_trial": [asdict(e) for e in errors_by_trial(rows)],
            "rows_by_therapy": rows_by_therapy(rows),
        }
        for title, rows in groups(predictions).items()
    }
