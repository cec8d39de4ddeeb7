"""What arms decide about treatment, as other programs get it: NONMEM's rows, ADaM's periods."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cohort
from cohort.results.reader import Results
from cohort.trial.nonmem import COLUMNS, from_nonmem
from cohort.trial.study import parse_study, study_courses

MONTH = 30.4375
MONTHS = [0.0, 6.0, 12.0, 18.0, 24.0]
DENOSUMAB = {"therapy": "denosumab", "regimen": "60 mg sc every 6 months"}
ARMS: list[dict[str, Any]] = [
    {
        "name": "sequence",
        "title": "Alendronate, then denosumab",
        "treatments": [
            {"therapy": "alendronate", "regimen": "70 mg oral weekly from 0 to 12"},
            {"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 12"},
        ],
    },
    {
        "name": "decided",
        "treatments": [DENOSUMAB],
        "rerandomise": [
            {"month": 12.0, "to": [{"name": "on"}, {"name": "off", "stop": ["denosumab"]}]}
        ],
        "rules": [
            {
                "name": "rescue",
                "when": "bmd_lumbar_spine_change",
                "below": 4.0,
                "months": [18.0],
                "start": [{"therapy": "zoledronate", "regimen": "5 mg iv once"}],
            }
        ],
    },
    {"name": "placebo", "role": "control"},
]
STUDY: dict[str, Any] = {
    "name": "handed_over",
    "arms": ARMS,
    "background": [{"therapy": "calcium_vitamin_d", "regimen": "1 dose oral daily from 0"}],
    "visits": {"months": MONTHS, "missed": 0.1, "window_days": 5},
    "dropout": {"annual_rate": 0.25},
    "engine": {"accuracy": "draft"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    out = tmp_path_factory.mktemp("handed") / "run"
    return cohort.run(parse_study(STUDY), out=out, patients=150)


@pytest.fixture(scope="module")
def folder(run: Results) -> Path:
    return cohort.export(run.root, kind="nonmem").folder


@pytest.fixture(scope="module")
def table(folder: Path) -> Any:
    return pd.read_csv(folder / "nonmem.csv", na_values=".")


@pytest.fixture(scope="module")
def subjects(run: Results) -> Any:
    """The run's patients, numbered as the table numbers its subjects: arm by arm, by person."""
    found: Any = run.patients()
    found["arm"] = found["arm"].astype(str)
    found["course"] = found["course"].astype(str)
    order = {arm["name"]: number for number, arm in enumerate(ARMS, start=1)}
    found["ARM"] = found["arm"].map(order)
    found = found.sort_values(["ARM", "patient_id"]).reset_index(drop=True)
    found["ID"] = np.arange(1, len(found) + 1)
    return found.set_index("ID")


def test_every_cell_is_a_number_or_a_dot(folder: Path, table: Any) -> None:
    lines = (folder / "nonmem.csv").read_text().splitlines()
    cells = [line.split(",") for line in lines[1:]]
    assert all("" not in row and len(row) == len(cells[0]) for row in cells)
    for name in table.columns.drop(["THERAPY", "ROUTE"]):
        assert pd.api.types.is_numeric_dtype(table[name]), name
    dose = table["EVID"] == 1
    assert table.loc[dose, ["AMT", "CMT", "II", "ADDL", "DRUG"]].notna().all(axis=None)
    assert table.loc[dose, ["DV", "DVID"]].isna().all(axis=None)
    assert table.loc[~dose, ["DV", "DVID"]].notna().all(axis=None)
    assert table.loc[~dose, ["AMT", "CMT", "II", "ADDL", "DRUG"]].isna().all(axis=None)
    assert (table["MDV"] == dose).all()


def test_rows_are_in_the_order_that_a_record_needs(table: Any) -> None:
    assert table["ID"].is_monotonic_increasing
    assert sorted(set(table["ID"])) == list(range(1, 3 * 150 + 1))
    same = table["ID"].diff() == 0
    assert (table["TIME"].diff()[same] >= 0).all()
    assert (table["TIME"][~same] == 0).all()
    # What a visit measures comes before what is given at it.
    before = same & (table["TIME"].diff() == 0)
    assert (table["EVID"].diff()[before] >= 0).all()
    assert (table["EVID"][~same] == 0).all()


def test_observations_are_what_was_measured_on_its_day(
    run: Results, folder: Path, table: Any, subjects: Any
) -> None:
    codes = pd.read_json(folder / "schema.json", typ="series")["DVID"]
    visits: Any = run.visits([row["column"] for row in codes] + ["day"])
    visits["ARM"] = (
        visits["arm"].astype(str).map(lambda name: [a["name"] for a in ARMS].index(name) + 1)
    )
    assert {row["column"] for row in codes} >= {"measured_bmd_total_hip", "measured_ctx"}
    assert not any("t_score" in row["column"] for row in codes)
    total = 0
    for row in codes:
        seen = visits.dropna(subset=[row["column"]])
        own = table[table["DVID"] == row["code"]].sort_values(["ARM", "PERSON", "TIME"])
        seen = seen.sort_values(["ARM", "patient_id", "day"])
        np.testing.assert_array_equal(own["PERSON"], seen["patient_id"])
        np.testing.assert_allclose(own["TIME"], seen["day"], rtol=1e-6)
        np.testing.assert_allclose(own["DV"], seen[row["column"]], rtol=1e-6)
        total += len(own)
    assert total == (table["EVID"] == 0).sum()
    off_plan = np.abs(visits["day"] - visits["month"] * MONTH) > 0.5
    assert off_plan.mean() > 0.5
    first = table.groupby("ID").first()
    np.testing.assert_allclose(first["AGE"], subjects["age"], rtol=1e-6)
    assert (first["SEXF"] == 1).all()


def given(table: Any, therapy: str) -> dict[int, list[float]]:
    """Days of the doses of a therapy by subject."""
    rows = table[table["THERAPY"] == therapy]
    found: dict[int, list[float]] = {}
    for row in rows.itertuples():
        days = [row.TIME + k * row.II for k in range(int(row.ADDL) + 1)]
        found.setdefault(row.ID, []).extend(days)
    return found


def test_doses_are_those_of_the_persons_own_course_while_she_stays(
    table: Any, subjects: Any
) -> None:
    weekly, six = given(table, "alendronate"), given(table, "denosumab")
    once, calcium = given(table, "zoledronate"), given(table, "calcium_vitamin_d")
    for number, person in subjects.iterrows():
        last, course = person["last_month"] * MONTH, person["course"]
        assert len(calcium[number]) == math.ceil(last - 1e-3)
        sequence = person["arm"] == "sequence"
        due = [7.0 * k for k in range(53)] if sequence else []
        assert weekly.get(number, []) == [day for day in due if day < last - 1e-3]
        months = {"sequence": [12, 18], "decided": [0, 6, 12, 18], "placebo": []}[person["arm"]]
        months = months[:2] if "off@12" in course else months
        expected = [m * MONTH for m in months if m * MONTH < last - 1e-3]
        assert six.get(number, []) == pytest.approx(expected)
        rescued = [18 * MONTH] if "rescue@18" in course and last > 18 * MONTH + 1e-3 else []
        assert once.get(number, []) == pytest.approx(rescued)
    assert 10 < len(once) < 140


def test_a_persons_doses_are_read_back_as_the_regimen_that_they_are(
    table: Any, subjects: Any
) -> None:
    courses = study_courses(parse_study(STUDY))
    whole = subjects[(subjects["last_month"] == 24.0) & (subjects["arm"] != "placebo")]
    for label in ("on@12", "off@12", "on@12+rescue@18", "planned"):
        number = whole[whole["course"] == label].index[0]
        rows = table[(table["ID"] == number) & (table["EVID"] == 1)]
        rows = rows[[name for name in COLUMNS if name in rows]]
        read = from_nonmem(rows.to_dict("records"))
        own = next(c for c in courses[whole.loc[number, "arm"]].courses if c.label == label)
        for therapy in {dose.therapy for dose in own.doses}:
            days = [
                sorted(day for dose in doses if dose.therapy == therapy for day in dose.days)
                for doses in (read, own.doses)
            ]
            assert days[0] == pytest.approx(days[1], rel=1e-7)
        assert {(d.therapy, d.route, d.amount) for d in read} == {
            (d.therapy, d.route, d.amount) for d in own.doses
        }


@pytest.fixture(scope="module")
def adam(run: Results, subjects: Any) -> dict[str, Any]:
    folder = cohort.export(run.root, kind="adam").folder
    found = {}
    for name in ("adsl", "adbmd"):
        frame: Any = pd.read_csv(folder / f"{name}.csv", dtype={"SUBJID": str}, na_values=[""])
        found[name] = frame
    found["adsl"].index = subjects.index
    found["adsl"] = found["adsl"].join(subjects[["arm", "course", "last_month"]])
    return found


ALENDRONATE, SIX, ZOLEDRONATE = "alendronate 70 mg", "denosumab 60 mg", "zoledronate 5 mg"


def test_a_sequence_has_a_treatment_a_period(adam: dict[str, Any]) -> None:
    own = adam["adsl"][adam["adsl"]["arm"] == "sequence"]
    assert set(own["ARM"]) == {"Alendronate, then denosumab"}
    assert set(own["TRT01P"]) == {ALENDRONATE}
    assert set(own["TRT02P"]) == {SIX}
    assert set(own["TRTSEQP"]) == {f"{ALENDRONATE} - {SIX}"}
    stayed = own[own["last_month"] == 24.0]
    # Weekly from day 1; the last tablet of the year on day 7 x 52 + 1; then month 12 and 18.
    days = ["TR01SDY", "TR01EDY", "AP01EDY", "AP02SDY", "TR02SDY", "TR02EDY", "AP02EDY"]
    assert set(map(tuple, stayed[days].to_numpy())) == {(1, 365, 365, 366, 366, 548, 731)}
    left = own[own["last_month"] < 12.0]
    assert len(left) > 10
    assert left[["TRT02A", "AP02SDY", "TR02SDY"]].isna().all(axis=None)
    assert (left["AP01EDY"] == left["EOSDY"]).all()
    assert (left["TR01EDY"] <= left["AP01EDY"]).all()


def test_periods_follow_randomisation_and_rules(adam: dict[str, Any]) -> None:
    columns = ["TRT01P", "TRT02P", "TRT02A", "TRT03A"]
    own = adam["adsl"][adam["adsl"]["arm"] == "decided"].copy()
    own[columns] = own[columns].astype(object).where(own[columns].notna(), "")
    told = {
        "planned": (SIX, "", "", ""),
        "on@12": (SIX, SIX, SIX, ""),
        "off@12": (SIX, "no treatment", "no treatment", ""),
        "on@12+rescue@18": (SIX, SIX, SIX, f"{SIX} + {ZOLEDRONATE}"),
        "off@12+rescue@18": (SIX, "no treatment", "no treatment", ZOLEDRONATE),
    }
    seen = own[own["last_month"] > 18.0]
    for label, rows in seen.groupby("course"):
        assert set(map(tuple, rows[columns].to_numpy())) == {told[str(label)]}
    assert set(seen["course"]) == set(told) - {"planned"}
    early = own[own["last_month"] < 12.0]
    assert set(early["course"]) == {"planned"}
    assert set(early["TRT02P"]) == {""}
    rescued = own["course"].str.contains("rescue") & (own["last_month"] > 18.0)
    assert (own.loc[rescued, "TR03SDY"] == math.floor(18 * MONTH) + 1).all()
    # Planned for the third period is what randomisation gave, not what the rule made of it.
    off = own["course"] == "off@12+rescue@18"
    assert set(own.loc[off, "TRT03P"]) == {"no treatment"}


def test_an_arm_of_one_period_is_called_as_before(adam: dict[str, Any]) -> None:
    own = adam["adsl"][adam["adsl"]["arm"] == "placebo"]
    assert set(own["TRT01P"]) == set(own["TRTSEQP"]) == {"placebo"}
    assert own[["TRT02P", "TRT02A", "AP02SDY", "TR01SDY"]].isna().all(axis=None)


def test_records_are_of_the_period_before_what_is_changed_at_the_visit(
    adam: dict[str, Any],
) -> None:
    both = adam["adbmd"].merge(adam["adsl"][["USUBJID", "arm", "course"]], on="USUBJID")
    sequence = both[both["arm"] == "sequence"]
    assert sequence.groupby("AVISITN")["APERIOD"].unique().map(list).to_dict() == {
        0.0: [1],
        6.0: [1],
        12.0: [1],
        18.0: [2],
        24.0: [2],
    }
    assert sequence.groupby("APERIOD")["TRTA"].unique().map(list).to_dict() == {
        1: [ALENDRONATE],
        2: [SIX],
    }
    rescued = both[both["course"] == "off@12+rescue@18"]
    last = rescued[rescued["AVISITN"] == 24.0]
    assert set(last["APERIODC"]) == {"Period 03"}
    assert set(last["TRTP"]) == {"no treatment"}
    assert set(last["TRTA"]) == {ZOLEDRONATE}
    numbers = both.groupby("TRTA")["TRTAN"].nunique()
    assert (numbers == 1).all()
    assert both["TRTAN"].nunique() == both["TRTA"].nunique()
