"""The engine's promises, kept by the real simulator: same bytes whatever happens to a run."""

from __future__ import annotations

import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_simulator import digests, leftovers

import cohort
from cohort import stored
from cohort.execute.manifest import DONE
from cohort.planning.analyses import FULL as EVERYBODY
from cohort.planning.analyses import PROTOCOL
from cohort.results.layout import PART
from cohort.results.reader import read_manifest

# Of all these reports only that of the unbroken run has its figures drawn.
pytestmark = pytest.mark.usefixtures("undrawn")

# A short trial, so that what is tested is the machinery around the model and not its speed.
SHORT = ["visits.months=[0, 3]", "engine.accuracy=draft"]
PERSONS = 2 * PART + 3000
PROGRAM = """
import json, sys, cohort
cohort.run("freedom", out=sys.argv[1], patients=int(sys.argv[2]), config=json.loads(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """Hashes of a run of three parts that nothing disturbed, and its seconds of computing."""
    out = tmp_path_factory.mktemp("unbroken") / "run"
    cohort.run("freedom", out=out, patients=PERSONS, config=SHORT)
    assert leftovers(out) == []
    return digests(out), read_manifest(out)["seconds"]["compute"]


@pytest.mark.parametrize(("block_size", "workers"), [(2048, 1), (6144, 2)])
def test_block_size_and_workers_leave_the_bytes_alone(
    tmp_path: Path, unbroken: tuple[dict[str, str], float], block_size: int, workers: int
) -> None:
    config = [*SHORT, f"engine.block_size={block_size}"]
    cohort.run("freedom", out=tmp_path, patients=PERSONS, config=config, workers=workers)
    assert digests(tmp_path) == unbroken[0]


def test_who_takes_how_much_is_written_and_makes_the_per_protocol_set(tmp_path: Path) -> None:
    config = [*SHORT, "adherence.mean=0.7", "adherence.sd=0.2"]
    found = cohort.run("freedom", out=tmp_path, patients=600, config=config)
    patients = found.patients()
    share = {arm: own["adherence"].to_numpy() for arm, own in patients.groupby("arm")}
    np.testing.assert_array_equal(share["denosumab"], share["placebo"])
    assert share["placebo"].mean() == pytest.approx(0.7, abs=4 * 0.2 / np.sqrt(600))
    assert share["placebo"].std() == pytest.approx(0.2, abs=0.03)
    assert 0 < share["placebo"].min() < share["placebo"].max() <= 1
    rows = cohort.analyse(tmp_path).frame().query("analysis == 'ancova' & missing == 'observed'")
    whole, protocol = (rows.query("set == @name")["n"].item() for name in (EVERYBODY, PROTOCOL))
    # Those who kept to it are those who took 80 % of their doses and stayed.
    one = patients.query("arm == 'placebo'")
    kept = (one["adherence"] >= 0.8) & (one["last_month"] == patients["last_month"].max())
    assert protocol < 0.7 * whole
    assert protocol == pytest.approx(np.count_nonzero(kept), abs=40)


def test_a_person_does_not_depend_on_how_many_others_there_are(
    tmp_path: Path, unbroken: tuple[dict[str, str], float]
) -> None:
    few = cohort.run("freedom", out=tmp_path / "few", patients=100, config=SHORT)
    more = cohort.run("freedom", out=tmp_path / "more", patients=2500, config=SHORT)
    some = more.visits().query("patient_id < 100").reset_index(drop=True)
    for name, values in few.visits().items():
        np.testing.assert_array_equal(values, some[name], err_msg=str(name))


def test_studies_of_other_lengths_share_what_is_compiled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_folder", None)  # nothing comes from a run of before
    monkeypatch.setattr(stored, "keep_in", lambda folder: None)
    jax.clear_caches()  # whatever other tests have compiled in this process
    cohort.run("freedom", out=tmp_path / "short", patients=10, config=SHORT)
    longer = [*SHORT[1:], "visits.months=[0, 2, 4, 12, 20]"]
    caplog.clear()
    with caplog.at_level(logging.DEBUG, logger="jax"):  # which also tells of other threads
        cohort.run("freedom", out=tmp_path / "long", patients=10, config=longer)
    compiled = {words for words in re.findall(r"XLA compilation of jit\((\w+)\)", caplog.text)}
    assert "report_arm" in compiled
    assert not compiled & {"begin_arm", "begin_history", "run_arm", "run_history"}


def test_a_run_killed_five_times_ends_as_an_unbroken_one(
    tmp_path: Path, unbroken: tuple[dict[str, str], float]
) -> None:
    hashes, seconds = unbroken
    out = tmp_path / "run"
    command = [sys.executable, "-c", PROGRAM, str(out), str(PERSONS), json.dumps(SHORT)]
    moments, killed = random.Random(7), 0
    for _ in range(5):
        begun = (out / "manifest.json").stat().st_mtime_ns if out.exists() else 0
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        # The manifest is written when everything is ready to be computed.
        while process.poll() is None and not manifest_is_newer(out, begun):
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 1.5 * seconds))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
        for path in out.rglob("part-*.parquet"):
            pq.read_metadata(path)
    assert killed >= 1
    assert cohort.run("freedom", out=out, patients=PERSONS, config=SHORT).complete
    assert digests(out) == hashes
    assert read_manifest(out)["status"] == DONE
    assert leftovers(out) == []


def manifest_is_newer(out: Path, than: int) -> bool:
    try:
        return (out / "manifest.json").stat().st_mtime_ns > than
    except FileNotFoundError:
        return False


# A process started in the background inherits that Ctrl-C is ignored; a user's terminal does not.
LISTENING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from cohort.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_is_130_and_the_same_command_goes_on(
    tmp_path: Path, unbroken: tuple[dict[str, str], float]
) -> None:
    out = tmp_path / "run"
    config = [word for text in SHORT for word in ("--config", text)]
    words = ["run", "freedom", "--patients", str(PERSONS), "--out", str(out), *config]
    command = [sys.executable, "-c", LISTENING, *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not manifest_is_newer(out, 0):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate()
    assert (process.returncode, len(told.splitlines())) == (130, 1)
    assert told.startswith("interrupted")
    assert read_manifest(out)["status"] == "interrupted"
    assert cohort.resume(out).complete
    assert digests(out) == unbroken[0]


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
from cohort.cli import main
sys.exit(main(["run", "freedom", "--patients", "4000", "--out", *sys.argv[1:]]))
"""


@pytest.mark.usefixtures("unbroken")  # so that compiled programs are there and need no room
def test_a_disk_that_gives_out_is_code_4_and_one_sentence(tmp_path: Path) -> None:
    """A real refusal by the kernel, half way through a part file."""
    config = [word for text in SHORT for word in ("--config", text)]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "run"), *config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("error: cannot write")
    assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "run").rglob("*.tmp-*"))
