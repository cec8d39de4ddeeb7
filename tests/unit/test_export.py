"""`cohort export`: read back by other readers and compared with the run's own tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from measured_results import DAYS, FRACTURES, PERSONS, write_measured

import cohort
from cohort.cli import main
from cohort.errors import BadInput
from cohort.handover import checks
from cohort.handover.measures import PARAMETERS, unnamed
from cohort.handover.variables import DATA_SETS
from cohort.results.outcomes import OUTCOMES, Outcome

NUMBERS = {"drug": 1, "placebo": 2}


def subject(arm: str, person: int) -> str:
    return f"MADE_UP-{NUMBERS[arm]:02d}-{person:09d}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_measured(tmp_path_factory.mktemp("export") / "run")


@pytest.fixture(scope="module")
def adam(run: Path) -> Path:
    return cohort.export(run, xpt=True).folder


def xpt(folder: Path, name: str) -> Any:
    """Read a transport file as pandas does."""
    frame = sas_table(folder / f"{name}.xpt")
    # pandas reads a zero as the smallest number that the format holds, 5.4e-79.
    numbers = frame.select_dtypes("number")
    frame[numbers.columns] = numbers.mask(numbers.abs() < 1e-70, 0.0)
    return frame


def sas_table(path: Path) -> Any:
    return pd.read_sas(path, format="xport", encoding="utf-8")


def table_of(path: Path) -> Any:
    return pq.read_table(path).to_pandas()


def csv_table(path: Path, **options: Any) -> Any:
    return pd.read_csv(path, **options)


def visits(run: Path) -> Any:
    """The run's measured visits, a row an arm, person and month."""
    parts = [
        table_of(run / "visits" / f"arm={arm}" / "part-00000.parquet").assign(arm=arm)
        for arm in NUMBERS
    ]
    return pd.concat(parts)


@pytest.mark.parametrize("name", ["adsl", "adbmd", "adlb", "adtte"])
def test_all_three_files_hold_the_same(adam: Path, name: str) -> None:
    parquet = table_of(adam / f"{name}.parquet")
    csv = csv_table(adam / f"{name}.csv", dtype={"SUBJID": str}, keep_default_na=False)
    sas = xpt(adam, name)
    assert list(sas.columns) == list(parquet.columns) == list(csv.columns)
    assert len(sas) == len(parquet) == len(csv) > 0
    for column, values in parquet.items():
        if values.dtype == float:
            # A transport file holds numbers in base 16, with 56 bits.
            np.testing.assert_allclose(sas[column], values, rtol=1e-15)
            read = csv[column].replace("", np.nan).astype(float)
            np.testing.assert_allclose(read, values, rtol=1e-15)
        else:
            told = values.astype(object).where(values.notna(), "").tolist()
            assert sas[column].fillna("").tolist() == told
            assert csv[column].tolist() == told


@pytest.mark.parametrize("name", ["adsl", "adbmd", "adlb", "adtte"])
def test_variables_are_as_the_standard_and_transport_files_allow(adam: Path, name: str) -> None:
    schema = pq.read_schema(adam / f"{name}.parquet")
    described = json.loads((adam / "schema.json").read_text())[name]
    assert [row["column"] for row in described] == schema.names
    table = table_of(adam / f"{name}.parquet")
    for field, row in zip(schema, described, strict=True):
        told = {key.decode(): value.decode() for key, value in field.metadata.items()}
        assert field.name.isupper()
        assert len(field.name) <= 8
        assert 0 < len(told["label"]) <= 40
        assert (row["label"], row["type"], row["length"]) == (
            told["label"],
            told["type"],
            told["length"],
        )
        if told["type"] == "Char":
            longest = table[field.name].astype(object).dropna().map(len).max()
            assert not longest > int(told["length"]), field.name
    labels = [variable.label for variable in DATA_SETS[name]]
    assert len(set(labels)) == len(labels)


def test_adsl_is_a_row_a_subject(adam: Path, run: Path) -> None:
    sas = xpt(adam, "adsl").set_index("USUBJID")
    assert sas.index.is_unique
    patients = table_of(run / "patients.parquet")
    patients.index = pd.Index(
        [subject(a, i) for a, i in zip(patients["arm"], patients["patient_id"], strict=True)]
    )
    assert set(sas.index) == set(patients.index)
    both = sas.join(patients[["patient_id", "age", "sex", "years_since_menopause"]])
    assert (both["PERSID"] == both["patient_id"]).all()
    np.testing.assert_allclose(both["AGE"], both["age"])
    assert (both["SEX"] == both["sex"].map({"female": "F", "male": "M"})).all()
    np.testing.assert_array_equal(both["YSMBL"].isna(), both["years_since_menopause"].isna())
    assert set(sas["TRT01P"]) == {"Denosumab 60 mg", "placebo"}
    assert (sas["AGEGR1N"] == np.digitize(sas["AGE"], [65, 75]) + 1).all()


def test_ends_of_study_follow_from_what_became_of_each(adam: Path) -> None:
    sas = xpt(adam, "adsl").set_index("USUBJID").fillna({"DCSREAS": "", "DTHFL": ""})
    columns = ["SAFFL", "PPROTFL", "EOSSTT", "DCSREAS", "DTHFL"]
    # By the last digit: 3 dies in month 18, 7 leaves in month 12, 5 fails under the drug.
    told = {person: sas.loc[subject("drug", person), columns].tolist() for person in (1, 3, 5, 7)}
    assert told == {
        1: ["Y", "Y", "COMPLETED", "", ""],
        3: ["Y", "N", "DISCONTINUED", "DEATH", "Y"],
        5: ["N", "N", "DISCONTINUED", "OTHER", ""],
        7: ["Y", "N", "DISCONTINUED", "LOST TO FOLLOW-UP", ""],
    }
    dead = sas.loc[subject("placebo", 3)]
    # Eighteen months of 30.4375 days are 547.875; the first day is day 1.
    assert dead["DTHDY"] == dead["EOSDY"] == 548
    assert sas.loc[subject("drug", 1), "EOSDY"] == 731
    assert (sas["ITTFL"] == "Y").all()
    assert sas["COMPLFL"].eq("Y").sum() == 42 + 48


def test_values_are_what_was_measured(adam: Path, run: Path) -> None:
    sas = xpt(adam, "adbmd")
    spine = sas[sas["PARAMCD"] == "BMDLS"].copy()
    assert not spine.duplicated(["USUBJID", "AVISITN"]).any()
    seen = visits(run).dropna(subset=["measured_bmd_lumbar_spine"])
    seen["USUBJID"] = [subject(a, i) for a, i in zip(seen["arm"], seen["patient_id"], strict=True)]
    both = spine.merge(seen, left_on=["USUBJID", "AVISITN"], right_on=["USUBJID", "month"])
    assert len(both) == len(spine) == len(seen)
    np.testing.assert_allclose(both["AVAL"], both["measured_bmd_lumbar_spine"], rtol=1e-12)
    # The run's own change from the measured baseline, in float32.
    later = both[both["month"] > 0]
    change = later["measured_bmd_lumbar_spine_change"]
    np.testing.assert_allclose(later["PCHG"], change, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(later["AVAL"] - later["CHG"], later["BASE"], rtol=1e-12)
    first = both[both["month"] == 0]
    assert first["ABLFL"].eq("Y").all()
    assert first[["CHG", "PCHG"]].isna().all(axis=None)
    assert later["ABLFL"].fillna("").eq("").all()
    assert both.groupby("AVISIT")["ADY"].unique().map(list).to_dict() == {
        "Baseline": [1],
        "Month 12": [int(DAYS[12.0]) + 1],
        "Month 24": [int(DAYS[24.0]) + 1],
    }
    assert set(sas["PARAMCD"]) == {"BMDLS", "BMDTH", "BMDFN"}
    assert set(sas["PARAM"]) >= {"Lumbar Spine Bone Mineral Density (g/cm2)"}
    assert set(xpt(adam, "adlb")["PARAMCD"]) == {"CTX"}


def test_times_to_event_are_those_of_the_events(adam: Path, run: Path) -> None:
    sas = xpt(adam, "adtte").set_index(["PARAMCD", "USUBJID"])
    assert sas.index.is_unique
    assert len(sas) == 5 * (2 * PERSONS - 6)  # who could not be computed has no row
    assert (sas["AVAL"] == sas["ADY"]).all()
    for arm, rows in FRACTURES.items():
        for code, kinds in (("VFX", ["vertebral"]), ("HIPFX", ["hip"])):
            first = {}
            for person, month, kind in rows:
                if kind in kinds:
                    first[person] = min(month, first.get(person, np.inf))
            own = sas.loc[code][lambda t, arm=arm: t["TRTPN"] == NUMBERS[arm]]
            events = own[own["CNSR"] == 0]
            expected = {subject(arm, i): np.floor(m * 30.4375) + 1 for i, m in first.items()}
            assert events["AVAL"].to_dict() == expected
    hip = sas.loc["HIPFX"]
    told = hip.loc[[subject("drug", i) for i in (1, 3, 7, 21)], ["CNSR", "EVNTDESC"]]
    assert told.values.tolist() == [
        [1, "COMPLETED STUDY"],
        [3, "DEATH"],
        [2, "LOST TO FOLLOW-UP"],
        [0, "HIP FRACTURE"],
    ]
    death = sas.loc["DEATH"]
    assert death["CNSR"].eq(0).sum() == 12
    assert not death["CNSR"].eq(3).any()


def test_a_part_in_many_pieces_is_the_same(
    run: Path, adam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cohort.handover.measures.PERSONS", 7)
    again = cohort.export(run, out=tmp_path / "again")
    file = pq.ParquetFile(again.folder / "adbmd.parquet")
    assert file.num_row_groups == 2 * -(-PERSONS // 7)
    assert file.read().to_pandas().equals(pq.read_table(adam / "adbmd.parquet").to_pandas())


def test_csv_is_the_runs_own_tables(run: Path, tmp_path: Path) -> None:
    found = cohort.export(run, kind="csv", out=tmp_path / "csv")
    assert set(found.rows) == {"patients", "visits", "events", "summary", "incidence"}
    for name, rows in found.rows.items():
        assert len(csv_table(found.folder / f"{name}.csv")) == rows
    read = csv_table(found.folder / "visits.csv").set_index(["arm", "patient_id", "month"])
    own = visits(run).set_index(["arm", "patient_id", "month"])
    assert read.index.equals(own.index)
    np.testing.assert_allclose(read["measured_ctx"], own["measured_ctx"], rtol=1e-6)


def test_every_measured_outcome_is_a_parameter() -> None:
    measured = {o.name for o in OUTCOMES if o.measured and not o.is_change}
    parameters = [p for part in PARAMETERS.values() for p in part]
    assert {p.outcome for p in parameters} == measured
    assert len({p.code for p in parameters}) == len(parameters)
    assert all(len(p.code) <= 8 for p in parameters)
    new = Outcome("vitamin_d_25_oh", "ng/mL", "Serum 25-OH vitamin D", measured=True)
    (made,) = unnamed([*OUTCOMES, new])
    assert (made.outcome, made.code) == ("vitamin_d_25_oh", "VITAMIND")


def test_bad_requests_get_their_sentences(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match=r"--format is 'adm'.*Did you mean 'adam'"):
        cohort.export(run, kind="adm")
    with pytest.raises(BadInput, match="--xpt goes with --format adam only"):
        cohort.export(run, kind="csv", xpt=True)
    blind = write_measured(tmp_path / "blind", measured=False)
    with pytest.raises(BadInput, match="holds no measured values") as caught:
        cohort.export(blind)
    assert len(caught.value.problems) == 1
    assert not (blind / "export").exists()
    monkeypatch.setattr(checks, "MOST_XPT_ROWS", 100)
    with pytest.raises(BadInput, match="takes at most 100"):
        cohort.export(run, out=tmp_path / "none", xpt=True)
    assert not (tmp_path / "none").exists()
    with pytest.raises(BadInput, match="not a results folder"):
        cohort.export(tmp_path / "nowhere")


def test_draws_are_many_trials(run: Path, tmp_path: Path) -> None:
    root = write_measured(tmp_path / "drawn")
    path = root / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"draws": 3}))
    with pytest.raises(BadInput, match="many trials, not one"):
        cohort.export(root)


def test_the_command_says_what_it_wrote(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run), "--out", str(tmp_path / "x"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"]["adsl"] == 2 * PERSONS
    assert main(["export", str(run), "--format", "nonsense"]) == 2
    assert "--format is 'nonsense'" in capsys.readouterr().err
