"""What gives out is told in one sentence, keeps what is finished, and is never silent."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_simulator import (
    MONTHS,
    PERSONS,
    SCRIPT,
    FakeSimulator,
    digests,
    make_spec,
    unbroken,
)

from cohort.errors import BadInput, MachineFailure, TooManyFailed
from cohort.execute.folder import Shard, missing_parts
from cohort.execute.run import finish, run_study
from cohort.results import writer
from cohort.results.layout import Layout
from cohort.results.reader import open_results, read_manifest


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
    assert digests(out) == unbroken("paired")


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


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of root, who may write everywhere, for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_no_permission_is_one_sentence() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        try:
            with as_nobody(), pytest.raises(MachineFailure, match="no permission") as failure:
                run_study(make_spec(), out=Path(folder) / "run", simulator_factory=FakeSimulator)
        finally:
            os.chmod(folder, 0o755)
        assert failure.value.exit_code == 4
        assert os.listdir(folder) == []


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
    tmp_path: Path, arm: str, part: int
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
    assert digests(out) == unbroken("paired")


def test_a_defect_of_the_simulator_stays_a_traceback(tmp_path: Path) -> None:
    simulator = FakeSimulator(error=ZeroDivisionError("defect"))
    with pytest.raises(ZeroDivisionError):
        run_study(make_spec(), out=tmp_path / "run", simulator_factory=lambda: simulator)
    assert read_manifest(tmp_path / "run")["status"] == "failed"


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


def test_months_are_those_of_the_study(tmp_path: Path) -> None:
    assert make_spec().months == MONTHS
    with pytest.raises(ValueError, match="visits at"):
        run_study(make_spec(months=(0.0, 3.0)), out=tmp_path, simulator_factory=FakeSimulator)


def test_an_unreadable_rename_target_leaves_nothing_aside(tmp_path: Path) -> None:
    (tmp_path / "file.json").mkdir()
    with pytest.raises(MachineFailure, match=r"file\.json"):
        writer.write_json(tmp_path / "file.json", {})
    assert not list(tmp_path.rglob("*.tmp-*"))
