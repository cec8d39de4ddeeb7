"""Judgement: what a row asks, its interval, coverage, errors, signs, and why a row is off."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from published_rows import row

from calibration.judgement.intervals import coverage, intervals, mixture_quantile
from calibration.judgement.predictions import COLUMNS, judge, write_predictions
from calibration.judgement.questions import design_of, phase, questions, regimen_history
from calibration.judgement.reasons import reasons
from calibration.judgement.scores import score_tables
from calibration.judgement.signs import signs
from calibration.judgement.spells import arm_spells
from calibration.targets import Target
from cohort.resources import bundled
from cohort.results.published import PublishedRow, published_of
from cohort.trial.study import load_study, parse_study

Z95 = NormalDist().inv_cdf(0.95)


def asked(trial: str, arm: str, month: float, versus: str = "baseline") -> set[str]:
    design = design_of(load_study(trial))
    return set(questions(row(trial=trial, arm=arm, month=month, versus=versus), design))


@pytest.mark.parametrize(
    ("trial", "arm", "month", "expected"),
    [
        # As the publications describe the arms.
        ("data", "teriparatide_denosumab", 24.0, {"combination"}),
        ("data", "teriparatide", 24.0, {"one drug"}),
        ("arch", "romosozumab_alendronate", 12.0, {"one drug"}),
        ("arch", "romosozumab_alendronate", 24.0, {"switch"}),
        ("activextend", "abaloparatide_alendronate", 25.0, {"switch"}),
        ("activextend", "placebo_alendronate", 25.0, {"one drug"}),
        ("stand", "denosumab", 12.0, {"switch"}),
        ("romo_ph2", "romosozumab_140_qm", 12.0, {"dose"}),
        ("romo_ph2", "romosozumab_210_qm", 36.0, {"stopping"}),
        ("romo_ph2", "placebo", 12.0, {"untreated"}),
        ("mobile", "ibandronate_50_50", 12.0, {"dose"}),
        ("horizon_ext", "zoledronate_stopped", 72.0, {"stopping"}),
        ("freedom_ext", "denosumab", 120.0, {"long term"}),
        ("whi_ep", "estrogens_mpa", 36.0, {"hormone"}),
        ("bone2000", "alendronate_estrogens", 24.0, {"combination", "hormone"}),
        ("orwoll2000", "alendronate", 24.0, {"one drug", "men"}),
        ("halt_pc", "denosumab", 24.0, {"one drug", "secondary", "men"}),
        ("saag1998", "placebo", 11.0, {"untreated", "secondary"}),
        # Twelve doses on alternate days open every third month until month 36.
        ("bone_chesnut", "ibandronate_intermittent", 36.0, {"dose"}),
    ],
)
def test_questions_follow_from_the_treatments(
    trial: str, arm: str, month: float, expected: set[str]
) -> None:
    assert asked(trial, arm, month) == expected


def test_a_difference_asks_what_either_arm_asks() -> None:
    assert asked("flex", "alendronate", 60.0) == {"long term"}
    against = "active:placebo"
    assert asked("flex", "alendronate", 60.0, against) == {"long term", "stopping"}


def test_a_single_infusion_acts_for_its_labelled_year() -> None:
    design = design_of(load_study("zol_single"))
    assert questions(row(arm="zoledronate", month=12.0), design) == ("one drug",)
    assert questions(row(arm="zoledronate", month=24.0), design) == ("stopping",)


def study(*treatments: str):
    arms = [
        {
            "name": "drug",
            "treatments": [
                {"therapy": text.split(":")[0], "regimen": text.split(":")[1]}
                for text in treatments
            ],
        }
    ]
    return parse_study({"name": "made_up", "arms": arms, "visits": {"months": [0, 12, 24, 60]}})


def test_stopped_and_begun_again_is_a_restart() -> None:
    made = study("denosumab:60 mg every 6 months from 0 x 2", "denosumab:60 mg once from 24")
    design = design_of(made)
    assert [(s.start, s.end) for s in arm_spells(made)["drug"]] == [(0, 12), (24, 30)]
    assert questions(row(month=12.0), design) == ("one drug",)
    assert questions(row(month=20.0), design) == ("stopping",)
    assert questions(row(month=28.0), design) == ("restart",)
    assert questions(row(month=40.0), design) == ("stopping", "restart")


def test_history_and_phase_say_what_was_given_in_order() -> None:
    design = design_of(
        study(
            "teriparatide:20 ug daily from 0 to 24",
            "estradiol:1 mg oral daily from 12 to 60",
            "alendronate:70 mg weekly from 24 to 60",
        )
    )
    given = [regimen_history(row(month=m), design) for m in (0.0, 6.0, 18.0)]
    assert given == ["nothing", "teriparatide", "teriparatide + estradiol"]
    assert [phase(row(month=m), design) for m in (6.0, 18.0, 36.0)] == [
        "teriparatide",
        "estradiol + teriparatide",
        "alendronate + estradiol",
    ]
    assert set(questions(row(month=36.0), design)) == {"switch", "combination", "hormone"}


def test_every_published_row_of_the_bundled_trials_asks_something() -> None:
    asked_by_split: dict[str, set[str]] = {}
    for name in bundled("trials"):
        design = design_of(load_study(name))
        for published in published_of(name):
            if published.comparable and published.arm in design.spells:
                found = questions(published, design)
                assert found
                asked_by_split.setdefault(published.split, set()).update(found)
    assert {"dose", "switch", "combination", "stopping", "men"} <= asked_by_split["validation"]


# Intervals


def test_the_delta_method_propagates_the_covariance() -> None:
    jacobian = np.array([[1.0, 2.0], [0.0, 0.0]])
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    found = intervals(
        np.array([5.0, 1.0]), np.array([0.3, 0.3]), jacobian=jacobian, covariance=covariance
    )
    variance = 0.04 + 2 * 2 * 0.01 + 4 * 0.09  # var(a + 2 b)
    assert found.parameters == pytest.approx([math.sqrt(variance), 0.0])
    assert found.high == pytest.approx([5 + Z95 * math.sqrt(variance + 0.09), 1 + Z95 * 0.3])
    assert found.low == pytest.approx([5 - Z95 * math.sqrt(variance + 0.09), 1 - Z95 * 0.3])


def test_the_interval_of_draws_leaves_a_twentieth_on_either_side() -> None:
    draws = np.array([[0.0, 3.0], [4.0, 3.0], [5.0, 3.0]])
    noise = np.array([0.7, 2.0])
    found = intervals(np.zeros(2), noise, draws=draws)
    for index in range(2):
        parts = [NormalDist(centre, noise[index]) for centre in draws[:, index]]
        assert sum(part.cdf(found.low[index]) for part in parts) / 3 == pytest.approx(0.05)
        assert sum(part.cdf(found.high[index]) for part in parts) / 3 == pytest.approx(0.95)
    assert found.parameters == pytest.approx([math.sqrt(7.0), 0.0])


def test_without_noise_the_interval_is_that_of_the_draws() -> None:
    draws = np.linspace(0.0, 1.0, 21)[:, None]
    assert mixture_quantile(draws, np.zeros(1), 0.95) == pytest.approx([0.95])


def test_draws_of_a_normal_agree_with_the_delta_method() -> None:
    # Quantiles of the normal stand for its draws: their spread is that of the normal itself.
    levels = (np.arange(4000) + 0.5) / 4000
    draws = np.array([2.0 + 1.5 * NormalDist().inv_cdf(level) for level in levels])[:, None]
    by_draws = intervals(np.array([2.0]), np.array([0.8]), draws=draws)
    by_delta = intervals(
        np.array([2.0]),
        np.array([0.8]),
        jacobian=np.array([[1.0]]),
        covariance=np.array([[1.5**2]]),
    )
    assert by_draws.low == pytest.approx(by_delta.low, abs=2e-3)
    assert by_draws.high == pytest.approx(by_delta.high, abs=2e-3)


def target(sampling: float = 0.5, **changes: Any) -> Target:
    published: PublishedRow = row(**changes)
    block = published.trial, published.quantity
    return Target(row=published, sampling=sampling, error=2 * sampling, block=block)


def test_numbers_drawn_as_assumed_lie_inside_nine_times_in_ten() -> None:
    random = np.random.default_rng(5)
    count = 4000
    predicted, offset = np.full(count, 3.0), np.full(count, 0.8)
    jacobian, covariance = np.ones((count, 1)), np.array([[0.36]])
    observed = predicted + random.normal(0, math.sqrt(0.36 + 0.64 + 0.25), count)
    targets = [target(row_id=f"row-{i}", value=v) for i, v in enumerate(observed)]
    table = judge(targets, predicted, offset, {}, jacobian=jacobian, covariance=covariance)
    found = coverage(table).iloc[0]
    assert (found["rows"], found["group"]) == (count, "all")
    # Four standard errors of a share of 0.9 among 4000.
    assert found["coverage"] == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / count))
    assert set(table.question) == {"natural history"}


def test_judging_keeps_the_parts_of_each_interval_apart() -> None:
    arch = load_study("arch")
    targets = [
        target(1.0, trial="arch", arm="romosozumab_alendronate", month=24.0, value=14.0),
        target(
            0.4, trial="arch", arm="alendronate", month=24.0, value=7.0, verification="unchecked"
        ),
        Target(
            row=row(trial="arch", arm="alendronate", value=5.0),
            sampling=0.3,
            error=0.6,
            block=("arch", "SD LS"),
        ),
    ]
    jacobian, covariance = np.array([[2.0], [0.0], [1.0]]), np.array([[0.25]])
    offset = np.array([2.0, 0.3, 0.0])
    predicted = np.array([13.0, 9.0, 5.0])
    table = judge(
        targets, predicted, offset, {"arch": arch}, jacobian=jacobian, covariance=covariance
    )
    assert list(table.columns) == list(COLUMNS)
    assert table.kind.tolist() == ["scored", "unchecked", "spread"]
    assert table.question.tolist() == ["switch", "one drug", "one drug"]
    assert table.quantity.tolist() == ["LS", "LS", "SD LS"]
    assert table.sd_parameters.tolist() == [1.0, 0.0, 0.5]
    assert table.sd_offset.tolist() == [2.0, 0.3, 0.0]
    assert table.sd_sampling.tolist() == [1.0, 0.4, 0.3]
    assert table.residual.tolist() == [-1.0, 2.0, 0.0]
    # 1.645 sqrt(1 + 4 + 1) = 4.03 > 1;  1.645 sqrt(0.09 + 0.16) = 0.82 < 2
    assert table.inside.tolist() == [True, False, True]
    assert table.high[0] == pytest.approx(13 + Z95 * math.sqrt(6))
    assert [bool(reason) for reason in table.reason] == [False, True, False]


def test_the_table_is_written_with_units_and_read_back_whole(tmp_path: Path) -> None:
    table = judge([target(value=4.0)], np.array([5.0]), np.array([1.0]), {})
    path = tmp_path / "predictions.parquet"
    write_predictions(table, path)
    stored = pq.read_table(path)
    assert stored.schema.field("low").metadata == {
        b"unit": b"%",
        b"description": b"Lower end of the 90 % prediction interval",
    }
    pd.testing.assert_frame_equal(stored.to_pandas(), table, check_dtype=False)


# Tables made by hand


def made(records: list[dict[str, Any]]) -> pd.DataFrame:
    """A table of predictions; what a record leaves out is a met, scored spine row."""
    usual: dict[str, Any] = {
        "trial": "one",
        "arm": "drug",
        "quantity": "LS",
        "site": "LS",
        "endpoint": "BMD",
        "month": 12.0,
        "statistic": "mean",
        "versus": "baseline",
        "verification": "checked",
        "split": "validation",
        "kind": "scored",
        "question": "one drug",
        "therapy": "alendronate",
        "phase": "alendronate",
        "observed": 5.0,
        "observed_se": math.nan,
        "residual": 0.0,
        "sd_parameters": 0.0,
        "sd_offset": 0.6,
        "sd_sampling": 0.8,
        "reason": "",
    }
    filled = [{**usual, "row_id": f"row-{i}", **record} for i, record in enumerate(records)]
    table = pd.DataFrame(filled)
    reach = Z95 * np.sqrt((table[["sd_parameters", "sd_offset", "sd_sampling"]] ** 2).sum(axis=1))
    table["predicted"] = table.observed + table.residual
    table["low"], table["high"] = table.predicted - reach, table.predicted + reach
    table["inside"] = (table.low <= table.observed) & (table.observed <= table.high)
    return table.loc[:, list(COLUMNS)]


def test_coverage_counts_a_row_in_each_of_its_questions() -> None:
    table = made(
        [
            {"question": "dose, men"},
            {"question": "dose", "residual": 9.0},
            {"question": "switch", "trial": "two", "quantity": "TH"},
        ]
    )
    found = coverage(table).set_index(["by", "group"])[["rows", "inside"]]
    counts = {key: tuple(value) for key, value in found.iterrows()}
    assert counts == {
        ("all", "all"): (3, 2),
        ("trial", "one"): (2, 1),
        ("trial", "two"): (1, 1),
        ("quantity", "LS"): (2, 1),
        ("quantity", "TH"): (1, 1),
        ("question", "dose"): (2, 1),
        ("question", "men"): (1, 1),
        ("question", "switch"): (1, 1),
    }


def test_errors_of_sites_are_over_rows_and_of_markers_over_trials() -> None:
    marker = {"quantity": "CTX", "endpoint": "CTX", "site": "serum"}
    table = made(
        [
            {"residual": 3.0, "question": "dose"},
            {"residual": -4.0, "trial": "two"},
            {"residual": 10.0, **marker},
            {"residual": 10.0, **marker},
            {"residual": 10.0, **marker},
            {"residual": -2.0, "trial": "two", **marker},
            {"residual": 1.0, "kind": "spread", "quantity": "SD LS"},
            {"residual": 7.0, "kind": "unchecked", "verification": "unchecked"},
        ]
    )
    tables = score_tables(table)
    found = tables["errors"].set_index(["kind", "quantity"])
    assert found.loc[("scored", "LS"), "rmse"] == pytest.approx(math.sqrt((9 + 16) / 2))
    assert found.loc[("scored", "LS"), "bias"] == pytest.approx(-0.5)
    assert found.loc[("scored", "CTX"), "rmse"] == pytest.approx(math.sqrt((100 + 4) / 2))
    assert found.loc[("scored", "CTX"), "rows"] == 4
    assert found.loc[("spread", "SD LS"), "rmse"] == pytest.approx(1.0)
    assert found.loc[("unchecked", "LS"), "rmse"] == pytest.approx(7.0)
    asked = tables["errors_by_question"].set_index(["question", "quantity"])
    assert asked.loc[("dose", "LS"), "rmse"] == pytest.approx(3.0)
    by_trial = tables["errors_by_trial"].set_index(["trial", "quantity"])
    assert by_trial.loc[("two", "LS"), "bias"] == pytest.approx(-4.0)
    assert tables["coverage"]["rows"].iloc[0] == 6
    assert tables["coverage_unchecked"]["rows"].iloc[0] == 1


def test_the_worst_rows_are_ranked_in_standard_deviations() -> None:
    table = made(
        [
            {"residual": 2.5},
            {"residual": 6.0, "sd_offset": 2.4, "sd_sampling": 0.7},  # SD 2.5
            {"residual": -3.0},  # SD 1
            {"residual": 1.0},
        ]
    )
    worst = score_tables(table)["worst"]
    assert worst.row_id.tolist() == ["row-2", "row-0", "row-1"]
    assert worst.standardised.tolist() == pytest.approx([-3.0, 2.5, 2.4])


def switched(**record: Any) -> dict[str, Any]:
    return {"question": "switch", "phase": "denosumab", "month": 24.0, "arm": "switch", **record}


def test_order_of_arms_after_a_switch() -> None:
    table = made(
        [
            switched(observed=10.0, residual=-1.0),
            {"arm": "stay", "month": 24.0, "observed": 6.0, "residual": 2.0},
            {"arm": "near", "month": 24.0, "observed": 9.0},  # 1 < 2 sqrt(0.64 + 0.64)
            {"arm": "early", "month": 12.0, "observed": 2.0},
            {"arm": "other", "month": 24.0, "observed": 2.0, "quantity": "TH"},
        ]
    )
    pairs = signs(table)
    arms = pairs[pairs.pair == "arms"]
    assert arms.what.tolist() == ["switch minus stay"]
    assert arms.observed.tolist() == [4.0]
    assert arms.predicted.tolist() == [1.0]
    assert arms.standard_error.tolist() == pytest.approx([math.sqrt(1.28)])
    assert arms.right.tolist() == [True]
    reversed_order = signs(
        made([switched(observed=10.0, residual=-6.0), {"arm": "stay", "month": 24.0}])
    )
    assert reversed_order[reversed_order.pair == "arms"].right.tolist() == [False]


def test_direction_from_phase_to_phase() -> None:
    first = {"question": "one drug", "phase": "romosozumab", "arm": "switch"}
    table = made(
        [
            {**first, "month": 6.0, "observed": 9.0},
            {**first, "month": 12.0, "observed": 12.0, "residual": -2.0},
            switched(month=18.0, observed=13.0),
            switched(month=24.0, observed=16.0, residual=1.0),
        ]
    )
    pairs = signs(table)
    assert pairs.what.tolist() == ["switch: denosumab after romosozumab"]
    # The ends of the phases: 16 - 12 published, 17 - 10 predicted.
    assert pairs[["observed", "predicted"]].to_numpy().tolist() == [[4.0, 7.0]]


def test_a_published_difference_counts_as_it_stands() -> None:
    table = made(
        [
            switched(versus="active:stay", observed=-3.0, residual=4.0),
            switched(versus="month 12", observed=1.0),  # 1 < 2 x 0.8
        ]
    )
    pairs = signs(table)
    assert pairs[["pair", "what", "right"]].to_numpy().tolist() == [
        ["row", "switch against stay", False]
    ]


def test_a_trial_without_a_switch_has_no_pairs() -> None:
    assert signs(made([{"observed": 9.0}, {"arm": "placebo", "observed": -2.0}])).empty


def test_a_point_off_its_neighbours_is_noise() -> None:
    series = [{"month": 6.0}, {"month": 12.0, "residual": -3.0}, {"month": 18.0, "residual": 1.0}]
    assert reasons(made(series)) == ["", "noise in the source", ""]
    # -3 against 0.5 between the neighbours: less than twice a sampling error of 2.
    wide = [{**point, "sd_sampling": 2.0, "sd_offset": 0.0} for point in series]
    wide[1]["residual"] = -3.5
    assert reasons(made(wide)) == ["", "mechanism", ""]


def test_a_trial_shifted_as_a_whole_has_an_offset() -> None:
    shifted = [
        {"residual": 3.0},
        {"residual": 2.0, "arm": "placebo"},
        {"residual": 1.2, "arm": "low_dose"},
    ]
    assert reasons(made(shifted))[0] == "trial offset"
    one_against = [*shifted, {"residual": -0.1, "arm": "high_dose"}]
    assert reasons(made(one_against))[0] == "mechanism"
    too_small = [{"residual": 3.0}, {"residual": 1.4, "arm": "placebo"}]
    assert reasons(made(too_small))[0] == "mechanism"


def test_a_drug_met_elsewhere_is_a_disagreement_of_trials() -> None:
    others = [{"trial": "two"}, {"trial": "three", "month": 18.0}]
    off = {"residual": 3.0}
    assert reasons(made([off, *others]))[0] == "disagrees with three, two on the same drug"
    missed = [{"trial": "two"}, {"trial": "three", "residual": 3.0}]
    assert reasons(made([off, *missed]))[0] == "mechanism"
    elsewhere = [{"trial": "two", "month": 36.0}, {"trial": "three", "therapy": "denosumab"}]
    assert reasons(made([off, *elsewhere]))[0] == "mechanism"
    untreated = made([{**off, "therapy": "nothing"}, {"trial": "two", "therapy": "nothing"}])
    assert reasons(untreated)[0] == "disagrees with two on untreated people"
