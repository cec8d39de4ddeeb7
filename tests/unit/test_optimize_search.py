"""Searches in a world in closed form: the best is found, a killed search ends the same."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sequence_world import STRENGTH, World, document, gain, sequences

import cohort as package
from cohort.api import optimization
from cohort.cli import main
from cohort.errors import BadInput, TooManyFailed
from cohort.execute.progress import silent
from cohort.search.load import Prepared, parse_search
from cohort.search.run import require_few_failed, run_search
from cohort.search.space import Space

WORDS = (*STRENGTH, "pause")
Row = dict[str, Any]
MANY = {"name": "evolve", "evaluations": 312}


def prepared(slots: int = 3, **tables) -> Prepared:
    return parse_search(document(*WORDS, slots=slots, **tables))


def search(given: Prepared, out: Path, world: Callable[[Space], World] = World) -> list[Row]:
    run_search(given, out, world, progress=silent)
    return rows(out, "candidates")


def rows(folder: Path, table: str) -> list[Row]:
    return pq.read_table(folder / f"{table}.parquet").to_pylist()


def best_gain(table: list[Row]) -> float:
    return max(row["mean"] for row in table if row["feasible"])


def test_enumeration_gives_every_gain_in_order(tmp_path: Path) -> None:
    table = search(prepared(), tmp_path / "a")
    told = {tuple(row[f"slot_{i}"] for i in (1, 2, 3)): row for row in table}
    assert set(told) == set(sequences(WORDS, 3))
    for names, row in told.items():
        assert row["mean"] == pytest.approx(gain(names), abs=1e-5)
    means = [row["mean"] for row in table]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_tenth_of_the_schedules_finds_the_best_and_the_front(seed: int, tmp_path: Path) -> None:
    """5 options in 5 slots: 3,125 sequences, of which 312 may be simulated."""
    pytest.importorskip("pymoo")
    given = prepared(slots=5, method=MANY, seed=seed)
    table = search(given, tmp_path)
    by_burden: dict[int, float] = {}
    for names in sequences(WORDS, 5):
        months = 12 * sum(name != "pause" for name in names)
        by_burden[months] = max(by_burden.get(months, -1.0), gain(names))
    assert best_gain(table) == pytest.approx(max(by_burden.values()), abs=1e-4)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["counts"]["schedules"] <= 312
    front = [row["mean"] for row in rows(tmp_path, "front")]
    best = [by_burden[months] for months in sorted(by_burden)]
    assert best == sorted(best)  # here every year more of treatment gains something
    assert front == pytest.approx(best, abs=1e-4)


def test_rules_hold_for_what_evolves(tmp_path: Path) -> None:
    pytest.importorskip("pymoo")
    rules = {"max_uses": {"romosozumab": 1}, "forbidden": [["denosumab", "pause"]]}
    table = search(prepared(slots=5, method=MANY, constraints=rules), tmp_path)
    kept = [
        names
        for names in sequences(WORDS, 5)
        if names.count("romosozumab") <= 1
        and ("denosumab", "pause") not in itertools.pairwise(names)
    ]
    assert best_gain(table) == pytest.approx(max(map(gain, kept)), abs=1e-4)
    wrong = [row for row in table if not row["feasible"]]
    assert wrong
    assert all(row["mean"] is None for row in wrong)
    told = {reason for row in wrong for reason in row["reason"].split("; ")}
    assert "pause after denosumab" in told
    assert "2 courses of romosozumab, allowed 1" in told


@pytest.mark.parametrize("method", [{"name": "enumerate"}, {"name": "evolve", "evaluations": 100}])
def test_a_killed_search_ends_as_an_unbroken_one(method: dict, tmp_path: Path) -> None:
    pytest.importorskip("pymoo")
    given = prepared(slots=4, method=method)
    whole = search(given, tmp_path / "whole")
    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        search(given, broken, lambda space: World(space, breaks_after=90))
    assert json.loads((broken / "manifest.json").read_text())["status"] == "interrupted"
    assert not (broken / "candidates.parquet").exists()
    kept = sum(len(np.load(path)["keys"]) for path in broken.glob(".evaluations/*.npz"))
    assert 0 < kept <= 90
    worlds: list[World] = []

    def again(space: Space) -> World:
        worlds.append(World(space))
        return worlds[-1]

    continued = search(given, broken, again)
    assert continued == whole
    counts = json.loads((broken / "manifest.json").read_text())["counts"]
    assert len(worlds[0].tried) == counts["schedules"] - kept
    assert (tmp_path / "whole/candidates.parquet").read_bytes() == (
        broken / "candidates.parquet"
    ).read_bytes()
    search(given, broken, again)  # a complete one computes nothing
    assert len(worlds) == 1


def test_another_search_in_the_folder_is_refused(tmp_path: Path) -> None:
    search(prepared(), tmp_path)
    with pytest.raises(BadInput, match="holds another job"):
        search(prepared(seed=5), tmp_path)
    run_search(prepared(seed=5), tmp_path, World, overwrite=True, progress=silent)
    assert json.loads((tmp_path / "manifest.json").read_text())["seed"] == 5


def test_too_many_failures_are_told() -> None:
    require_few_failed(0.001, 0.001)
    with pytest.raises(TooManyFailed, match=r"0\.20%"):
        require_few_failed(0.002, 0.001)


@pytest.fixture
def worldly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put the closed form in place of the model, in an empty working folder."""
    monkeypatch.setattr(
        optimization, "_engine", lambda space, prepared, device, workers: World(space)
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_function_and_command_write_the_folder(
    worldly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = package.optimize("three_courses", patients=16)
    assert found.folder == Path("results/optimize-three_courses-0")
    best = found.candidates().iloc[0]["sequence"]
    assert best == "romosozumab 12 > denosumab 12 > romosozumab 12"  # by the closed form
    assert found.front()["sequence"].tolist() == [best]
    start = time.perf_counter()
    assert main(["optimize", "three_courses", "--patients=16"]) == 0
    assert time.perf_counter() - start < 20
    out = capsys.readouterr().out
    assert f"1  {best}" in out
    assert "figures/front.png" in out
    names = {path.name for path in (found.folder / "figures").iterdir()}
    assert names == {"front.png", "front.svg"}
    svg = (found.folder / "figures/front.svg").read_text()
    assert "Time treated (months)" in svg
    assert "Mean of persons (%)" in svg


def test_resume_and_report_know_a_search(
    worldly: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["optimize", "denosumab_interval", "--patients=4", "--out=a", "--quiet"]
    assert main(arguments) == 0
    breaking = optimization._engine
    monkeypatch.setattr(
        optimization, "_engine", lambda space, *rest: World(space, breaks_after=100)
    )
    assert main([*arguments, "--out=b"]) == 130
    monkeypatch.setattr(optimization, "_engine", breaking)
    assert main(["report", "b"]) == 2
    assert "`cohort resume b` finishes it" in capsys.readouterr().err
    assert main(["resume", "b", "--quiet"]) == 0
    assert Path("a/front.parquet").read_bytes() == Path("b/front.parquet").read_bytes()
    drawn = Path("a/figures/front.svg")
    before = drawn.read_bytes()
    drawn.unlink()
    assert main(["report", "a"]) == 0
    assert drawn.read_bytes() == before
    assert "Best sequences" in capsys.readouterr().out


def test_json_and_evidence_of_an_extrapolated_drug(
    worldly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = """
name = "own"
patients = 4
[[options]]
name = "sermorelin"
treatments = [{ therapy = "sermorelin", regimen = "300 ug sc daily" }]
[[options]]
name = "pause"
[[slots]]
months = [6]
repeat = 2
[objective]
month = 12
"""
    Path("own.toml").write_text(table)
    assert main(["optimize", "own.toml", "--json", "--out", "own"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["best"]) == 4
    assert "extrapolated" in told["evidence"][0]
    assert "Sermorelin" in told["evidence"][0] or "sermorelin" in told["evidence"][0]
    assert main(["optimize", "own.toml", "--out", "own"]) == 0
    assert "evidence: The effect of sermorelin" in capsys.readouterr().out


def test_columns_have_units_and_meanings(worldly: Path) -> None:
    found = package.optimize("denosumab_interval", patients=4)
    schema = pq.read_schema(found.folder / "candidates.parquet")
    for field in schema:
        assert field.metadata[b"description"], field.name
    assert schema.field("mean").metadata[b"unit"] == b"%"
    told = json.loads((found.folder / "schema.json").read_text())
    assert [column["column"] for column in told["candidates"]] == schema.names


def test_a_study_is_a_search_for_its_best_arm(worldly: Path) -> None:
    found = package.optimize("freedom", patients=4)
    assert set(found.candidates()["slot_1"]) == {"denosumab", "placebo"}
    assert found.candidates().iloc[0]["slot_1"] == "denosumab"  # the stronger by the closed form


def test_dry_run_counts_and_writes_nothing(
    worldly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["optimize", "five_courses", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["candidates"], told["simulated"]) == (6**5, 720)
    assert list(worldly.iterdir()) == []
