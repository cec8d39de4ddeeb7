"""A results folder holds one run, and one process writes it at a time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fake_simulator import (
    PERSONS,
    FakeSimulator,
    digests,
    make_spec,
    run_in_process,
)

from cohort.errors import BadInput
from cohort.execute.crew import Local
from cohort.execute.run import run_study
from cohort.execute.spec import RunSpec
from cohort.results.layout import Layout
from cohort.results.reader import read_manifest


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
    process = run_in_process(out, "paired", delay=1.0)
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


def test_a_manifest_of_another_format_is_refused() -> None:
    with pytest.raises(BadInput, match="format"):
        RunSpec.from_manifest({"format": 0})


@pytest.mark.parametrize(("option", "value"), [("workers", 0), ("workers", -1)])
def test_workers_must_be_positive(tmp_path: Path, option: str, value: int) -> None:
    with pytest.raises(BadInput, match="--workers"):
        run_study(
            make_spec(),
            out=tmp_path / "run",
            simulator_factory=FakeSimulator,
            executor=Local(value),
        )
    assert not (tmp_path / "run").exists()


def test_no_patients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--patients"):
        run_study(make_spec(persons=0), out=tmp_path / "run", simulator_factory=FakeSimulator)
