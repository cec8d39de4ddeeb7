"""The best sequence or schedule among those allowed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cohort.api.executors import default_workers
from cohort.execute.progress import Event, Finished, Progress, Writing, silent
from cohort.results.reader import read_manifest
from cohort.search.load import Prepared, load_search
from cohort.search.run import Engine, require_few_failed, run_search
from cohort.search.space import Space

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Optimum:
    """A finished search.

    Attributes:
        folder: its results folder.
        manifest: what `manifest.json` holds.
    """

    folder: Path
    manifest: dict[str, Any]

    def candidates(self) -> pd.DataFrame:
        """Return a row for each candidate that was looked at, the best first."""
        return self._table("candidates")

    def front(self) -> pd.DataFrame:
        """Return the candidates that none beats in gain and burden, by rising burden."""
        return self._table("front")

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(self.folder / f"{name}.parquet")


def optimize(
    search: str | Path | Prepared,
    *,
    out: str | Path | None = None,
    seed: int | None = None,
    patients: int | None = None,
    config: Sequence[str] = (),
    accuracy: str | None = None,
    device: str = "auto",
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Optimum:
    """Find the best sequence of treatments among those allowed, or go on with that.

    Every candidate is tried on the same persons with the same draws, so that differences between
    candidates carry no sampling noise but that of how persons respond.

    Args:
        search: a bundled search's name or the path of a search file; of a study, bundled or a
            file, the best arm is found; or what `load_search` has made of either.
        out: the results folder; `results/optimize-<name>-<seed>` by default.
        seed: root of every random draw; the search's own by default.
        patients: persons on whom each candidate is tried; the search's own by default.
        config: overrides `key=value` with dotted keys, such as `objective.month=60`.
        accuracy: `draft`, `default` or `high`.
        device: what computes: `auto`, `cpu` or `gpu`.
        workers: threads that compute; as many as suit this machine by default.
        overwrite: start anew, whatever the folder holds.
        progress: called with each event (see `cohort.execute.progress`).

    Raises:
        BadInput: the search, an option, or the folder does not allow it; nothing was written.
        MachineFailure: disk, memory or device gave out; what is finished stays.
        TooManyFailed: everything is written, but too many persons could not be computed.

    >>> import cohort
    >>> best = cohort.optimize("three_courses", patients=64)  # doctest: +SKIP
    >>> best.candidates()[["sequence", "mean", "difference"]].head(10)  # doctest: +SKIP
    """
    from cohort.analysis.front import write_front

    prepared = search
    if not isinstance(prepared, Prepared):
        prepared = load_search(prepared, config, seed=seed, patients=patients, accuracy=accuracy)
    folder = results_folder(prepared) if out is None else Path(out)
    if prepared.search.method.name == "evolve":
        from cohort.search.evolve import require_library

        require_library()
    start = time.perf_counter()
    threads = default_workers(device) if workers is None else workers

    def show(event: Event, /) -> None:
        if not isinstance(event, Finished):
            progress(event)

    failed = run_search(
        prepared,
        folder,
        lambda space: _engine(space, prepared, device, threads),
        overwrite=overwrite,
        progress=show,
    )
    progress(Writing("figures"))
    write_front(folder)
    progress(Finished(time.perf_counter() - start))
    require_few_failed(failed, prepared.study.engine.max_failed)
    return Optimum(folder, read_manifest(folder))


def _engine(space: Space, prepared: Prepared, device: str, workers: int) -> Engine:
    """Make what tries candidates: JAX is imported and set up then."""
    from cohort.api.device import configure

    configure(device, prepared.study.engine.precision)
    from cohort.search.evaluate import Evaluator

    return Evaluator(space, prepared.study, workers)


def results_folder(prepared: Prepared) -> Path:
    """Return the results folder of a search where none is named."""
    return Path("results") / f"optimize-{prepared.search.name}-{prepared.search.seed}"
