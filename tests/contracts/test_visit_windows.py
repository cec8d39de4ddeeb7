"""Visits on days of their own: when they are, and that what is measured is that day's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from cohort.errors import BadInput
from cohort.results.block import BlockResult
from cohort.results.outcomes import SITES
from cohort.solve.conduct import conduct
from cohort.solve.measurement import BONE
from cohort.solve.plan import load_reference
from cohort.solve.simulate import make_simulator
from cohort.trial.study import parse_study
from cohort.units import DAYS_PER_MONTH

MONTHS = [0.0, 3.0, 6.0, 12.0]
HALF = 10
PRECISE = {
    "dxa_cv": dict.fromkeys(SITES.values(), 0.0),
    "assay_cv": dict.fromkeys(
        ("ctx", "p1np", "bsap", "estradiol", "testosterone", "igf1", "pth"), 0.0
    ),
}
ONE_ARM: dict[str, Any] = {"arms": [{"name": "none"}], "visits": {"months": MONTHS}}
PERSONS = np.arange(700)
DAYS = (-7, HALF)
"""Days by which visits are simulated exactly, early and late."""


def denosumab(second: float) -> list[dict[str, Any]]:
    """Two injections, the second on that day."""
    given = {"therapy": "denosumab", "route": "sc", "amt": 60.0}
    return [given | {"time": day} for day in (0.0, second)]


def study(months: list[float], second: float, *more: dict[str, Any], **visits: Any) -> Any:
    arms = [{"name": "none"}, {"name": "denosumab", "event_rows": denosumab(second)}, *more]
    table: dict[str, Any] = {"name": "windows", "seed": 3, "arms": arms, "measurement": PRECISE}
    return parse_study(table | {"visits": {"months": months, **visits}})


@pytest.fixture(scope="module")
def seen() -> BlockResult:
    """Everybody on days of her own; a third arm decides at month 6."""
    rule = {"name": "enough", "when": "ctx_change", "above": -75.0, "months": [6.0]}
    arm = {
        "name": "decided",
        "treatments": [{"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 0 to 12"}],
        "rules": [rule | {"stop": ["denosumab"]}],
    }
    own = study(MONTHS, 6 * DAYS_PER_MONTH, arm, window_days=HALF)
    return make_simulator(own).block(PERSONS, ("none", "denosumab", "decided"))


def shifts(block: BlockResult) -> np.ndarray:
    """By how many days visits were late, `(person, visit)`."""
    late = block.visits["none"]["day"] - np.array(MONTHS) * DAYS_PER_MONTH
    whole = np.round(late)
    np.testing.assert_allclose(late, whole, atol=1e-3)
    return whole


def test_days_are_as_likely_early_as_late_and_the_same_in_every_arm(seen: BlockResult) -> None:
    late = shifts(seen)
    assert (late[:, 0] == 0).all()  # nobody enters early or late
    counts = np.bincount((late[:, 1:] + HALF).astype(int).ravel(), minlength=2 * HALF + 1)
    assert len(counts) == 2 * HALF + 1
    assert stats.chisquare(counts).pvalue > 1e-3
    assert abs(np.corrcoef(late[:, 1], late[:, 2])[0, 1]) < 4 / np.sqrt(len(late))
    for arm in ("denosumab", "decided"):
        np.testing.assert_array_equal(seen.visits[arm]["day"], seen.visits["none"]["day"])


def test_a_day_depends_on_the_person_and_the_visit_alone() -> None:
    few = conduct(study(MONTHS, 183.0, window_days=HALF), PERSONS[5:9]).shift
    more = conduct(study([*MONTHS, 18.0], 183.0, window_days=HALF), PERSONS).shift
    np.testing.assert_array_equal(few, more[5:9, :4])


def test_who_misses_a_visit_has_no_day_of_her_own() -> None:
    behaviour = conduct(study(MONTHS, 183.0, window_days=HALF, missed=0.5), PERSONS)
    assert (behaviour.shift[~behaviour.attended] == 0).all()
    assert (behaviour.shift[behaviour.attended] != 0).mean() > 0.5


@pytest.mark.parametrize("days", DAYS)
def test_measured_is_what_an_exact_simulation_of_that_day_gives(
    seen: BlockResult, days: int
) -> None:
    """Visits planned on the shifted days, and the injection of a late visit as late as it."""
    precision = load_reference(parse_study({"name": "usual", **ONE_ARM})).cv
    months = [0.0, *(month + days / DAYS_PER_MONTH for month in MONTHS[1:])]
    second = 6 * DAYS_PER_MONTH + max(days, 0)
    exact = make_simulator(study(months, second)).block(PERSONS, ("none", "denosumab"))
    late = shifts(seen)
    moved = 0.0
    for arm in ("none", "denosumab"):
        found, expected = seen.visits[arm], exact.visits[arm]
        for visit in range(1, len(MONTHS)):
            here = late[:, visit] == days
            assert here.sum() > 10
            if arm == "denosumab" and visit == 3 and days > 0:
                continue  # a late injection at month 6 moves what follows, by less than is measured
            for name, most in (
                *((site, 5.0 * precision[site]) for site in BONE),  # a twentieth, in percent
                *((marker, 6.0) for marker in ("ctx", "p1np", "bsap")),
                ("igf1", 0.1),
            ):
                own, true = found["measured_" + name][here, visit], expected[name][here, visit]
                error = 100.0 * (own / true - 1.0)
                assert np.abs(error).max() < most, (arm, visit, name)
                assert abs(error.mean()) < 0.1 * most, (arm, visit, name)
                nominal = found[name][here, visit]
                moved = max(moved, 100.0 * float(np.abs(nominal / true - 1.0).max()))
    assert moved > 20.0  # the planned day would not have done


def test_true_values_are_those_of_the_planned_day(seen: BlockResult) -> None:
    plain = make_simulator(study(MONTHS, 6 * DAYS_PER_MONTH)).block(PERSONS, ("none", "denosumab"))
    for arm, columns in plain.visits.items():
        for name in ("bmd_lumbar_spine", "bmd_total_hip_change", "ctx"):
            # The window's ends are grid points too, so that the steps are not the same.
            np.testing.assert_allclose(seen.visits[arm][name], columns[name], rtol=2e-3, atol=5e-3)


def test_on_the_planned_day_measured_is_true(seen: BlockResult) -> None:
    here = shifts(seen) == 0
    for columns in seen.visits.values():
        for name in ("bmd_lumbar_spine", "ctx", "t_score_total_hip"):
            own, true = columns["measured_" + name][here], columns[name][here]
            np.testing.assert_allclose(own, true, rtol=1e-6)


def test_rules_act_on_what_was_measured_on_the_visits_own_day(seen: BlockResult) -> None:
    columns, taken = seen.visits["decided"], seen.courses["decided"]
    found = np.array(taken.labels)[taken.number[:, 2]]
    acted = columns["measured_ctx_change"][:, 2] > -75.0
    assert 20 < acted.sum() < len(acted) - 20
    np.testing.assert_array_equal(found == "enough@6", acted)
    # Until the decision the arm is the one that plans the same injections.
    for name in ("measured_ctx", "measured_bmd_total_hip"):
        np.testing.assert_array_equal(
            columns[name][:, :3], seen.visits["denosumab"][name][:, :3], err_msg=name
        )


def test_numbers_do_not_depend_on_who_else_is_computed(seen: BlockResult) -> None:
    own = study(MONTHS, 6 * DAYS_PER_MONTH, window_days=HALF)
    other = make_simulator(own).block(PERSONS[::-7], ("denosumab",)).visits["denosumab"]
    for name in ("day", "measured_ctx", "measured_bmd_lumbar_spine_change"):
        np.testing.assert_array_equal(other[name], seen.visits["denosumab"][name][::-7])


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        (
            {"visits": {"months": [0.0, 1.0, 2.0], "window_days": 16}},
            "visits.window_days: found 16; allowed is up to 15, so that the visits of months 1 "
            "and 2 stay apart.",
        ),
        (
            {"visits": {"months": [0.0, 0.5, 12.0], "window_days": 16}},
            "visits.window_days: found 16; allowed is up to 15, so that the visits of months 0 "
            "and 0.5 stay apart.",
        ),
        (
            {
                "visits": {"months": MONTHS, "window_days": 3},
                "measurement": {"enabled": False},
            },
            "visits.window_days: tells when it is measured, and measurement.enabled is false.",
        ),
        ({"visits": {"months": MONTHS, "window_days": 2.5}}, "visits.window_days"),
    ],
)
def test_windows_that_cannot_be_are_told(tables: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_study({"name": "windows", **ONE_ARM, **tables})
    assert says in str(caught.value)
