"""A job's results folder: new, to be continued, complete, or refused; and its manifest."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibration.job.layout import KNOWN, Layout
from calibration.job.load import job_hash, job_table, job_text
from calibration.job.schema import Job
from cohort.errors import BadInput, MachineFailure
from cohort.execute.lock import folder_lock
from cohort.execute.manifest import DONE, FAILED, INTERRUPTED, RUNNING, now, versions
from cohort.results.reader import read_manifest
from cohort.results.writer import atomic_write, machine_errors, remove_stale, write_json

KIND = "calibration"


@dataclass
class JobFolder:
    """An open results folder.

    Attributes:
        layout: its paths.
        manifest: what `manifest.json` holds.
    """

    layout: Layout
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the job in it is done."""
        return self.manifest.get("status") == DONE

    def finished(self, stage: str) -> bool:
        """Whether a stage is done and what it wrote is there."""
        files = self.manifest.get("stages", {}).get(stage)
        return files is not None and all(self.layout[name].exists() for name in files)

    def finish(self, stage: str, files: tuple[str, ...], **facts: Any) -> None:
        """Note that a stage is done, what it wrote, and what else there is to say."""
        self.manifest["stages"] = self.manifest.get("stages", {}) | {stage: list(files)}
        self.save(**facts)

    def save(self, **facts: Any) -> None:
        """Write the manifest with these facts put in."""
        self.manifest |= facts | {"updated": now()}
        write_json(self.layout.manifest, self.manifest)


@contextlib.contextmanager
def opened(job: Job, out: Path, *, overwrite: bool = False) -> Iterator[JobFolder]:
    """Hold a results folder for writing.

    A job that is stopped inside the `with` block is noted as such, and goes on from there when it
    is run again.

    Args:
        job: the job that is to be in the folder.
        out: the folder; made where it is missing.
        overwrite: remove what an earlier job wrote there first, whatever it was.

    Raises:
        BadInput: the folder holds something else, or another process writes it.
        MachineFailure: the folder cannot be made or written.
    """
    layout, mine = Layout(out), job_hash(job)
    # Asked before the lock is made, so that a refusal writes nothing.
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out is {out}, which is a file; it must be a folder.")
    if not overwrite:
        _refuse_others(layout, mine)
    with machine_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with folder_lock(layout.lock):
        with machine_errors(out):
            remove_stale(out)
        if overwrite:
            _clear(layout)
        else:
            _refuse_others(layout, mine)
        folder = JobFolder(layout)
        if layout.manifest.exists():
            folder.manifest = read_manifest(out)
        if not folder.complete:
            atomic_write(layout["job.toml"], lambda file: file.write(job_text(job).encode()))
            folder.save(**_identity(job, mine), status=RUNNING)
        with _noted(folder):
            yield folder


def _identity(job: Job, mine: str) -> dict[str, Any]:
    return {
        "kind": KIND,
        "name": job.name,
        "seed": job.seed,
        "hash": mine,
        "versions": versions(),
        "job": job_table(job),
    }


@contextlib.contextmanager
def _noted(folder: JobFolder) -> Iterator[None]:
    """Note in the manifest how a job that does not reach its end was stopped."""
    try:
        yield
    except KeyboardInterrupt:
        folder.save(status=INTERRUPTED)
        raise
    except Exception:
        with contextlib.suppress(MachineFailure):  # the reason itself is what counts
            folder.save(status=FAILED)
        raise


def _refuse_others(layout: Layout, mine: str) -> None:
    """Raise unless the folder is free, or holds this very job."""
    names = [p.name for p in layout.root.iterdir()] if layout.root.is_dir() else []
    strange = sorted(name for name in names if not name.startswith("."))
    if layout.manifest.exists():
        manifest = read_manifest(layout.root)
        if manifest.get("hash") != mine:
            what = "job" if manifest.get("kind") == KIND else "run"
            raise BadInput(
                f"{layout.root} holds another {what} ({manifest.get('name')}, hash "
                f"{str(manifest.get('hash'))[:12]} instead of {mine[:12]}); choose another --out, "
                "or use --overwrite."
            )
    elif strange:
        raise BadInput(
            f"{layout.root} is not empty and holds no job (found '{strange[0]}'); choose another "
            "--out, or use --overwrite."
        )


def _clear(layout: Layout) -> None:
    """Remove what a job writes, and nothing else that may lie in the folder."""
    # The manifest goes last: killed in between, the folder still says which job it belongs to.
    for name in sorted(KNOWN, key=lambda name: name == layout.manifest.name):
        path = layout[name]
        with machine_errors(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


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
