"""Computing the missing parts: units of work by a crew, files from one writer thread.

Units are sent at most a few ahead of the one that is waited for, and at most two finished parts
wait for the writer, so that memory does not depend on the number of patients. Results are taken in
the order in which they were sent, whatever the order in which they come back.

Within this process a unit is a block, whose rows the writer thread encodes with those of its part
while the next blocks compute. Workers apart take whole parts and send back the bytes of the files:
this process then does nothing but write them, and needs no folder in common with the workers.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pyarrow as pa

from cohort.execute.crew import Crew
from cohort.execute.guard import guarded
from cohort.execute.manifest import Clock
from cohort.execute.parts import (
    Gathered,
    PartFiles,
    WholePart,
    block_rows,
    encoded,
    part_blocks,
    whole_part,
)
from cohort.execute.progress import Advanced, Compiled, Compiling, Progress
from cohort.execute.spec import RunSpec
from cohort.results.block import Simulator
from cohort.results.layout import Layout
from cohort.results.tables import Counts
from cohort.results.writer import machine_errors, write_bytes

_WAITING_PARTS = 2


def compute_parts(
    spec: RunSpec,
    layout: Layout,
    todo: Sequence[int],
    crew: Crew[Simulator],
    *,
    device: str,
    kept: int,
    total: int,
    progress: Progress,
    clock: Clock,
) -> None:
    """Compute parts and write them, each complete before the next is begun on disk.

    Args:
        spec: the run.
        layout: its folder, held by this process.
        todo: indices of the parts to compute.
        crew: computes them.
        device: what computes, in words.
        kept: patients on disk from before, for the progress.
        total: patients of the run, for the progress.
        progress: takes the events.
        clock: takes the times.

    Raises:
        MachineFailure: disk, memory or device gave out; parts written so far stay.
    """
    with _Writer(spec, layout, clock) as writer:
        progress(Compiling(device))
        start = time.perf_counter()
        crew.prepare(_compile)
        clock.compile = time.perf_counter() - start
        progress(Compiled(clock.compile))

        start = time.perf_counter()
        computed = 0
        compute = _parts if crew.apart else _blocks
        for counts, part in compute(spec, todo, crew):
            if part is not None:
                writer.put(part)
            computed += counts.patients
            clock.compute = time.perf_counter() - start
            clock.patient_years = computed * spec.years
            progress(Advanced(kept + computed, total, computed, clock.compute))


def _compile(simulator: Simulator) -> None:
    guarded(simulator.compile)


def _parts(
    spec: RunSpec, todo: Sequence[int], crew: Crew[Simulator]
) -> Iterator[tuple[Counts, PartFiles]]:
    """Yield the counts and files of every part, encoded where it was computed."""
    for _, files in crew.in_order(partial(whole_part, spec), (WholePart(part) for part in todo)):
        yield files.counts, files


def _blocks(
    spec: RunSpec, todo: Sequence[int], crew: Crew[Simulator]
) -> Iterator[tuple[Counts, Gathered | None]]:
    """Yield the counts of every block, and with its last block the rows of a part."""
    blocks = (block for part in todo for block in part_blocks(spec, part))
    gathered: Gathered | None = None
    for block, rows in crew.in_order(partial(block_rows, spec), blocks):
        gathered = Gathered(block.part) if gathered is None else gathered
        gathered.add(rows)
        yield rows[1], gathered if block.ends_part else None
        if block.ends_part:
            gathered = None


class _Writer:
    """One thread that writes parts in order, at most two of them waiting."""

    def __init__(self, spec: RunSpec, layout: Layout, clock: Clock) -> None:
        self._spec, self._layout, self._clock = spec, layout, clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="cohort-writer")
        self._waiting: deque[Future[None]] = deque()
        # Arrow loads pandas for its first array: here, while programs are made ready.
        self._pool.submit(pa.array, [0])

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for what is being written; after a failure, that failure is the one told."""
        try:
            while self._waiting:
                with contextlib.ExitStack() as stack:
                    if kind is not None:
                        stack.enter_context(contextlib.suppress(Exception))
                    self._waiting.popleft().result()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, part: Gathered | PartFiles) -> None:
        """Hand a complete part over, once fewer than two are waiting."""
        while len(self._waiting) >= _WAITING_PARTS:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._write, part))

    def _write(self, part: Gathered | PartFiles) -> None:
        """Write the files of a part in their order."""
        start, root = time.perf_counter(), self._layout.root
        if isinstance(part, Gathered):
            with machine_errors(root):
                part = encoded(self._spec, part)
        for path, content in part.files:
            write_bytes(root / path, content)
        self._clock.write += time.perf_counter() - start
