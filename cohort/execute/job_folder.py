"""The folder of a job's results: new, to be continued, complete, or refused; and its manifest.

Every job that is no run of a study (a calibration, a search, a sensitivity or power job) holds its
folder by it. Runs have parts, shards and draws besides (`cohort.execute.folder`).
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cohort.errors import BadInput, MachineFailure
from cohort.execute.lock import folder_lock
from cohort.execute.manifest import DONE, FAILED, INTERRUPTED, RUNNING, now, versions
from cohort.results.reader import read_manifest
from cohort.results.writer import machine_errors, remove_stale, write_json

MANIFEST = "manifest.json"


@dataclass
class JobFolder:
    """An open results folder.

    Attributes:
        root: the folder.
        manifest: what `manifest.json` holds.
    """

    root: Path
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether the job in it is done, and all that it ended in is there."""
        files = self.manifest.get("files", ())
        done = self.manifest.get("status") == DONE
        return done and all((self.root / name).exists() for name in files)

    def save(self, **facts: Any) -> None:
        """Write the manifest with these facts put in."""
        self.manifest |= facts
        write_json(self.root / MANIFEST, self.manifest)

    def finish(self, files: Collection[str], **facts: Any) -> None:
        """Note that the job is done.

        Args:
            files: files and folders that it ended in; where one is missing it is not done.
            facts: what else there is to say of it.
        """
        self.save(**facts, files=sorted(files), status=DONE, finished=now())


@contextlib.contextmanager
def held(
    identity: Mapping[str, Any], out: Path, known: Collection[str], *, overwrite: bool = False
) -> Iterator[JobFolder]:
    """Hold a results folder for writing.

    A job that is stopped inside the `with` block is noted as such, and goes on from there when it
    is run again. Input that turns out bad inside it leaves a new folder as it was found.

    Args:
        identity: what decides the job's numbers: `kind`, `name`, `hash`, by which jobs are told
            apart, and whatever else belongs into the manifest.
        out: the folder; made where it is missing.
        known: names of everything that a job of this kind may write there.
        overwrite: remove what an earlier job wrote there first, whatever it was.

    Raises:
        BadInput: the folder holds something else, or another process writes it.
        MachineFailure: the folder cannot be made or written.
    """
    # Asked before the lock is made, so that a refusal writes nothing.
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out is {out}, which is a file; it must be a folder.")
    if not overwrite:
        _refuse_others(out, identity["hash"])
    new = not out.exists()
    with machine_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        if new:
            stack.callback(_remove_if_empty, out)
        stack.enter_context(folder_lock(out / ".lock"))
        with machine_errors(out):
            remove_stale(out)
        if overwrite:
            _clear(out, known)
        else:
            _refuse_others(out, identity["hash"])
        folder = JobFolder(out)
        first = not (out / MANIFEST).exists()
        if not first:
            folder.manifest = read_manifest(out)
        if not folder.complete:
            begun = {"started": now(), "finished": None, "versions": versions()}
            folder.save(**identity, status=RUNNING, **begun)
        with _noted(folder, known if first else ()):
            yield folder


def _remove_if_empty(out: Path) -> None:
    """Take back a folder in which nothing was written, as after bad input."""
    with contextlib.suppress(OSError):
        out.rmdir()


@contextlib.contextmanager
def _noted(folder: JobFolder, mine: Collection[str]) -> Iterator[None]:
    """Note in the manifest how a job that does not reach its end was stopped.

    Args:
        folder: the open folder.
        mine: names to remove after bad input: none where an earlier call had begun the job.
    """
    try:
        yield
    except BadInput:
        _clear(folder.root, mine)
        raise
    except KeyboardInterrupt:
        folder.save(status=INTERRUPTED, finished=now())
        raise
    except Exception:
        with contextlib.suppress(MachineFailure):  # the reason itself is what counts
            folder.save(status=FAILED, finished=now())
        raise


def _refuse_others(root: Path, mine: str) -> None:
    """Raise unless the folder is free, or holds this very job."""
    names = [p.name for p in root.iterdir()] if root.is_dir() else []
    strange = sorted(name for name in names if not name.startswith("."))
    if MANIFEST in names:
        manifest = read_manifest(root)
        if manifest.get("hash") != mine:
            what = "job" if "kind" in manifest else "run"
            raise BadInput(
                f"{root} holds another {what} ({manifest.get('name')}, hash "
                f"{str(manifest.get('hash'))[:12]} instead of {mine[:12]}); choose another --out, "
                "or use --overwrite."
            )
    elif strange:
        raise BadInput(
            f"{root} is not empty and holds no job (found '{strange[0]}'); choose another --out, "
            "or use --overwrite."
        )


def _clear(root: Path, known: Collection[str]) -> None:
    """Remove what a job writes, and nothing else that may lie in the folder."""
    # The manifest goes last: killed in between, the folder still says which job it belongs to.
    for name in sorted(known, key=lambda name: name == MANIFEST):
        path = root / name
        with machine_errors(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
