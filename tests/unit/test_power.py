"""Power by resampling: nominal errors under a null, coverage, the closed form, and bookkeeping."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from gaussian_people import MONTHS, gaussian_people, one_design, plan_for
from statsmodels.stats.power import TTestIndPower

from cohort.planning.closed_form import closed_form_power
from cohort.planning.designs import Design
from cohort.planning.people import People
from cohort.planning.plan import Plan
from cohort.planning.resample import drawn_trials
from cohort.planning.sample_size import interpolated
from cohort.planning.simulate import batch_size, replicate_rows
from cohort.planning.summary import power_table
from cohort.planning.truth import true_effects

PEOPLE = gaussian_people()


def rows_of(people: People, plan: Plan, design: Design, replicates: int) -> pa.Table:
    size = batch_size(design, len(plan.comparisons))
    starts = range(0, replicates, size)
    numbers = [np.arange(start, min(start + size, replicates)) for start in starts]
    return pa.concat_tables([replicate_rows(people, plan, design, n) for n in numbers])


def share(rows: pa.Table, column: str) -> float:
    values = rows[column].drop_null().to_numpy()
    return float(np.mean(values))


def within(found: float, expected: float, trials: int, errors: float = 3.5) -> bool:
    return abs(found - expected) < errors * np.sqrt(expected * (1 - expected) / trials)


CASES: dict[str, dict[str, Any]] = {
    "ancova": {},
    "no covariate": {"analysis": {"covariates": ()}},
    "stratified": {"randomisation": {"strata": ({"variable": "age", "cuts": (66, 72)},)}},
    "simple": {"randomisation": {"method": "simple"}},
    "carried forward": {"analysis": {"missing": "carried_forward"}},
    "responders": {"analysis": {"method": "responders", "threshold": 0.0}},
}


@pytest.mark.parametrize("case", CASES)
def test_type_one_error_and_coverage_over_two_thousand_trials(case: str) -> None:
    plan = plan_for(PEOPLE, **CASES[case])
    dropout = 0.1 if case == "carried forward" else 0.0
    null = rows_of(PEOPLE, plan, one_design(PEOPLE, 160, 0.0, null=True, dropout=dropout), 2000)
    assert within(share(null, "rejected"), 0.05, 2000)
    rows = rows_of(PEOPLE, plan, one_design(PEOPLE, 160, dropout=dropout), 2000)
    assert 0.94 <= share(rows, "covered") <= 0.96
    assert rows["covered"].null_count == 0


@pytest.mark.parametrize("analysis", ["mmrm", "imputed"])
def test_slower_analyses_keep_their_error_and_coverage(analysis: str) -> None:
    chosen = {"method": "mmrm"} if analysis == "mmrm" else {"missing": "imputed", "imputations": 5}
    plan = plan_for(PEOPLE, analysis=chosen)
    null = rows_of(PEOPLE, plan, one_design(PEOPLE, 100, 0.0, null=True, dropout=0.1), 300)
    assert within(share(null, "rejected"), 0.05, 300)
    rows = rows_of(PEOPLE, plan, one_design(PEOPLE, 100, dropout=0.1), 300)
    assert within(share(rows, "covered"), 0.95, 300)


def test_imputed_responders_are_covered_as_often_as_said_or_more() -> None:
    """A normal imputation knows more than shares do, so Rubin's variance is no smaller than due.

    Meng 1994, 10.1214/ss/1177010269: such intervals hold the truth too often, not too rarely.
    """
    chosen = {"method": "responders", "threshold": 0.0, "missing": "imputed", "imputations": 5}
    plan = plan_for(PEOPLE, analysis=chosen)
    for design in (
        one_design(PEOPLE, 100, 0.0, null=True, dropout=0.1),
        one_design(PEOPLE, 100, dropout=0.1),
    ):
        rows = rows_of(PEOPLE, plan, design, 500)
        true = float(true_effects(PEOPLE, plan, design)[0, 0])
        assert rows["covered"].null_count == 0
        assert 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 500) < share(rows, "covered") < 0.99
        assert share(rows, "estimate") == pytest.approx(true, abs=0.02)


def test_margins_are_where_the_null_just_holds() -> None:
    test = {"claim": "non_inferiority", "margin": 0.5}
    plan = plan_for(PEOPLE, test=test)
    null = rows_of(PEOPLE, plan, one_design(PEOPLE, 160, 0.0, null=True), 2000)
    assert within(share(null, "rejected"), 0.025, 2000)
    assert share(null, "estimate") == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize(
    ("participants", "allocation", "covariates"),
    [(30, (1, 1), ("baseline",)), (120, (1, 1), ()), (240, (1, 2), ("baseline",))],
)
def test_power_is_that_of_the_closed_form(
    participants: int, allocation: tuple[int, ...], covariates: tuple[str, ...]
) -> None:
    people = gaussian_people((0.0, 4.5 if participants == 30 else 1.8), persons=50_000)
    plan = plan_for(people, analysis={"covariates": covariates})
    design = one_design(people, participants, allocation=allocation, visits=(24.0,))
    rows = rows_of(people, plan, design, 12_000)
    formula = closed_form_power(people, plan, design)[0]
    assert 0.4 < formula < 0.95
    assert share(rows, "rejected") == pytest.approx(formula, abs=0.01)


def test_closed_form_is_that_of_statsmodels() -> None:
    """Without covariates it is the two-sample t test."""
    people = gaussian_people((0.0, 1.8))
    plan = plan_for(people, analysis={"covariates": ()})
    last = people.measured[0, :, :, -1].astype(float)
    size = float(last[1].mean() - last[0].mean()) / float(last[0].std())
    expected = TTestIndPower().power(size, 50, 0.05, ratio=2)
    design = one_design(people, 150, allocation=(1, 2))
    assert closed_form_power(people, plan, design)[0] == pytest.approx(expected, abs=1e-4)


def test_interim_looks_keep_the_error_and_save_participants() -> None:
    test = {"looks": (0.25, 0.5, 0.75, 1.0), "boundary": "pocock"}
    people = gaussian_people((0.0, 3.0))
    plan = plan_for(people, test=test)
    null = rows_of(people, plan, one_design(people, 200, 0.0, null=True), 2000)
    assert within(share(null, "rejected"), 0.05, 2000)
    rows = rows_of(people, plan, one_design(people, 200), 1000)
    # Repeated confidence intervals cover at least as often as they say, wherever a trial stops.
    assert share(rows, "covered") >= 0.94
    assert share(rows, "look") < 3.0


@pytest.mark.parametrize(
    ("rule", "binding"),
    [("obrien_fleming_spending", False), ("pocock_spending", True), ("conditional_power", False)],
)
def test_trials_that_stop_for_futility_have_the_probabilities_of_a_normal_walk(
    rule: str, binding: bool
) -> None:
    """Shares of trials that stop, against simulated normal walks between the same bounds."""
    test = {"looks": (0.4, 0.7, 1.0), "futility": {"rule": rule, "binding": binding}}
    people = gaussian_people((0.0, 1.7))
    plan = plan_for(people, test=test)
    looks = plan.looks
    assert looks.futility is not None
    futility = looks.futility
    z = np.random.default_rng(7).normal(size=(400_000, 3)) * np.sqrt([0.4, 0.3, 0.3])

    def walked(drift: float) -> tuple[float, float]:
        """Return the share that is shown, and that stops early as futile."""
        walk = (z + drift * np.array([0.4, 0.3, 0.3])).cumsum(axis=1) / np.sqrt([0.4, 0.7, 1.0])
        out = (walk >= looks.critical) | (walk < futility)
        first = out.argmax(axis=1)  # the last bounds are equal: everybody is out by then
        shown = (walk >= looks.critical)[np.arange(len(walk)), first]
        return float(shown.mean()), float((~shown & (first < 2)).mean())

    for effect, null in ((0.0, True), (1.0, False)):
        design = one_design(people, 200, effect, null=null)
        rows = rows_of(people, plan, design, 2000)
        drift = 0.0 if null else float(np.mean(rows["estimate"]) / np.mean(rows["se"]))
        if not null:  # of a whole trial
            whole = rows_of(people, plan_for(people), design, 500)
            drift = float(np.mean(whole["estimate"]) / np.mean(whole["se"]))
        shown, futile = walked(drift)
        if null:
            assert shown <= 0.025 + 1e-3
        early = np.mean((rows["look"].to_numpy() < 3) & ~np.asarray(rows["rejected"]))
        assert within(share(rows, "rejected"), shown, 2000, errors=4.5)
        assert within(float(early), futile, 2000, errors=4.5)


def test_arms_leave_at_rates_of_their_own() -> None:
    plan = plan_for(PEOPLE)
    design = one_design(PEOPLE, 400, dropout=(0.1, 0.3))
    drawn = drawn_trials(PEOPLE, plan, design, np.arange(50))
    for number, rate in enumerate((0.1, 0.3)):
        stays = np.isfinite(drawn.trial.endpoint[drawn.trial.arm == number])
        assert within(float(stays.mean()), (1 - rate) ** 2, stays.size)
    assert design.mean_dropout == pytest.approx(0.2)
    alone = drawn_trials(PEOPLE, plan, one_design(PEOPLE, 400, dropout=0.1), np.arange(50))
    first = drawn.trial.arm == 0
    np.testing.assert_array_equal(drawn.trial.values[first], alone.trial.values[first])


def test_where_leaving_counts_arms_that_differ_in_it_have_no_null() -> None:
    """Carried forward: an arm whose participants leave early shows the earlier, smaller change."""
    people = gaussian_people((1.0, 1.0))
    plan = plan_for(people, analysis={"missing": "carried_forward"})
    rates = (0.0, 0.75)
    null = one_design(people, 100, 0.0, null=True, dropout=rates)
    assert np.isnan(true_effects(people, plan, null)).all()
    observed = plan_for(people)
    assert true_effects(people, observed, null)[0, 0] == 0.0
    # 0.25 a year: 0.5, 0.25, 0.0625 are there at 6, 12, 24 months, where the mean is 0.4, 0.7, 1.
    mean = np.einsum("pv->v", people.true[0, 0].astype(float)) / 20_000
    weights = np.array([0.25, 0.1875, 0.0625]) / 0.5
    design = one_design(people, 100, dropout=rates)
    expected = weights @ mean[1:] - mean[3]
    assert true_effects(people, plan, design)[0, 0] == pytest.approx(expected, rel=1e-4)
    rows = rows_of(people, plan, design, 400)
    assert 0.92 < share(rows, "covered") < 0.98


def test_holm_keeps_the_error_over_three_arms() -> None:
    people = gaussian_people((0.0, 0.0, 0.0))
    plan = plan_for(people, test={"multiplicity": "holm"})
    rows = rows_of(people, plan, one_design(people, 150, 0.0, null=True), 2000)
    rejected = rows["rejected"].to_numpy().reshape(-1, 2)
    family = rejected.any(axis=1).mean()
    # Two comparisons with one control, rho = 1/2: Holm's error is Bonferroni's here, below 0.05
    # and, by Slepian's inequality, above that of two equal hypotheses.
    assert 0.025 < family
    assert family < 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 2000)


def test_truth_is_the_mean_over_the_cohort() -> None:
    people = gaussian_people((0.0, 2.0))
    plan = plan_for(people)
    np.testing.assert_allclose(true_effects(people, plan, one_design(people, 100)), 2.0, rtol=1e-5)
    half = true_effects(people, plan, one_design(people, 100, 0.5))
    np.testing.assert_allclose(half, 1.0, rtol=1e-5)
    locf = plan_for(people, analysis={"missing": "carried_forward"})
    found = true_effects(people, locf, one_design(people, 100, dropout=0.19))[0, 0]
    # 0.81 a year: at 6, 12, 24 months 0.9, 0.81, 0.6561 are left; whoever leaves earlier than
    # month 6 has no value.
    weights = np.array([0.9 - 0.81, 0.81 - 0.6561, 0.6561]) / 0.9
    assert found == pytest.approx(2.0 * float(weights @ [0.4, 0.7, 1.0]), rel=1e-5)


def test_a_replicate_drawn_alone_is_the_one_of_the_batch() -> None:
    plan = plan_for(PEOPLE, analysis={"missing": "imputed", "imputations": 3})
    design = one_design(PEOPLE, 60, dropout=0.2)
    batch = replicate_rows(PEOPLE, plan, design, np.arange(20))
    alone = replicate_rows(PEOPLE, plan, design, np.array([7]))
    for name in ("seed", "rejected", "look", "n"):
        assert batch[name][7] == alone[name][0]
    assert batch["estimate"][7].as_py() == pytest.approx(alone["estimate"][0].as_py(), rel=1e-12)


def test_larger_trials_begin_with_the_participants_of_smaller_ones() -> None:
    plan = plan_for(PEOPLE, randomisation={"strata": ({"variable": "sex"},)})
    few, many = (drawn_trials(PEOPLE, plan, one_design(PEOPLE, n), np.arange(3)) for n in (60, 200))
    np.testing.assert_array_equal(few.person, many.person[:, :60])
    np.testing.assert_array_equal(few.trial.arm, many.trial.arm[:, :60])
    assert not np.array_equal(few.person[0], few.person[1])


def test_blocks_balance_arms_within_strata() -> None:
    plan = plan_for(PEOPLE, randomisation={"block": 2, "strata": ({"variable": "sex"},)})
    drawn = drawn_trials(PEOPLE, plan, one_design(PEOPLE, 300, allocation=(1, 2)), np.arange(20))
    female = PEOPLE.covariates["sex"][drawn.person] == "female"
    for group in (female, ~female):
        treated = (drawn.trial.arm == 1) & group
        # At most one block of two times three is open in each stratum.
        assert (np.abs(treated.sum(axis=1) - 2 / 3 * group.sum(axis=1)) <= 2).all()


def test_dropout_has_the_yearly_rate_and_erases_what_follows() -> None:
    plan = plan_for(PEOPLE)
    drawn = drawn_trials(PEOPLE, plan, one_design(PEOPLE, 400, dropout=0.2), np.arange(50))
    gone = np.isnan(drawn.trial.values)
    assert (gone == (drawn.last_month[..., None] < MONTHS[1:])).all()
    left = gone.mean(axis=(0, 1))
    expected = 1 - 0.8 ** (MONTHS[1:] / 12)
    assert (np.abs(left - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000)).all()


def test_draws_of_parameters_take_turns() -> None:
    people = gaussian_people((0.0, 2.0), draws=3, persons=2000)
    plan = plan_for(people)
    rows = replicate_rows(people, plan, one_design(people, 2000), np.arange(30))
    draw = rows["draw"].to_numpy()
    assert draw.tolist() == [r % 3 for r in range(30)]
    estimates = rows["estimate"].to_numpy()
    means = [estimates[draw == d].mean() for d in range(3)]
    np.testing.assert_allclose(means, [1.0, 2.0, 3.0], atol=4 * 4.0 / np.sqrt(500 * 10))


def test_the_table_of_power_holds_shares_errors_and_assurance() -> None:
    people = gaussian_people((0.0, 2.0, 1.0), draws=4, persons=2000)
    plan = plan_for(people, test={"multiplicity": "hierarchical"})
    found = [
        dataclasses.replace(one_design(people, 120, 1.0), number=0),
        dataclasses.replace(one_design(people, 120, 0.0, null=True), number=1),
    ]
    every = [replicate_rows(people, plan, design, np.arange(400)) for design in found]
    lines = power_table(people, plan, found, pa.concat_tables(every), "bmd", "points").to_pylist()
    assert [(r["design"], r["comparison"]) for r in lines] == [
        (number, words)
        for number in (0, 1)
        for words in ("dose_1 - placebo", "dose_2 - placebo", "any", "all")
    ]
    real, null = (t["rejected"].to_numpy().reshape(400, 2) for t in every)
    first, second, any_one, every_one = lines[:4]
    assert first["power"] == first["assurance"] == pytest.approx(real[:, 0].mean())
    assert first["power_se"] == pytest.approx(np.sqrt(first["power"] * (1 - first["power"]) / 400))
    by_draw = [real[np.arange(400) % 4 == draw, 0].mean() for draw in range(4)]
    assert first["power_low"] == pytest.approx(np.percentile(by_draw, 5))
    assert first["power_high"] == pytest.approx(np.percentile(by_draw, 95))
    assert first["type_1_error"] == pytest.approx(null[:, 0].mean())
    # The effects of the draws are 0.5 to 1.5 times the set's own.
    assert first["true_effect"] == pytest.approx(2.0, rel=1e-5)
    assert first["closed_form"] is None
    # In a hierarchy the second is shown only where the first is.
    assert every_one["power"] == pytest.approx(second["power"])
    assert any_one["power"] == pytest.approx(first["power"])
    assert any_one["coverage"] is None


def test_sample_size_is_read_off_the_normal_curve() -> None:
    """A normal test with effect d per root participant: power = Phi(d sqrt(n) - 1.96)."""
    from scipy.stats import norm

    sizes = [50, 100, 200, 400]
    powers = [float(norm.cdf(0.25 * np.sqrt(n) - 1.959964)) for n in sizes]
    found = interpolated(sizes, powers, [10**9] * 4, 0.9)
    exact = ((1.959964 + norm.ppf(0.9)) / 0.25) ** 2
    assert found["participants"] == pytest.approx(exact, rel=1e-4)
    assert found["participants_low"] < exact < found["participants_high"]
    wide = interpolated(sizes, powers, [1000] * 4, 0.9)
    assert wide["participants_high"] - wide["participants_low"] > 5
    assert "above 400" in interpolated(sizes, [0.1, 0.2, 0.3, 0.4], [100] * 4, 0.9)["note"]
    assert "below 50" in interpolated(sizes, [0.95, 0.96, 0.97, 0.98], [100] * 4, 0.9)["note"]


@pytest.mark.parametrize(
    ("pairs", "references"),
    [
        ((("dose_1", "placebo"), ("dose_2", "placebo")), (0, 0, 0)),
        ((("dose_2", "dose_1"),), (0, 1, 1)),
        ((("dose_2", "dose_1"), ("dose_1", "placebo")), (0, 0, 0)),
        ((("dose_2", "dose_1"), ("dose_2", "placebo")), (1, 1, 1)),
    ],
)
def test_arms_that_are_compared_are_alike_without_effects(
    pairs: tuple[tuple[str, str], ...], references: tuple[int, ...]
) -> None:
    people = gaussian_people((0.0, 1.0, 2.0), persons=1000)
    test = {"comparisons": tuple({"treated": a, "control": b} for a, b in pairs)}
    plan = plan_for(people, test=test)
    assert plan.references == references
    design = one_design(people, 300, 0.0, null=True)
    assert np.abs(true_effects(people, plan, design)).max() == 0
    rows = replicate_rows(people, plan, design, np.arange(100))
    estimates = rows["estimate"].to_numpy().reshape(100, -1)
    assert (np.abs(estimates.mean(axis=0)) < 4 * estimates.std(axis=0) / 10).all()


def test_shares_of_events_lie_between_the_arms() -> None:
    """Events of half the effect: half the people have the history of the treated arm."""
    people = gaussian_people((0.0, 0.0), persons=20_000)
    rng = np.random.default_rng(3)
    counts = np.zeros((1, 2, 20_000, 4), np.float32)
    for arm, hazard in ((0, 0.2), (1, 0.1)):
        counts[0, arm, :, 1:] = rng.random((20_000, 3)) < hazard
    people = dataclasses.replace(people, measured=counts, true=counts)
    plan = plan_for(people, analysis={"method": "log_rank"}, test={"higher_is_better": False})
    null = rows_of(people, plan, one_design(people, 300, 0.0, null=True), 1000)
    assert within(share(null, "rejected"), 0.05, 1000)
    full, half = (
        share(replicate_rows(people, plan, one_design(people, 3000, e), np.arange(60)), "estimate")
        for e in (1.0, 0.5)
    )
    # Many events fall on each visit, so that Peto's estimate is the log odds ratio between visits.
    assert full == pytest.approx(np.log(0.1 / 0.9 / (0.2 / 0.8)), abs=0.03)
    assert half == pytest.approx(np.log(0.15 / 0.85 / (0.2 / 0.8)), abs=0.03)
    assert rows_of(people, plan, one_design(people, 300), 10)["covered"].null_count == 10
