"""A run in the forms that other programs expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cohort.errors import BadInput
from cohort.execute.progress import Began, Progress, silent
from cohort.results.layout import Layout
from cohort.results.reader import read_manifest


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        folder: where it lies.
        rows: rows by data set or table.
    """

    folder: Path
    rows: Mapping[str, int]


def export(
    folder: str | Path,
    *,
    kind: str = "adam",
    out: str | Path | None = None,
    xpt: bool = False,
    progress: Progress = silent,
) -> Export:
    """Write a run as ADaM-shaped data sets or as plain CSV; memory does not grow with its size.

    Args:
        folder: results folder of `cohort run`.
        kind: `adam` (ADSL, ADBMD, ADLB, ADTTE as Parquet and CSV) or `csv` (the run's own tables).
        out: where to; `export/<kind>` in the results folder by default.
        xpt: SAS transport files (version 5) too.
        progress: called with `Began` for each data set.

    Raises:
        BadInput: the folder does not hold what is asked for; nothing was written.
        MachineFailure: the disk gave out; files are complete or absent.

    >>> import cohort
    >>> cohort.export("results/freedom-0").rows["adsl"]  # doctest: +SKIP
    """
    from cohort.handover.adam import data_sets, write_adam
    from cohort.handover.checks import problems_of
    from cohort.handover.tables import tables_of, write_run_as_csv
    from cohort.handover.trial import ExportedTrial

    root = Path(folder)
    trial = ExportedTrial(Layout(root), read_manifest(root))
    problems = problems_of(trial, kind, xpt=xpt)
    if problems:
        raise BadInput(problems)
    names = list(data_sets(trial) if kind == "adam" else tables_of(trial.layout))

    def begin(name: str) -> None:
        progress(Began(name, names.index(name) + 1, len(names)))

    target = root / "export" / kind if out is None else Path(out)
    if kind == "adam":
        return Export(target, write_adam(trial, target, xpt=xpt, begin=begin))
    return Export(target, write_run_as_csv(trial, target, begin=begin))
