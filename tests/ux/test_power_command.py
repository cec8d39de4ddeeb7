"""`cohort power` and `cohort analyse`: what they write, tell and refuse; resuming."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bad_input_case import BASE
from pretend_simulator import PretendSimulator

import cohort as package
from cohort.api import runs
from cohort.api.power import replicate
from cohort.cli import main
from cohort.model.parameters import parameter_set, set_file
from cohort.planning import run as planning_run

Run = Callable[..., tuple[int, str, str]]

JOB = """
study = "own.toml"
persons = 300
replicates = 40

[endpoint]
month = 12

[grid]
participants = [12, 24]
effect = [1.0, 0.5]
dropout = [0.0, 0.2]
"""


@pytest.fixture
def cohort(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Run a command in this process, on a closed-form simulator, beside a study and a job."""
    monkeypatch.setattr(
        runs, "simulator_factory", lambda study, device, drawn: lambda: PretendSimulator(study)
    )
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text(BASE)
    Path("plan.toml").write_text(JOB)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def tables(root: Path) -> dict[str, Any]:
    names = ("power", "sample_size", "replicates")
    return {name: pq.read_table(root / f"{name}.parquet") for name in names}


def test_a_power_file_ends_in_its_tables_and_figures(cohort: Run) -> None:
    code, out, err = cohort("power", "plan.toml")
    assert (code, err) == (0, "")
    root = Path("results/plan-0")
    found = tables(root)
    power = found["power"].to_pandas()
    # Two sizes, two effects, two rates of dropout; and each size and rate without an effect.
    assert len(power[~power["null"]]) == 8
    assert len(power[power["null"]]) == 4
    assert found["replicates"].num_rows == 12 * 40
    assert found["sample_size"].num_rows == 4
    assert "type I error %" in out
    assert "Sample size" in out
    kinds = {path.name for path in (root / "figures").iterdir()}
    assert kinds == {"power.png", "power.svg"}
    told = json.loads((root / "schema.json").read_text())
    assert {"power", "sample_size", "replicates"} == set(told)
    assert all(column["description"] for table in told.values() for column in table)
    for table in found.values():
        assert all(field.metadata[b"description"] for field in table.schema)
        assert b"cohort.manifest" in table.schema.metadata
    manifest = json.loads((root / "manifest.json").read_text())
    assert manifest["status"] == "done"
    assert manifest["counts"] == {"persons": 300, "draws": 1, "designs": 12, "replicates": 40}
    assert not (root / ".parts").exists()


def test_the_same_command_goes_on_to_the_same_numbers(
    cohort: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cohort("power", "plan.toml", "--out", "whole", "--quiet")[0] == 0
    real, calls = planning_run.replicate_rows, []

    def stopped(*arguments: Any) -> Any:
        calls.append(arguments[2].number)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(planning_run, "replicate_rows", stopped)
    code, _, err = cohort("power", "plan.toml", "--out", "cut", "--quiet")
    assert code == 130
    assert "the same command goes on" in err
    assert json.loads(Path("cut/manifest.json").read_text())["status"] == "interrupted"
    assert len(list(Path("cut/.parts").iterdir())) == 5
    assert cohort("power", "plan.toml", "--out", "cut", "--quiet")[0] == 0
    assert calls == [0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11]
    for name, table in tables(Path("whole")).items():
        assert table.equals(tables(Path("cut"))[name])
    before = Path("cut/power.parquet").stat().st_mtime_ns
    assert cohort("power", "plan.toml", "--out", "cut", "--quiet")[0] == 0
    assert Path("cut/power.parquet").stat().st_mtime_ns == before


@pytest.mark.parametrize("gone", ["replicates.parquet", "figures"])
def test_a_job_whose_results_were_deleted_is_not_complete(cohort: Run, gone: str) -> None:
    assert cohort("power", "plan.toml", "--out", "here", "--quiet")[0] == 0
    before, path = tables(Path("here")), Path("here") / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert cohort("power", "plan.toml", "--out", "here", "--quiet")[0] == 0
    assert path.exists()
    assert all(table.equals(tables(Path("here"))[name]) for name, table in before.items())
    assert json.loads(Path("here/manifest.json").read_text())["status"] == "done"


def test_looks_and_their_boundaries_are_told(cohort: Run) -> None:
    looks = ("--config", "test.looks=[0.5, 1.0]", "--config", "grid.effect=[1.0]")
    stops = ("--config", "test.futility.rule=conditional_power")
    code, out, err = cohort("power", "plan.toml", *looks, *stops)
    assert (code, err) == (0, "")
    assert "futile below Z" in out
    assert "stopped as futile %" in out
    told = json.loads(Path("results/plan-0/manifest.json").read_text())["looks"]
    # Lan & DeMets 1983: 2.963 and 1.969 (two looks, O'Brien and Fleming's spending, 5 %).
    assert [row["efficacy"] for row in told] == pytest.approx([2.963, 1.969], abs=1e-3)
    power = tables(Path("results/plan-0"))["power"].to_pylist()
    assert all(0 <= row["stopped_for_futility"] <= 1 for row in power)
    assert all(row["mean_participants"] <= row["participants"] for row in power)
    code, out, _ = cohort("power", "plan.toml", *looks, *stops, "--dry-run", "--json")
    assert json.loads(out)["looks"] == told


def test_dropout_of_each_arm_is_told(cohort: Run) -> None:
    rates = ("grid.dropout=[0.0]", "grid.dropout_by_arm=[[0.1, 0.3], [0.3, 0.1]]")
    code, out, err = cohort("power", "plan.toml", *(f"--config={text}" for text in rates))
    assert (code, err) == (0, "")
    assert "0.1:0.3" in out
    power = tables(Path("results/plan-0"))["power"].to_pandas()
    assert set(power["dropout_by_arm"]) == {"0.1:0.3", "0.3:0.1"}
    assert power["dropout"].to_numpy() == pytest.approx(0.2)


def test_under_draws_of_the_parameters_power_is_assurance(cohort: Run) -> None:
    """The pretended effect of draws 0, 1, 2 is 1, 1.1 and 1.2 times that of the set itself."""
    Path("mine.toml").write_text(set_file("default").read_text(encoding="utf-8"))
    values = {"bE": parameter_set().values["bE"] * np.linspace(0.9, 1.1, 3)}
    told = {"method": "made up", "parameter_set_hash": parameter_set().hash}
    draws = pa.table({"draw": np.arange(3, dtype=np.int32), **values})
    pq.write_table(draws.replace_schema_metadata(told), "mine.draws.parquet")
    job = ("power", "plan.toml", "--config", 'config=["parameters.set=mine.toml"]')
    assert cohort(*job, "--out", "set", "--quiet")[0] == 0
    code, out, err = cohort(*job, "--out", "drawn", "--draws", "3")
    assert (code, err) == (0, "")
    assert "5-95 % of draws" in out
    assert json.loads(Path("drawn/manifest.json").read_text())["counts"]["draws"] == 3
    of_set, drawn = (tables(Path(root))["power"].to_pandas() for root in ("set", "drawn"))
    np.testing.assert_allclose(drawn["true_effect"], 1.1 * of_set["true_effect"], rtol=1e-5)
    assert of_set["assurance"].isna().all()
    rows = tables(Path("drawn"))["replicates"].to_pandas()
    assert (rows["draw"] == rows["replicate"] % 3).all()
    by_draw = rows.groupby(["design", "draw"])["rejected"].mean().unstack()
    np.testing.assert_allclose(drawn["assurance"], by_draw.mean(axis=1))
    np.testing.assert_allclose(drawn["power_high"], np.percentile(by_draw, 95, axis=1))
    code, _, err = cohort(*job, "--out", "more", "--draws", "9")
    assert (code, "--draws" in err) == (2, True)


def test_another_job_is_refused_and_overwrite_starts_anew(cohort: Run) -> None:
    assert cohort("power", "plan.toml", "--out", "here", "--quiet")[0] == 0
    other = ("power", "plan.toml", "--out", "here", "--quiet", "--seed", "5")
    code, out, err = cohort(*other)
    assert (code, out) == (2, "")
    assert "holds another job" in err
    assert cohort(*other, "--overwrite")[0] == 0
    assert json.loads(Path("here/manifest.json").read_text())["seed"] == 5


def test_a_replicate_is_drawn_again_alone(cohort: Run) -> None:
    assert cohort("power", "plan.toml", "--out", "here", "--quiet")[0] == 0
    participants, rows = replicate("plan.toml", "here", 3, 17)
    kept = package.open_results("here/cohort").manifest
    assert set(participants["arm"]) == set(kept["arms"])
    whole = tables(Path("here"))["replicates"].to_pandas()
    same = whole[(whole["design"] == 3) & (whole["replicate"] == 17)]
    np.testing.assert_allclose(rows["estimate"], same["estimate"], rtol=1e-12)
    assert rows["seed"].tolist() == same["seed"].tolist()


def test_a_study_is_a_power_file_with_every_default(cohort: Run) -> None:
    code, out, _ = cohort("power", "freedom", "--dry-run", "--json")
    told = json.loads(out)
    assert (code, told["comparisons"]) == (0, ["denosumab - placebo"])
    assert told["months"][-1] == 36.0
    assert told["designs"] == 4
    code, out, _ = cohort("power", "own.toml", "--dry-run")
    assert (code, "is valid" in out) == (0, True)
    assert not Path("results").exists()


def test_json_is_all_that_stdout_holds(cohort: Run) -> None:
    code, out, _ = cohort("power", "plan.toml", "--json", "--config", "grid.effect=[1.0]")
    told = json.loads(out)
    assert code == 0
    assert len(told["power"]) == 8
    assert told["sample_size"][0]["target"] == 0.9


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["endpoint.outcome=bmd_hip_change"], ["endpoint.outcome: found 'bmd_hip_change'"]),
        (["grid.participant=[3]"], ["the key is unknown", "Did you mean 'participants'?"]),
        (["grid.participants=[5000000]"], ["grid.participants.0", "1e+06 or less"]),
        (["grid.participants=[]"], ["grid.participants: the list is empty"]),
        (["grid.dropout=[1.5]"], ["grid.dropout.0: found 1.5; allowed is below 1"]),
        (
            ["grid.dropout_by_arm=[[0.1, 0.2]]"],
            ["grid.dropout_by_arm: stands beside dropout; give one of them."],
        ),
        (
            ["grid.dropout=[0.0]", "grid.dropout_by_arm=[[0.1], [0.1, 1.0]]"],
            ["grid.dropout_by_arm.1.1: found 1.0; allowed is below 1"],
        ),
        (
            ["grid.dropout=[0.0]", "grid.dropout_by_arm=[[0.1]]"],
            ["grid.dropout_by_arm.0", "a share for each arm"],
        ),
        (
            ["test.futility.rule=obrien_fleming"],
            ["test.futility.rule: found 'obrien_fleming'", "obrien_fleming_spending"],
        ),
        (["test.futility.rule=conditional_power"], ["test.looks: the list is empty; stopping"]),
        (["test.futility.power=0.3"], ["test.futility.power: found 0.3; allowed is 0.5 or more"]),
        (["grid.visits=[[6, 3]]"], ["grid.visits.0", "rising months"]),
        (["grid.allocation=[[1, 1, 1]]"], ["grid.allocation.0", "a number for each arm"]),
        (["analysis.method=ancov"], ["analysis.method: found 'ancov'", "Did you mean 'ancova'?"]),
        (["analysis.method=responders"], ["analysis.threshold: a threshold is needed"]),
        (["analysis.method=log_rank"], ["`log_rank` goes with what counts events"]),
        (
            ["analysis.method=mmrm", "analysis.missing=imputed"],
            ["analysis.missing: found 'imputed' with 'mmrm'; allowed is observed."],
        ),
        (['analysis.covariates=["agee"]'], ["found 'agee'", "Did you mean 'age'?"]),
        (["test.claim=non_inferiority"], ["test.margin", "a margin above 0"]),
        (["test.looks=[0.5, 0.4, 1.0]"], ["test.looks", "in rising order"]),
        (
            ["test.looks=[0.5, 1.0]", "test.multiplicity=holm"],
            ["test.multiplicity: found 'holm' with interim looks"],
        ),
        (
            ['test.comparisons=[{treated="activ", control="nobody"}]'],
            ["test.comparisons.0.treated: found 'activ'", "test.comparisons.0.control"],
        ),
        (
            ['randomisation.strata=[{variable="age"}]'],
            ["randomisation.strata.0.cuts", "one or more, rising"],
        ),
        (
            ["randomisation.method=simple", 'randomisation.strata=[{variable="sex"}]'],
            ["randomisation.strata: strata need"],
        ),
        (["study=owm.toml"], ["owm.toml: there is no such file."]),
        (['config=["arms.nobody.ratio=2"]'], ["'nobody' is not in arms"]),
        (["replicates=many", "persons=3"], ["replicates: found 'many'", "persons: found 3"]),
    ],
)
def test_bad_power_files_get_their_sentences(
    overrides: list[str], says: list[str], cohort: Run, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, out, err = cohort("power", "plan.toml", *(f"--config={text}" for text in overrides))
    assert (code, out) == (2, "")
    assert not [fragment for fragment in says if fragment not in err], err
    lines = err.splitlines()
    assert all(line.startswith("error: ") and line.endswith((".", "?")) for line in lines), err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_is_analysed_on_the_terminal(cohort: Run) -> None:
    assert cohort("run", "own.toml", "--patients", "200", "--out", "run", "--quiet")[0] == 0
    code, out, err = cohort("analyse", "run", "--subgroup", "age=70", "--covariate", "age")
    assert (code, err) == (0, "")
    assert "mmrm" in out
    assert "age: 70 and above" in out
    code, out, _ = cohort("analyse", "run", "--json", "--out", "analysis")
    told = json.loads(out)
    assert told["outcome"] == "bmd_lumbar_spine_change"
    assert Path("analysis/analysis.parquet").is_file()
    code, _, err = cohort("analyse", "run", "--subgroup", "age=80,70", "--compare", "one")
    assert code == 2
    code, _, err = cohort("analyse", "nothing")
    assert (code, "is not a results folder" in err) == (2, True)
