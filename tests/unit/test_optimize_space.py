"""Candidates of a search: how many, what breaks a rule, what is one schedule, what none beats."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sequence_world import document, sequences

from cohort.search.evolve import neighbours
from cohort.search.load import load_search, parse_search
from cohort.search.outcome import mean_and_error, per_person, scores
from cohort.search.schema import Objective
from cohort.search.space import Space, course_doses
from cohort.search.table import ranked

DRUGS = ("alendronate", "denosumab", "romosozumab", "teriparatide")
Document = dict


def space_of(document: Document) -> Space:
    return Space(parse_search(document).search)


def names(space: Space, code: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(course.option.name for course in space.courses(code))


def test_three_courses_are_the_64_orders_of_four_drugs() -> None:
    space = Space(load_search("three_courses").search)
    assert {names(space, code) for code in space.codes()} == set(sequences(DRUGS, 3))
    assert len({space.key(code) for code in space.codes()}) == 64


def test_without_repeats_there_are_as_many_as_permutations() -> None:
    rules = {"max_uses": dict.fromkeys(DRUGS, 1)}
    space = space_of(document(*DRUGS, constraints=rules))
    allowed = [names(space, code) for code in space.codes() if not space.broken(code)]
    assert sorted(allowed) == sorted(itertools.permutations(DRUGS, 3))


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({"max_months": {"denosumab": 12}}, lambda s: s.count("denosumab") <= 1),
        ({"max_treated_months": 24}, lambda s: "pause" in s),
        (
            {"forbidden": [["denosumab", "pause"]]},
            lambda s: ("denosumab", "pause") not in itertools.pairwise(s),
        ),
        ({"max_cost": 10}, lambda s: 5 * s.count("denosumab") <= 10),
    ],
)
def test_rules_leave_what_they_say(rules: dict, kept) -> None:
    words = ("denosumab", "pause", "alendronate")
    table = document(*words, constraints=rules)
    table["options"][0]["cost"] = 5.0
    space = space_of(table)
    allowed = {names(space, code) for code in space.codes() if not space.broken(code)}
    assert allowed == {s for s in sequences(words, 3) if kept(s)}


def test_lengths_move_what_follows_and_must_end_in_time() -> None:
    table = document("denosumab", "alendronate", slots=2, objective={"month": 30})
    table["slots"][0]["months"] = [6, 12, 18, 24]
    space = space_of(table)
    ends = {}
    for code in space.codes():
        courses = space.courses(code)
        assert courses[1].start == courses[0].months
        ends[code] = sum(course.months for course in courses)
    assert {c for c in ends if not space.broken(c)} == {c for c, end in ends.items() if end <= 30}
    # Of 2 options at month 0 for 4 lengths, then after 6, 12, 18 and 24 months for what is left.
    assert len(list(space.placements())) == 2 * (4 + 4 + 3 + 2 + 1)


def test_doses_count_from_the_start_of_their_course() -> None:
    space = space_of(document("denosumab", slots=2))
    first, second = (course_doses(c)[0] for c in space.courses((0, 0)))
    assert first.days == (0.0, 182.625)
    assert second.days == (365.25, 547.875)


def test_one_schedule_cut_differently_has_one_key() -> None:
    table = document("denosumab", "pause", slots=2, objective={"month": 36})
    table["slots"][0]["months"] = [12, 24]
    space = space_of(table)
    by_words = {space.words(code): space.key(code) for code in space.codes()}
    assert by_words["denosumab 12 > denosumab 24"] == by_words["denosumab 24 > denosumab 12"]
    assert by_words["pause 12 > pause 24"] == by_words["pause 24 > pause 24"]
    assert by_words["denosumab 12 > pause 24"] != by_words["pause 24 > denosumab 12"]


def test_cost_and_time_add_up() -> None:
    table = document("denosumab", "pause")
    table["options"][0] |= {"cost": 2.0, "monthly_cost": 0.5}
    space = space_of(table)
    assert space.cost((0, 1, 0)) == 2 * (2.0 + 12 * 0.5)
    assert space.treated_months((0, 1, 0)) == 24


def test_neighbours_are_one_step_away() -> None:
    """By definition: equal but for one course, wherever it stands, or two exchanged."""

    def without(code: tuple[int, ...]) -> set[tuple[int, ...]]:
        return {code[:i] + code[i + 1 :] for i in range(len(code))}

    space = space_of(document("alendronate", "denosumab", "pause", slots=4))
    for start in ((0, 1, 2, 1), (2, 2, 2, 2), (1, 0, 0, 2)):
        swaps = set()
        for a, b in itertools.combinations(range(4), 2):
            code = list(start)
            code[a], code[b] = code[b], code[a]
            swaps.add(tuple(code))
        moves = {code for code in space.codes() if without(code) & without(start)}
        near = set(neighbours(space, start, far=False))
        assert near == {c for c in space.codes() if sum(map(int.__ne__, c, start)) == 1} | swaps
        assert near | set(neighbours(space, start, far=True)) == moves | swaps | {start}


def test_means_and_errors_are_those_of_scipy_and_skip_who_broke() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, (4, 50))
    values[1, :5] = np.nan
    values[2] = np.nan
    mean, se = mean_and_error(values)
    for i in (0, 1, 3):
        seen = values[i][np.isfinite(values[i])]
        assert mean[i] == pytest.approx(seen.mean())
        assert se[i] == pytest.approx(stats.sem(seen))
    assert math.isnan(mean[2])


def test_responders_are_counted_on_the_side_that_is_asked() -> None:
    values = np.array([[1.0, 3.0, 5.0, np.nan]])
    up = Objective.model_validate({"month": 12, "at_least": 3.0})
    down = Objective.model_validate({"month": 12, "at_most": 3.0, "goal": "minimise"})
    assert mean_and_error(per_person(values, up))[0] == pytest.approx(200 / 3)
    assert mean_and_error(per_person(values, down))[0] == pytest.approx(200 / 3)
    assert scores(values, down) == pytest.approx([-200 / 3])


@pytest.mark.parametrize("goal", ["maximise", "minimise"])
def test_front_is_what_none_beats(goal: str) -> None:
    """Against the definition: not another one at least as good in both and better in one."""
    table = document("alendronate", "denosumab", "pause", objective={"month": 36, "goal": goal})
    space = space_of(table)
    codes = list(space.codes())
    rng = np.random.default_rng(7)
    values = {code: rng.normal(0, 1, 5).round(1).astype(np.float32) for code in codes}
    rows = ranked(space, codes, values).rows
    sign = 1.0 if goal == "maximise" else -1.0
    points = [(sign * row["mean"], row["treated_months"]) for row in rows]
    for row, (gain, burden) in zip(rows, points, strict=True):
        beaten = any(g >= gain and b <= burden and (g, b) != (gain, burden) for g, b in points)
        assert row["front"] == (not beaten)
    assert [row["rank"] for row in rows] == list(range(1, 28))
    assert points == sorted(points, key=lambda p: -p[0])


def test_differences_are_taken_person_by_person() -> None:
    space = space_of(document("alendronate", "denosumab", slots=1))
    one, two = np.array([1.0, 2.0, 6.0]), np.array([2.0, 4.0, 6.5])
    values = {(0,): one.astype(np.float32), (1,): two.astype(np.float32)}
    best, other = ranked(space, list(values), values).rows
    paired = stats.ttest_rel(one, two)
    assert best["difference"] == best["difference_se"] == 0.0
    assert other["difference"] / other["difference_se"] == pytest.approx(paired.statistic)
