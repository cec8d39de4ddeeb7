"""Tables of fractures: years, incidence, intervals of published numbers, predicted beside them."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cohort.analysis.compare import ArmFacts
from cohort.analysis.fractures import (
    INCIDENCE,
    RATIO,
    FolderRisks,
    fracture_predictions,
    ratio_interval,
    wilson,
)
from cohort.execute.finish import treatment_windows
from cohort.fractures.law import load_law
from cohort.results.incidence import write_incidence
from cohort.results.layout import Layout
from cohort.results.published import PublishedRow
from cohort.results.yearly import merge, write_yearly
from cohort.trial.study import load_study, resolved

IDENTITY: dict[str, None] = {"draws": None}
END = 30.0
WINDOWS = [(0.0, 6.0), (3.0, 15.0)]


@pytest.fixture
def folder(tmp_path: Path) -> Layout:
    """Five persons of one arm, whose 30 months are written out by hand."""
    layout = Layout(tmp_path)
    last = [30.0, 18.0, 9.0, 30.0, 30.0]
    died = [None, 18.0, None, None, None]
    people = pa.table(
        {
            "arm": pa.array(["drug"] * 5).dictionary_encode(),
            "patient_id": range(5),
            "last_month": pa.array(last, pa.float32()),
            "death_month": pa.array(died, pa.float32()),
            "result_code": pa.array([0, 0, 0, 0, 1], pa.int8()),
        }
    )
    events = pa.table(
        {
            "patient_id": [0, 0, 1, 3],
            "month": pa.array([5.0, 27.0, 14.0, 29.0], pa.float32()),
            "event": pa.array(["vertebral", "hip", "vertebral", "other_nonvertebral"]),
        }
    )
    pq.write_table(people, layout.patients)
    layout.events_part("drug", 0).parent.mkdir(parents=True)
    pq.write_table(events, layout.events_part("drug", 0))
    return layout


def test_years_are_counted_as_by_hand(folder: Layout) -> None:
    write_yearly(folder, ["drug"], END, {"drug": {"planned": WINDOWS}}, IDENTITY)
    found = pq.read_table(folder.yearly).to_pydict()
    assert found["patients"] == [4, 3, 2]  # one of the five has no results
    assert found["person_years"] == pytest.approx([(12 + 12 + 9 + 12) / 12, 30 / 12, 12 / 12])
    assert found["fractures_vertebral"] == [1, 1, 0]
    assert found["fractures_hip"] == [0, 0, 1]
    assert found["fractures_nonvertebral"] == [0, 0, 2]
    assert (found["deaths"], found["left"]) == ([0, 1, 0], [1, 0, 0])
    assert found["years_on_treatment"] == pytest.approx([45 / 12, 9 / 12, 0.0])


def test_overlapping_treatments_are_counted_once() -> None:
    assert merge([(12.0, 24.0), (0.0, 6.0), (3.0, 12.0), (30.0, 36.0)]) == [(0, 24), (30, 36)]


def test_incidence_is_kaplan_and_meiers(folder: Layout) -> None:
    """Fractures at 5 (of four at risk) and 14 (of two), one person lost at 9: 3/4, then 3/8."""
    write_incidence(folder, ["drug"], [0.0, 6.0, 20.0, END], IDENTITY)
    rows = pq.read_table(folder.incidence).to_pylist()
    spine = [row["incidence"] for row in rows if row["fracture"] == "vertebral"]
    assert spine == pytest.approx([0.0, 25.0, 62.5, 62.5])
    any_at_6 = next(row for row in rows if row["fracture"] == "any" and row["month"] == 6.0)
    assert any_at_6["ci_low"] < any_at_6["incidence"] < any_at_6["ci_high"]
    assert (any_at_6["at_risk"], any_at_6["fractured"]) == (3, 1)


def test_windows_of_treatment_leave_the_background_out() -> None:
    windows = treatment_windows(resolved(load_study("frame")))
    assert merge(windows["romosozumab_denosumab"]["planned"]) == [(0.0, pytest.approx(36.0))]
    after = merge(windows["placebo_denosumab"]["planned"])
    assert after == [(pytest.approx(12.0), pytest.approx(36.0))]


def test_published_intervals_are_those_of_the_trials() -> None:
    """FREEDOM prints 0.32 (0.26-0.41) for 86 of 3702 against 264 of 3691; Wilson's of 1 in 10."""
    low, high = ratio_interval(86 / 3702, 3702, 264 / 3691, 3691)
    assert (low, high) == (pytest.approx(0.26, abs=0.01), pytest.approx(0.41, abs=0.01))
    assert wilson(0.1, 10) == (pytest.approx(0.0179, abs=1e-4), pytest.approx(0.4042, abs=1e-4))


def row(arm: str, value: float, unit: str = "percent", **others: object) -> PublishedRow:
    known = {
        "trial": "made_up",
        "row_id": arm,
        "endpoint": "vertebral_fracture_incidence",
        "site": "spine",
        "month": 24.0,
        "statistic": "mean",
        "versus": "baseline",
        "verification": "checked",
        "split": "validation",
        "primary": True,
        "low": math.nan,
        "high": math.nan,
        "standard_error": math.nan,
        "citation": "",
        "note": "",
    }
    return PublishedRow(**(known | {"arm": arm, "value": value, "unit": unit} | others))  # pyright: ignore[reportArgumentType] - a mapping of mixed values


def write_risks(folder: Path, arm: str, risk: list[float]) -> None:
    part = folder / "visits" / f"arm={arm}" / "part-00000.parquet"
    part.parent.mkdir(parents=True)
    months = [0.0, 24.0] * len(risk)
    columns = {
        "patient_id": [i for i in range(len(risk)) for _ in range(2)],
        "month": pa.array(months, pa.float32()),
        "fracture_risk_vertebral": [x for value in risk for x in (0.0, value)],
    }
    pq.write_table(pa.table(columns), part)


ARMS = {
    "drug": ArmFacts("drug", "Drug", "active", ("drug",)),
    "placebo": ArmFacts("placebo", "Placebo", "control", ()),
}


def test_incidence_and_relative_risk_are_predicted(tmp_path: Path) -> None:
    write_risks(tmp_path, "drug", [2.0, 6.0])
    write_risks(tmp_path, "placebo", [5.0, 15.0])
    rows = [row("drug", 3.0), row("placebo", 9.0)]
    found = fracture_predictions(rows, ARMS, FolderRisks(tmp_path), load_law())
    by_measure = {(p.measure, p.row.arm): p for p in found}
    assert by_measure[INCIDENCE, "drug"].predicted == pytest.approx(4.0)
    ratio = by_measure[RATIO, "drug"]
    assert (ratio.observed, ratio.predicted) == (pytest.approx(1 / 3), pytest.approx(0.4))
    assert ratio.versus == "placebo"
    assert ratio.inside is None  # nobody knows how many persons there were


def test_a_printed_ratio_stands_before_counts(tmp_path: Path) -> None:
    write_risks(tmp_path, "drug", [4.0])
    write_risks(tmp_path, "placebo", [8.0])
    printed = row("drug", 0.6, "ratio", versus="placebo", low=0.4, high=0.9)
    rows = [printed, row("drug", 3.0), row("placebo", 9.0)]
    found = fracture_predictions(rows, ARMS, FolderRisks(tmp_path), load_law())
    ratios = [p for p in found if p.measure == RATIO]
    assert [(p.observed, p.inside) for p in ratios] == [(0.6, True)]
    assert ratios[0].predicted == pytest.approx(0.5)


def test_clinical_fractures_are_a_share(tmp_path: Path) -> None:
    write_risks(tmp_path, "drug", [20.0])
    endpoint = "clinical_vertebral_fracture_incidence"
    law = load_law()
    rows = [row("drug", 3.0, endpoint=endpoint)]
    found = fracture_predictions(rows, ARMS, FolderRisks(tmp_path), law)
    share = law.common.clinical_share.value
    assert found[0].predicted == pytest.approx(100 * (1 - 0.8**share))


def test_without_fractures_there_is_a_reason(tmp_path: Path) -> None:
    found = fracture_predictions([row("drug", 3.0)], ARMS, FolderRisks(tmp_path), load_law())
    assert math.isnan(found[0].predicted)
    assert found[0].reason
