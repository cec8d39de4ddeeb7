"""The tables of a run as CSV, as they are: a file a table, `arm` a column of all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cohort.handover.files import write_csv
from cohort.handover.trial import ExportedTrial
from cohort.results.layout import Layout


def write_run_as_csv(
    trial: ExportedTrial, out: Path, *, begin: Callable[[str], None]
) -> dict[str, int]:
    """Write `patients.csv`, `visits.csv`, `summary.csv` and what else the run has.

    Args:
        trial: the run.
        out: the folder.
        begin: called with the name of each table as its turn comes.

    Returns:
        Rows by table.
    """
    rows = {}
    for name in tables_of(trial.layout):
        begin(name)
        rows[name] = write_csv(out / f"{name}.csv", _sources(trial, name))
    return rows


def tables_of(layout: Layout) -> tuple[str, ...]:
    """Return the tables that a run has."""
    whole = {name: layout.root / f"{name}.parquet" for name in _WHOLE}
    parted = {name: layout.root / name for name in _PARTED}
    return tuple(name for name, path in (whole | parted).items() if path.exists())


_WHOLE = ("patients", "summary", "incidence", "yearly")
_PARTED = ("visits", "events")


def _sources(trial: ExportedTrial, name: str) -> list[tuple[Path, dict[str, str]]]:
    if name in _WHOLE:
        return [(trial.layout.root / f"{name}.parquet", {})]
    return [
        (part, {"arm": arm.name})
        for arm in trial.arms
        for part in sorted((trial.layout.root / name / f"arm={arm.name}").glob("part-*.parquet"))
    ]
