"""The tables of `cohort compare`: errors by site and marker, sex and trial; hormones; therapies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cohort.analysis.compare import (
    Errors,
    Prediction,
    errors,
    errors_by_participants,
    errors_by_quantity,
    rows_by_therapy,
)
from cohort.analysis.fracture_table import fracture_table
from cohort.analysis.fractures import INCIDENCE, FracturePrediction
from cohort.analysis.fractures import RATIO as RELATIVE_RISK
from cohort.analysis.hormones import RATIO, HormonePrediction, hormone_errors
from cohort.cli.tables import print_table

if TYPE_CHECKING:
    from cohort.api.comparison import Comparison

_SPLITS = {
    "calibration": "Calibration rows",
    "validation": "Validation rows (never fitted)",
    "do_not_fit": "Context rows (never fitted)",
}
_HEADERS = ("rows", "trials", "RMSE", "bias")


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


def print_comparison(compared: Comparison) -> None:
    """Print errors by trial, site and marker, participants and therapy, then the hormones."""
    found = groups(compared.predictions)
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
            ("site or marker", *_HEADERS),
            [_cells(e) for e in errors_by_quantity(rows)],
            title=f"{title}, by site and marker (percentage points; each trial once for markers)",
            numbers=(1, 2, 3, 4),
        )
        _print_by_participants(title, errors_by_participants(rows, compared.participants))
        print_table(
            ("therapy", "rows"),
            [(therapy, str(n)) for therapy, n in rows_by_therapy(rows).items()],
            title=f"{title}, by therapy",
            numbers=(1,),
        )
    if compared.hormones:
        _print_hormones(compared.hormones, compared.participants)
    if compared.fractures:
        _print_fractures(compared.fractures)
    without = [p for p in (*compared.predictions, *compared.hormones) if p.reason]
    if without:
        print(f"{len(without)} published rows have no prediction:")
        for prediction in without:
            print(f"  {prediction.row.trial} {prediction.row.row_id}: {prediction.reason}")


def _print_by_participants(title: str, by_participants: Mapping[str, Sequence[Errors]]) -> None:
    """Print the errors of women's, men's and mixed trials apart, where there is more than one."""
    if len(by_participants) > 1:
        print_table(
            ("participants", "site or marker", *_HEADERS),
            [(who, *_cells(e)) for who, found in by_participants.items() for e in found],
            title=f"{title}, by participants",
            numbers=(2, 3, 4, 5),
        )


def _print_hormones(hormones: Sequence[HormonePrediction], participants: Mapping[str, str]) -> None:
    """Print every level beside its prediction, then the errors of the ratios."""
    print_table(
        ("trial", "arm", "hormone", "month", "unit", "published", "predicted", "error %", "number"),
        [
            (
                p.row.trial,
                p.row.arm,
                p.row.endpoint,
                f"{p.row.month:g}",
                p.unit,
                f"{p.observed:.3g}",
                f"{p.predicted:.3g}",
                f"{p.difference:+.0f}" if math.isfinite(p.difference) else "",
                f"{p.row.split}, {p.row.verification}",
            )
            for p in hormones
            if not p.reason
        ],
        title=f"Hormones ({RATIO}: of the level to that of month 0)",
        numbers=(3, 5, 6, 7),
    )
    print_table(
        ("rows of the split", "participants", "hormone", *_HEADERS),
        [
            (
                e.split,
                e.participants,
                e.hormone,
                str(e.rows),
                str(e.trials),
                f"{e.rmse:.0f}",
                f"{e.bias:+.0f}",
            )
            for e in hormone_errors(hormones, participants)
        ],
        title="Hormones, errors of the ratios (%; checked rows)",
        numbers=(3, 4, 5, 6),
    )


def _print_fractures(fractures: Sequence[FracturePrediction]) -> None:
    """Print incidences and relative risks beside their predictions, then how many are inside."""
    for measure in (INCIDENCE, RELATIVE_RISK):
        known = [p for p in fractures if p.measure == measure and not p.reason]
        print_table(
            ("trial", "arm", "endpoint", "month", "published", "95 %", "predicted", "", "number"),
            [_fracture_cells(p) for p in known],
            title=f"Fractures, {measure}{' (%)' if measure == INCIDENCE else ''}",
            numbers=(3, 4, 5, 6),
        )
    print_table(
        ("rows of the split", "measure", "rows", "inside"),
        [
            (split, measure, str(rows), str(inside))
            for split, measure, rows, inside in fractures_inside(fractures)
        ],
        title="Fractures, predictions inside the published 95 % interval",
        numbers=(2, 3),
    )


def _fracture_cells(p: FracturePrediction) -> tuple[str, ...]:
    limits = "" if p.inside is None else f"{p.low:.2g} to {p.high:.2g}"
    place = {True: "inside", False: "outside", None: ""}[p.inside]
    return (
        p.row.trial,
        f"{p.row.arm} / {p.versus}" if p.versus else p.row.arm,
        p.row.endpoint.removesuffix("_incidence").replace("_", " "),
        f"{p.row.month:g}",
        f"{p.observed:.2f}",
        limits,
        f"{p.predicted:.2f}",
        place,
        f"{p.row.split}, {p.row.verification}",
    )


def fractures_inside(
    fractures: Sequence[FracturePrediction],
) -> list[tuple[str, str, int, int]]:
    """Count, by split and measure, the predictions with an interval and those inside it."""
    found = []
    for split in _SPLITS:
        for measure in (INCIDENCE, RELATIVE_RISK):
            own = [p for p in fractures if p.row.split == split and p.measure == measure]
            known = [p for p in own if p.inside is not None]
            if known:
                found.append((split, measure, len(known), sum(bool(p.inside) for p in known)))
    return found


def _cells(error: Errors) -> tuple[str, str, str, str, str]:
    return (
        error.group,
        str(error.rows),
        str(error.trials),
        f"{error.rmse:.2f}",
        f"{error.bias:+.2f}",
    )


def comparison_json(compared: Comparison) -> dict[str, Any]:
    """The same tables as plain values."""
    told: dict[str, Any] = {
        title: {
            "by_quantity": [asdict(e) for e in errors_by_quantity(rows)],
            "by_participants": {
                who: [asdict(e) for e in found]
                for who, found in errors_by_participants(rows, compared.participants).items()
            },
            "by_trial": [asdict(e) for e in errors_by_trial(rows)],
            "rows_by_therapy": rows_by_therapy(rows),
        }
        for title, rows in groups(compared.predictions).items()
    }
    return told | {
        "fractures": fracture_table(compared.fractures).to_pylist(),
        "hormones": {
            "errors": [asdict(e) for e in hormone_errors(compared.hormones, compared.participants)],
            "rows": [_plain(p) for p in compared.hormones if not p.reason],
        },
    }


def _plain(prediction: HormonePrediction) -> dict[str, Any]:
    row = prediction.row
    return {
        "trial": row.trial,
        "arm": row.arm,
        "hormone": row.endpoint,
        "month": row.month,
        "unit": prediction.unit,
        "observed": prediction.observed,
        "predicted": prediction.predicted,
        "error_percent": prediction.difference if math.isfinite(prediction.difference) else None,
        "split": row.split,
        "kind": prediction.kind,
    }
