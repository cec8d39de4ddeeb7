"""Computing a job's evaluations: blocks by a crew of workers, parts on disk as they finish.

A part is complete or absent, and a later call of the same job computes those that are absent only.
Blocks never span two parts, so that a part's bytes depend on the job alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, methodcaller
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from cohort.execute.crew import Crew
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


@dataclass(frozen=True)
class Block:
    """Some evaluations of one part, a unit of work.

    Attributes:
        part: which one.
        values: of the factors, `(evaluation, factor)`.
        ends_part: whether no other block of the part follows.
    """

    part: int
    values: np.ndarray
    ends_part: bool

    def __str__(self) -> str:
        """Return what a message calls it."""
        return f"{len(self.values)} evaluations of part {self.part}"


def compute(
    work: Work, todo: Sequence[int], crew: Crew[Evaluator], device: str, progress: Progress
) -> Times:
    """Compute parts and write each as it is complete.

    Args:
        work: the job's evaluations.
        todo: parts to compute.
        crew: computes them.
        device: what computes, in words.
        progress: takes the events.

    Raises:
        MachineFailure: the disk gave out; parts written so far stay.
    """
    times = Times()
    progress(Compiling(device))
    start = time.perf_counter()
    crew.prepare(methodcaller("compile"))
    times.compile = time.perf_counter() - start
    progress(Compiled(times.compile))
    schema = evaluations_schema(work.columns, work.identity)
    size, done = len(work.values), len(work.values) - sum(len(work.of_part(p)) for p in todo)
    start = time.perf_counter()
    found: list[np.ndarray] = []
    for block, outputs in crew.in_order(_evaluated, _blocks(work, todo, crew.ask(_rows))):
        found.append(outputs)
        times.evaluations += len(outputs)
        if block.ends_part:
            first = block.part * PART
            table = evaluations_table(first, np.concatenate(found), work.columns, schema)
            write_tables(work.layout.part(block.part), schema, [table])
            found = []
        times.compute = time.perf_counter() - start
        each, new = work.patients, times.evaluations
        progress(Advanced(each * (done + new), each * size, each * new, times.compute))
    return times


_rows = attrgetter("rows")


def _evaluated(evaluator: Evaluator, block: Block) -> np.ndarray:
    return evaluator.evaluate(block.values)


def _blocks(work: Work, todo: Sequence[int], rows: int) -> Iterator[Block]:
    """Cut the parts into blocks of at most so many evaluations."""
    for part in todo:
        values = work.of_part(part)
        for first in range(0, len(values), rows):
            block = values[first : first + rows]
            yield Block(part, block, first + rows >= len(values))


def merge(work: Work) -> None:
    """Write `evaluations.parquet` from its parts, one in memory at a time."""
    schema = evaluations_schema(work.columns, work.identity)

    def tables() -> Iterator[pa.Table]:
        for part in range(work.parts):
            yield read_part(work.layout.part(part))

    write_tables(work.layout["evaluations.parquet"], schema, tables())
