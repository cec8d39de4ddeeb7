"""The table that ends a run: predicted beside published, or the arms' changes where none is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cohort.cli.tables import print_table

if TYPE_CHECKING:
    from cohort.results.published import PublishedRow


def print_outcomes(folder: Path) -> None:
    """Print what a results folder predicts, beside what was published where there is any."""
    from cohort.analysis.compare import errors_by_quantity, in_reading_order
    from cohort.analysis.facts import month
    from cohort.analysis.replicas import compare_folder

    predictions = in_reading_order(p for p in compare_folder(folder) if not p.reason)
    if not predictions:
        _print_changes(folder)
        return
    rows = [
        (
            p.row.arm,
            _outcome(p.row),
            month(p.row.month),
            p.row.versus.removeprefix("active:"),
            f"{p.row.value:+.1f}",
            f"{p.predicted:+.1f}",
            f"{p.difference:+.1f}",
            p.row.verification if p.row.primary else f"{p.row.verification}*",
        )
        for p in predictions
    ]
    headers = ("arm", "outcome", "month", "against", "published", "predicted", "diff", "number")
    print_table(headers, rows, title="Predicted against published, %", numbers=(2, 4, 5, 6))
    if any(not p.row.primary for p in predictions):
        print("* not the primary number of its measurement")
    scored = errors_by_quantity(p for p in predictions if p.kind == "scored")
    if scored:
        words = ", ".join(f"{e.group} {e.rmse:.1f} ({e.rows} rows)" for e in scored)
        print(f"root mean square error, percentage points: {words}")


def _outcome(row: PublishedRow) -> str:
    name = f"{row.endpoint} {row.site}" if row.endpoint == "BMD" else row.endpoint
    return f"{name} median" if row.center == "median" else name


def _print_changes(folder: Path) -> None:
    """Print each arm's mean changes at its last visit, for a study that nobody published."""
    from cohort.analysis.series import read_series

    rows, kind = [], "95 % interval"
    for outcome, arms in read_series(folder).items():
        if not outcome.endswith("_change") or outcome.startswith("measured_"):
            continue
        for series in arms:
            if math.isfinite(series.mean[-1]):
                interval = f"{series.low[-1]:+.2f} to {series.high[-1]:+.2f}"
                kind = "90 % over parameter draws" if series.drawn else kind
                name = outcome.removesuffix("_change")
                month, mean = f"{series.months[-1]:g}", f"{series.mean[-1]:+.2f}"
                rows.append((series.arm, name, month, mean, interval))
    headers = ("arm", "outcome", "month", "mean change %", kind)
    print_table(headers, sorted(rows), title="Change from baseline", numbers=(2, 3, 4))


def comparison_rows(folder: Path) -> list[dict[str, Any]]:
    """The same table as plain values, for `--json`."""
    from cohort.analysis.replicas import compare_folder

    return [
        {
            "row_id": p.row.row_id,
            "arm": p.row.arm,
            "endpoint": p.row.endpoint,
            "site": p.row.site,
            "month": p.row.month,
            "versus": p.row.versus,
            "observed": p.row.value,
            "predicted": p.predicted,
            "kind": p.kind,
        }
        for p in compare_folder(folder)
        if not p.reason
    ]
