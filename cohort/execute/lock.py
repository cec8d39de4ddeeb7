"""One writer at a time in a results folder.

An advisory lock (`flock`) is let go by the system however its process ends, so a killed run never
blocks the next. Shards of one run share the folder's lock and each hold their own besides. Where
the system has no `flock` (Windows) runs are not kept apart.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from cohort.errors import BadInput
from cohort.results.writer import machine_errors


@contextlib.contextmanager
def folder_lock(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock file for the length of a `with` block.

    Args:
        path: the lock file; it holds the holder's process number, and is removed at the end.
        shared: whether other holders of a shared lock are welcome.

    Raises:
        BadInput: another process holds it; names that process.
        MachineFailure: the file cannot be made.
    """
    if sys.platform == "win32":
        yield
        return
    handle = _acquire(path, shared)
    try:
        yield
    finally:
        if not shared:
            # Removed while still held: whoever opened it meanwhile sees that it is gone.
            path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path, shared: bool) -> int:
    """Return the handle of the locked file, once it is sure that the file is still in place."""
    import fcntl

    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    while True:
        with machine_errors(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, kind)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise BadInput(
                f"another process (pid {holder}) is writing {path.parent}; "
                "wait until it ends, or choose another --out."
            ) from None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
                return handle
        os.close(handle)
