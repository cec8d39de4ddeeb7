"""Opening a results folder: new, to be continued, already complete, or refused."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cohort.errors import BadInput, MachineFailure
from cohort.execute.lock import folder_lock
from cohort.execute.manifest import DONE
from cohort.execute.spec import OF_DRAWS, RunSpec
from cohort.results.layout import KNOWN, Layout
from cohort.results.reader import read_manifest
from cohort.results.writer import machine_errors, remove_stale


@dataclass(frozen=True)
class Shard:
    """One share of a run's parts.

    Attributes:
        index: which share, 1 to `count`.
        count: number of shares.
    """

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard that `i/n` names.

        Raises:
            BadInput: not of the form i/n with 1 <= i <= n.
        """
        index, _, count = text.partition("/")
        if index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
            return cls(int(index), int(count))
        raise BadInput(f"--shard is '{text}'; it must be i/n with 1 <= i <= n, such as 2/8.")

    @property
    def whole(self) -> bool:
        """Whether this is the whole run."""
        return self.count == 1

    def holds(self, part: int) -> bool:
        """Whether a part falls into this share."""
        return part % self.count == self.index - 1

    def __str__(self) -> str:
        """Return `i/n`."""
        return f"{self.index}/{self.count}"


@contextlib.contextmanager
def opened(
    spec: RunSpec, out: Path, *, overwrite: bool = False, shard: Shard | None = None
) -> Iterator[tuple[Layout, bool]]:
    """Hold a results folder for writing; yield its layout and whether it is already complete.

    Args:
        spec: the run that is to be in the folder.
        out: the folder; made where it is missing.
        overwrite: remove what an earlier run wrote there first, whatever it was.
        shard: the share that this process computes; the whole run by default.

    Raises:
        BadInput: the folder holds something else, or another process writes it.
        MachineFailure: the folder cannot be made or written.
    """
    shard = shard or Shard()
    layout = Layout(out)
    if overwrite and not shard.whole:
        raise BadInput("--overwrite and --shard cannot go together: remove the folder first.")
    # Asked before the lock is made, so that a refusal writes nothing.
    if not overwrite:
        _refuse_others(spec, layout)
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out is {out}, which is a file; it must be a folder.")
    new = not out.exists()
    with machine_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        if new:
            stack.callback(_remove_if_empty, out)
        stack.enter_context(folder_lock(layout.lock, shared=not shard.whole))
        if shard.whole:
            with machine_errors(out):
                remove_stale(out)
        else:
            own = out / f".lock-{shard.index}-of-{shard.count}"
            stack.enter_context(folder_lock(own))
        if overwrite:
            _clear(layout)
        else:
            _refuse_others(spec, layout)
        yield layout, _is_done(layout)


def _remove_if_empty(out: Path) -> None:
    """Take back a folder in which nothing was written, as after bad input."""
    with contextlib.suppress(OSError):
        out.rmdir()


def _refuse_others(spec: RunSpec, layout: Layout) -> None:
    """Raise unless the folder is free, or holds this very run."""
    # Listed before the manifest is looked for: another shard may be about to write it.
    names = [p.name for p in layout.root.iterdir()] if layout.root.is_dir() else []
    strange = sorted(name for name in names if not name.startswith("."))
    if layout.manifest.exists():
        manifest = read_manifest(layout.root)
        if manifest.get("hash") != spec.hash:
            raise BadInput(_difference(spec, layout.root, manifest))
    elif strange:
        raise BadInput(
            f"{layout.root} is not empty and holds no run (found '{strange[0]}'); "
            "choose another --out, or use --overwrite."
        )


def _difference(spec: RunSpec, root: Path, manifest: dict) -> str:
    """Say which run the folder holds, and in what it differs."""
    mine = spec.identity()
    keys = [key for key in dict.fromkeys([*mine, *OF_DRAWS]) if key != "study"]
    what = ", ".join(
        f"{key.replace('_', ' ')} {_said(manifest.get(key))} instead of {_said(mine.get(key))}"
        for key in keys
        if manifest.get(key) != mine.get(key) and not isinstance(mine.get(key), list)
    )
    return (
        f"{root} holds another run ({what or 'the study differs'}); "
        "choose another --out, or use --overwrite."
    )


def _said(value: object) -> str:
    return "none" if value is None else repr(value)


def _is_done(layout: Layout) -> bool:
    """Whether the run in the folder is complete, every file in place."""
    if not layout.manifest.exists():
        return False
    manifest = read_manifest(layout.root)
    return (
        manifest.get("status") == DONE
        and layout.summary.exists()
        and all_parts(RunSpec.from_manifest(manifest), layout)
    )


def all_parts(spec: RunSpec, layout: Layout) -> bool:
    """Whether every part of a run and its merged patients are there."""
    return layout.patients.exists() and not missing_parts(spec, layout)


def missing_parts(spec: RunSpec, layout: Layout) -> list[int]:
    """Return the parts of a run that are not complete in the folder."""
    return [p for p in range(spec.parts) if not layout.part_complete(spec.part_arms(p), p)]


def _clear(layout: Layout) -> None:
    """Remove what a run writes, and nothing else that may lie in the folder."""
    # The manifest goes last: killed in between, the folder still says which run it belongs to.
    for name in sorted(KNOWN, key=lambda name: name == layout.manifest.name):
        path = layout.root / name
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise MachineFailure(f"cannot remove {path}: {error.strerror}.") from error
