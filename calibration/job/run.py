"""A job from its targets to its report, stage by stage, in a folder that can be gone on with.

    targets -> fit -> posterior -> profiles -> judgement -> report, exchange

A stage that is done is not done again. The fit keeps checkpoints of its own, so a job that was
killed goes on where it was and ends in the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.job.folder import StagedFolder, opened
from calibration.job.layout import Layout, results_folder
from calibration.job.schema import Job
from calibration.progress import Progress, Stage, silent
from cohort.execute.crew import Executor
from cohort.results.reader import read_manifest


@dataclass(frozen=True)
class Calibrated:
    """A finished job.

    Attributes:
        folder: its results folder.
        manifest: what `manifest.json` holds: the job, how it converged, the scores.
    """

    folder: Path
    manifest: dict[str, Any]

    @property
    def values(self) -> dict[str, float]:
        """The fitted value of every parameter of the model."""
        from cohort.model.parameters import parameter_set

        return dict(parameter_set(str(Layout(self.folder)["parameters.toml"])).values)


def run_job(
    job: Job,
    out: str | Path | None = None,
    *,
    executor: Executor | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Calibrated:
    """Run a job into a results folder, or finish what an earlier call began there.

    Args:
        job: a checked job, as `calibration.job.load.load_job` returns it.
        out: the results folder; `results/<job>-<seed>` by default.
        executor: where starts are fitted; this process where left out.
        overwrite: start anew, whatever the folder holds.
        progress: listens to the events of the job.

    Raises:
        BadInput: the folder does not allow it; nothing was written.
        MachineFailure: disk, memory or device gave out; what is finished stays.
    """
    if executor is not None:
        executor.require()
    root = results_folder(job) if out is None else Path(out)
    with opened(job, root, overwrite=overwrite) as folder:
        if not folder.complete:
            _compute(job, folder, executor, progress)
            folder.done()
    return Calibrated(root, read_manifest(root))


def _compute(job: Job, folder: StagedFolder, executor: Executor | None, progress: Progress) -> None:
    from calibration.job.stages import Work
    from cohort.api.device import configure

    configure(precision="float64")
    work = Work(job, folder, progress, executor)
    stages: tuple[tuple[str, Callable[[], None]], ...] = (
        ("gathering targets and their persons", work.gather),
        ("fitting", work.fit),
        ("posterior", work.posterior),
        ("profiles", work.profiles),
        ("predicting what was never fitted", work.judge),
        ("report", work.report),
        ("exchange", work.exchange),
    )
    for number, (words, stage) in enumerate(stages, start=1):
        progress(Stage(words, number, len(stages)))
        stage()
