"""A whole job by the command: killed anywhere it goes on, and a cluster finds the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_problem import JOB, small_job

from cohort.model.parameters import parameter_set
from cohort.results.reader import read_manifest

SMALL = """\
[fit]
steps = 4
kept = 2
[polish]
steps = 4
rounds = 1
[judgement]
trials = "selected"
draws = 4
[posterior]
method = "rto"
draws = 8
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    small_job(folder, job=JOB.split("[posterior]")[0] + SMALL)
    return folder / "small_job.toml"


def words(job: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "cohort", "calibrate", str(job), "--out", str(out), "--quiet"]


def done(job: Path, out: Path, *more: str) -> Path:
    """Run the command to its end, which it tells nobody of."""
    ended = subprocess.run([*words(job, out), *more], capture_output=True, text=True, check=False)
    told = [line for line in ended.stderr.splitlines() if "slow_operation_alarm" in line]
    assert ended.returncode == 0, ended.stderr
    assert told or not ended.stderr, ended.stderr
    assert ended.stdout == ""
    assert read_manifest(out)["status"] == "done"
    return out


@pytest.fixture(scope="module")
def unbroken(job: Path) -> Path:
    return done(job, job.parent / "unbroken")


def assert_same(out: Path, unbroken: Path) -> None:
    """Fail where parameters or draws of two folders differ."""
    mine, its = (
        parameter_set(str(folder / "parameters.toml")).values for folder in (out, unbroken)
    )
    assert list(mine.values()) == pytest.approx(list(its.values()), rel=1e-10)
    drawn = [pd.read_parquet(folder / "draws.parquet") for folder in (out, unbroken)]
    np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-10)
    predicted = [pd.read_parquet(folder / "predictions.parquet") for folder in (out, unbroken)]
    pd.testing.assert_frame_equal(predicted[0], predicted[1], rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(("until", "count"), [("gradients", 2), ("linearised", 2), ("member", 3)])
def test_a_job_that_was_killed_ends_in_the_same_numbers(
    job: Path, unbroken: Path, tmp_path: Path, until: str, count: int
) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        words(job, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while len(list((out / "checkpoint").glob(f"{until}-*.npz"))) < count:
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert read_manifest(out)["status"] == "running"
    assert_same(done(job, out), unbroken)


@pytest.mark.slow
def test_a_cluster_ends_in_the_same_numbers(job: Path, unbroken: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    out = done(job, tmp_path / "out", "--cluster", "ray", "--workers", "2")
    assert read_manifest(out)["status"] == "done"
    assert_same(out, unbroken)
