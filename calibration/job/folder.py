"""A job's results folder: its stages, what each wrote, and its manifest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.job.layout import KNOWN, Layout
from calibration.job.load import job_hash, job_table, job_text
from calibration.job.schema import Job
from cohort.errors import BadInput
from cohort.execute.job_folder import JobFolder, held
from cohort.execute.manifest import DONE
from cohort.results.reader import read_manifest
from cohort.results.writer import atomic_write

KIND = "calibration"


@dataclass(frozen=True)
class StagedFolder:
    """An open results folder in which stage after stage is finished.

    Attributes:
        layout: its paths.
        folder: the folder that is held.
    """

    layout: Layout
    folder: JobFolder

    @property
    def manifest(self) -> dict[str, Any]:
        """What `manifest.json` holds."""
        return self.folder.manifest

    @property
    def complete(self) -> bool:
        """Whether every stage is done and what they wrote is there."""
        return self.folder.complete

    def finished(self, stage: str) -> bool:
        """Whether a stage is done and what it wrote is there."""
        files = self.manifest.get("stages", {}).get(stage)
        return files is not None and all(self.layout[name].exists() for name in files)

    def finish(self, stage: str, files: tuple[str, ...], **facts: Any) -> None:
        """Note that a stage is done, what it wrote, and what else there is to say."""
        stages = self.manifest.get("stages", {}) | {stage: list(files)}
        self.folder.save(stages=stages, **facts)

    def done(self, **facts: Any) -> None:
        """Note that every stage is done, and what else there is to say."""
        stages = self.manifest.get("stages", {})
        written = {self.layout[name] for files in stages.values() for name in files}
        self.folder.finish([str(path.relative_to(self.layout.root)) for path in written], **facts)

    def note(self, sentence: str) -> None:
        """Put a sentence into the manifest, once."""
        self.folder.save(notes=[*dict.fromkeys([*self.manifest.get("notes", []), sentence])])


@contextlib.contextmanager
def opened(job: Job, out: Path, *, overwrite: bool = False) -> Iterator[StagedFolder]:
    """Hold a results folder for writing (`cohort.execute.job_folder`).

    Args:
        job: the job that is to be in the folder.
        out: the folder; made where it is missing.
        overwrite: remove what an earlier job wrote there first, whatever it was.

    Raises:
        BadInput: the folder holds something else, or another process writes it.
        MachineFailure: the folder cannot be made or written.
    """
    layout = Layout(out)
    with held(_identity(job), out, KNOWN, overwrite=overwrite) as folder:
        if not folder.complete:
            atomic_write(layout["job.toml"], lambda file: file.write(job_text(job).encode()))
        yield StagedFolder(layout, folder)


def _identity(job: Job) -> dict[str, Any]:
    return {
        "kind": KIND,
        "name": job.name,
        "seed": job.seed,
        "hash": job_hash(job),
        "job": job_table(job),
    }


def read_job_folder(root: Path) -> dict[str, Any]:
    """Return the manifest of a finished job's folder.

    Raises:
        BadInput: the folder holds no job, or one that is not finished.
    """
    manifest = read_manifest(root)
    if manifest.get("kind") != KIND:
        raise BadInput(f"{root} holds no calibration job; `cohort calibrate JOB` makes one.")
    if manifest.get("status") != DONE:
        raise BadInput(
            f"the job in {root} is {manifest.get('status')}, not done; `cohort calibrate {root}` "
            "finishes it."
        )
    return manifest
