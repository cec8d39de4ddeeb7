"""Runs under draws of the parameters: the same persons in each, parts of one draw, apart in sum."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fake_simulator import PERSONS, SLOPES, FakeSimulator, digests, leftovers, make_spec, uniform

from cohort.errors import BadInput, TooManyFailed
from cohort.execute.crew import Local
from cohort.execute.estimate import estimate
from cohort.execute.folder import Shard, missing_parts
from cohort.execute.progress import Advanced, Started
from cohort.execute.run import finish, run_study
from cohort.execute.spec import RunSpec
from cohort.results.layout import PART, Layout
from cohort.results.reader import open_results, read_manifest
from cohort.tile import TILE

DRAWS = 3


def drawn_spec(**changes: Any) -> RunSpec:
    return make_spec(**({"draws": DRAWS, "draws_hash": "d" * 64} | changes))


def run(out: Path, **changes: Any) -> pd.DataFrame:
    """Run the toy study under draws and return its visits."""
    run_study(drawn_spec(**changes), out=out, simulator_factory=FakeSimulator)
    return open_results(out).visits()


@pytest.mark.parametrize("design", ["paired", "randomised"])
def test_everybody_lives_under_every_draw(tmp_path: Path, design: str) -> None:
    visits = run(tmp_path, persons=60, design=design)
    assert str(visits["draw"].dtype) == "int32"
    slots = visits["patient_id"].to_numpy()
    slope = np.array([SLOPES[arm] for arm in visits["arm"]]) * (1 + visits["draw"] / 10)
    change = slope * visits["month"].to_numpy(float) * (1 + uniform(slots, 5))
    np.testing.assert_allclose(visits["bmd_lumbar_spine_change"], change, rtol=1e-6)
    patients = open_results(tmp_path).patients()
    assert str(patients["draw"].dtype) == "int32"
    own = ["arm", "patient_id", "age", "last_month"]
    persons = [rows[own].reset_index(drop=True) for _, rows in patients.groupby("draw")]
    assert len(persons) == DRAWS
    assert persons[0].equals(persons[1])
    assert persons[0].equals(persons[2])
    assert len(patients) == DRAWS * 120 == drawn_spec(persons=60, design=design).patients


def test_every_draw_has_parts_of_its_own(tmp_path: Path) -> None:
    run(tmp_path, persons=PART + 10)
    assert drawn_spec(persons=PART + 10).parts == 2 * DRAWS
    found = []
    for part in range(2 * DRAWS):
        table = pq.read_table(Layout(tmp_path).visits_part("placebo", part))
        (draw,) = set(table["draw"].to_pylist())
        found.append((draw, min(table["patient_id"].to_pylist())))
    assert found == [(0, 0), (0, PART), (1, 0), (1, PART), (2, 0), (2, PART)]


def test_summary_holds_the_two_uncertainties_apart(tmp_path: Path) -> None:
    """Against numpy, from the visits as they were written."""
    visits = run(tmp_path, persons=200)
    arm, month, draw = (visits[name].to_numpy() for name in ("arm", "month", "draw"))
    rows = pq.read_table(Layout(tmp_path).summary).to_pylist()
    assert len(rows) > 0
    for row in rows:
        here = (arm == row["arm"]) & (month == row["month"])
        values = visits[row["outcome"]].to_numpy(float)
        draws = [values[here & (draw == number)] for number in range(DRAWS)]
        means = np.array([np.mean(one) for one in draws])
        expected = {
            "n": min(map(len, draws)),
            "mean": means.mean(),
            "mean_sd": means.std(ddof=1),
            "mean_low": np.percentile(means, 5),
            "mean_high": np.percentile(means, 95),
            "sd": np.sqrt(np.mean([np.var(one, ddof=1) for one in draws])),
            **{f"p{p}": np.percentile(values[here], p) for p in (5, 50, 95)},
        }
        found = {name: row[name] for name in expected}
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_draws_that_agree_leave_no_parameter_uncertainty(tmp_path: Path) -> None:
    """CTX of the toy study answers to no parameter; patients differ in it all the same."""
    run(tmp_path, persons=50)
    summary = open_results(tmp_path).summary().query("outcome == 'ctx'")
    np.testing.assert_allclose(summary["mean_low"], summary["mean_high"], rtol=1e-12)
    np.testing.assert_allclose(summary["mean_sd"], 0.0, atol=1e-12)
    assert np.min(summary["sd"].to_numpy()) > 0.1


def test_a_run_without_draws_has_no_trace_of_them(tmp_path: Path) -> None:
    run_study(make_spec(persons=20), out=tmp_path, simulator_factory=FakeSimulator)
    assert not {"draws", "draws_hash"} & make_spec().identity().keys()
    assert not {"draws", "draws_hash"} & read_manifest(tmp_path).keys()
    results = open_results(tmp_path)
    assert "draw" not in {*results.visits().columns, *results.patients().columns}
    assert not [name for name in results.summary().columns if name.startswith("mean_")]


def test_manifest_and_files_record_the_draws(tmp_path: Path) -> None:
    spec = drawn_spec(persons=20)
    run(tmp_path, persons=20)
    manifest = read_manifest(tmp_path)
    assert (manifest["draws"], manifest["draws_hash"]) == (DRAWS, "d" * 64)
    assert RunSpec.from_manifest(manifest) == spec
    fields = open_results(tmp_path).fields()
    for table in ("visits", "patients"):
        (draw,) = [field for field in fields[table] if field["column"] == "draw"]
        assert draw["type"] == "int32"
        assert "same persons" in draw["description"]
    told = {field["column"]: field["description"] for field in fields["summary"]}
    assert "over draws" in told["mean_low"]
    assert "parameter uncertainty alone" in told["mean_sd"]


def test_persons_are_counted_as_screened_once(tmp_path: Path) -> None:
    summary = run_study(drawn_spec(persons=90), out=tmp_path, simulator_factory=FakeSimulator)
    assert summary.counts.screened == 120
    assert summary.counts.rejected == {"age below 60": 30}
    assert summary.counts.patients == DRAWS * 180
    assert read_manifest(tmp_path)["counts"]["patient_years"] == DRAWS * 180.0


def test_a_failed_patient_is_named_with_the_draw(tmp_path: Path) -> None:
    spec = drawn_spec(persons=50)
    with pytest.raises(TooManyFailed, match=r"patient 3, arm denosumab, parameter draw 0, on day"):
        run_study(
            spec,
            out=tmp_path,
            simulator_factory=lambda: FakeSimulator(failing=(3,)),
            executor=Local(2),
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"draws": 5}, "draws 3 instead of 5"),
        ({"draws_hash": "e" * 64}, "draws hash 'd{64}' instead of 'e{64}'"),
        ({"draws": None, "draws_hash": None}, "draws 3 instead of none"),
    ],
)
def test_other_draws_are_another_run(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    run(tmp_path)
    before = digests(tmp_path)
    with pytest.raises(BadInput, match=words):
        run_study(drawn_spec(**change), out=tmp_path, simulator_factory=FakeSimulator)
    assert digests(tmp_path) == before


def test_a_run_without_draws_is_another_run(tmp_path: Path) -> None:
    run_study(make_spec(), out=tmp_path, simulator_factory=FakeSimulator)
    with pytest.raises(BadInput, match="draws none instead of 3"):
        run_study(drawn_spec(), out=tmp_path, simulator_factory=FakeSimulator)


def test_shards_merge_to_the_unbroken_run(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    out = tmp_path / "shards"
    for shard in ("2/2", "1/2"):
        run_study(drawn_spec(), out=out, simulator_factory=FakeSimulator, shard=Shard.parse(shard))
    assert finish(out).status == "done"
    assert digests(out) == digests(tmp_path / "whole")


@pytest.mark.parametrize(("block_size", "workers"), [(2048, 3), (10**6, 1)])
def test_block_size_and_workers_leave_the_bytes_alone(
    tmp_path: Path, block_size: int, workers: int
) -> None:
    run(tmp_path / "one", persons=5000)
    run_study(
        drawn_spec(persons=5000, block_size=block_size),
        out=tmp_path / "other",
        simulator_factory=lambda: FakeSimulator(delay=0.001),
        executor=Local(workers),
    )
    assert digests(tmp_path / "other") == digests(tmp_path / "one")


def test_interrupt_keeps_finished_draws(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    out, events = tmp_path / "run", []

    def impatient(event: object, /) -> None:
        if isinstance(event, Advanced) and event.done >= 400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(drawn_spec(), out=out, simulator_factory=FakeSimulator, progress=impatient)
    assert missing_parts(drawn_spec(), Layout(out)) == [2]
    simulator = FakeSimulator()
    run_study(drawn_spec(), out=out, simulator_factory=lambda: simulator, progress=events.append)
    assert [call[3] for call in simulator.calls] == [2]
    assert Started(total=600, kept=400) in events
    assert digests(out) == digests(tmp_path / "whole")


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from fake_simulator import FakeSimulator, make_spec
from cohort.execute.run import run_study
spec = make_spec(draws=3, draws_hash="d" * 64)
run_study(spec, out=sys.argv[2], simulator_factory=lambda: FakeSimulator(delay=0.3))
"""


def test_a_killed_run_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    out = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(out)]
    process = subprocess.Popen(command)
    until = time.monotonic() + 60
    while not Layout(out).piece(0).exists() and time.monotonic() < until:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    left = missing_parts(drawn_spec(), Layout(out))
    assert 2 in left
    assert 0 not in left
    run(out)
    assert digests(out) == digests(tmp_path / "whole")
    assert leftovers(out) == []


def test_estimate_counts_every_draw() -> None:
    plain, drawn = estimate(make_spec(persons=PERSONS)), estimate(drawn_spec(persons=PERSONS))
    for name in ("patients", "visits", "parts", "patient_years", "disk_bytes"):
        assert getattr(drawn, name) == pytest.approx(DRAWS * getattr(plain, name)), name
    assert drawn.seconds == pytest.approx(DRAWS * plain.seconds)
    assert drawn.memory_bytes == plain.memory_bytes
    assert f"({2 * PERSONS:,} under each of 3 parameter draws)" in drawn.sentence()
    few, tile = estimate(drawn_spec(persons=10)), estimate(drawn_spec(persons=TILE))
    assert few.seconds == tile.seconds
