"""A job's folder: tables, resuming, refusals; with a formula in place of the model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cohort.errors import BadInput, TooManyFailed
from cohort.execute.crew import Local
from cohort.levers.evaluations import Evaluator
from cohort.levers.identity import begun
from cohort.levers.layout import PART
from cohort.levers.load import Prepared, load_job
from cohort.levers.run import run_job

JOB: dict[str, Any] = {
    "name": "formula",
    "study": "freedom",
    "seed": 4,
    "outputs": [
        {"arm": "denosumab", "outcomes": ["ctx_change", "p1np_change"], "months": [6, 12]},
        {"arm": "denosumab", "against": "placebo", "outcomes": ["ctx_change"], "months": [6]},
    ],
    "factors": [
        {"parameters": ["etaPi", "psi"]},
        {"covariates": ["age"], "low": -5.0, "high": 5.0},
        {"pk": ["denosumab.apparent_volume"]},
    ],
    "method": {"name": "sobol", "samples": 2048},
}
SMALL = JOB | {
    "outputs": [{"arm": "denosumab", "outcomes": ["ctx_change"], "months": [6]}],
    "method": {"name": "morris", "samples": 4},
}
EVALUATIONS = 2048 * 6  # three parts


class Formula:
    """Five outputs that are plain functions of the four factors."""

    rows, device = 500, "a formula"

    def __init__(self, stop_after: int | None = None, broken: int = 0, columns: int = 5) -> None:
        self.calls, self.stop_after, self.broken = 0, stop_after, broken
        self.columns = columns

    def compile(self) -> None:
        pass

    def evaluate(self, values: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.stop_after is not None and self.calls > self.stop_after:
            raise KeyboardInterrupt
        eta, psi, age, volume = values.T
        found = np.stack([eta, psi, age, volume, eta * psi], axis=1)
        if self.calls == 1:
            found[: self.broken] = np.nan
        return found[:, : self.columns]

    def derivatives(self) -> tuple[np.ndarray, np.ndarray]:
        outputs = np.arange(1.0, 11.0).reshape(5, 2)
        return outputs, np.ones((4, 5, 2))


def run(prepared: Prepared, out: Path, formula: Formula, **more: Any) -> dict[str, Any]:
    def make() -> Evaluator:
        return formula

    return run_job(prepared, out, make=make, **more)


def digests(folder: Path) -> dict[str, str]:
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "job"
    run(load_job(JOB), out, Formula())
    return out


def test_the_folder_holds_what_is_promised(whole: Path) -> None:
    names = {p.name for p in whole.iterdir()}
    tables = {"samples.parquet", "evaluations.parquet", "indices.parquet"}
    assert names == tables | {"manifest.json", "schema.json", "figures"}
    rows = pd.read_parquet(whole / "indices.parquet")
    wanted = ["factor", "arm", "outcome", "month", "index", "value", "ci_low", "ci_high"]
    assert list(rows.columns) == wanted
    assert len(rows) == 5 * 4 * 2
    assert set(rows.arm) == {"denosumab", "denosumab - placebo"}
    described = json.loads((whole / "schema.json").read_text())
    for table in ("samples", "evaluations", "indices"):
        assert all(column["description"] for column in described[table])
        schema = pq.read_schema(whole / f"{table}.parquet")
        assert [column["column"] for column in described[table]] == schema.names
    images = {p.suffix for p in (whole / "figures").iterdir()}
    assert images == {".png", ".svg"}
    assert len(list((whole / "figures").iterdir())) == 10
    manifest = json.loads((whole / "manifest.json").read_text())
    assert (manifest["status"], manifest["evaluations"]) == ("done", EVALUATIONS)


def test_rows_say_what_was_evaluated_where(whole: Path) -> None:
    samples = pd.read_parquet(whole / "samples.parquet")
    rows = pd.read_parquet(whole / "evaluations.parquet")
    here = rows[(rows.arm == "denosumab - placebo") & (rows.month == 6)]
    np.testing.assert_array_equal(here.ctx_change, samples.etaPi * samples.psi)
    assert here.p1np_change.isna().all()  # only the arm itself is watched for it
    later = rows[(rows.arm == "denosumab") & (rows.month == 12)]
    np.testing.assert_array_equal(later.ctx_change, samples.psi)
    np.testing.assert_array_equal(later.p1np_change, samples["denosumab.apparent_volume"])


def test_an_output_of_one_factor_is_all_its_own(whole: Path) -> None:
    rows = pq.read_table(whole / "indices.parquet").to_pylist()
    own = {"arm": "denosumab", "outcome": "p1np_change", "month": 6.0, "index": "first"}
    first = {row["factor"]: row["value"] for row in rows if own.items() <= row.items()}
    expected = dict.fromkeys(first, 0.0) | {"age": 1.0}
    assert len(first) == 4
    assert first == pytest.approx(expected, abs=0.05)


def test_a_killed_job_goes_on_by_its_folder_and_ends_in_the_same_bytes(
    tmp_path: Path, whole: Path
) -> None:
    out, a_part = tmp_path / "job", -(-PART // Formula.rows)
    with pytest.raises(KeyboardInterrupt):
        run(load_job(JOB), out, Formula(stop_after=a_part + 4), executor=Local(2))
    assert json.loads((out / "manifest.json").read_text())["status"] == "interrupted"
    assert [p.name for p in (out / ".parts").iterdir()] == ["part-00000.parquet"]
    again = Formula()
    run(begun(out), out, again, executor=Local(2))
    assert again.calls == 2 * a_part  # three parts, of which the first was kept
    assert digests(out) == digests(whole)


def test_a_folder_of_other_parameters_does_not_go_on(tmp_path: Path) -> None:
    run(load_job(SMALL), tmp_path, Formula(columns=1))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["parameter_hash"] = manifest["hash"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="parameter hash 000000000000"):
        begun(tmp_path)


def test_a_complete_job_computes_nothing(tmp_path: Path) -> None:
    first, again = Formula(columns=1), Formula(columns=1)
    run(load_job(SMALL), tmp_path, first)
    before = digests(tmp_path)
    run(load_job(SMALL), tmp_path, again)
    assert (first.calls, again.calls) == (1, 0)
    assert digests(tmp_path) == before


@pytest.mark.parametrize("gone", ["indices.parquet", "evaluations.parquet"])
def test_a_job_whose_table_was_deleted_makes_it_again(gone: str, tmp_path: Path) -> None:
    prepared, out = load_job(SMALL), tmp_path / "out"
    run(prepared, out, Formula(columns=1))
    before = {path.name: pq.read_table(path) for path in out.glob("*.parquet")}
    (out / gone).unlink()
    assert run(prepared, out, Formula(columns=1))["status"] == "done"
    for name, table in before.items():
        assert pq.read_table(out / name).equals(table)


def test_another_job_is_refused_and_overwritten_on_demand(tmp_path: Path) -> None:
    run(load_job(SMALL), tmp_path, Formula(columns=1))
    other = load_job(SMALL, seed=9)
    with pytest.raises(BadInput, match="holds another job"):
        run(other, tmp_path, Formula(columns=1))
    assert run(other, tmp_path, Formula(columns=1), overwrite=True)["seed"] == 9


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not empty"):
        run(load_job(JOB), tmp_path, Formula())
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_what_the_persons_do_not_allow_leaves_nothing_behind(tmp_path: Path) -> None:
    def refuse() -> Evaluator:
        raise BadInput("factors: age moves the cohort to 130 years.")

    with pytest.raises(BadInput, match="130 years"):
        run_job(load_job(SMALL), tmp_path / "job", make=refuse)
    assert not (tmp_path / "job").exists()


def test_evaluations_without_result_are_null_counted_and_told(tmp_path: Path) -> None:
    small = SMALL | {"method": {"name": "sobol", "samples": 64}}
    with pytest.raises(TooManyFailed, match="3 of 384 evaluations"):
        run(load_job(small), tmp_path, Formula(broken=3, columns=1))
    rows = pd.read_parquet(tmp_path / "evaluations.parquet")
    assert set(rows[rows.ctx_change.isna()].evaluation) == {0, 1, 2}
    assert pd.read_parquet(tmp_path / "indices.parquet").value.notna().all()
    assert json.loads((tmp_path / "manifest.json").read_text())["failed_evaluations"] == 3


def test_local_derivatives_are_written_for_the_cohort_and_for_persons(tmp_path: Path) -> None:
    run(load_job(JOB | {"method": {"name": "local"}}), tmp_path, Formula())
    rows = pd.read_parquet(tmp_path / "indices.parquet")
    assert set(rows["index"]) == {"derivative", "elasticity", "swing"}
    assert (rows[rows["index"] == "derivative"].value == 1.0).all()
    persons = pd.read_parquet(tmp_path / "individuals.parquet")
    assert len(persons) == 2 * 4 * 5
    one = persons[(persons.factor == "denosumab.apparent_volume") & (persons.patient_id == 1)]
    np.testing.assert_allclose(one.elasticity, 7.5 / one.value)  # dY/dV = 1, V of data/therapies
    assert persons[persons.factor == "age"].elasticity.isna().all()
