"""What a run writes and says: rows, counts, manifest, schema, events, estimate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fake_simulator import (
    PERSONS,
    SLOPES,
    FakeSimulator,
    make_spec,
    uniform,
)

from cohort.execute.crew import Local
from cohort.execute.estimate import estimate
from cohort.execute.folder import Shard
from cohort.execute.progress import Advanced, Compiled, Compiling, Finished, Started, Writing
from cohort.execute.run import run_study
from cohort.execute.spec import RunSpec
from cohort.results.layout import PART
from cohort.results.reader import open_results, read_manifest


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
    run_study(spec, out=tmp_path, simulator_factory=FakeSimulator, executor=Local(2))
    manifest = read_manifest(tmp_path)
    assert manifest["status"] == "done"
    assert manifest["device"] == "fake"
    assert manifest["precision"] == "float32"
    assert manifest["workers"] == 2
    assert manifest["seconds"]["patient_years_per_second"] > 0
    assert {"python", "pyarrow", "numpy", "llvmlite"} <= manifest["versions"].keys()
    assert RunSpec.from_manifest(manifest) == spec


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
        spec,
        out=tmp_path,
        simulator_factory=FakeSimulator,
        executor=Local(2),
        progress=events.append,
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
    assert more.seconds == pytest.approx(10 * guess.seconds, rel=0.01)  # in whole tiles
