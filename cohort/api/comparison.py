"""Replicas beside their publications."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cohort.api.executors import make_executor
from cohort.api.runs import simulate
from cohort.api.studies import load_study
from cohort.errors import BadInput, TooManyFailed
from cohort.execute.progress import Began, Progress, silent
from cohort.patients.population import load_population
from cohort.trial.schema import Study

if TYPE_CHECKING:
    import pandas as pd

    from cohort.analysis.compare import Prediction
    from cohort.analysis.fractures import FracturePrediction
    from cohort.analysis.hormones import HormonePrediction


@dataclass(frozen=True)
class Comparison:
    """What replicas gave beside what was published.

    Attributes:
        predictions: one for each comparable change of BMD or of a marker, in the order of the
            trials' tables.
        hormones: one for each published level of a hormone, in the same order.
        participants: whom each trial recruited: `women`, `men` or `mixed`.
        table: where `compare.parquet` lies, or None.
        failures: a sentence for each trial in which too many patients had no results.
        fractures: one for each published incidence or relative risk of fractures.
    """

    predictions: tuple[Prediction, ...]
    hormones: tuple[HormonePrediction, ...]
    participants: Mapping[str, str]
    table: Path | None
    failures: tuple[str, ...]
    fractures: tuple[FracturePrediction, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return a row for each published row: the columns of `compare.parquet`."""
        from cohort.analysis.replicas import comparison_table

        rows = [*self.predictions, *self.hormones]
        return comparison_table(rows, self.participants).to_pandas()

    def fracture_frame(self) -> pd.DataFrame:
        """Return a row for each published number of fractures, as `fractures.parquet` does."""
        from cohort.analysis.fracture_table import fracture_table

        return fracture_table(self.fractures).to_pandas()


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
        out: folder for `compare.parquet`, `fractures.parquet` and `figures`; nothing is written by
            default.
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
    from cohort.analysis.agreement import write_agreement
    from cohort.analysis.fracture_table import write_fractures
    from cohort.analysis.replicas import (
        compare_folder,
        compare_fractures,
        compare_hormones,
        replicas,
        write_comparison,
    )

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
    executor = make_executor(None, workers, device)
    participants = {name: recruits(study) for name, study in checked.items()}
    predictions: list[Prediction] = []
    hormones: list[HormonePrediction] = []
    fractures: list[FracturePrediction] = []
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="cohort-compare-") as scratch:
        for number, (name, study) in enumerate(checked.items(), start=1):
            progress(Began(name, number, len(checked)))
            folder = Path(scratch) / name
            try:
                simulate(study, folder, device=device, executor=executor, progress=progress)
            except TooManyFailed as error:
                failures.append(f"{name}: {error}")
            predictions += compare_folder(folder)
            hormones += compare_hormones(folder)
            fractures += compare_fractures(folder)
    table = None if out is None else Path(out) / "compare.parquet"
    if table is not None:
        write_comparison([*predictions, *hormones], participants, table)
        if fractures:
            write_fractures(fractures, table.with_name("fractures.parquet"))
        write_agreement(predictions, fractures, table.with_name("figures"))
    return Comparison(
        tuple(predictions),
        tuple(hormones),
        participants,
        table,
        tuple(failures),
        tuple(fractures),
    )


def recruits(study: Study) -> str:
    """Return whom a study recruits: `women`, `men` or `mixed`."""
    strata = load_population(study.population.name).strata
    sexes = {stratum.population.sex for stratum in strata}
    return "mixed" if len(sexes) > 1 else {"female": "women", "male": "men"}[sexes.pop()]
