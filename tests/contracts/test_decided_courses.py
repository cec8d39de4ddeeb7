"""Decisions within a trial, followed by the real simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cohort
from cohort.results.reader import Results
from cohort.solve.simulate import make_simulator
from cohort.tile import TILE
from cohort.trial.study import parse_study, study_courses

EVERY_SIX = {"therapy": "denosumab", "regimen": "60 mg sc every 6 months"}
SWITCH = {
    "name": "switch",
    "when": "t_score_total_hip",
    "months": [12.0],
    "stop": ["denosumab"],
    "start": [{"therapy": "zoledronate", "regimen": "5 mg iv once"}],
}
WRITTEN = [
    {"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 0 to 12"},
    {"therapy": "zoledronate", "regimen": "5 mg iv once from 12"},
]
LATE = {"therapy": "denosumab", "month": 12.0, "by": 3.0, "share": 1.0}
LATE_WRITTEN = [
    {"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 0 to 12"},
    {"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 15 x 2"},
]
STOP = {"name": "enough", "when": "p1np_change", "above": 40.0, "months": [6.0, 12.0]}
PERSONS = 200
MONTHS = [0.0, 6.0, 12.0, 18.0, 24.0]


def arm(name: str, *treatments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "treatments": list(treatments), **more}


def on(therapy: str, regimen: str) -> dict[str, Any]:
    return {"therapy": therapy, "regimen": regimen}


STUDY: dict[str, Any] = {
    "name": "decided",
    "dropout": {"annual_rate": 0.2},
    "visits": {"months": MONTHS, "missed": 0.15},
    "engine": {"accuracy": "draft"},
    "arms": [
        arm("plain", EVERY_SIX),
        arm("never", EVERY_SIX, rules=[SWITCH | {"above": 90.0}]),
        arm("always", EVERY_SIX, rules=[SWITCH | {"above": -90.0}]),
        arm("switched", *WRITTEN),
        arm("late", EVERY_SIX, late_doses=[LATE]),
        arm("delayed", *LATE_WRITTEN),
        arm("target", EVERY_SIX, rules=[SWITCH | {"above": -2.0, "months": [6.0, 12.0, 18.0]}]),
        arm(
            "daily",
            on("teriparatide", "20 ug sc daily"),
            on("alendronate", "70 mg oral weekly"),
            on("estradiol", "1 mg oral daily"),
            rules=[STOP | {"stop": ["teriparatide", "alendronate", "estradiol"]}],
            annual_dropout=0.0,
        ),
    ],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    out = tmp_path_factory.mktemp("decided") / "run"
    return cohort.run(parse_study(STUDY), out=out, patients=PERSONS)


def arrays(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The columns of a table as arrays, words as words."""
    words = {"arm", "course", "sex"}
    return {str(n): np.asarray(frame[n].astype(str) if n in words else frame[n]) for n in frame}


def rows(results: Results, arm: str) -> dict[str, np.ndarray]:
    """The visits of an arm, by person and month."""
    found = arrays(results.visits(arms=[arm]))
    del found["arm"]
    return found


@pytest.mark.parametrize(
    ("decided", "written"), [("always", "switched"), ("late", "delayed"), ("never", "plain")]
)
def test_a_decided_course_is_the_one_written_out(
    results: Results, decided: str, written: str
) -> None:
    """Bit for bit, whatever was decided being written into the regimens of another arm."""
    one, other = rows(results, decided), rows(results, written)
    if decided == "always":  # who missed the visit could not be decided about
        came = (one["month"] == 12.0) & np.isfinite(one["measured_ctx"])
        decided_on = np.isin(one["patient_id"], one["patient_id"][came])
        one, other = ({n: v[decided_on] for n, v in part.items()} for part in (one, other))
    for name in one.keys() - {"course"}:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    after = one["month"] >= 12.0
    label = {"always": "switch@12", "late": "denosumab_late@12"}.get(decided, "planned")
    assert set(one["course"][after]) == {label}
    assert set(one["course"][~after]) == {"planned"}


@pytest.mark.parametrize("name", ["daily", "target", "late"])
def test_courses_agree_bit_for_bit_until_they_part(name: str) -> None:
    study = parse_study(STUDY)
    simulator, found = make_simulator(study), study_courses(study)[name]
    slots = np.arange(TILE)  # what is compiled for a run serves here too
    planned = simulator.relative(slots, name)
    for number, course in zip(found.schedule_of[1:], found.courses[1:], strict=True):
        until = np.array(MONTHS) <= course.month
        other = simulator.relative(slots, name, number)
        for column, values in other.items():
            np.testing.assert_array_equal(values[until], planned[column][until], err_msg=column)
        assert (other["bmd_lumbar_spine"][-1] != planned["bmd_lumbar_spine"][-1]).mean() > 0.99


def test_rules_act_on_what_was_measured_and_on_nothing_else(results: Results) -> None:
    seen, last = rows(results, "target"), {}
    visits = zip(
        *(seen[n] for n in ("patient_id", "month", "measured_t_score_total_hip", "course")),
        strict=True,
    )
    for person, month, score, course in visits:
        label = last.get(person, "planned")
        if label == "planned" and month in (6.0, 12.0, 18.0) and score > -2.0:
            label = f"switch@{month:g}"
        assert course == label
        last[person] = label
    switched = sum(label != "planned" for label in last.values())
    assert 20 < switched < PERSONS - 20  # else the test would show little
    patients = arrays(results.patients())
    mine = patients["arm"] == "target"
    people = zip(
        *(patients[n][mine] for n in ("patient_id", "course", "course_month")), strict=True
    )
    for person, course, since in people:
        assert course == last[person]
        assert course == ("planned" if np.isnan(since) else f"switch@{since:g}")


def test_at_a_missed_visit_nothing_is_measured_and_the_truth_stays(results: Results) -> None:
    seen = arrays(results.visits())
    measured = [name for name in seen if name.startswith("measured_")]
    missed = np.isnan(seen["measured_ctx"])
    for name in measured:
        np.testing.assert_array_equal(np.isnan(seen[name]), missed, err_msg=name)
    assert not missed[seen["month"] == 0].any()
    assert missed[seen["month"] > 0].mean() == pytest.approx(0.15, abs=0.02)
    assert np.isfinite(seen["ctx"]).all()
    # The same persons miss the same visits in every arm.
    visit = seen["patient_id"] * 100 + seen["month"].astype(int)
    assert not set(visit[missed]) & set(visit[~missed])


def test_arms_lose_participants_at_their_own_rates(results: Results) -> None:
    patients = arrays(results.patients())
    staying = patients["arm"] == "daily"
    assert (patients["last_month"][staying] == MONTHS[-1]).all()
    gone = patients["last_month"][patients["arm"] == "plain"] < 12.0
    assert stats.binomtest(int(gone.sum()), PERSONS, 0.2).pvalue > 1e-3


def test_a_person_does_not_depend_on_what_others_need(results: Results) -> None:
    """Fewer persons are on fewer courses, of which others are not computed at all."""
    few = make_simulator(parse_study(STUDY)).block(np.arange(7), ("target",))
    taken = few.courses["target"]
    labels = np.array(taken.labels)[taken.number]
    seen = rows(results, "target")
    own = seen["patient_id"] < 7
    person, visit = seen["patient_id"][own], np.searchsorted(MONTHS, seen["month"][own])
    np.testing.assert_array_equal(labels[person, visit], seen["course"][own])
    for column in ("bmd_total_hip", "p1np"):
        values = few.visits["target"][column][person, visit]
        np.testing.assert_array_equal(values, seen[column][own])


def drifting(drift: Mapping[str, Any] | None) -> Mapping[str, np.ndarray]:
    table = STUDY if drift is None else {**STUDY, "measurement": {"dxa_drift": drift}}
    return make_simulator(parse_study(table)).block(np.arange(20), ("plain",)).visits["plain"]


def test_a_machine_that_strays_moves_what_it_reads_and_nothing_else() -> None:
    """Half a percent a year, and a machine from month 18 on that reads 2 % more."""
    spine = {"percent_per_year": 0.5, "step_percent": 2.0, "step_month": 18.0}
    steady, strayed = drifting(None), drifting({"lumbar_spine": spine})
    factor = np.array([1.0, 1.0025, 1.005, 1.0075 * 1.02, 1.01 * 1.02])
    for name, values in strayed.items():
        if not name.startswith("measured_") or "lumbar_spine" not in name:
            np.testing.assert_array_equal(values, steady[name], err_msg=name)
    read = "measured_bmd_lumbar_spine"
    np.testing.assert_allclose(strayed[read], steady[read] * factor, rtol=1e-6)
    change = 100.0 * ((1.0 + steady[f"{read}_change"] / 100.0) * factor - 1.0)
    np.testing.assert_allclose(strayed[f"{read}_change"], change, atol=2e-4)
