"""How many cores there are to compute with."""

from __future__ import annotations

import os

CORES = "NPROC"
"""Environment variable by which XLA, too, is told how many cores there are for it."""


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use, `NPROC` where it is set, as XLA."""
    told = os.environ.get(CORES, "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
