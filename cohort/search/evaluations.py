"""What was computed, by the hash of the schedule: in memory, and on disk as it comes in.

A search that is killed finds there what it has computed and asks for the rest; since a schedule's
numbers do not depend on what else is asked for, it ends as it would have done unbroken.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from cohort.execute.guard import guarded
from cohort.execute.progress import Advanced, Progress, silent
from cohort.results.writer import atomic_write
from cohort.search.space import Candidate, Space

PIECE = 64
"""Candidates, at least, between writes."""


class Tries(Protocol):
    """What tries candidates on a cohort (`evaluate.Evaluator`)."""

    @property
    def batch(self) -> int:
        """Number of candidates that are computed side by side."""
        ...

    def values(self, codes: Sequence[Candidate]) -> Iterator[np.ndarray]:
        """Yield every candidate's outcomes by person, in order."""
        ...


class Evaluations:
    """Outcomes of candidates, computed where they are not there yet.

    Attributes:
        asked: hashes of the schedules that this process has asked for, in order.
    """

    def __init__(
        self,
        space: Space,
        evaluator: Tries,
        folder: Path,
        total: int,
        persons: int,
        progress: Progress = silent,
    ) -> None:
        """Read what is on disk.

        Args:
            space: the candidates.
            evaluator: what computes them.
            folder: where pieces lie.
            total: most schedules that will be asked for, for the progress.
            persons: persons of the cohort.
            progress: takes the events.
        """
        self._space, self._evaluator, self._folder = space, evaluator, folder
        self._total, self._persons, self._progress = total, persons, progress
        self._known: dict[str, np.ndarray] = {}
        for path in sorted(folder.glob("part-*.npz")):
            with np.load(path) as piece:
                self._known |= dict(zip(piece["keys"].tolist(), piece["values"], strict=True))
        self._computed = 0
        self._started = time.perf_counter()
        self.asked: dict[str, None] = {}

    @property
    def kept(self) -> int:
        """Number of schedules that are there."""
        return len(self._known)

    def of(self, codes: Sequence[Candidate]) -> np.ndarray:
        """Return outcomes, `(candidate, patient)` float32, computed where they are not there."""
        keys = [self._space.key(code) for code in codes]
        fresh = {key: code for key, code in zip(keys, codes, strict=True) if key not in self._known}
        size = -(-PIECE // self._evaluator.batch) * self._evaluator.batch
        todo = list(fresh)
        for first in range(0, len(todo), size):
            self._piece(todo[first : first + size], fresh)
        self.asked |= dict.fromkeys(keys)
        found = [self._known[key] for key in keys]
        return np.stack(found) if found else np.empty((0, self._persons), np.float32)

    def _piece(self, keys: Sequence[str], codes: dict[str, Candidate]) -> None:
        """Compute some schedules and write them, complete or not at all."""
        tried = [codes[key] for key in keys]
        values = np.stack(guarded(lambda: list(self._evaluator.values(tried))))
        held = io.BytesIO()
        np.savez(held, keys=np.array(keys), values=values)
        name = f"part-{len(list(self._folder.glob('part-*.npz'))):05d}.npz"
        atomic_write(self._folder / name, lambda file: file.write(held.getvalue()))
        self._known |= dict(zip(keys, values, strict=True))
        self._computed += len(keys)
        n = self._persons
        seconds = time.perf_counter() - self._started
        self._progress(
            Advanced(self.kept * n, max(self._total, self.kept) * n, self._computed * n, seconds)
        )
