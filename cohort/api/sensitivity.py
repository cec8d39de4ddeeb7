"""Sensitivity jobs: which lever moves which output of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cohort.api.executors import make_executor
from cohort.execute.progress import Progress, silent
from cohort.levers.layout import Layout, results_folder
from cohort.levers.load import Prepared, load_job

if TYPE_CHECKING:
    import pandas as pd

    from cohort.levers.evaluations import Evaluator


@dataclass(frozen=True)
class Sensitivity:
    """A finished sensitivity job.

    Attributes:
        folder: its results folder.
        manifest: what `manifest.json` holds.
    """

    folder: Path
    manifest: Mapping[str, Any]

    def indices(self) -> pd.DataFrame:
        """Return a row a factor, output and index: value and confidence limits."""
        return self._table("indices.parquet")

    def samples(self) -> pd.DataFrame:
        """Return a row an evaluation with the values of the factors."""
        return self._table("samples.parquet")

    def evaluations(self) -> pd.DataFrame:
        """Return a row an evaluation, arm and month with the cohort's mean outcomes."""
        return self._table("evaluations.parquet")

    def _table(self, name: str) -> pd.DataFrame:
        from cohort.results.reader import read_part

        return read_part(Layout(self.folder)[name]).to_pandas()


def sensitivity(
    job: str | Path | Mapping[str, Any] | Prepared,
    *,
    out: str | Path | None = None,
    seed: int | None = None,
    config: Sequence[str] = (),
    device: str = "auto",
    workers: int | None = None,
    cluster: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Sensitivity:
    """Run a sensitivity job into a results folder, or finish what an earlier call began there.

    Args:
        job: a bundled job's name, the path of a job file, its table, or a job already checked
            (`cohort.levers.load.load_job`).
        out: the results folder; `results/<job>-<seed>` by default.
        seed: of samples and bootstrap; the job's own by default.
        config: overrides `key=value` with dotted keys of the job, such as `method.samples=64`.
        device: what computes: `auto`, `cpu` or `gpu`.
        workers: threads that compute, or actors of the cluster; as many as suit it by default.
        cluster: `ray` computes on Ray, started on this machine; `ray:HOST:PORT` or `ray:auto` join
            a cluster that runs.
        overwrite: start anew, whatever the folder holds.
        progress: called with each event of the job (see `cohort.execute.progress`).

    Returns:
        The results, opened: `.indices()`, `.samples()` and `.evaluations()` are data frames.

    Raises:
        BadInput: the job, an option, or the folder does not allow it; nothing was written.
        MachineFailure: disk, memory or device gave out; what is finished stays.
        TooManyFailed: everything is written, but too many evaluations have no result.

    >>> import cohort
    >>> found = cohort.sensitivity("screening", out="mine")  # doctest: +SKIP
    >>> found.indices().query("index == 'mu_star'")  # doctest: +SKIP
    """
    from cohort.levers.run import run_job

    prepared = job if isinstance(job, Prepared) else load_job(job, config, seed=seed)
    folder = results_folder(prepared.job) if out is None else Path(out)
    manifest = run_job(
        prepared,
        folder,
        make=Recipe(prepared, device),
        executor=make_executor(cluster, workers, device),
        overwrite=overwrite,
        progress=progress,
    )
    return Sensitivity(folder, manifest)


@dataclass(frozen=True)
class Recipe:
    """Makes a job's cohort: JAX is imported and set up then.

    Attributes:
        prepared: the checked job.
        device: what computes.
    """

    prepared: Prepared
    device: str

    def __call__(self) -> Evaluator:
        """Set JAX up and make the cohort."""
        from cohort.api.device import configure

        configure(self.device, self.prepared.study.engine.precision)
        from cohort.levers.compute.cohorts import Cohorts

        return Cohorts(self.prepared)
