"""Replicas beside their publications."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cohort.api.runs import simulate
from cohort.api.studies import load_study
from cohort.errors import BadInput, TooManyFailed
from cohort.execute.progress import Began, Progress, silent

if TYPE_CHECKING:
    import pandas as pd

    from cohort.analysis.compare import Prediction


@dataclass(frozen=True)
class Comparison:
    """What replicas gave beside what was published.

    Attributes:
        predictions: one for each comparable published row, in the order of the trials' tables.
        table: where `compare.parquet` lies, or None.
        failures: a sentence for each trial in which too many patients had no results.
    """

    predictions: tuple[Prediction, ...]
    table: Path | None
    failures: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """Return a row for each published row: the columns of `compare.parquet`."""
        from cohort.analysis.replicas import comparison_table

        return comparison_table(self.predictions).to_pandas()


def compare(
    studies: Sequence[str] = (),
    *,
    out: str | Path | None = None,
    seed: int | None = None,
    patients: int = 2048,
    config: Sequence[str] = (),
    accuracy: str | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Run bundled trials and compare what comes out with what they published.

    Args:
        studies: bundled trials; all that have a comparable row by default.
        out: folder for `compare.parquet`; nothing is written by default.
        seed: root of every random draw; each study's own by default.
        patients: persons per arm.
        config: overrides `key=value` for every study, such as `parameters.override.bE=1.2`.
        accuracy: `draft`, `default` or `high`.
        device: what computes: `auto`, `cpu` or `gpu`.
        workers: threads that compute.
        progress: called with each event; `Began` tells which trial comes next.

    Raises:
        BadInput: a trial or an option is wrong; told before any trial is run.
        MachineFailure: disk, memory or device gave out.

    >>> import cohort
    >>> table = cohort.compare(["freedom", "frame"]).frame()  # doctest: +SKIP
    >>> table[table.kind == "scored"].groupby("trial").difference.mean()  # doctest: +SKIP
    """
    from cohort.analysis.replicas import compare_folder, replicas, write_comparison

    checked, problems = {}, []
    # All of them are checked before any is run: nobody waits an hour for a typing slip.
    for name in replicas(studies):
        try:
            checked[name] = load_study(
                name, config=config, seed=seed, patients=patients, accuracy=accuracy
            )
        except BadInput as error:
            problems += error.problems
    if problems:
        raise BadInput(list(dict.fromkeys(problems)))
    predictions: list[Prediction] = []
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="cohort-compare-") as scratch:
        for number, (name, study) in enumerate(checked.items(), start=1):
            progress(Began(name, number, len(checked)))
            folder = Path(scratch) / name
            try:
                simulate(study, folder, device=device, workers=workers, progress=progress)
            except TooManyFailed as error:
                failures.append(f"{name}: {error}")
            predictions += compare_folder(folder)
    table = None if out is None else Path(out) / "compare.parquet"
    if table is not None:
        write_comparison(predictions, table)
    return Comparison(tuple(predictions), table, tuple(failures))
