"""Computing the missing parts: blocks in worker threads, files from one writer thread.

Blocks are sent at most a few ahead of the one that is waited for, and at most two finished parts
wait for the writer, so that memory does not depend on the number of patients. Results are taken in
the order in which they were sent, whatever the order in which they come back.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pyarrow as pa

from cohort.errors import MachineFailure
from cohort.execute.manifest import Clock
from cohort.execute.progress import Advanced, Compiled, Compiling, Progress
from cohort.execute.spec import RunSpec
from cohort.results.block import BlockResult, Simulator
from cohort.results.layout import PART, Layout
from cohort.results.schema import (
    COUNTS_KEY,
    COURSE,
    COURSE_MONTH,
    canonical_json,
    events_schema,
    patients_schema,
    visits_schema,
)
from cohort.results.tables import ArmTables, Counts, arm_tables
from cohort.results.writer import write_tables

_WAITING_PARTS = 2
_DEVICE_ERRORS = ("XlaRuntimeError", "JaxRuntimeError")

T = TypeVar("T")


@dataclass(frozen=True)
class _Task:
    """One call of the simulator: some persons of one part, in some arms, under one draw."""

    part: int
    draw: int
    arms: tuple[str, ...]
    slots: np.ndarray
    ends_part: bool


@dataclass
class _Part:
    """The blocks of one part, as they come in."""

    index: int
    arms: dict[str, list[ArmTables]] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)


_Computed = tuple[dict[str, ArmTables], Counts]


def compute_parts(
    spec: RunSpec,
    layout: Layout,
    todo: Sequence[int],
    simulator: Simulator,
    *,
    workers: int,
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
        simulator: what computes a block; called from `workers` threads at once.
        workers: number of those threads.
        kept: patients on disk from before, for the progress.
        total: patients of the run, for the progress.
        progress: takes the events.
        clock: takes the times.

    Raises:
        MachineFailure: disk, memory or device gave out; parts written so far stay.
    """
    progress(Compiling(simulator.device))
    start = time.perf_counter()
    guarded(simulator.compile)
    clock.compile = time.perf_counter() - start
    progress(Compiled(clock.compile))

    start = time.perf_counter()
    computed = 0
    part: _Part | None = None
    with _Writer(spec, layout, clock) as writer:
        for task, (tables, counts) in _in_order(spec, todo, simulator, workers):
            part = _Part(task.part) if part is None else part
            for arm, table in tables.items():
                part.arms.setdefault(arm, []).append(table)
            part.counts += counts
            if task.ends_part:
                writer.put(part)
                part = None
            computed += counts.patients
            clock.compute = time.perf_counter() - start
            clock.patient_years = computed * spec.years
            progress(Advanced(kept + computed, total, computed, clock.compute))


def _tasks(spec: RunSpec, todo: Sequence[int]) -> Iterator[_Task]:
    """Cut each part into blocks; a block never spans two parts or two groups of arms."""
    size = max(1, min(spec.block_size, PART))
    for part in todo:
        blocks = [
            (arms, slots[i : i + size])
            for arms, slots in spec.groups(part)
            for i in range(0, slots.size, size)
        ]
        for number, (arms, slots) in enumerate(blocks, start=1):
            yield _Task(part, spec.draw(part), arms, slots, number == len(blocks))


def _in_order(
    spec: RunSpec, todo: Sequence[int], simulator: Simulator, workers: int
) -> Iterator[tuple[_Task, _Computed]]:
    """Yield computed blocks in order, a few of the next ones being computed meanwhile."""
    waiting: deque[tuple[_Task, Future[_Computed]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="cohort-block")
    try:
        for task in _tasks(spec, todo):
            waiting.append((task, pool.submit(_block, spec, simulator, task)))
            if len(waiting) > workers:
                sent, future = waiting.popleft()
                yield sent, future.result()
        while waiting:
            sent, future = waiting.popleft()
            yield sent, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _block(spec: RunSpec, simulator: Simulator, task: _Task) -> _Computed:
    """Simulate one block and lay its rows out, in a worker thread."""
    block = guarded(lambda: simulator.block(task.slots, task.arms, task.draw))
    identity = spec.identity()
    first = task.arms[0]
    columns = [name for name in block.visits[first] if name != "day"]
    own = [*block.patients, *block.of_arm.get(first, ())]
    own += [COURSE, COURSE_MONTH] if block.courses else []
    persons = patients_schema(own, identity, simulator.theta_fields)
    _require_months(spec, block)
    tables = {
        arm: arm_tables(
            block,
            arm,
            task.slots,
            persons,
            visits_schema(columns, identity, arm, courses=bool(block.courses)),
            task.draw,
            events_schema(identity, arm) if block.events else None,
        )
        for arm in task.arms
    }
    # The same persons live under every draw, so they are counted as screened once.
    counts = Counts()
    if task.draw == 0:
        counts = Counts(screened=int(block.screened), rejected=dict(block.rejected))
    for table in tables.values():
        counts += table.counts
    return tables, counts


def _require_months(spec: RunSpec, block: BlockResult) -> None:
    """Raise where the simulator has other visits than the study: a defect, not bad input."""
    if not np.array_equal(
        np.asarray(block.months, np.float32), np.asarray(spec.months, np.float32)
    ):
        raise ValueError(f"the simulator has visits at {block.months}, the study {spec.months}")


def guarded(call: Callable[[], T]) -> T:
    """Call the simulator; what memory or device gives up on becomes one sentence."""
    try:
        return call()
    except MemoryError as error:
        raise MachineFailure(
            "out of memory while simulating. Finished parts are kept; repeat the same command "
            "with fewer workers or a smaller engine.block_size."
        ) from error
    except RuntimeError as error:
        if type(error).__name__ not in _DEVICE_ERRORS:
            raise
        first = str(error).splitlines()[0] if str(error) else "no reason given"
        raise MachineFailure(
            f"the device failed while simulating: {first}. Finished parts are kept; repeat the "
            "same command to go on."
        ) from error


class _Writer:
    """One thread that writes parts in order, at most two of them waiting."""

    def __init__(self, spec: RunSpec, layout: Layout, clock: Clock) -> None:
        self._spec, self._layout, self._clock = spec, layout, clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="cohort-writer")
        self._waiting: deque[Future[None]] = deque()

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

    def put(self, part: _Part) -> None:
        """Hand a complete part over, once fewer than two are waiting."""
        while len(self._waiting) >= _WAITING_PARTS:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._write, part))

    def _write(self, part: _Part) -> None:
        """Write visits and events of each arm, then the patients: their file says all is there."""
        start = time.perf_counter()
        persons: list[pa.Table] = []
        for arm in self._spec.part_arms(part.index):
            blocks = part.arms[arm]
            visits = pa.concat_tables([block.visits for block in blocks])
            write_tables(self._layout.visits_part(arm, part.index), visits.schema, [visits])
            events = [block.events for block in blocks if block.events is not None]
            if events:
                path = self._layout.events_part(arm, part.index)
                write_tables(path, events[0].schema, [pa.concat_tables(events)])
            persons += [block.patients for block in blocks]
        table = pa.concat_tables(persons, promote_options="none")
        counts = canonical_json(part.counts.as_dict()).encode()
        schema = table.schema.with_metadata((table.schema.metadata or {}) | {COUNTS_KEY: counts})
        write_tables(self._layout.piece(part.index), schema, [table])
        self._clock.write += time.perf_counter() - start
