"""Levels of hormones beside published ones: ratios to baseline, levels without one, errors."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import published_rows
import pyarrow.parquet as pq
import pytest

from cohort.analysis.compare import ArmFacts
from cohort.analysis.hormones import HormonePrediction, hormone_errors, hormone_predictions
from cohort.analysis.replicas import write_comparison
from cohort.api.comparison import Comparison, recruits
from cohort.cli.comparison import comparison_json, print_comparison
from cohort.results.published import PublishedRow, has_prediction
from cohort.trial.study import parse_study

MEN = {"trial": "men"}
ARMS = {"drug": ArmFacts("drug", "Drug", "active", ("anastrozole",))}


class Table:
    """Statistics written down: (column, month, since) -> value."""

    def __init__(self, values: dict[tuple, float]) -> None:
        self.values = values

    def center(
        self, arm: str, column: str, month: float, statistic: str, since: float | None = None
    ) -> float | None:
        return self.values.get((column, month, since))


def row(value: float, month: float, **changes) -> PublishedRow:
    level = {"endpoint": "estradiol", "site": "serum", "unit": "pg/mL", "versus": "none"}
    own = {"row_id": f"outcomes-{month:g}", "month": month, "value": value}
    return published_rows.row(**(level | own | changes))


def predict(rows: list[PublishedRow], values: dict[tuple, float]) -> list[HormonePrediction]:
    return hormone_predictions(rows, ARMS, Table(values))


LEVELS = {("estradiol", 0.0, None): 20.0, ("estradiol", 3.0, None): 12.0}


def test_levels_are_compared_as_ratio_to_the_arms_own_month_0() -> None:
    (found,) = predict([row(26.0, 0.0), row(17.0, 3.0)], LEVELS)
    assert (found.unit, found.kind, found.therapy) == ("ratio", "hormone", "anastrozole")
    assert found.observed == pytest.approx(17 / 26)
    assert found.predicted == pytest.approx(0.6)
    assert found.difference == pytest.approx(100 * (0.6 / (17 / 26) - 1))


def test_a_baseline_of_another_statistic_is_none() -> None:
    (found,) = predict([row(26.0, 0.0, statistic="median"), row(17.0, 3.0)], LEVELS)
    assert found.unit == "pg/mL"


def test_standard_deviation_scores_have_no_ratio() -> None:
    assert predict([row(-1.69, 0.0, unit="SDS"), row(0.63, 3.0, unit="SDS")], LEVELS) == []


def test_a_level_without_baseline_is_shown_in_its_unit() -> None:
    (found,) = predict([row(3.6, 3.0)], LEVELS)
    assert (found.observed, found.predicted, found.unit) == (3.6, 12.0, "pg/mL")
    assert found.kind == "shown"
    assert math.isnan(found.difference)
    assert hormone_errors([found], MEN) == []


def test_percent_changes_and_folds_are_ratios_of_the_same_persons() -> None:
    values = {("igf1", 6.0, None): 150.0, ("igf1", 0.0, None): 100.0, ("igf1", 6.0, 0.0): 55.0}
    igf1 = {"endpoint": "IGF1", "versus": "baseline"}
    percent = row(45.0, 6.0, unit="percent change", **igf1)
    fold = row(2.25, 6.0, unit="fold", statistic="fold_change_midpoint", **igf1)
    found = predict([percent, fold], values)
    assert [p.observed for p in found] == [1.45, 2.25]
    assert [p.predicted for p in found] == pytest.approx([1.55, 1.55])


def test_free_testosterone_stands_for_bioavailable() -> None:
    values = {("testosterone_free", 0.0, None): 50.0, ("testosterone_free", 3.0, None): 80.0}
    rows = [
        row(level, month, endpoint="bioavailable_testosterone", unit="ng/dL")
        for level, month in ((99.0, 0.0), (207.0, 3.0))
    ]
    (found,) = predict(rows, values)
    assert found.predicted == pytest.approx(1.6)


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": "SDS"},
        {"value": math.nan},
        {"statistic": "direction"},
        {"endpoint": "threshold_estradiol", "statistic": "threshold"},
        {"endpoint": "CTX", "unit": "percent change", "versus": "baseline"},
        {"site": "urine"},
        {"unit": "percent change", "versus": "placebo"},
    ],
)
def test_what_is_no_comparable_level_is_left_out(changes: dict) -> None:
    assert predict([dataclasses.replace(row(1.0, 3.0), **changes)], LEVELS) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arm": "nobody"}, "no arm 'nobody'"),
        ({"month": 9.0}, "no visit within half a month of month 9"),
        ({"endpoint": "testosterone", "unit": "ng/dL"}, "testosterone was not written"),
    ],
)
def test_what_cannot_be_predicted_says_why(changes: dict, reason: str) -> None:
    (found,) = predict([dataclasses.replace(row(1.0, 3.0), **changes)], LEVELS)
    assert math.isnan(found.predicted)
    assert reason in found.reason
    assert found.kind == "shown"


def some() -> list[HormonePrediction]:
    checked = predict([row(20.0, 0.0), row(15.0, 3.0)], LEVELS)
    values = {"verification": "approximate"}
    doubtful = predict([row(20.0, 0.0, **values), row(10.0, 3.0, **values)], LEVELS)
    return [*checked, *doubtful, *predict([row(3.6, 3.0)], LEVELS)]


def test_errors_hold_checked_ratios_by_split_and_participants() -> None:
    (found,) = hormone_errors(some(), MEN)
    assert (found.split, found.participants, found.hormone) == ("calibration", "men", "estradiol")
    assert (found.rows, found.trials) == (1, 1)
    assert found.rmse == pytest.approx(20.0)
    assert found.bias == pytest.approx(-20.0)


def test_hormones_stand_in_the_table_of_every_row(tmp_path: Path) -> None:
    path = tmp_path / "compare.parquet"
    write_comparison(some(), MEN, path)
    table = pq.read_table(path).to_pylist()
    assert [line["unit"] for line in table] == ["ratio", "ratio", "pg/mL"]
    assert [line["kind"] for line in table] == ["hormone", "shown", "shown"]
    assert table[0]["difference"] == pytest.approx(-20.0)
    assert table[2]["difference"] is None


def test_hormones_are_printed_and_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    compared = Comparison((), tuple(some()), MEN, None, ())
    print_comparison(compared)
    printed = capsys.readouterr().out
    assert "Hormones" in printed
    assert "-20" in printed
    told = comparison_json(compared)["hormones"]
    assert len(told["rows"]) == 3
    assert told["rows"][2]["error_percent"] is None
    assert told["errors"][0]["rows"] == 1


@pytest.mark.parametrize(
    ("population", "participants"),
    [("premenopausal", "women"), ("older_men", "men"), ("adults", "mixed")],
)
def test_whom_a_study_recruits(population: str, participants: str) -> None:
    arms, visits = [{"name": "untreated"}], {"months": [0, 12]}
    document = {"name": "made_up", "population": {"name": population}, "arms": arms}
    assert recruits(parse_study(document | {"visits": visits})) == participants


def test_a_trial_of_hormones_alone_has_predictions() -> None:
    assert has_prediction("finkelstein2016")
    assert not has_prediction("davis1995")
