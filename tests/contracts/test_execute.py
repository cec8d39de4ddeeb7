"""The executor's promises: same bytes whatever happens, nothing half, nothing silent."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fake_simulator import MONTHS, SLOPES, FakeSimulator, make_spec, uniform

from cohort.errors import BadInput, MachineFailure, TooManyFailed
from cohort.execute.estimate import estimate
from cohort.execute.folder import Shard, missing_parts
from cohort.execute.progress import Advanced, Compiled, Compiling, Finished, Started, Writing
from cohort.execute.run import finish, run_study
from cohort.execute.spec import RunSpec
from cohort.results import writer
from cohort.results.layout import PART, Layout
from cohort.results.reader import open_results, read_manifest

PERSONS = 3 * PART + 1000
SCRIPT = Path(__file__).with_name("fake_simulator.py")


def digests(folder: Path) -> dict[str, str]:
    """Return a hash of each Parquet file of a results folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


def leftovers(folder: Path) -> list[str]:
    """Return hidden files that a finished run must not leave."""
    return [str(p.relative_to(folder)) for p in folder.rglob(".*")]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Hashes of unbroken runs of both designs."""
    found = {}
    for design in ("paired", "randomised"):
        out = tmp_path_factory.mktemp(design) / "run"
        spec = make_spec(persons=PERSONS, design=design)
        run_study(spec, out=out, simulator_factory=FakeSimulator)
        assert leftovers(out) == []
        found[design] = digests(out)
    return found


@pytest.mark.parametrize("design", ["paired", "randomised"])
@pytest.mark.parametrize(("block_size", "workers"), [(2048, 1), (4096, 2), (6144, 3), (10**6, 2)])
def test_block_size_and_workers_leave_the_bytes_alone(
    tmp_path: Path,
    unbroken: dict[str, dict[str, str]],
    design: str,
    block_size: int,
    workers: int,
) -> None:
    spec = make_spec(persons=PERSONS, design=design, block_size=block_size)
    run_study(
        spec,
        out=tmp_path / "run",
        simulator_factory=lambda: FakeSimulator(delay=0.001),
        workers=workers,
    )
    assert digests(tmp_path / "run") == unbroken[design]


def _run_in_process(out: Path, design: str, delay: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(out), str(PERSONS), str(delay), design],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("design", ["paired", "randomised"])
def test_killed_runs_end_as_an_unbroken_one(
    tmp_path: Path, unbroken: dict[str, dict[str, str]], design: str
) -> None:
    out = tmp_path / "run"
    moments = random.Random(20)
    killed = 0
    for _ in range(5):
        process = _run_in_process(out, design, delay=0.04)
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
    assert digests(out) == unbroken[design]
    assert read_manifest(out)["status"] == "done"
    assert leftovers(out) == []


class _Killed(BaseException):
    """Stands for a kill: nothing in the code may catch it and tidy up."""


@pytest.mark.parametrize("moment", range(1, 13))
def test_a_run_that_dies_before_any_rename_is_continued(
    tmp_path: Path,
    unbroken: dict[str, dict[str, str]],
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
    assert digests(out) == unbroken["paired"]


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


def test_only_missing_parts_are_computed_again(
    tmp_path: Path, unbroken: dict[str, dict[str, str]]
) -> None:
    out, spec = tmp_path / "run", make_spec(persons=PERSONS)
    run_study(spec, out=out, simulator_factory=FakeSimulator)
    Layout(out).visits_part("placebo", 1).unlink()
    simulator = FakeSimulator()
    run_study(spec, out=out, simulator_factory=lambda: simulator)
    assert [call[0] for call in simulator.calls] == [PART]
    assert digests(out) == unbroken["paired"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "seed 0 instead of 1"),
        ({"persons": 50}, "persons 100 instead of 50"),
        ({"version": "0.2.0"}, "version '0.1.0' instead of '0.2.0'"),
        ({"parameter_hash": "1"}, "parameter hash"),
        ({"precision": "float64"}, "precision"),
        ({"study": {"name": "toy", "title": "other"}}, "the study differs"),
    ],
)
def test_another_run_in_the_folder_is_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    out = tmp_path / "run"
    run_study(make_spec(), out=out, simulator_factory=FakeSimulator)
    before = digests(out)
    with pytest.raises(BadInput, match=words):
        run_study(make_spec(**change), out=out, simulator_factory=FakeSimulator)
    assert digests(out) == before
    run_study(make_spec(**change), out=out, simulator_factory=FakeSimulator, overwrite=True)
    assert read_manifest(out)["hash"] == make_spec(**change).hash


def test_block_size_and_tolerance_do_not_make_another_run(tmp_path: Path) -> None:
    run_study(make_spec(), out=tmp_path, simulator_factory=FakeSimulator)
    other = make_spec(block_size=2048, max_failed=0.5)
    assert run_study(other, out=tmp_path, simulator_factory=FakeSimulator).already_complete


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("keep me")
    with pytest.raises(BadInput, match=r"thesis\.txt"):
        run_study(make_spec(), out=tmp_path, simulator_factory=FakeSimulator)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    run_study(make_spec(), out=tmp_path, simulator_factory=FakeSimulator, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "keep me"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(BadInput, match="must be a folder"):
        run_study(make_spec(), out=tmp_path / "run", simulator_factory=FakeSimulator)


def test_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(BadInput, match="cannot be read"):
        run_study(make_spec(), out=tmp_path, simulator_factory=FakeSimulator)


def test_two_processes_do_not_write_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = _run_in_process(out, "paired", delay=1.0)
    try:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        for _ in range(1000):
            if Layout(out).manifest.exists():
                break
            time.sleep(0.01)
        spec = make_spec(persons=PERSONS, block_size=4096)
        with pytest.raises(BadInput, match=f"pid {pid}"):
            run_study(spec, out=out, simulator_factory=FakeSimulator)
    finally:
        process.kill()
        process.communicate()


def _fail_after(number: int, code: int) -> Callable[[str, str], None]:
    replace, renames = os.replace, iter(range(1, 1000))

    def full(source: str, target: str) -> None:
        if next(renames) > number:
            raise OSError(code, os.strerror(code), source)
        replace(source, target)

    return full


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "read-only"),
    ],
)
def test_a_disk_that_gives_out_keeps_finished_parts(
    tmp_path: Path,
    unbroken: dict[str, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    words: str,
) -> None:
    out, spec = tmp_path / "run", make_spec(persons=PERSONS)
    with monkeypatch.context() as patch:
        # The manifest and the three files of the first part are written, then no more.
        patch.setattr(os, "replace", _fail_after(4, code))
        with pytest.raises(MachineFailure, match=words) as failure:
            run_study(spec, out=out, simulator_factory=FakeSimulator)
    assert failure.value.exit_code == 4
    assert "\n" not in str(failure.value)
    assert not list(out.rglob("*.tmp-*"))
    assert missing_parts(spec, Layout(out)) == [1, 2, 3]
    run_study(spec, out=out, simulator_factory=FakeSimulator)
    assert digests(out) == unbroken["paired"]


def test_a_file_size_limit_of_the_system_is_one_sentence(tmp_path: Path) -> None:
    """A real refusal by the kernel, half way through a part file."""
    program = (
        "import resource, sys;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        f"sys.path.insert(0, {str(SCRIPT.parent)!r});"
        "from cohort.errors import MachineFailure; import fake_simulator\n"
        "try:\n    fake_simulator.main()\n"
        "except MachineFailure as error:\n    print(error); sys.exit(error.exit_code)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "run"), str(PERSONS), "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "larger than this system allows" in done.stdout
    assert not list((tmp_path / "run").rglob("*.tmp-*"))
    assert read_manifest(tmp_path / "run")["status"] == "failed"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(MachineFailure, match="no permission"):
            run_study(make_spec(), out=tmp_path / "run", simulator_factory=FakeSimulator)
    finally:
        tmp_path.chmod(0o700)


def test_memory_that_gives_out_is_one_sentence(tmp_path: Path) -> None:
    simulator = FakeSimulator(error=MemoryError())
    with pytest.raises(MachineFailure, match="out of memory"):
        run_study(make_spec(), out=tmp_path / "run", simulator_factory=lambda: simulator)
    assert read_manifest(tmp_path / "run")["status"] == "failed"


def test_a_device_that_gives_out_is_one_sentence(tmp_path: Path) -> None:
    error = type("XlaRuntimeError", (RuntimeError,), {})("RESOURCE_EXHAUSTED: 3 GB\ndetails")
    simulator = FakeSimulator(error=error)
    with pytest.raises(MachineFailure, match="RESOURCE_EXHAUSTED: 3 GB"):
        run_study(make_spec(), out=tmp_path / "run", simulator_factory=lambda: simulator)


def test_input_that_the_simulator_refuses_leaves_nothing(tmp_path: Path) -> None:
    def refusing() -> FakeSimulator:
        raise BadInput("--device is 'gpu', but JAX sees none.")

    with pytest.raises(BadInput, match="JAX sees none"):
        run_study(make_spec(), out=tmp_path / "run", simulator_factory=refusing)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arm", "part"), [("placebo", 2), ("denosumab", 0)])
def test_a_damaged_part_is_named_and_can_be_computed_anew(
    tmp_path: Path, unbroken: dict[str, dict[str, str]], arm: str, part: int
) -> None:
    out, spec = tmp_path / "run", make_spec(persons=PERSONS)
    for shard in (1, 2):
        run_study(spec, out=out, simulator_factory=FakeSimulator, shard=Shard(shard, 2))
    damaged = Layout(out).visits_part(arm, part)
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.raises(MachineFailure, match=rf"arm={arm}/part-0000{part}\.parquet cannot be read"):
        finish(out)
    damaged.unlink()
    run_study(spec, out=out, simulator_factory=FakeSimulator)
    assert digests(out) == unbroken["paired"]


def test_a_defect_of_the_simulator_stays_a_traceback(tmp_path: Path) -> None:
    simulator = FakeSimulator(error=ZeroDivisionError("defect"))
    with pytest.raises(ZeroDivisionError):
        run_study(make_spec(), out=tmp_path / "run", simulator_factory=lambda: simulator)
    assert read_manifest(tmp_path / "run")["status"] == "failed"


def test_interrupt_keeps_finished_parts(
    tmp_path: Path, unbroken: dict[str, dict[str, str]]
) -> None:
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
    assert digests(out) == unbroken["paired"]


def test_shards_merge_to_the_unbroken_run(
    tmp_path: Path, unbroken: dict[str, dict[str, str]]
) -> None:
    out, spec = tmp_path / "run", make_spec(persons=PERSONS)
    first = run_study(spec, out=out, simulator_factory=FakeSimulator, shard=Shard.parse("2/3"))
    assert first.status == "running"
    with pytest.raises(BadInput, match=r"lacks 3 of 4 parts"):
        finish(out)
    for shard in ("1/3", "3/3"):
        run_study(spec, out=out, simulator_factory=FakeSimulator, shard=Shard.parse(shard))
    assert finish(out).status == "done"
    assert digests(out) == unbroken["paired"]
    assert leftovers(out) == []


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", ""])
def test_a_shard_must_be_one_of_n(text: str) -> None:
    with pytest.raises(BadInput, match="i/n"):
        Shard.parse(text)


def test_two_shards_write_one_folder_at_once(
    tmp_path: Path, unbroken: dict[str, dict[str, str]]
) -> None:
    out, spec = tmp_path / "run", make_spec(persons=PERSONS)
    both = threading.Barrier(2, timeout=10)

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
    assert digests(out) == unbroken["paired"]


def test_failed_patients_are_null_counted_and_named(tmp_path: Path) -> None:
    spec = make_spec(persons=500)
    simulator = FakeSimulator(failing=(17, 30), poisoned=(40,))
    with pytest.raises(TooManyFailed) as failure:
        run_study(spec, out=tmp_path, simulator_factory=lambda: simulator)
    words = str(failure.value)
    assert failure.value.exit_code == 3
    assert "4 of 1000 patients" in words
    assert "patient 17, arm denosumab, on day 59:" in words
    results = open_results(tmp_path)
    patients = results.patients().set_index(["arm", "patient_id"])
    assert patients.loc[("denosumab", 17), "result_code"] == 2
    assert patients.loc[("placebo", 17), "result_code"] == 0
    assert patients.loc[("denosumab", 40), "result_code"] == 1
    assert patients.loc[("placebo", 40), "result_code"] == 1
    visits = results.visits()
    failed = visits["patient_id"].isin([40]) | (
        visits["patient_id"].isin([17, 30]) & (visits["arm"] == "denosumab")
    )
    values = visits.drop(columns=["arm", "patient_id", "month"]).to_numpy(dtype=float)
    assert np.isnan(values[failed]).all()
    assert np.isfinite(values[~failed]).all()
    counts = read_manifest(tmp_path)["counts"]
    assert counts["failed"] == {
        "a number became infinite or undefined": 2,
        "no steady state was found for the patient's parameters": 2,
    }
    summary = results.summary()
    rows = summary[(summary["outcome"] == "ctx") & (summary["month"] == 0)].set_index("arm")
    assert rows.loc["denosumab", "n"] == 497
    assert rows.loc["placebo", "n"] == 499
    # Told again, not forgotten, when the finished folder is run again.
    with pytest.raises(TooManyFailed):
        run_study(spec, out=tmp_path, simulator_factory=FakeSimulator)


def test_failures_within_the_tolerance_end_well(tmp_path: Path) -> None:
    summary = run_study(
        make_spec(persons=2000),
        out=tmp_path,
        simulator_factory=lambda: FakeSimulator(failing=(3,)),
    )
    assert summary.counts.failed_patients == 1


def test_no_infinite_number_reaches_a_file(tmp_path: Path) -> None:
    spec = make_spec(persons=50, max_failed=1.0)
    simulator = FakeSimulator(poisoned=(1, 2, 3))
    run_study(spec, out=tmp_path, simulator_factory=lambda: simulator)
    for path in tmp_path.rglob("*.parquet"):
        table = pq.read_table(path)
        for name in table.schema.names:
            column = table[name].drop_null()
            if str(column.type) in ("float", "double"):
                assert np.isfinite(column.to_numpy()).all(), (path, name)


def test_rows_hold_what_the_simulator_said(tmp_path: Path) -> None:
    run_study(make_spec(persons=300), out=tmp_path, simulator_factory=FakeSimulator)
    visits = open_results(tmp_path).visits()
    slots = visits["patient_id"].to_numpy()
    slope = np.array([SLOPES[arm] for arm in visits["arm"]])
    change = slope * visits["month"].to_numpy(dtype=float) * (1 + uniform(slots, 5))
    np.testing.assert_allclose(visits["bmd_lumbar_spine_change"], change, rtol=1e-6)
    np.testing.assert_allclose(visits["day"], visits["month"] * 30.4375)


def test_rows_after_dropout_are_absent(tmp_path: Path) -> None:
    run_study(make_spec(persons=300), out=tmp_path, simulator_factory=FakeSimulator)
    results = open_results(tmp_path)
    visits = results.visits(["ctx"])
    seen: dict[tuple[str, int], float] = {}
    for arm, person, month in visits[["arm", "patient_id", "month"]].itertuples(index=False):
        seen[arm, person] = max(month, seen.get((arm, person), 0.0))
    patients = results.patients()
    assert set(patients["last_month"]) == {6.0, 12.0}
    rows = zip(patients["arm"], patients["patient_id"], patients["last_month"], strict=True)
    assert seen == {(arm, person): last for arm, person, last in rows}


def test_randomised_persons_are_in_one_arm_each(tmp_path: Path) -> None:
    spec = make_spec(persons=90, design="randomised", ratios=(2, 1))
    simulator = FakeSimulator()
    summary = run_study(spec, out=tmp_path, simulator_factory=lambda: simulator)
    patients = open_results(tmp_path).patients()
    assert patients["patient_id"].is_unique
    assert sorted(patients["patient_id"]) == list(range(270))
    assert dict(patients["arm"].value_counts()) == {"denosumab": 180, "placebo": 90}
    assert {call[2] for call in simulator.calls} == {("denosumab",), ("placebo",)}
    assert summary.counts.patients == summary.spec.patients == 270


def test_paired_persons_are_in_every_arm(tmp_path: Path) -> None:
    run_study(make_spec(persons=90), out=tmp_path, simulator_factory=FakeSimulator)
    patients = open_results(tmp_path).patients()
    assert not patients.duplicated(["arm", "patient_id"]).any()
    one, other = (
        patients.query("arm == @arm").drop(columns="arm").reset_index(drop=True)
        for arm in ("denosumab", "placebo")
    )
    assert one.equals(other)


def test_fewer_persons_than_arms_leave_an_arm_out_of_the_last_part(tmp_path: Path) -> None:
    spec = make_spec(persons=PART + 1, design="randomised", arms=("denosumab",), ratios=(1,))
    assert spec.part_arms(1) == ("denosumab",)
    spec = make_spec(persons=1, design="randomised", arms=("denosumab", "placebo"), ratios=(1, 1))
    run_study(spec, out=tmp_path, simulator_factory=FakeSimulator)
    assert len(open_results(tmp_path).patients()) == 2


def test_screening_is_counted(tmp_path: Path) -> None:
    out = tmp_path / "run"
    summary = run_study(make_spec(persons=90), out=out, simulator_factory=FakeSimulator)
    assert summary.counts.screened == 120
    assert summary.counts.rejected == {"age below 60": 30}
    counts = read_manifest(out)["counts"]
    assert (counts["screened"], counts["rejected"]) == (120, {"age below 60": 30})
    assert counts["patient_years"] == 180.0


def test_manifest_tells_what_was_run(tmp_path: Path) -> None:
    spec = make_spec(persons=20)
    run_study(spec, out=tmp_path, simulator_factory=FakeSimulator, workers=2)
    manifest = read_manifest(tmp_path)
    assert manifest["status"] == "done"
    assert manifest["device"] == "fake"
    assert manifest["precision"] == "float32"
    assert manifest["workers"] == 2
    assert manifest["seconds"]["patient_years_per_second"] > 0
    assert {"python", "pyarrow", "numpy"} <= manifest["versions"].keys()
    assert RunSpec.from_manifest(manifest) == spec


def test_a_manifest_of_another_format_is_refused() -> None:
    with pytest.raises(BadInput, match="format"):
        RunSpec.from_manifest({"format": 0})


def test_every_file_tells_where_it_came_from(tmp_path: Path) -> None:
    spec = make_spec(persons=20)
    run_study(spec, out=tmp_path, simulator_factory=FakeSimulator)
    files = list(tmp_path.rglob("*.parquet"))
    assert len(files) == 4
    for path in files:
        schema = pq.read_schema(path)
        assert schema.metadata is not None
        assert json.loads(schema.metadata[b"cohort.manifest"]) == spec.identity()
        for column in schema:
            assert column.metadata is not None
            assert column.metadata[b"description"]
            assert b"unit" in column.metadata


def test_schema_json_has_every_column(tmp_path: Path) -> None:
    run_study(make_spec(persons=20), out=tmp_path, simulator_factory=FakeSimulator)
    results = open_results(tmp_path)
    fields = results.fields()
    assert {f["column"] for f in fields["visits"]} == set(results.visits().columns)
    assert [f["column"] for f in fields["patients"]] == list(results.patients().columns)
    assert [f["column"] for f in fields["summary"]] == list(results.summary().columns)
    theta = next(f for f in fields["patients"] if f["column"] == "theta_bE")
    assert theta["description"] == "Effect of estrogen deficit on RANKL"


def test_pandas_reads_the_hive_folder(tmp_path: Path) -> None:
    run_study(make_spec(persons=20), out=tmp_path, simulator_factory=FakeSimulator)
    visits = pd.read_parquet(tmp_path / "visits")
    assert set(visits["arm"]) == {"denosumab", "placebo"}
    assert str(visits["ctx"].dtype) == "float32"


def test_events_count_finished_patients(tmp_path: Path) -> None:
    events: list[object] = []
    spec = make_spec(persons=PERSONS, block_size=4096)
    run_study(
        spec, out=tmp_path, simulator_factory=FakeSimulator, workers=2, progress=events.append
    )
    kinds = [type(e) for e in events if not isinstance(e, Advanced)]
    assert kinds == [Started, Compiling, Compiled, Writing, Writing, Finished]
    advanced = [e for e in events if isinstance(e, Advanced)]
    done = [e.done for e in advanced]
    assert done == sorted(done)
    assert done[-1] == advanced[-1].total == spec.patients == 2 * PERSONS
    assert advanced[-1].seconds_left == 0


def test_a_continued_run_counts_what_it_kept(tmp_path: Path) -> None:
    spec = make_spec(persons=2 * PART)
    run_study(spec, out=tmp_path, simulator_factory=FakeSimulator, shard=Shard(1, 2))
    events: list[object] = []
    run_study(spec, out=tmp_path, simulator_factory=FakeSimulator, progress=events.append)
    assert Started(total=4 * PART, kept=2 * PART) in events
    last = [e for e in events if isinstance(e, Advanced)][-1]
    assert (last.done, last.computed) == (4 * PART, 2 * PART)


@pytest.mark.parametrize(("option", "value"), [("workers", 0), ("workers", -1)])
def test_workers_must_be_positive(tmp_path: Path, option: str, value: int) -> None:
    with pytest.raises(BadInput, match="--workers"):
        run_study(make_spec(), out=tmp_path / "run", simulator_factory=FakeSimulator, workers=value)
    assert not (tmp_path / "run").exists()


def test_no_patients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--patients"):
        run_study(make_spec(persons=0), out=tmp_path / "run", simulator_factory=FakeSimulator)


def test_memory_holds_few_blocks(tmp_path: Path) -> None:
    """Blocks in the making never exceed what workers and queue allow, however many patients."""
    alive, most, lock = 0, 0, threading.Lock()

    class Counting(FakeSimulator):
        def block(self, slots, arms):
            nonlocal alive, most
            with lock:
                alive += 1
                most = max(most, alive)
            try:
                return super().block(slots, arms)
            finally:
                with lock:
                    alive -= 1

    spec = make_spec(persons=PERSONS, block_size=2048)
    run_study(spec, out=tmp_path, simulator_factory=lambda: Counting(delay=0.002), workers=2)
    assert most <= 2


def test_stale_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    stale = tmp_path / "visits" / "arm=placebo" / ".part-00000.parquet.tmp-999999"
    run_study(make_spec(), out=tmp_path, simulator_factory=FakeSimulator)
    stale.write_bytes(b"half")
    assert len(pd.read_parquet(tmp_path / "visits")) > 0
    run_study(make_spec(), out=tmp_path, simulator_factory=FakeSimulator)
    assert not stale.exists()


def test_estimate_is_of_the_size_of_the_truth(tmp_path: Path) -> None:
    spec = make_spec(persons=1_000_000, months=tuple(map(float, range(8))))
    guess = estimate(spec, workers=2)
    assert guess.visits == 16_000_000
    assert guess.patients == 2_000_000
    assert guess.parts == 62
    assert 0.5e9 < guess.disk_bytes < 5e9
    assert guess.memory_bytes < 3e9
    assert "GB on disk" in guess.sentence()
    more = estimate(make_spec(persons=10_000_000, months=spec.months), workers=2)
    assert more.memory_bytes == guess.memory_bytes
    assert more.seconds == pytest.approx(10 * guess.seconds)


def test_months_are_those_of_the_study(tmp_path: Path) -> None:
    assert make_spec().months == MONTHS
    with pytest.raises(ValueError, match="visits at"):
        run_study(make_spec(months=(0.0, 3.0)), out=tmp_path, simulator_factory=FakeSimulator)


def test_an_unreadable_rename_target_leaves_nothing_aside(tmp_path: Path) -> None:
    (tmp_path / "file.json").mkdir()
    with pytest.raises(MachineFailure, match=r"file\.json"):
        writer.write_json(tmp_path / "file.json", {})
    assert not list(tmp_path.rglob("*.tmp-*"))
