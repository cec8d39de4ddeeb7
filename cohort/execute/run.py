"""One run of one study: open the folder, compute what is missing, finish, say what happened."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from cohort.errors import BadInput, MachineFailure, TooManyFailed
from cohort.execute.compute import compute_parts
from cohort.execute.crew import Executor, Local
from cohort.execute.finish import finish_folder, read_counts
from cohort.execute.folder import Shard, missing_parts, opened
from cohort.execute.manifest import (
    DONE,
    FAILED,
    INTERRUPTED,
    RUNNING,
    Clock,
    now,
    write_manifest,
)
from cohort.execute.progress import Finished, Progress, Started, silent
from cohort.execute.spec import RunSpec
from cohort.results.block import Simulator
from cohort.results.layout import Layout
from cohort.results.reader import read_manifest
from cohort.results.tables import Counts


@dataclass(frozen=True)
class RunSummary:
    """What a run came to.

    Attributes:
        out: the results folder.
        status: `done`; `running` after one shard of several.
        already_complete: whether the folder was complete before, so that nothing was computed.
        spec: the run.
        counts: what happened to the patients; of a shard alone, nothing yet.
        clock: where this process's time went.
        device: what computed, as the manifest has it.
    """

    out: Path
    status: str
    already_complete: bool
    spec: RunSpec
    counts: Counts
    clock: Clock
    device: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for `--json`."""
        return {
            "out": str(self.out),
            "status": self.status,
            "already_complete": self.already_complete,
            "study": self.spec.name,
            "arms": list(self.spec.arms),
            "seed": self.spec.seed,
            "hash": self.spec.hash,
            "draws": self.spec.draws,
            "device": self.device,
            "counts": self.counts.as_dict(),
            "seconds": self.clock.as_dict(),
        }


def run_study(
    spec: RunSpec,
    *,
    out: str | Path,
    simulator_factory: Callable[[], Simulator],
    executor: Executor | None = None,
    overwrite: bool = False,
    shard: Shard | None = None,
    progress: Progress = silent,
) -> RunSummary:
    """Simulate a study into a folder, or finish what an earlier call began there.

    Args:
        spec: the run.
        out: the results folder.
        simulator_factory: makes the simulator; called only if something is left to compute.
        executor: where blocks are computed; one thread of this process by default.
        overwrite: start anew, whatever run the folder holds.
        shard: compute only this share of the parts; `finish` merges once all shards are done.
        progress: takes the events.

    Returns:
        What the run came to.

    Raises:
        BadInput: the folder holds something else, or another process writes it.
        MachineFailure: disk, memory or device gave out; what is finished stays.
        TooManyFailed: everything is written, but too many patients have no results.
        KeyboardInterrupt: interrupted; what is finished stays.
    """
    if spec.persons < 1:
        raise BadInput(f"--patients is {spec.persons}; it must be at least 1.")
    shard = shard or Shard()
    with opened(spec, Path(out), overwrite=overwrite, shard=shard) as (layout, complete):
        if complete:
            summary = _finished_before(spec, layout)
        else:
            run = _Run(spec, layout, shard, executor or Local(), progress)
            summary = run.to_the_end(simulator_factory)
    _refuse_many_failed(summary)
    return summary


def finish(out: str | Path, *, progress: Progress = silent) -> RunSummary:
    """Merge and summarise a folder all of whose parts are there, as shards leave it.

    Raises:
        BadInput: no run is there, or parts are missing; says how many.
        TooManyFailed: everything is written, but too many patients have no results.
    """
    folder = Path(out)
    spec = RunSpec.from_manifest(read_manifest(folder))
    missing = missing_parts(spec, Layout(folder))
    if missing:
        raise BadInput(
            f"{folder} lacks {len(missing)} of {spec.parts} parts (first: {missing[0]}); "
            "run the shards that are missing, then resume."
        )

    def nothing_left() -> Simulator:
        raise BadInput(f"{folder} lost parts while it was being finished; repeat the run.")

    return run_study(spec, out=folder, simulator_factory=nothing_left, progress=progress)


class _Run:
    """One process's work on one folder."""

    def __init__(
        self, spec: RunSpec, layout: Layout, shard: Shard, executor: Executor, progress: Progress
    ) -> None:
        self.spec, self.layout, self.shard = spec, layout, shard
        self.executor, self.progress = executor, progress
        self.clock, self.started = Clock(), now()
        before = read_manifest(layout.root) if layout.manifest.exists() else {}
        self.device: str | None = before.get("device")
        self.notes: Sequence[str] = before.get("notes") or ()
        self.workers: int | None = before.get("workers")

    def to_the_end(self, simulator_factory: Callable[[], Simulator]) -> RunSummary:
        """Compute, finish, and leave the manifest in the state that is true; none for bad input."""
        start = time.perf_counter()
        try:
            self._compute(simulator_factory)
            counts = self._finish() if self.shard.whole else None
        except BadInput:
            raise
        except KeyboardInterrupt:
            self._try_note(INTERRUPTED)
            raise
        except Exception:
            self._try_note(FAILED)
            raise
        self.progress(Finished(time.perf_counter() - start))
        return RunSummary(
            out=self.layout.root,
            status=RUNNING if counts is None else DONE,
            already_complete=False,
            spec=self.spec,
            counts=counts or Counts(),
            clock=self.clock,
            device=self.device,
        )

    def _compute(self, simulator_factory: Callable[[], Simulator]) -> None:
        missing = set(missing_parts(self.spec, self.layout))
        mine = [part for part in range(self.spec.parts) if self.shard.holds(part)]
        todo = [part for part in mine if part in missing]
        total = sum(self._patients(part) for part in mine)
        kept = total - sum(self._patients(part) for part in todo)
        self.progress(Started(total, kept))
        if not todo:
            self._note(RUNNING)
            return
        # Opened before the manifest is written: input that it refuses leaves nothing behind.
        with self.executor.crew(simulator_factory) as crew:
            self.device, self.notes = crew.ask(attrgetter("device", "notes"))
            self.workers = crew.size
            self._note(RUNNING)
            compute_parts(
                self.spec,
                self.layout,
                todo,
                crew,
                device=self.device or "",
                kept=kept,
                total=total,
                progress=self.progress,
                clock=self.clock,
            )

    def _patients(self, part: int) -> int:
        return sum(len(arms) * slots.size for arms, slots in self.spec.groups(part))

    def _finish(self) -> Counts:
        start = time.perf_counter()
        counts = finish_folder(self.spec, self.layout, self.progress)
        self.clock.summary = time.perf_counter() - start
        self._note(DONE, counts)
        return counts

    def _note(self, status: str, counts: Counts | None = None) -> None:
        """Write the manifest; a shard only where there is none, for others write it too."""
        if not self.shard.whole and self.layout.manifest.exists():
            return
        write_manifest(
            self.layout,
            self.spec,
            status,
            started=self.started,
            device=self.device,
            notes=self.notes,
            workers=self.workers,
            cluster=self.executor.cluster,
            counts=counts,
            clock=None if status == RUNNING else self.clock,
        )

    def _try_note(self, status: str) -> None:
        """Write the manifest of what was begun; if the disk refuses, the first failure counts."""
        if self.layout.manifest.exists():
            with contextlib.suppress(MachineFailure):
                self._note(status)


def _finished_before(spec: RunSpec, layout: Layout) -> RunSummary:
    """Return the summary of a folder that was complete before."""
    manifest = read_manifest(layout.root)
    return RunSummary(
        out=layout.root,
        status=DONE,
        already_complete=True,
        spec=spec,
        counts=read_counts(layout),
        clock=Clock(),
        device=manifest.get("device"),
    )


def _refuse_many_failed(summary: RunSummary) -> None:
    """Raise where more patients failed than the study tolerates; everything is written."""
    counts, spec = summary.counts, summary.spec
    if counts.failed_patients <= spec.max_failed * counts.patients or counts.worst is None:
        return
    worst = counts.worst
    day = "an unknown day" if worst["day"] is None else f"day {worst['day']:g}"
    draw = f", parameter draw {worst['draw']}" if "draw" in worst else ""
    raise TooManyFailed(
        f"{counts.failed_patients} of {counts.patients} patients have no results, more than "
        f"engine.max_failed allows ({spec.max_failed:g}). The first to break: patient "
        f"{worst['patient_id']}, arm {worst['arm']}{draw}, on {day}: {worst['reason']}. "
        f"Parameter set {spec.parameter_set} ({spec.parameter_hash[:12]}). "
        f"The other patients' results are in {summary.out}."
    )
