"""Every bundled trial: its study loads, its rows link to its arms, no row is lost or new."""

import csv
import functools
import math
import re
from collections import Counter
from pathlib import Path

import pytest

from cohort.patients.population import load_population
from cohort.resources import bundled, data_root
from cohort.results.outcomes import BY_NAME
from cohort.results.published import published_of
from cohort.therapy import load_therapy
from cohort.trial.schema import AssayPrecision, SitePrecision
from cohort.trial.study import Study, arm_courses, load_study

TRIALS = bundled("trials")
COLUMNS = [
    *("row_id", "arm", "endpoint", "site", "month", "statistic", "value", "unit"),
    *("spread_kind", "spread_value", "ci_low", "ci_high", "versus", "verification", "split"),
    *("primary_use", "citation", "source_url", "note"),
]
COLLECTED, DIGITISED = 1320, 441
"""Rows of the two tables of published outcomes that the replicas were filled from."""

NUMBERS = ("month", "value", "spread_value", "ci_low", "ci_high")
CALIBRATION_ROWS = {
    ("female",): {"LS": 87, "TH": 98, "FN": 40, "CTX": 192, "P1NP": 69, "BSAP": 67},
    ("male",): {"LS": 13, "TH": 6, "FN": 5},
    ("female", "male"): {"LS": 3, "TH": 2, "FN": 4},
}
"""Scored rows of the calibration split in the replicas, by whom the trials recruited."""

HORMONE_ROWS = {
    ("female",): {"estradiol": 3, "IGF1": 2},
    ("male",): {"estradiol": 11, "testosterone": 10, "bioavailable_testosterone": 4, "IGF1": 1},
    ("female", "male"): {"IGF1": 6},
}
"""Published levels of hormones in the replicas, those of month 0 included."""

every_trial = pytest.mark.parametrize("name", TRIALS)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@functools.cache
def outcomes(name: str) -> list[dict[str, str]]:
    return table(TRIALS[name].parent / "outcomes.csv")


@functools.cache
def study(name: str) -> Study:
    return load_study(name)


def scored(row: dict[str, str]) -> bool:
    read = row["verification"] in ("checked", "digitised")
    bone = row["endpoint"] == "BMD" and row["site"] in ("LS", "TH", "FN")
    marker = row["endpoint"] in ("CTX", "P1NP", "BSAP")
    percent = row["unit"].startswith("percent change")
    number = bool(row["value"]) and row["primary_use"] == "1"
    return read and number and percent and (bone or marker)


@every_trial
def test_study_loads(name: str):
    trial = study(name)
    assert trial.name == name
    assert trial.title
    assert trial.citation
    assert trial.visits.months[0] == 0
    for arm, courses in arm_courses(trial).items():
        assert trial.arm(arm).title
        for course in courses:
            assert load_therapy(course.therapy).action


@every_trial
def test_columns(name: str):
    path = TRIALS[name].parent / "outcomes.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        assert next(csv.reader(handle)) == COLUMNS
    assert outcomes(name)


@every_trial
def test_arms_link_both_ways(name: str):
    arms = {arm.name: arm for arm in study(name).arms}
    with_rows = {row["arm"] for row in outcomes(name)}
    assert with_rows <= set(arms)
    assert with_rows == {arm.name for arm in arms.values() if arm.table_arm}


@every_trial
def test_rows_are_whole(name: str):
    trial = study(name)
    for row in outcomes(name):
        assert row["verification"] in ("checked", "digitised", "unchecked", "approximate")
        assert row["split"] in ("calibration", "validation", "do_not_fit")
        assert row["primary_use"] in ("0", "1")
        assert row["citation"]
        for key in NUMBERS:
            assert row[key] == "" or math.isfinite(float(row[key])), (row["row_id"], key)
        assert row["value"] or row["note"], row["row_id"]
        assert 0 <= float(row["month"]) <= trial.last_month, row["row_id"]


@every_trial
def test_rows_can_be_predicted(name: str):
    """A visit lies near each row's month, and what it is compared with is there."""
    trial = study(name)
    controls = [arm.name for arm in trial.arms if arm.role == "control"]
    names = {arm.name for arm in trial.arms}
    for row in outcomes(name):
        if not scored(row) and row["verification"] != "unchecked":
            continue
        month = float(row["month"])
        assert min(abs(month - visit) for visit in trial.visits.months) <= 0.2, row["row_id"]
        versus = row["versus"]
        if versus == "placebo":
            assert len(controls) == 1
        elif versus.startswith("active:"):
            assert versus.removeprefix("active:") in names - {row["arm"]}
        elif versus.startswith("month "):
            assert float(versus.removeprefix("month ")) in trial.visits.months


@every_trial
def test_baseline_and_rules_have_sources(name: str):
    trial = study(name)
    baseline = trial.population.baseline
    values = baseline.model_dump(exclude={"source"}, exclude_none=True)
    assert not values or baseline.source
    for rule in trial.eligibility:
        assert rule.source
        value = values.get(rule.variable)
        if value is None or rule.any_of:
            continue
        assert rule.min is None or rule.min < value["mean"], rule.variable
        assert rule.max is None or value["mean"] < rule.max, rule.variable


def test_no_row_is_lost_or_counted_twice():
    rows = [row["row_id"] for name in TRIALS for row in outcomes(name)]
    assert len(rows) == len(set(rows))
    assert all(re.fullmatch(r"(outcomes|digitised)-\d+", row) for row in rows)
    left = table(data_root() / "not_replicated.csv")
    assert len(rows) + sum(int(arm["rows"]) for arm in left) == COLLECTED + DIGITISED
    for row in rows:
        kind, line = row.split("-")
        assert 2 <= int(line) <= {"outcomes": COLLECTED, "digitised": DIGITISED}[kind] + 1


@functools.cache
def sexes(name: str) -> tuple[str, ...]:
    strata = load_population(study(name).population.name).strata
    return tuple(sorted({stratum.population.sex for stratum in strata}))


def test_scored_calibration_rows():
    """As many as the tables have for the therapies and participants that have replicas."""
    found: dict[tuple[str, ...], Counter[str]] = {key: Counter() for key in CALIBRATION_ROWS}
    for name in TRIALS:
        for row in outcomes(name):
            if scored(row) and row["split"] == "calibration":
                quantity = row["site"] if row["endpoint"] == "BMD" else row["endpoint"]
                found[sexes(name)][quantity] += 1
    assert found == CALIBRATION_ROWS


def test_rows_scored_here_are_scored_by_the_comparison():
    for name in TRIALS:
        here = {row["row_id"] for row in outcomes(name) if scored(row)}
        there = {row.row_id for row in published_of(name) if row.scored}
        assert there <= here


def test_hormone_rows():
    found: dict[tuple[str, ...], Counter[str]] = {key: Counter() for key in HORMONE_ROWS}
    for name in TRIALS:
        for row in published_of(name):
            if row.is_level:
                found[sexes(name)][row.endpoint] += 1
    assert found == HORMONE_ROWS


@every_trial
def test_hormones_are_written_at_their_months(name: str):
    trial = study(name)
    for row in published_of(name):
        if not row.is_level:
            continue
        outcome = BY_NAME[row.hormone or ""]
        assert not outcome.extra or outcome.name in trial.outputs.extra
        assert min(abs(row.month - visit) for visit in trial.visits.months) <= 0.2, row.row_id


@every_trial
def test_men_are_screened_in_their_own_t_scores(name: str):
    """Where a trial of men reports T-scores or screens by them, they are relative to young men."""
    trial = study(name)
    baseline = trial.population.baseline.model_dump(exclude_none=True)
    named = [*baseline, *(rule.variable for rule in trial.eligibility)]
    by_t_score = any(variable.startswith("t_score") for variable in named)
    if "male" in sexes(name) and by_t_score:
        assert trial.outputs.male_t_score_reference


def test_not_replicated_arms_have_a_reason():
    rows = table(data_root() / "not_replicated.csv")
    assert len({(row["trial"], row["arm"]) for row in rows}) == len(rows)
    assert all(len(row["reason"]) > 8 and row["citation"] for row in rows)


def test_published_sds_link_to_arms():
    rows = table(data_root() / "variability" / "published_sd.csv")
    assert {row["sex"] for row in rows} == {"female", "male"}
    assert all(row["trial"] for row in rows)
    for row in rows:
        trial = study(row["trial"])
        assert row["arm"] in [arm.name for arm in trial.arms]
        assert float(row["month"]) in [round(month) for month in trial.visits.months]
        assert float(row["sd"]) > 0
        assert row["split"] in ("calibration", "validation")


@pytest.mark.parametrize("path", sorted((data_root() / "reference").glob("*.csv")), ids=str)
def test_reference_numbers_have_sources(path: Path):
    for row in table(path):
        assert len(row["source"]) > 8
        assert row["check"] in ("checked", "unchecked", "approximate")


def test_t_score_references():
    rows = {(r["sex"], r["site"]): r for r in table(data_root() / "reference" / "t_score.csv")}
    sites = ("lumbar_spine", "total_hip", "femoral_neck")
    assert set(rows) == {(sex, site) for sex in ("female", "male") for site in sites}
    assert all(0.8 < float(r["mean"]) < 1.1 and 0.1 < float(r["sd"]) < 0.15 for r in rows.values())


def test_measurement_covers_what_is_measured():
    rows = {r["quantity"]: r for r in table(data_root() / "reference" / "measurement.csv")}
    assert set(rows) == {*SitePrecision.model_fields, *AssayPrecision.model_fields}
    for row in rows.values():
        parts = [row["within_person_cv_percent"], row["analytical_cv_percent"]]
        known = [float(part) for part in parts if part]
        if known:
            assert float(row["cv_percent"]) == pytest.approx(math.hypot(*known), abs=0.01)
