"""A run in the forms that other programs expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cohort.errors import BadInput
from cohort.execute.progress import Began, Progress, silent
from cohort.results.layout import Layout
from cohort.results.reader import read_manifest

if TYPE_CHECKING:
    from cohort.handover.periods import Periods
    from cohort.handover.trial import ExportedTrial


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
    """Write a run for other programs; memory does not grow with its size.

    Args:
        folder: results folder of `cohort run`.
        kind: `adam` (ADSL, ADBMD, ADLB, ADTTE as Parquet and CSV), `csv` (the run's own tables) or
            `nonmem` (doses and measured values in one table).
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
    from cohort.handover.nonmem import write_nonmem
    from cohort.handover.tables import tables_of, write_run_as_csv
    from cohort.handover.trial import ExportedTrial

    root = Path(folder)
    trial = ExportedTrial(Layout(root), read_manifest(root))
    problems = problems_of(trial, kind, xpt=xpt)
    if problems:
        raise BadInput(problems)
    if kind == "adam":
        trial = replace(trial, periods=_periods(root, trial))
    names = {
        "adam": lambda: list(data_sets(trial)),
        "csv": lambda: list(tables_of(trial.layout)),
        "nonmem": lambda: ["nonmem"],
    }[kind]()

    def begin(name: str) -> None:
        progress(Began(name, names.index(name) + 1, len(names)))

    target = root / "export" / kind if out is None else Path(out)
    if kind == "adam":
        return Export(target, write_adam(trial, target, xpt=xpt, begin=begin))
    if kind == "nonmem":
        return Export(target, write_nonmem(trial, _doses(root, trial), target, begin=begin))
    return Export(target, write_run_as_csv(trial, target, begin=begin))


def _periods(root: Path, trial: ExportedTrial) -> Periods | None:
    """Return the periods of treatment of a run.

    Raises:
        BadInput: a file that the study names is gone.
    """
    from cohort.handover.periods import Period, make_periods
    from cohort.trial.periods import study_periods
    from cohort.trial.study import parse_study

    study = parse_study(trial.manifest["study"], label=str(Layout(root).manifest))
    found = {
        arm: {label: tuple(Period(*own) for own in periods) for label, periods in courses.items()}
        for arm, courses in study_periods(study).items()
    }
    return make_periods(trial.arms, found)


def _doses(root: Path, trial: ExportedTrial) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the doses of every course of every arm, as rows of NONMEM's columns.

    Raises:
        BadInput: a file that the study names is gone.
    """
    from cohort.therapy import load_therapy
    from cohort.trial.nonmem import to_nonmem
    from cohort.trial.steady import is_continuous
    from cohort.trial.study import parse_study, study_courses

    study = parse_study(trial.manifest["study"], label=str(Layout(root).manifest))
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for arm, own in study_courses(study).items():
        found[arm] = {}
        for course in own.courses:
            apart = [
                dose
                for doses in course.doses
                for dose in ([doses] if is_continuous(doses) else doses.one_by_one)
            ]
            found[arm][course.label] = [
                row | {"UNIT": load_therapy(row["THERAPY"]).dose_unit} for row in to_nonmem(apart)
            ]
    return found
