"""Computing a job's evaluations: blocks in worker threads, parts on disk as they finish.

A part is complete or absent, and a later call of the same job computes those that are absent only.
Blocks never span two parts, so that a part's bytes depend on the job alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from cohort.execute.progress import Advanced, Compiled, Compiling, Progress
from cohort.levers.layout import PART, Layout
from cohort.levers.outputs import Column
from cohort.levers.tables import evaluations_schema, evaluations_table
from cohort.results.reader import read_part
from cohort.results.writer import write_tables


class Evaluator(Protocol):
    """What computes evaluations; `compute.cohorts.Cohorts`, or any function of the factors."""

    @property
    def rows(self) -> int:
        """Evaluations of one block."""
        ...

    @property
    def device(self) -> str:
        """What computes, in words."""
        ...

    def compile(self) -> None:
        """Make ready."""
        ...

    def evaluate(self, values: np.ndarray) -> np.ndarray:
        """Return the outputs, `(evaluation, column)`, of at most `rows` rows of factor values."""
        ...

    def derivatives(self) -> tuple[np.ndarray, np.ndarray]:
        """Return outputs, `(column, patient)`, and `(factor, column, patient)` derivatives."""
        ...


@dataclass
class Times:
    """Where a job's time went; of an interrupted one, only the last stretch.

    Attributes:
        compile: seconds spent compiling.
        compute: seconds of evaluations.
        evaluations: computed meanwhile.
    """

    compile: float = 0.0
    compute: float = 0.0
    evaluations: int = 0


@dataclass(frozen=True)
class Work:
    """The evaluations of a job.

    Attributes:
        layout: where they go.
        values: of the factors, `(evaluation, factor)`.
        columns: what each evaluation gives.
        identity: of the job, for the files.
        patients: virtual patients behind one evaluation, which progress is counted in.
    """

    layout: Layout
    values: np.ndarray
    columns: tuple[Column, ...]
    identity: Mapping[str, Any]
    patients: int

    @property
    def parts(self) -> int:
        """Number of parts."""
        return -(-len(self.values) // PART)

    def missing(self) -> list[int]:
        """Return the parts that are not on disk, none once all are merged."""
        if self.layout["evaluations.parquet"].exists():
            return []
        return [part for part in range(self.parts) if not self.layout.part(part).exists()]

    def of_part(self, part: int) -> np.ndarray:
        """Return the factor values of one part."""
        return self.values[part * PART : (part + 1) * PART]


def compute(
    work: Work, todo: Sequence[int], evaluator: Evaluator, workers: int, progress: Progress
) -> Times:
    """Compute parts and write each as it is complete.

    Args:
        work: the job's evaluations.
        todo: parts to compute.
        evaluator: what computes; called from `workers` threads at once.
        workers: number of those threads.
        progress: takes the events.

    Raises:
        MachineFailure: the disk gave out; parts written so far stay.
    """
    times = Times()
    progress(Compiling(evaluator.device))
    start = time.perf_counter()
    evaluator.compile()
    times.compile = time.perf_counter() - start
    progress(Compiled(times.compile))
    schema = evaluations_schema(work.columns, work.identity)
    size, done = len(work.values), len(work.values) - sum(len(work.of_part(p)) for p in todo)
    start = time.perf_counter()
    blocks: list[np.ndarray] = []
    for part, block, last in _in_order(work, todo, evaluator, workers):
        blocks.append(block)
        times.evaluations += len(block)
        if last:
            table = evaluations_table(part * PART, np.concatenate(blocks), work.columns, schema)
            write_tables(work.layout.part(part), schema, [table])
            blocks = []
        times.compute = time.perf_counter() - start
        each, new = work.patients, times.evaluations
        progress(Advanced(each * (done + new), each * size, each * new, times.compute))
    return times


def merge(work: Work) -> None:
    """Write `evaluations.parquet` from its parts, one in memory at a time."""
    schema = evaluations_schema(work.columns, work.identity)

    def tables() -> Iterator[pa.Table]:
        for part in range(work.parts):
            yield read_part(work.layout.part(part))

    write_tables(work.layout["evaluations.parquet"], schema, tables())


def _in_order(
    work: Work, todo: Sequence[int], evaluator: Evaluator, workers: int
) -> Iterator[tuple[int, np.ndarray, bool]]:
    """Yield the part, the outputs and whether the part ends, block by block, in order."""
    waiting: deque[tuple[int, bool, Future[np.ndarray]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="cohort-block")
    try:
        for part in todo:
            values = work.of_part(part)
            for first in range(0, len(values), evaluator.rows):
                block = values[first : first + evaluator.rows]
                last = first + evaluator.rows >= len(values)
                waiting.append((part, last, pool.submit(evaluator.evaluate, block)))
                if len(waiting) > workers:
                    sent, ends, future = waiting.popleft()
                    yield sent, future.result(), ends
        while waiting:
            sent, ends, future = waiting.popleft()
            yield sent, future.result(), ends
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
