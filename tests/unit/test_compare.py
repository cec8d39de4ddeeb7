"""Predictions of published rows, the errors over them, and the table they are written to."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from published_rows import row
from synthetic_results import OUTCOMES_CSV, STUDY, write_results

from cohort.analysis.compare import (
    ArmFacts,
    Prediction,
    arms_of,
    errors,
    errors_by_participants,
    errors_by_quantity,
    in_reading_order,
    published_predictions,
    rows_by_therapy,
)
from cohort.analysis.facts import regimens
from cohort.analysis.protocol import decisions
from cohort.analysis.replicas import compare_folder, replicas, write_comparison
from cohort.analysis.trajectories import FolderTrajectories
from cohort.errors import BadInput
from cohort.resources import bundled
from cohort.results import published as published_module
from cohort.results.published import PublishedRow, load_published, published_of

ARMS = {
    "drug": ArmFacts("drug", "Drug", "active", ("denosumab",)),
    "other": ArmFacts("other", "Other", "active", ("alendronate", "denosumab")),
    "placebo": ArmFacts("placebo", "Placebo", "control", ()),
}


class Table:
    """Statistics written down: (arm, column, month, statistic, since) -> value."""

    def __init__(self, values: dict[tuple, float]) -> None:
        self.values = values

    def center(
        self, arm: str, column: str, month: float, statistic: str, since: float | None = None
    ) -> float | None:
        return self.values.get((arm, column, month, statistic, since))


def predict(one: PublishedRow, values: dict[tuple, float]) -> Prediction:
    return published_predictions([one], ARMS, Table(values))[0]


def test_change_from_baseline_is_the_arms_own_statistic() -> None:
    column = "bmd_lumbar_spine_change"
    values = {
        ("drug", column, 12.0, "mean", None): 6.0,
        ("drug", column, 12.0, "median", None): 5.5,
    }
    assert predict(row(), values).difference == 1.0
    assert predict(row(statistic="median"), values).predicted == 5.5
    assert predict(row(versus="baseline (assumed)"), values).predicted == 6.0


def test_bmd_against_another_arm_is_a_difference() -> None:
    column = "bmd_total_hip_change"
    values = {(arm, column, 12.0, "mean", None): v for arm, v in (("drug", 4.0), ("placebo", -1.0))}
    values[("other", column, 12.0, "mean", None)] = 1.5
    assert predict(row(site="TH", versus="placebo"), values).predicted == 5.0
    assert predict(row(site="TH", versus="active:OTHER"), values).predicted == 2.5


def test_marker_against_another_arm_is_a_ratio() -> None:
    values = {
        ("drug", "ctx_change", 12.0, "median", None): -60.0,
        ("placebo", "ctx_change", 12.0, "median", None): -20.0,
    }
    marker = row(endpoint="CTX", site="serum", statistic="median", versus="placebo")
    assert predict(marker, values).predicted == pytest.approx(100 * (0.4 / 0.8 - 1))


def test_change_from_a_later_month() -> None:
    values = {("drug", "bmd_lumbar_spine_change", 12.0, "mean", 6.0): 1.25}
    assert predict(row(versus="month 6"), values).predicted == 1.25


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arm": "nobody"}, "no arm 'nobody'"),
        ({"month": 99.0}, "no visit within half a month of month 99"),
        ({"versus": "active:NOBODY"}, "'active:NOBODY' is no arm"),
        ({"versus": "untreated"}, "'untreated' is no arm"),
    ],
)
def test_what_cannot_be_predicted_says_why(changes: dict, reason: str) -> None:
    prediction = predict(row(**changes), {})
    assert math.isnan(prediction.predicted)
    assert reason in prediction.reason
    assert prediction.kind == "shown"
    assert errors([prediction], lambda p: p.row.trial) == []


def test_rows_that_no_column_predicts_are_left_out() -> None:
    unpredictable = [
        row(site="radius"),
        row(endpoint="CTX", site="urine"),
        row(unit="g/cm2"),
        row(endpoint="hip_fracture", site="hip"),
        row(value=math.nan),
        row(statistic="null_reported"),
    ]
    assert published_predictions(unpredictable, ARMS, Table({})) == []


@pytest.mark.parametrize(
    ("changes", "scored", "unchecked"),
    [
        ({}, True, False),
        ({"verification": "digitised"}, True, False),
        ({"verification": "unchecked"}, False, True),
        ({"verification": "approximate"}, False, False),
        ({"primary": False}, False, False),
        ({"verification": "unchecked", "primary": False}, False, False),
        ({"statistic": "direction"}, False, False),
    ],
)
def test_which_rows_are_scored(changes: dict, scored: bool, unchecked: bool) -> None:
    assert row(**changes).scored is scored
    assert row(**changes).unchecked is unchecked


def test_digitised_rows_are_means_of_bmd_and_medians_of_markers() -> None:
    assert row(statistic="median_or_mean").center == "mean"
    assert row(statistic="median_or_mean", endpoint="CTX", site="serum").center == "median"


def made(trial: str, difference: float, **changes) -> Prediction:
    one = row(trial=trial, value=1.0, **changes)
    return Prediction(one, 1.0 + difference, "denosumab")


def test_error_over_rows_and_over_trials() -> None:
    ctx = {"endpoint": "CTX", "site": "serum"}
    predictions = [made("a", 3.0, **ctx), made("a", 4.0, **ctx), made("b", -12.0, **ctx)]
    (over_rows,) = errors(predictions, lambda p: p.row.quantity)
    assert over_rows.rmse == pytest.approx(math.sqrt((9 + 16 + 144) / 3))
    assert over_rows.bias == pytest.approx(-5 / 3)
    (over_trials,) = errors_by_quantity(predictions)
    assert over_trials.rmse == pytest.approx(math.sqrt((12.5 + 144) / 2))
    assert over_trials.bias == pytest.approx((3.5 - 12) / 2)
    assert (over_trials.rows, over_trials.trials) == (3, 2)


def test_quantities_come_in_the_usual_order() -> None:
    predictions = [
        made("a", 1.0, endpoint="BSAP", site="serum"),
        made("a", 1.0, site="FN"),
        made("a", 1.0, site="LS"),
    ]
    assert [e.group for e in errors_by_quantity(predictions)] == ["LS", "FN", "BSAP"]
    assert [p.row.quantity for p in in_reading_order(predictions)] == ["LS", "FN", "BSAP"]


def test_errors_apart_by_whom_the_trials_recruited() -> None:
    predictions = [made("a", 1.0), made("b", -3.0), made("c", 5.0, site="TH")]
    found = errors_by_participants(predictions, {"a": "women", "b": "men", "c": "men"})
    assert list(found) == ["women", "men"]
    assert [(e.group, e.rmse) for e in found["men"]] == [("LS", 3.0), ("TH", 5.0)]


def test_rows_by_therapy_counts_predicted_rows() -> None:
    one = made("a", 1.0)
    lost = Prediction(row(), math.nan, "x", "no visit")
    assert rows_by_therapy([one, one, lost]) == {"denosumab": 2}


def test_arms_of_a_study() -> None:
    arms = arms_of(STUDY)
    assert arms["denosumab"].therapies == ("denosumab",)
    assert arms["placebo"].role == "control"
    assert arms["placebo"].therapies == ()


def test_an_arm_given_by_rows_of_doses_is_read_like_any_other() -> None:
    dose = {"therapy": "denosumab", "route": "sc", "time": 0.0, "amt": 60.0}
    rows = [dose | {"ii": 182.625, "addl": 5}, dose | {"therapy": "sermorelin", "amt": 300.0}]
    study = {"arms": [{"name": "table", "treatments": [], "event_rows": rows}]}
    assert arms_of(study)["table"].therapies == ("denosumab", "sermorelin")
    assert regimens(study["arms"][0], study) == [
        "Denosumab: 60 mg sc on day 0, then every 182.625 days, 6 doses",
        "Sermorelin, GHRH(1-29): 300 ug sc on day 0",
    ]


def test_what_an_arm_decides_is_told_in_sentences() -> None:
    start = [{"therapy": "zoledronate", "regimen": "5 mg iv once"}]
    arm = {
        "rules": [
            {
                "name": "treat_to_target",
                "when": "t_score_total_hip",
                "above": -2.5,
                "months": [12, 24],
                "stop": ["denosumab"],
                "start": start,
            },
            {"name": "rescue", "when": "bmd_total_hip_change", "below": -4, "months": [6]}
            | {"after": "treat_to_target", "start": start},
        ],
        "late_doses": [{"therapy": "denosumab", "month": 18, "by": 3, "share": 0.2}],
        "rerandomise": [
            {"month": 36, "to": [{"name": "on", "ratio": 2}, {"name": "off", "ratio": 1}]}
        ],
    }
    assert decisions(arm) == [
        "Rule “treat to target”, months 12 and 24: where the measured T-score total hip is above "
        "\u22122.5, denosumab ends, from there on Zoledronate: 5 mg iv once",
        "Rule “rescue” after treat to target, month 6: where the measured change of BMD total hip "
        "is below \u22124 %, from there on Zoledronate: 5 mg iv once",
        "Late doses: 20 % get the dose of denosumab of month 18 late, by 3 months",
        "Month 36, randomised again to on (2): treatment goes on; or off (1): treatment goes on",
    ]
    assert decisions({"rules": None}) == []


HEADER = OUTCOMES_CSV.splitlines()[0]


def one_line(spread: str) -> str:
    return f"{HEADER}\no-1,drug,BMD,LS,12,mean,5,percent change,{spread},baseline,checked,x,1,P,,\n"


@pytest.mark.parametrize(
    ("spread", "low", "high", "error"),
    [
        ("ci95,,4,6.4", 4, 6.4, 2.4 / (2 * 1.959964)),
        ("se,0.5,,", 5 - 1.959964 * 0.5, 5 + 1.959964 * 0.5, 0.5),
        ("as_drawn,,4,6", 4, 6, math.nan),
        ("sd,3,,", math.nan, math.nan, math.nan),
        ("iqr,,2,8", math.nan, math.nan, math.nan),
        ("none,,,", math.nan, math.nan, math.nan),
    ],
)
def test_published_interval(
    tmp_path: Path, spread: str, low: float, high: float, error: float
) -> None:
    path = tmp_path / "outcomes.csv"
    path.write_text(one_line(spread))
    (read,) = load_published(path, "trial")
    found = (read.low, read.high, read.standard_error)
    np.testing.assert_allclose(found, (low, high, error), rtol=1e-6)


def test_every_unreadable_number_is_named(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    path.write_text(one_line("se,x,,").replace(",12,", ",twelve,"))
    with pytest.raises(BadInput) as caught:
        load_published(path)
    assert sorted(p.split(": ")[1] for p in caught.value.problems) == [
        "month is 'twelve', not a number.",
        "spread_value is 'x', not a number.",
    ]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    path.write_text("row_id,arm\n")
    with pytest.raises(BadInput, match="columns endpoint, site, month"):
        load_published(path)


@pytest.fixture
def synthetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of the made-up trial, its publication bundled."""
    trial = tmp_path / "trials" / "synthetic"
    trial.mkdir(parents=True)
    (trial / "trial.toml").write_text("")
    (trial / "outcomes.csv").write_text(OUTCOMES_CSV)
    known = {"synthetic": trial / "trial.toml"}
    monkeypatch.setattr(published_module, "bundled", lambda kind: known)
    return write_results(tmp_path / "results")


def visits(folder: Path, arm: str, column: str, month: float) -> dict[int, float]:
    table = pq.read_table(folder / "visits" / f"arm={arm}").to_pandas()
    here = table[np.isclose(table["month"], month)]
    return dict(zip(here["patient_id"], here[column], strict=True))


def test_statistics_of_a_folder(synthetic: Path) -> None:
    found = FolderTrajectories(synthetic)
    column = "bmd_lumbar_spine_change"
    last = np.array(list(visits(synthetic, "denosumab", column, 36.0).values()))
    for statistic, expected in (("mean", last.mean()), ("median", np.median(last))):
        value = found.center("denosumab", column, 36.0, statistic)
        assert value == pytest.approx(float(expected), rel=1e-5)
    assert found.center("denosumab", column, 35.6, "mean") == found.center(
        "denosumab", column, 36.0, "mean"
    )
    assert found.center("denosumab", column, 35.4, "mean") is None
    assert found.center("denosumab", column, 36.0, "mean", since=30.0) is None


def test_change_from_a_later_month_pairs_persons_after_dropout(synthetic: Path) -> None:
    then = visits(synthetic, "denosumab", "bmd_total_hip", 12.0)
    end = visits(synthetic, "denosumab", "bmd_total_hip", 36.0)
    assert len(end) < len(then)
    expected = np.mean([100 * (end[i] / then[i] - 1) for i in end])
    value = FolderTrajectories(synthetic).center(
        "denosumab", "bmd_total_hip_change", 36.0, "mean", since=12.0
    )
    assert value == pytest.approx(expected, rel=1e-5)


def test_comparison_of_a_folder_is_written_whole(synthetic: Path, tmp_path: Path) -> None:
    predictions = compare_folder(synthetic)
    assert [p.row.row_id for p in predictions] == [f"outcomes-{i}" for i in range(1, 9)]
    kinds = [p.kind for p in predictions]
    assert kinds == ["scored"] * 5 + ["unchecked", "shown", "scored"]
    path = tmp_path / "out" / "compare.parquet"
    write_comparison(predictions, {"synthetic": "women"}, path)
    table = pq.read_table(path)
    np.testing.assert_allclose(
        table["difference"].to_numpy(),
        table["predicted"].to_numpy() - table["observed"].to_numpy(),
    )
    assert all(field.metadata[b"description"] for field in table.schema)
    assert set(table["unit"].to_pylist()) == {"%"}
    assert set(table["participants"].to_pylist()) == {"women"}
    assert table.schema.field("difference").metadata[b"unit"] == b"%"


def test_a_protocol_cannot_be_compared() -> None:
    with pytest.raises(BadInput, match="'anabolic_first' is a protocol"):
        replicas(["anabolic_first"])
    assert not set(bundled("protocols")) & set(replicas())


def test_unknown_replicas_are_named_together() -> None:
    with pytest.raises(BadInput) as caught:
        replicas(["fredom", "nothing_like_it"])
    assert len(caught.value.problems) == 2
    assert "Did you mean 'freedom'?" in caught.value.problems[0]


@pytest.mark.parametrize("trial", sorted(bundled("trials")))
def test_every_scored_row_of_a_bundled_trial_can_be_predicted(trial: str) -> None:
    study = tomllib.loads(bundled("trials")[trial].read_text(encoding="utf-8"))
    months = study["visits"].get("months") or []

    class Anything:
        def center(
            self, arm: str, column: str, month: float, statistic: str, since: float | None = None
        ) -> float | None:
            times = [month] if since is None else [month, since]
            near = all(any(abs(m - t) <= 0.5 for m in months) for t in times)
            return 0.0 if near else None

    predictions = published_predictions(published_of(trial), arms_of(study), Anything())
    lost = [p for p in predictions if p.row.scored and p.reason]
    # FRAME's extension is also published against two years of another arm, reweighted: no visit
    # of the replica holds that comparison.
    assert [p.reason for p in lost if "propensity weighted" not in p.row.versus] == []
