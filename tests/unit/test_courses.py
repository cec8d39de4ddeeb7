"""Courses of treatment: what decisions make of doses, and who comes to be on which."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cohort.errors import BadInput
from cohort.execute.estimate import estimate
from cohort.execute.spec import RunSpec
from cohort.levers.checks import check as check_sensitivity
from cohort.levers.schema import Job
from cohort.planning.designs import cohort_months
from cohort.planning.schema import PowerJob
from cohort.solve.conduct import Conduct, leaving
from cohort.solve.realise import Solved, draw_chances, realise, solved_once
from cohort.trial.courses import Courses
from cohort.trial.regimen import DoseCourse
from cohort.trial.study import followed_throughout, parse_study, resolved, study_courses
from cohort.units import DAYS_PER_MONTH

EVERY_SIX = {"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 0 to 36"}
RESCUE = {
    "name": "rescue",
    "when": "bmd_lumbar_spine_change",
    "below": -5.0,
    "months": [12.0, 24.0],
    "stop": ["denosumab"],
    "start": [{"therapy": "zoledronate", "regimen": "5 mg iv once"}],
}
PERSONS = 4000


def courses(**arm: Any) -> Courses:
    return study_courses(parse_study(document(**arm)))["own"]


def document(**arm: Any) -> dict[str, Any]:
    return {
        "name": "decided",
        "arms": [{"name": "own", "treatments": [EVERY_SIX], **arm}],
        "visits": {"months": [0.0, 6.0, 12.0, 24.0, 36.0]},
    }


def months_of(doses: tuple[DoseCourse, ...], therapy: str) -> list[float]:
    return sorted(d / DAYS_PER_MONTH for own in doses if own.therapy == therapy for d in own.days)


def test_a_rule_parts_the_arm_at_each_of_its_visits_and_once() -> None:
    found = courses(rules=[RESCUE])
    assert [course.label for course in found.courses] == ["planned", "rescue@12", "rescue@24"]
    given = [months_of(course.doses, "denosumab") for course in found.courses]
    assert given[0] == pytest.approx([0, 6, 12, 18, 24, 30])
    assert given[1] == pytest.approx([0, 6])  # the dose of the visit itself is not given
    assert given[2] == pytest.approx([0, 6, 12, 18])
    infusions = [months_of(course.doses, "zoledronate") for course in found.courses]
    assert [list(map(round, own)) for own in infusions] == [[], [12], [24]]


@pytest.mark.parametrize(
    ("later", "given"),
    [("shifted", [0, 6, 15, 21, 27, 33]), ("kept", [0, 6, 15, 18, 24, 30])],
)
def test_a_late_dose_moves_those_after_it_or_not(later: str, given: list[float]) -> None:
    late = {"therapy": "denosumab", "month": 12.0, "by": 3.0, "share": 0.5, "later": later}
    planned, delayed = courses(late_doses=[late]).courses
    assert months_of(planned.doses, "denosumab") == pytest.approx([0, 6, 12, 18, 24, 30])
    assert months_of(delayed.doses, "denosumab") == pytest.approx(given)
    assert (delayed.label, delayed.month) == ("denosumab_late@12", 12.0)


def test_daily_injections_end_with_the_first_at_or_after_the_visit() -> None:
    """They act as a steady rate, which must not tell before the visit that they will end."""
    daily = {"therapy": "teriparatide", "regimen": "20 ug sc daily"}
    rule = RESCUE | {"stop": ["teriparatide"], "start": [], "months": [12.0]}
    _, ended = courses(treatments=[daily], rules=[rule]).courses
    (own,) = ended.doses
    assert own.last_day == 366  # month 12 is day 365.25


def test_a_rule_waits_for_another_and_phases_hold_everybody() -> None:
    again = RESCUE | {"name": "again", "after": "rescue", "start": [], "stop": ["zoledronate"]}
    found = courses(rules=[RESCUE, again])
    labels = {course.label for course in found.courses}
    assert labels == {"planned", "rescue@12", "rescue@24", "rescue@12+again@24"}
    phases = [{"name": "on"}, {"name": "off", "stop": ["denosumab"]}]
    found = courses(rerandomise=[{"month": 24.0, "to": phases}])
    assert [course.label for course in found.courses] == ["planned", "on@24", "off@24"]
    assert len(found.schedules) == 2  # who goes on needs no computing of her own


def test_too_many_courses_are_refused() -> None:
    rules = [
        RESCUE | {"name": f"rule{n}", "start": [], "months": [0.0, 6.0, 12.0, 24.0]}
        for n in range(3)
    ]
    with pytest.raises(BadInput, match=r"arms\.own: .* more than 64 courses"):
        parse_study(document(rules=rules))  # 5 x 5 x 5


@pytest.mark.parametrize(
    ("arm", "says"),
    [
        ({"rules": [RESCUE | {"when": "bmd_spine_change"}]}, "'bmd_spine_change' is not an outc"),
        ({"rules": [RESCUE | {"above": 2.0}]}, "needs one of below and above"),
        ({"rules": [RESCUE | {"months": [13.0]}]}, "found 13; allowed are visits before the last"),
        ({"rules": [RESCUE | {"months": [36.0]}]}, "found 36; allowed are visits before the last"),
        ({"rules": [RESCUE | {"stop": ["alendronate"]}]}, "'alendronate' is not given in this arm"),
        ({"rules": [RESCUE | {"stop": [], "start": []}]}, "changes nothing"),
        ({"rules": [RESCUE | {"after": "rescue"}]}, "'rescue' is no other rule"),
        ({"rules": [RESCUE, RESCUE]}, "names two changes"),
        ({"rules": [RESCUE | {"stop": [], "start": [EVERY_SIX]}]}, "name it in stop"),
        (
            {"rules": [RESCUE | {"start": [{**EVERY_SIX, "regimen": "60 mg sc once from -1"}]}]},
            "starts before the change is decided",
        ),
        ({"rerandomise": [{"month": 6.0, "to": [{"name": "on"}]}]}, "fewer than two phases"),
        (
            {"late_doses": [{"therapy": "denosumab", "month": 9.0, "by": 1.0, "share": 0.1}]},
            "found 9; allowed are months of doses of denosumab in this arm: 0, 6, 12",
        ),
        (
            {
                "late_doses": [
                    {
                        "therapy": "denosumab",
                        "month": 6.0,
                        "by": 7.0,
                        "share": 0.1,
                        "later": "kept",
                    }
                ]
            },
            "found 7; allowed is below 6",
        ),
    ],
)
def test_what_cannot_be_followed_is_told(arm: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_study(document(**arm))
    assert says in str(caught.value)
    assert str(caught.value).startswith("study: arms.own.")


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"visits": {"months": [0.0, 12.0], "missed": 0.1}}, "visits.missed: tells where nothing"),
        (
            {"dropout": {"informative": {"outcome": "ctx", "beta": 1.0, "sd": 1.0}}},
            "dropout.informative.outcome: 'ctx' is no change that is measured",
        ),
    ],
)
def test_what_needs_measuring_is_told(tables: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_study(document() | {"measurement": {"enabled": False}} | tables)
    assert says in str(caught.value)


def test_a_study_that_decides_nothing_says_nothing_of_it() -> None:
    """So that its manifest, its hash and its files are as they were before there were rules."""
    table = resolved(parse_study(document()))
    new = {"rules", "rerandomise", "late_doses", "annual_dropout", "missed", "dxa_drift"}
    new |= {"window_days"}
    seen = {*table["arms"][0], *table["visits"], *table["measurement"], *table["dropout"]}
    assert not seen & (new | {"informative"})
    assert parse_study(table) == parse_study(document())


def test_therapies_are_known_by_their_synonyms_wherever_they_stand() -> None:
    rule = RESCUE | {"start": [{"therapy": "zoledronic acid", "regimen": "5 mg iv once"}]}
    (own,) = parse_study(document(rules=[rule | {"stop": ["Prolia"]}])).arms
    assert own.rules[0].stop == ("denosumab",)
    assert own.rules[0].start[0].therapy == "zoledronate"


EVERYTHING: dict[str, Any] = {
    "rules": [RESCUE | {"after": "off"}],
    "rerandomise": [{"month": 6.0, "to": [{"name": "on", "ratio": 2}, {"name": "off"}]}],
    "late_doses": [
        {"therapy": "denosumab", "month": 12.0, "by": 3.0, "share": 0.2, "later": "kept"}
    ],
    "annual_dropout": 0.1,
}
JUNK: list[Any] = [-1, 1.5, math.nan, 10**400, "", "x", "\x00.toml", [], {}, [{}], True, [None]]


def places(value: object, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if here:
        yield here
    inner = value.items() if isinstance(value, dict) else ()
    for key, member in enumerate(value) if isinstance(value, list) else inner:
        yield from places(member, (*here, key))


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk_in_decisions_is_told_and_never_a_traceback(junk: object) -> None:
    refused: list[str] = []
    for place in places(EVERYTHING):
        arm: Any = copy.deepcopy(EVERYTHING)
        table = arm
        for step in place[:-1]:
            table = table[step]
        table[place[-1]] = junk
        try:
            study_courses(parse_study(document(**arm)))
        except BadInput as error:
            refused += error.problems
    assert refused


def test_a_sensitivity_job_refuses_what_it_would_not_follow() -> None:
    study = parse_study(document(rules=[RESCUE]))
    table = {
        "name": "job",
        "study": "decided",
        "outputs": [{"arm": "own", "outcomes": ["ctx_change"], "months": [12.0]}],
        "factors": [{"parameters": ["kC"], "sds": 1.0}],
    }
    local = Job.model_validate(table | {"method": {"name": "local"}})
    says = [problem.sentence for problem in check_sensitivity(local, study)]
    assert len(says) == 1
    assert says[0].startswith("found 'local', and arm own of decided has rules")
    assert check_sensitivity(local, parse_study(document())) == []
    assert check_sensitivity(Job.model_validate(table), study) == []


def test_a_run_is_estimated_by_what_there_is_to_compute() -> None:
    study = parse_study(document(rules=[RESCUE]))
    spec = RunSpec.from_study(study, parameter_set="x", parameter_hash="x", version="0")
    (found,) = (len(own.schedules) for own in study_courses(study).values())
    assert estimate(spec, courses=[found]).seconds == pytest.approx(3 * estimate(spec).seconds)


def test_power_looks_where_the_arms_decide() -> None:
    """Its own visits may be fewer than those of the study."""
    study = parse_study(document(rules=[RESCUE | {"months": [12.0]}]))
    job = PowerJob.model_validate({"study": "decided", "endpoint": {"month": 6.0}})
    assert cohort_months(job, study) == [0.0, 6.0, 12.0, 36.0]
    assert cohort_months(job, parse_study(document())) == [0.0, 6.0]


MONTHS = np.array([0.0, 6.0, 12.0, 24.0, 36.0])


def made_up(found: Courses, persons: int) -> Mapping[int, Solved]:
    """Courses that agree until they part, as the solver's do, and differ at random after that."""
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(len(found.courses), persons, len(MONTHS)))
    solved = {}
    for number, course in enumerate(found.courses):
        values = 4 * noise[0].copy()
        for step, (_, month) in enumerate(course.changes, start=1):
            part = [c.changes for c in found.courses].index(course.changes[:step])
            values[:, month < MONTHS] = 4 * noise[part][:, month < MONTHS]
        columns = {"measured_bmd_lumbar_spine_change": values, "number": values * 0 + number}
        solved[number] = Solved(columns, np.full(persons, float(number)))
    return solved


def test_each_person_is_on_the_course_that_her_own_values_lead_to() -> None:
    """Against a loop over persons who live their visits one after another."""
    again = RESCUE | {"name": "again", "above": 4.0, "start": [], "stop": ["zoledronate"]}
    del again["below"]
    found = courses(rules=[RESCUE, again | {"after": "rescue"}])
    solved = made_up(found, 300)
    attended = np.random.default_rng(6).random((300, len(MONTHS))) > 0.2
    chance = np.zeros((len(found.decisions), 300))
    told = realise(found, solved.__getitem__, MONTHS, chance, attended)
    numbers = {course.changes: number for number, course in enumerate(found.courses)}
    for person in range(300):
        changes: tuple[tuple[str, float], ...] = ()
        for visit, month in enumerate(MONTHS):
            seen = solved[numbers[changes]].columns["measured_bmd_lumbar_spine_change"]
            value, names = seen[person, visit], [name for name, _ in changes]
            if month in (12.0, 24.0) and attended[person, visit]:
                if "rescue" not in names and value < -5:
                    changes = (*changes, ("rescue", float(month)))
                elif "rescue" in names and "again" not in names and value > 4:
                    changes = (*changes, ("again", float(month)))
            assert told.course[person, visit] == numbers[changes]
        assert (told.solved.columns["number"][person] == numbers[changes]).all()
        assert told.solved.bad_day[person] == numbers[changes]


def test_only_courses_that_somebody_is_on_are_computed_and_equal_doses_once() -> None:
    phases = [{"name": "on"}, {"name": "also_on"}]
    found = courses(rules=[RESCUE], rerandomise=[{"month": 24.0, "to": phases}])
    solved, asked = made_up(found, 50), []

    def solve(schedule: int) -> Solved:
        asked.append(schedule)
        values = np.zeros((50, len(MONTHS)))  # nobody falls below -5
        return solved[0]._replace(columns={"measured_bmd_lumbar_spine_change": values})

    chance = draw_chances(found, 0, np.arange(50))
    attended = np.ones((50, len(MONTHS)), dtype=bool)
    told = realise(found, solved_once(found, solve), MONTHS, chance, attended)
    assert asked == [0]
    assert len(np.unique(told.course[:, -1])) == 2


def test_chance_decides_by_its_shares() -> None:
    phases = [{"name": "on", "ratio": 2}, {"name": "off", "stop": ["denosumab"]}]
    late = {"therapy": "denosumab", "month": 12.0, "by": 3.0, "share": 0.2}
    found = courses(rerandomise=[{"month": 24.0, "to": phases}], late_doses=[late])
    chance = draw_chances(found, 3, np.arange(PERSONS))
    attended = np.ones((PERSONS, len(MONTHS)), dtype=bool)
    told = realise(found, made_up(found, PERSONS).__getitem__, MONTHS, chance, attended)
    labels = np.array([course.label for course in found.courses])[told.course[:, -1]]
    for word, share in (("late", 0.2), ("off", 1 / 3), ("late@12+off", 0.2 / 3)):
        counted = int(np.sum([word in label for label in labels]))
        assert stats.binomtest(counted, PERSONS, share).pvalue > 1e-3, word
    fewer = draw_chances(found, 3, np.arange(10, 20))
    np.testing.assert_array_equal(fewer, chance[:, 10:20])


def followed(**tables: Any) -> np.ndarray:
    """Months until persons leave whose hip has changed by 6 % at every visit after entry."""
    study = parse_study({**document(), **tables})
    shares = np.random.default_rng(11).random(PERSONS)
    everyone = np.ones((PERSONS, 5), dtype=bool)
    change = np.broadcast_to(np.where(MONTHS > 0, 6.0, 0.0), everyone.shape)
    visits = {"measured_bmd_total_hip_change": change}
    return leaving(study, "own", Conduct(np.ones(PERSONS), shares, everyone, 0 * everyone), visits)


def test_who_gains_leaves_at_the_hazard_that_the_law_says() -> None:
    """Ten a hundred a year until month 6, exp(0.5 6/3) = e times that hazard from then on."""
    law = {"outcome": "bmd_total_hip_change", "beta": 0.5, "sd": 3.0}
    left = followed(dropout={"annual_rate": 0.1, "informative": law})
    hazard = -np.log(0.9) / 12
    used = hazard * np.minimum(left, 6) + hazard * np.e * np.maximum(left - 6, 0)
    end = hazard * (6 + 30 * np.e)
    gone = left < 36
    assert stats.binomtest(int(gone.sum()), PERSONS, 1 - np.exp(-end)).pvalue > 1e-3
    truncated = stats.truncexpon(b=end)
    assert stats.kstest(used[gone], truncated.cdf).pvalue > 1e-3


def test_leaving_depends_on_nothing_where_beta_is_0() -> None:
    law = {"outcome": "bmd_total_hip_change", "beta": 0.0, "sd": 3.0}
    plain = followed(dropout={"annual_rate": 0.1})
    same = followed(dropout={"annual_rate": 0.1, "informative": law})
    np.testing.assert_allclose(same, plain, rtol=1e-6)


def test_an_arm_has_a_rate_of_its_own() -> None:
    arms = [document()["arms"][0] | {"annual_dropout": 0.3}]
    left = followed(dropout={"annual_rate": 0.1}, arms=arms)
    gone = int(np.sum(left < 12.0))
    assert stats.binomtest(gone, PERSONS, 0.3).pvalue > 1e-3
    assert (followed(arms=arms[:1]) < 36).mean() > 0.5


def test_a_change_that_was_missed_is_that_of_the_last_visit() -> None:
    study = parse_study(
        document()
        | {
            "dropout": {
                "annual_rate": 0.1,
                "informative": {"outcome": "bmd_total_hip_change", "beta": 1.0, "sd": 1.0},
            }
        }
    )
    came = np.array([[True, True, False, True, True], [True] * 5])
    change = np.array([[0.0, 1.0, 9.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0, 0.0]])
    behaviour = Conduct(np.ones(2), np.full(2, 0.3), came, 0 * came)
    left = leaving(study, "own", behaviour, {"measured_bmd_total_hip_change": change})
    assert left[0] == left[1]
    hazard = -np.log(0.9) / 12
    used = hazard * (6 + 18 * np.e)  # until month 24
    assert left[0] == pytest.approx(min(24 + (-np.log(0.3) - used) / hazard, 36.0), rel=1e-6)


def test_nobody_leaves_a_study_that_is_followed_throughout() -> None:
    arms = [document()["arms"][0] | {"annual_dropout": 0.3}]
    study = parse_study(
        document() | {"arms": arms, "visits": {"months": list(MONTHS), "missed": 0.2}}
    )
    whole = parse_study(followed_throughout(study))
    assert (whole.arms[0].annual_dropout, whole.visits.missed) == (None, 0.0)
    assert whole.arms[0].treatments == study.arms[0].treatments
