"""Evaluations of a problem, kept on disk under the numbers that went into them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cohort.results.writer import atomic_write

Arrays = tuple[np.ndarray, ...]


class Memory:
    """Computes once what is asked for twice, in this process or in one before it."""

    def __init__(self, folder: Path) -> None:
        """Remember in this folder, which holds the evaluations of one job alone."""
        self.folder = folder

    def of(self, what: str, given: Arrays, compute: Callable[[], Arrays]) -> Arrays:
        """Return what `compute` returns for these inputs.

        Args:
            what: which function is evaluated.
            given: everything that its result depends on.
            compute: evaluates it.
        """
        digest = hashlib.sha256()
        for array in given:
            digest.update(np.ascontiguousarray(array, float).tobytes())
        path = self.folder / f"{what}-{digest.hexdigest()[:24]}.npz"
        if path.exists():
            with np.load(path) as known:
                return tuple(known[f"arr_{place}"] for place in range(len(known.files)))
        found = tuple(np.asarray(array) for array in compute())
        atomic_write(path, lambda file: np.savez(file, *found))
        return found
