"""A part of a run: the blocks that it is computed in, their rows, and the files that it becomes.

What is in a part's files follows from the run and the part's number alone, so that a part may be
computed again, anywhere, by anyone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from cohort.execute.guard import guarded
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
from cohort.results.writer import encoded_tables


@dataclass(frozen=True)
class Block:
    """One call of the simulator: some persons of one part, in some arms, under one draw."""

    part: int
    draw: int
    arms: tuple[str, ...]
    slots: np.ndarray
    ends_part: bool


Computed = tuple[dict[str, ArmTables], Counts]


@dataclass
class Gathered:
    """The rows of one part, as its blocks come in."""

    part: int
    arms: dict[str, list[ArmTables]] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    def add(self, computed: Computed) -> None:
        """Take the next block."""
        tables, counts = computed
        for arm, table in tables.items():
            self.arms.setdefault(arm, []).append(table)
        self.counts += counts


@dataclass(frozen=True)
class PartFiles:
    """A complete part, ready to be written.

    Attributes:
        counts: what happened to its patients.
        files: paths relative to the results folder and bytes, in the order in which they must
            appear: the last file says that all is there.
    """

    counts: Counts
    files: tuple[tuple[Path, pa.Buffer], ...]


@dataclass(frozen=True)
class WholePart:
    """A part as a unit of work.

    Attributes:
        number: which one.
    """

    number: int

    def __str__(self) -> str:
        """Return what a message calls it."""
        return f"part {self.number}"


def part_blocks(spec: RunSpec, part: int) -> list[Block]:
    """Cut a part into blocks; a block never spans two parts or two groups of arms."""
    size = max(1, min(spec.block_size, PART))
    cuts = [
        (arms, slots[i : i + size])
        for arms, slots in spec.groups(part)
        for i in range(0, slots.size, size)
    ]
    draw = spec.draw(part)
    return [
        Block(part, draw, arms, slots, number == len(cuts))
        for number, (arms, slots) in enumerate(cuts, start=1)
    ]


def block_rows(spec: RunSpec, simulator: Simulator, block: Block) -> Computed:
    """Simulate one block and lay its rows out."""
    result = guarded(lambda: simulator.block(block.slots, block.arms, block.draw))
    identity = spec.identity()
    first = block.arms[0]
    columns = [name for name in result.visits[first] if name != "day"]
    own = [*result.patients, *result.of_arm.get(first, ())]
    own += [COURSE, COURSE_MONTH] if result.courses else []
    persons = patients_schema(own, identity, simulator.theta_fields)
    _require_months(spec, result)
    tables = {
        arm: arm_tables(
            result,
            arm,
            block.slots,
            persons,
            visits_schema(columns, identity, arm, courses=bool(result.courses)),
            block.draw,
            events_schema(identity, arm) if result.events else None,
        )
        for arm in block.arms
    }
    # The same persons live under every draw, so they are counted as screened once.
    counts = Counts()
    if block.draw == 0:
        counts = Counts(screened=int(result.screened), rejected=dict(result.rejected))
    for table in tables.values():
        counts += table.counts
    return tables, counts


def whole_part(spec: RunSpec, simulator: Simulator, part: WholePart) -> PartFiles:
    """Simulate one part and encode its files, block by block."""
    gathered = Gathered(part.number)
    for block in part_blocks(spec, part.number):
        gathered.add(block_rows(spec, simulator, block))
    return encoded(spec, gathered)


def encoded(spec: RunSpec, gathered: Gathered) -> PartFiles:
    """Encode visits and events of each arm, then the patients: their file says all is there."""
    layout, number = Layout(Path()), gathered.part
    files: list[tuple[Path, pa.Buffer]] = []
    persons: list[pa.Table] = []
    for arm in spec.part_arms(number):
        blocks = gathered.arms[arm]
        visits = pa.concat_tables([block.visits for block in blocks])
        files.append((layout.visits_part(arm, number), encoded_tables(visits.schema, [visits])))
        events = [block.events for block in blocks if block.events is not None]
        if events:
            whole = pa.concat_tables(events)
            files.append((layout.events_part(arm, number), encoded_tables(whole.schema, [whole])))
        persons += [block.patients for block in blocks]
    table = pa.concat_tables(persons, promote_options="none")
    counts = canonical_json(gathered.counts.as_dict()).encode()
    schema = table.schema.with_metadata((table.schema.metadata or {}) | {COUNTS_KEY: counts})
    files.append((layout.piece(number), encoded_tables(schema, [table])))
    return PartFiles(gathered.counts, tuple(files))


def _require_months(spec: RunSpec, block: BlockResult) -> None:
    """Raise where the simulator has other visits than the study: a defect, not bad input."""
    if not np.array_equal(
        np.asarray(block.months, np.float32), np.asarray(spec.months, np.float32)
    ):
        raise ValueError(f"the simulator has visits at {block.months}, the study {spec.months}")
