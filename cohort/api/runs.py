"""Virtual trials: run one, or finish one that was interrupted."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cohort.api.executors import make_executor
from cohort.api.studies import (
    StudyLike,
    drawn_parameters,
    load_study,
    results_folder,
    run_spec,
)
from cohort.errors import BadInput, MachineFailure, TooManyFailed
from cohort.execute.crew import Executor
from cohort.execute.folder import Shard
from cohort.execute.progress import Event, Finished, Progress, Writing, silent
from cohort.execute.run import RunSummary, run_study
from cohort.model.parameters import parameter_set
from cohort.parameter_draws import ParameterDraws
from cohort.results.block import Simulator
from cohort.results.reader import Results, read_manifest
from cohort.results.schema import has_draws
from cohort.trial.schema import Study
from cohort.trial.study import parse_study


def run(
    study: StudyLike,
    *,
    out: str | Path | None = None,
    seed: int | None = None,
    patients: int | None = None,
    config: Sequence[str] = (),
    accuracy: str | None = None,
    device: str = "auto",
    workers: int | None = None,
    draws: int | None = None,
    shard: str | None = None,
    cluster: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Results:
    """Run a virtual trial into a results folder, or finish what an earlier call began there.

    Args:
        study: a bundled study's name, the path of a study file, its table, or a checked study.
        out: the results folder; `results/<study>-<seed>` by default.
        seed: root of every random draw; the study's own by default.
        patients: persons per arm; the study's own by default.
        config: overrides `key=value` with dotted keys, such as `visits.months=[0,12]`.
        accuracy: `draft`, `default` or `high`.
        device: what computes: `auto` (the best there is), `cpu` or `gpu`.
        workers: threads that compute, or actors of the cluster; as many as suit it by default.
        draws: simulate everybody under each of the first so many posterior draws of the parameter
            set: rows get a column `draw`, the summary an interval of the mean over draws.
        shard: compute only share `i/n` of the parts; `resume` merges once all are there.
        cluster: `ray` computes on Ray, started on this machine; `ray:HOST:PORT` or `ray:auto` join
            a cluster that runs.
        overwrite: start anew, whatever run the folder holds.
        progress: called with each event of the run (see `cohort.execute.progress`).

    Returns:
        The results folder, opened: `.summary()`, `.visits()` and `.patients()` are data frames.

    Raises:
        BadInput: the study, an option, or the folder does not allow it; nothing was written.
        MachineFailure: disk, memory or device gave out; what is finished stays.
        TooManyFailed: everything is written, but too many patients have no results.

    >>> import cohort
    >>> results = cohort.run("freedom", patients=500, out="mine")  # doctest: +SKIP
    >>> results.summary().query("outcome == 'ctx_change' and month == 6")  # doctest: +SKIP
    """
    checked = load_study(study, config=config, seed=seed, patients=patients, accuracy=accuracy)
    drawn = drawn_parameters(checked, draws)
    folder = results_folder(checked) if out is None else Path(out)
    share = Shard() if shard is None else Shard.parse(shard)
    return _run_and_report(
        checked,
        folder,
        drawn=drawn,
        device=device,
        executor=make_executor(cluster, workers, device),
        shard=share,
        overwrite=overwrite,
        progress=progress,
    )


def resume(
    folder: str | Path,
    *,
    device: str = "auto",
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
) -> Results:
    """Finish a run that was interrupted; merge shards.

    Args:
        folder: the results folder.
        device: what computes: `auto`, `cpu` or `gpu`.
        workers: threads that compute, or actors of the cluster.
        cluster: as `run` has it.
        progress: called with each event of the run.

    Raises:
        BadInput: no run is there, or it was begun with another version or other parameters.
        MachineFailure: disk, memory or device gave out; what is finished stays.
        TooManyFailed: everything is written, but too many patients have no results.

    >>> import cohort
    >>> cohort.resume("results/freedom-0").complete  # doctest: +SKIP
    True
    """
    root = Path(folder)
    study, manifest = manifest_study(root), read_manifest(root)
    drawn = drawn_parameters(study, manifest.get("draws"))
    spec = run_spec(study, drawn)
    if spec.hash != manifest.get("hash"):
        raise BadInput(
            f"{root} was begun with {_origin(manifest)}; this is {_origin(spec.identity())}, "
            "whose numbers differ. Repeat the run with --overwrite, or finish it with those."
        )
    return _run_and_report(
        study,
        root,
        drawn=drawn,
        device=device,
        executor=make_executor(cluster, workers, device),
        progress=progress,
    )


def _origin(identity: Mapping[str, Any]) -> str:
    """Say in words on what the numbers of a run rest."""
    words = f"version {identity.get('version')}, parameter hash "
    words += str(identity.get("parameter_hash"))[:12]
    if has_draws(identity):
        words += f" and draws with hash {str(identity.get('draws_hash'))[:12]}"
    return words


def manifest_study(folder: Path) -> Study:
    """Return the study of which a folder holds results.

    Raises:
        BadInput: the folder holds no run, or its study is not valid in this version.
    """
    study = read_manifest(folder).get("study")
    if study is None:
        raise BadInput(
            f"{folder} holds no virtual trial; `cohort calibrate {folder}` goes on with a job."
        )
    return parse_study(study, label="manifest.json")


def _run_and_report(
    study: Study,
    folder: Path,
    *,
    drawn: ParameterDraws | None,
    device: str,
    executor: Executor,
    shard: Shard | None = None,
    overwrite: bool = False,
    progress: Progress,
) -> Results:
    """Simulate and make the report; failed patients are told last, for the rest is of use."""
    share = shard or Shard()
    start = time.perf_counter()

    def show(event: Event, /) -> None:
        if not isinstance(event, Finished):
            progress(event)

    too_many = None
    try:
        simulate(
            study,
            folder,
            drawn=drawn,
            device=device,
            executor=executor,
            shard=share,
            overwrite=overwrite,
            progress=show,
        )
    except TooManyFailed as error:
        too_many = error
    if share.whole:
        # Its libraries of figures and statistics take a second: not before there are results.
        from cohort.analysis.report import write_report

        progress(Writing("report.html"))
        write_report(folder)
    progress(Finished(time.perf_counter() - start))
    if too_many is not None:
        raise too_many
    return Results(folder, read_manifest(folder))


def simulate(
    study: Study,
    folder: Path,
    *,
    drawn: ParameterDraws | None = None,
    device: str = "auto",
    executor: Executor | None = None,
    shard: Shard | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> RunSummary:
    """Run a checked study into a folder, without a report (see `cohort.execute.run.run_study`)."""
    return run_study(
        run_spec(study, drawn),
        out=folder,
        simulator_factory=simulator_factory(study, device, drawn),
        executor=executor or make_executor(None, None, device),
        overwrite=overwrite,
        shard=shard,
        progress=progress,
    )


def simulator_factory(
    study: Study, device: str, drawn: ParameterDraws | None
) -> Callable[[], Simulator]:
    """Return what makes the simulator where and when it is needed."""
    return _Recipe(study, device, drawn, parameter_set(study.parameters.set).hash)


@dataclass(frozen=True)
class _Recipe:
    """Makes a study's simulator: JAX is imported and set up then.

    Attributes:
        study: the checked study.
        device: what computes.
        drawn: draws of its parameters.
        parameters: hash of the set that the study names, as this machine has it.
    """

    study: Study
    device: str
    drawn: ParameterDraws | None
    parameters: str

    def __call__(self) -> Simulator:
        from cohort.api.device import configure

        configure(self.device, self.study.engine.precision)
        from cohort.solve.simulate import make_simulator

        name = self.study.parameters.set
        if parameter_set(name).hash != self.parameters:
            raise MachineFailure(
                f"a worker on {platform.node()} has another parameter set {name}; install the same "
                "version on every machine, and keep files of your own where all of them see them."
            )
        return make_simulator(self.study, () if self.drawn is None else self.drawn.rows)
