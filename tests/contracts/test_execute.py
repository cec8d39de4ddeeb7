"""Same bytes whatever the blocks, the workers, the shards, and however often a run is killed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from fake_simulator import (
    PERSONS,
    FakeSimulator,
    digests,
    leftovers,
    make_spec,
    run_in_process,
    unbroken,
)

from cohort.errors import BadInput
from cohort.execute.crew import Local
from cohort.execute.folder import Shard, missing_parts
from cohort.execute.progress import Advanced
from cohort.execute.run import finish, run_study
from cohort.results.layout import PART, Layout
from cohort.results.reader import read_manifest


@pytest.mark.parametrize("design", ["paired", "randomised"])
@pytest.mark.parametrize(("block_size", "workers"), [(2048, 1), (4096, 2), (6144, 3), (10**6, 2)])
def test_block_size_and_workers_leave_the_bytes_alone(
    tmp_path: Path,
    design: str,
    block_size: int,
    workers: int,
) -> None:
    spec = make_spec(persons=PERSONS, design=design, block_size=block_size)
    run_study(
        spec,
        out=tmp_path / "run",
        simulator_factory=lambda: FakeSimulator(delay=0.001),
        executor=Local(workers),
    )
    assert digests(tmp_path / "run") == unbroken(design)


@pytest.mark.parametrize("design", ["paired", "randomised"])
def test_killed_runs_end_as_an_unbroken_one(tmp_path: Path, design: str) -> None:
    out = tmp_path / "run"
    moments = random.Random(20)
    killed = 0
    for _ in range(5):
        process = run_in_process(out, design, delay=0.04)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moments.uniform(0.05, 0.5))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
        for path in out.rglob("part-*.parquet"):
            pq.read_metadata(path)
    assert killed >= 1
    spec = make_spec(persons=PERSONS, design=design, block_size=4096)
    run_study(spec, out=out, simulator_factory=FakeSimulator)
    assert digests(out) == unbroken(design)
    assert read_manifest(out)["status"] == "done"
    assert leftovers(out) == []


class _Killed(BaseException):
    """Stands for a kill: nothing in the code may catch it and tidy up."""


@pytest.mark.parametrize("moment", range(1, 13))
def test_a_run_that_dies_before_any_rename_is_continued(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: int,
) -> None:
    """Die just before the n-th rename: between any two files, in the merge, in the summary."""
    out = tmp_path / "run"
    spec = make_spec(persons=PERSONS)
    replace, renames = os.replace, iter(range(1, 1000))

    def dying(source: str, target: str) -> None:
        if next(renames) >= moment * 2:
            raise _Killed
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dying)
        try:
            run_study(spec, out=out, simulator_factory=FakeSimulator)
        except _Killed:
            pass
    run_study(spec, out=out, simulator_factory=FakeSimulator)
    assert digests(out) == unbroken("paired")


def test_finished_folder_is_not_computed_again(tmp_path: Path) -> None:
    spec = make_spec()
    run_study(spec, out=tmp_path / "run", simulator_factory=FakeSimulator)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")}

    def forbidden() -> FakeSimulator:
        raise AssertionError("nothing is left to compute")

    again = run_study(spec, out=tmp_path / "run", simulator_factory=forbidden)
    assert again.already_complete
    assert again.counts.patients == 200
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")} == before


def test_only_missing_parts_are_computed_again(tmp_path: Path) -> None:
    out, spec = tmp_path / "run", make_spec(persons=PERSONS)
    run_study(spec, out=out, simulator_factory=FakeSimulator)
    Layout(out).visits_part("placebo", 1).unlink()
    simulator = FakeSimulator()
    run_study(spec, out=out, simulator_factory=lambda: simulator)
    assert [call[0] for call in simulator.calls] == [PART]
    assert digests(out) == unbroken("paired")


def test_interrupt_keeps_finished_parts(tmp_path: Path) -> None:
    out, spec = tmp_path / "run", make_spec(persons=PERSONS)

    def impatient(event: object, /) -> None:
        if isinstance(event, Advanced) and event.done >= 4 * PART:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(spec, out=out, simulator_factory=FakeSimulator, progress=impatient)
    assert read_manifest(out)["status"] == "interrupted"
    assert missing_parts(spec, Layout(out)) == [2, 3]
    simulator = FakeSimulator()
    run_study(spec, out=out, simulator_factory=lambda: simulator)
    assert [call[0] for call in simulator.calls] == [2 * PART, 3 * PART]
    assert digests(out) == unbroken("paired")


def test_shards_merge_to_the_unbroken_run(tmp_path: Path) -> None:
    out, spec = tmp_path / "run", make_spec(persons=PERSONS)
    first = run_study(spec, out=out, simulator_factory=FakeSimulator, shard=Shard.parse("2/3"))
    assert first.status == "running"
    with pytest.raises(BadInput, match=r"lacks 3 of 4 parts"):
        finish(out)
    for shard in ("1/3", "3/3"):
        run_study(spec, out=out, simulator_factory=FakeSimulator, shard=Shard.parse(shard))
    assert finish(out).status == "done"
    assert digests(out) == unbroken("paired")
    assert leftovers(out) == []


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", ""])
def test_a_shard_must_be_one_of_n(text: str) -> None:
    with pytest.raises(BadInput, match="i/n"):
        Shard.parse(text)


def test_two_shards_write_one_folder_at_once(tmp_path: Path) -> None:
    out, spec = tmp_path / "run", make_spec(persons=PERSONS)
    both = threading.Barrier(2, timeout=60)

    class Meeting(FakeSimulator):
        def compile(self) -> None:
            both.wait()

    threads = [
        threading.Thread(
            target=run_study,
            args=(spec,),
            kwargs={"out": out, "simulator_factory": Meeting, "shard": Shard(i, 2)},
        )
        for i in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finish(out)
    assert digests(out) == unbroken("paired")


def test_a_shard_may_begin_while_another_writes_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, waiting, out = make_spec(persons=PERSONS), tmp_path / "manifest.json", tmp_path / "run"
    run_study(spec, out=out, simulator_factory=FakeSimulator, shard=Shard(1, 2))
    (out / "manifest.json").rename(waiting)
    for folder in ("visits", ".parts"):
        (out / folder).rename(tmp_path / folder)
    listed = Path.iterdir

    def written_meanwhile(folder: Path) -> Iterator[Path]:
        if folder == out and waiting.exists():
            for name in ("manifest.json", "visits", ".parts"):
                (tmp_path / name).rename(out / name)
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", written_meanwhile)
    run_study(spec, out=out, simulator_factory=FakeSimulator, shard=Shard(2, 2))
    assert finish(out).status == "done"
    assert digests(out) == unbroken("paired")


def test_memory_holds_few_blocks(tmp_path: Path) -> None:
    """Blocks in the making never exceed what workers and queue allow, however many patients."""
    alive, most, lock = 0, 0, threading.Lock()

    class Counting(FakeSimulator):
        def block(self, slots, arms, draw):
            nonlocal alive, most
            with lock:
                alive += 1
                most = max(most, alive)
            try:
                return super().block(slots, arms, draw)
            finally:
                with lock:
                    alive -= 1

    spec = make_spec(persons=PERSONS, block_size=2048)
    run_study(
        spec, out=tmp_path, simulator_factory=lambda: Counting(delay=0.002), executor=Local(2)
    )
    assert most <= 2


def test_stale_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    stale = tmp_path / "visits" / "arm=placebo" / ".part-00000.parquet.tmp-999999"
    run_study(make_spec(), out=tmp_path, simulator_factory=FakeSimulator)
    stale.write_bytes(b"half")
    assert len(pd.read_parquet(tmp_path / "visits")) > 0
    run_study(make_spec(), out=tmp_path, simulator_factory=FakeSimulator)
    assert not stale.exists()
