"""Analyses of one trial against statsmodels, published tables and arithmetic by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import xlog1py, xlogy
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import score_test_proportions_2indep

from cohort.analysis.statistics.ancova import ancova
from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.interim import Boundary, boundaries, crossing, exits
from cohort.analysis.statistics.margins import Hypothesis
from cohort.analysis.statistics.multiplicity import adjusted
from cohort.analysis.statistics.responders import RateDifference, rate_difference, responded
from cohort.analysis.statistics.rubin import combined
from cohort.analysis.statistics.subgroups import subgroup_effects
from cohort.analysis.statistics.trial import Comparison

OF, PO = "obrien_fleming_spending", "pocock_spending"
PAIRS = (Comparison(1, 0), Comparison(2, 0), Comparison(2, 1))


def three_arms(seed: int, replicates: int = 3, n: int = 90) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 3, (replicates, n))
    covariates = rng.normal(0.8, 0.1, (replicates, n, 2))
    y = 2.0 * arm + 30.0 * covariates[..., 0] + rng.normal(0, 3, (replicates, n))
    y[:, ::11] = np.nan
    return y, arm, covariates


def test_ancova_of_many_trials_is_ordinary_least_squares_of_each() -> None:
    y, arm, covariates = three_arms(1)
    found = ancova(y, arm, 3, covariates, PAIRS)
    low, high = found.interval(0.05)
    for r in range(len(y)):
        dummies = np.column_stack([arm[r] == 1, arm[r] == 2]).astype(float)
        x = sm.add_constant(np.column_stack([dummies, covariates[r]]))
        fit = sm.OLS(y[r], x, missing="drop").fit()
        tests = fit.t_test(np.array([[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, -1, 1, 0, 0]]))
        np.testing.assert_allclose(found.estimate[r], tests.effect, rtol=1e-9)
        np.testing.assert_allclose(found.se[r], tests.sd.ravel(), rtol=1e-9)
        np.testing.assert_allclose(found.two_sided()[r], tests.pvalue, rtol=1e-7)
        np.testing.assert_allclose(
            np.column_stack([low[r], high[r]]), np.asarray(tests.conf_int()), rtol=1e-8
        )
        assert found.df[r, 0] == fit.df_resid


def test_ancova_of_an_arm_without_values_has_no_effect() -> None:
    y, arm, covariates = three_arms(2)
    y[0, arm[0] == 2] = np.nan
    found = ancova(y, arm, 3, covariates, PAIRS)
    assert np.isnan(found.two_sided()[0]).all()
    assert np.isfinite(found.two_sided()[1:]).all()


# Jennison & Turnbull 2000, Group Sequential Methods, tables 2.1 and 2.3 (10.1201/9780367805326):
# the constants of 1 to 10 looks, by two-sided alpha.
CONSTANTS: dict[tuple[Boundary, float], list[float]] = {
    ("pocock", 0.01): [2.576, 2.772, 2.873, 2.939, 2.986, 3.023, 3.053, 3.078, 3.099, 3.117],
    ("pocock", 0.05): [1.960, 2.178, 2.289, 2.361, 2.413, 2.453, 2.485, 2.512, 2.535, 2.555],
    ("pocock", 0.1): [1.645, 1.875, 1.992, 2.067, 2.122, 2.164, 2.197, 2.225, 2.249, 2.270],
    ("obrien_fleming", 0.01): [
        2.576,
        2.580,
        2.595,
        2.609,
        2.621,
        2.631,
        2.640,
        2.648,
        2.654,
        2.660,
    ],
    ("obrien_fleming", 0.05): [
        1.960,
        1.977,
        2.004,
        2.024,
        2.040,
        2.053,
        2.063,
        2.072,
        2.080,
        2.087,
    ],
    ("obrien_fleming", 0.1): [1.645, 1.678, 1.710, 1.733, 1.751, 1.765, 1.776, 1.786, 1.794, 1.801],
}
# The same, tables 2.2 and 2.4: how much more information than with one look has the power at the
# end, two-sided alpha 0.05, for 2 to 5 looks.
INFLATION: dict[tuple[Boundary, float], list[float]] = {
    ("pocock", 0.8): [1.110, 1.166, 1.202, 1.229],
    ("pocock", 0.9): [1.100, 1.151, 1.183, 1.207],
    ("obrien_fleming", 0.8): [1.008, 1.017, 1.024, 1.028],
    ("obrien_fleming", 0.9): [1.007, 1.016, 1.022, 1.026],
}


@pytest.mark.parametrize("looks", [1, 2, 3, 4, 5, 7, 10])
@pytest.mark.parametrize(("kind", "alpha"), CONSTANTS)
def test_group_sequential_boundaries_are_those_of_the_tables(
    kind: Boundary, alpha: float, looks: int
) -> None:
    fractions = np.arange(1, looks + 1) / looks
    found = boundaries(fractions.tolist(), alpha, kind)
    assert found[-1] == pytest.approx(CONSTANTS[kind, alpha][looks - 1], abs=6e-4)
    np.testing.assert_allclose(
        found * (np.sqrt(fractions) if kind == "obrien_fleming" else 1.0), found[-1]
    )


@pytest.mark.parametrize("looks", [2, 3, 4, 5])
@pytest.mark.parametrize(("kind", "power"), INFLATION)
def test_information_for_a_power_is_that_of_the_tables(
    kind: Boundary, power: float, looks: int
) -> None:
    fractions = np.arange(1, looks + 1) / looks
    critical = boundaries(fractions.tolist(), 0.05, kind)
    once = stats.norm.isf(0.025) + stats.norm.ppf(power)
    low, high = (
        float(exits(fractions, -critical, critical, once * np.sqrt(factor))[0].sum())
        for factor in INFLATION[kind, power][looks - 2] + np.array([-1e-3, 1e-3])
    )
    assert low < power < high


@pytest.mark.parametrize(
    ("kind", "shares", "alpha", "published", "within"),
    [
        # DeMets & Lan 1994 (10.1002/sim.4780131308): five equal looks, two-sided alpha 0.05.
        (OF, [0.2, 0.4, 0.6, 0.8, 1.0], 0.05, [4.88, 3.36, 2.68, 2.29, 2.03], 6e-3),
        (PO, [0.2, 0.4, 0.6, 0.8, 1.0], 0.05, [2.44, 2.43, 2.41, 2.40, 2.39], 6e-3),
        # Reference of `gs_b` in gsDesign2 (R), one-sided 0.025.
        (OF, [0.5, 0.75, 1.0], 0.05, [2.962588, 2.359018, 2.014084], 2e-5),
        # Tests of rpact (R), one-sided 0.03 and 0.05.
        (OF, [1 / 3, 2 / 3, 1.0], 0.06, [3.5815302, 2.417863, 1.9175839], 2e-5),
        (PO, [0.4, 0.65, 1.0], 0.1, [1.9405431, 2.0327662, 1.9734104], 1e-4),
    ],
)
def test_spending_boundaries_are_published_ones(
    kind: Boundary, shares: list[float], alpha: float, published: list[float], within: float
) -> None:
    np.testing.assert_allclose(boundaries(shares, alpha, kind), published, atol=within)


def test_crossing_of_two_looks_is_that_of_simulated_walks() -> None:
    rng = np.random.default_rng(3)
    steps = rng.normal(2.5 * 0.5, np.sqrt(0.5), (100_000, 2)).cumsum(axis=1)
    z = np.abs(steps / np.sqrt([0.5, 1.0]))
    first = z[:, 0] > 2.178
    expected = [first.mean(), ((~first) & (z[:, 1] > 2.178)).mean()]
    found = crossing(np.array([0.5, 1.0]), np.array([2.178, 2.178]), drift=2.5)
    np.testing.assert_allclose(found, expected, atol=4 * 0.5 / np.sqrt(100_000))


@pytest.mark.parametrize("procedure", ["holm", "bonferroni"])
def test_adjusted_p_values_are_those_of_statsmodels(procedure: str) -> None:
    p = np.random.default_rng(4).uniform(0, 0.2, (20, 4))
    found = adjusted(p, procedure)  # pyright: ignore[reportArgumentType] - parametrised
    for row, expected in zip(found, p, strict=True):
        expected_p = np.asarray(multipletests(expected, method=procedure)[1], dtype=float)
        np.testing.assert_allclose(row, expected_p)


def test_hierarchical_procedure_stops_at_the_first_that_fails() -> None:
    p = np.array([[0.01, 0.20, 0.001], [0.01, 0.02, 0.03], [0.06, 0.0, 0.0]])
    assert (adjusted(p, "hierarchical") <= 0.05).tolist() == [
        [True, False, False],
        [True, True, True],
        [False, False, False],
    ]


def test_rubins_rules_by_hand() -> None:
    effects = Effect(
        np.array([[1.0], [2.0], [3.0]]), np.ones((3, 1)), np.full((3, 1), 10.0), np.ones((3, 1))
    )
    found = combined(effects)
    # U = 1, B = 1, T = 1 + 4/3, lambda = 4/7; 2 / lambda^2 = 6.125; 11/13 * 10 * 3/7 = 330/91.
    assert found.estimate[0] == 2.0
    assert found.se[0] == pytest.approx(np.sqrt(7 / 3))
    assert found.df[0] == pytest.approx(6.125 * (330 / 91) / (6.125 + 330 / 91))


COUNTS = ((30, 50, 18, 60), (1, 40, 7, 38), (0, 25, 3, 30), (29, 30, 30, 30), (60, 120, 60, 120))


def rates(counts: Sequence[tuple[int, int, int, int]]) -> RateDifference:
    """Trials by responders and participants of the treated and the control arm."""
    most = max(n + m for _, n, _, m in counts)
    values, arm = np.full((2, len(counts), most), np.nan)
    for row, (x, n, y, m) in enumerate(counts):
        values[row, : n + m] = [3.0] * x + [0.0] * (n - x) + [3.0] * y + [0.0] * (m - y)
        arm[row] = np.arange(most) < n
    return rate_difference(responded(values, 3.0), arm.astype(int), [Comparison(1, 0)])


def likeliest(x: int, n: int, y: int, m: int, null: float) -> tuple[float, float]:
    """Proportions that differ by `null` under which the counts are likeliest, by search."""

    def unlikely(rate: float) -> float:
        one, other = np.clip([rate + null, rate], 1e-12, 1 - 1e-12)
        log = [xlogy(x, one), xlog1py(n - x, -one), xlogy(y, other), xlog1py(m - y, -other)]
        return -float(sum(log))

    bounds = max(0.0, -null), min(1.0, 1.0 - null)
    found: Any = minimize_scalar(
        unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-10}
    )
    return float(found.x) + null, float(found.x)


@pytest.mark.parametrize("null", [0.0, 0.05, -0.15, 0.4])
def test_proportions_are_tested_by_the_score(null: float) -> None:
    found = rates(COUNTS)
    for row, (x, n, y, m) in enumerate(COUNTS):
        assert found.estimate[row, 0] == pytest.approx(x / n - y / m)
        assert found.se[row, 0] ** 2 == pytest.approx(
            x / n * (1 - x / n) / n + y / m * (1 - y / m) / m
        )
        assert found.n[row, 0] == n + m
        treated, control = likeliest(x, n, y, m, null)
        variance = treated * (1 - treated) / n + control * (1 - control) / m
        z = (x / n - y / m - null) / np.sqrt(variance * (n + m) / (n + m - 1))
        assert found.statistic(null)[row, 0] == pytest.approx(z, rel=1e-4, abs=1e-4)
        assert found.two_sided(null)[row, 0] == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-3)


def test_equal_proportions_are_tested_as_statsmodels_does() -> None:
    found = rates(COUNTS)
    for row, counts in enumerate(COUNTS):
        z, p = score_test_proportions_2indep(*counts, return_results=False)
        assert found.statistic()[row, 0] == pytest.approx(z, rel=1e-9, abs=1e-12)
        assert found.two_sided()[row, 0] == pytest.approx(p, rel=1e-9)


def test_limits_of_proportions_are_published_ones() -> None:
    """Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, table II."""
    low, high = rates([(56, 70, 48, 80), (9, 10, 3, 10)]).interval()
    published = [(0.0528, 0.3382), (0.1700, 0.8406)]
    np.testing.assert_allclose(np.column_stack([low, high]), published, atol=5.5e-5)


def test_limits_where_all_responded_and_nobody_did_follow_by_hand() -> None:
    """The likeliest rates are (1 + d) / 2 and (1 - d) / 2, so that z^2 = 19 (1 - d) / (1 + d)."""
    low, high = rates([(10, 10, 0, 10)]).interval()
    square = stats.norm.isf(0.025) ** 2
    assert low[0, 0] == pytest.approx((19 - square) / (19 + square), abs=1e-9)
    assert high[0, 0] == pytest.approx(1.0, abs=1e-9)


def imputed_rates(treated: Sequence[int], n: int, control: int, controls: int) -> RateDifference:
    """One trial, imputed as often as there are counts of responders of the treated arm."""
    found = [rates([(x, n, control, controls)]) for x in treated]
    return cast(RateDifference, combined(Effect.stacked([one.one(0) for one in found])))


def test_limits_of_imputed_proportions_are_wilsons_of_lott_and_reiter() -> None:
    """10.1080/00031305.2018.1473796: of one proportion, beside a control that is known."""
    counts, n, m = np.array([21, 24, 19, 25, 22]), 40, 5
    found = imputed_rates(counts.tolist(), n, 30_000, 100_000)
    p = counts / n
    mean, within, between = p.mean(), (p * (1 - p) / n).mean(), p.var(ddof=1)
    r = (1 + 1 / m) * between / within
    t = stats.t.isf(0.025, (m - 1) * (1 + 1 / r) ** 2)
    # (mean - rate)^2 = t^2 (1 + r) rate (1 - rate) / n, solved for the rate
    c = t**2 * (1 + r) / n
    root = np.sqrt((2 * mean + c) ** 2 - 4 * (1 + c) * mean**2)
    expected = (2 * mean + c + np.array([-root, root])) / (2 * (1 + c)) - 0.3
    np.testing.assert_allclose(np.ravel(found.interval()), expected, rtol=2e-3)
    assert found.df[0] == pytest.approx((m - 1) * (1 + 1 / r) ** 2, rel=1e-2)


def test_imputed_proportions_without_differences_are_those_of_one_trial() -> None:
    once = rates([(30, 50, 18, 60)])
    found = imputed_rates([30] * 4, 50, 18, 60)
    np.testing.assert_allclose(found.interval(), [v[0] for v in once.interval()], rtol=1e-9)
    assert found.two_sided() == pytest.approx(once.two_sided()[0])
    nobody = imputed_rates([0] * 3, 50, 0, 50)
    low, high = nobody.interval()
    assert low[0] == pytest.approx(-high[0])
    assert 0 < high[0] < 0.1


def test_the_score_errs_less_than_the_standard_error_under_the_null() -> None:
    """Exact: over every outcome of two arms of 60, by its binomial probability."""
    n, count = 60, np.arange(61)
    pairs = [(int(x), n, int(y), n) for x in count for y in count]
    found = rates(pairs)
    with np.errstate(invalid="ignore", divide="ignore"):
        wald = np.abs(found.estimate / found.se)[:, 0] > stats.norm.isf(0.025)
    score = found.two_sided()[:, 0] <= 0.05
    low, high = found.interval()
    for rate in (0.1, 0.3, 0.7):
        chance = np.outer(*[stats.binom.pmf(count, n, rate)] * 2).ravel()
        assert chance[wald].sum() > 0.054
        assert 0.046 < chance[score].sum() < 0.0525
        covered = ((low <= 0) & (high >= 0))[:, 0]
        assert chance[covered].sum() == pytest.approx(1 - chance[score].sum(), abs=1e-6)


def test_subgroups_and_their_interaction_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(6)
    n = 240
    treated, level = rng.random(n) < 0.5, rng.integers(0, 3, n)
    covariate = rng.normal(0, 1, (n, 1))
    y = treated * (1 + level) + covariate[:, 0] + rng.normal(0, 2, n)
    found = subgroup_effects(y, treated, level, covariate)
    member = np.column_stack([level == 1, level == 2]).astype(float)
    full = np.column_stack([treated, covariate, member, member * treated[:, None]])
    joint = sm.OLS(y, sm.add_constant(full)).fit()
    assert found.interaction == pytest.approx(float(joint.f_test(np.eye(7)[5:]).pvalue))
    for i in range(3):
        here = level == i
        x = sm.add_constant(np.column_stack([treated[here], covariate[here]]).astype(float))
        fit = sm.OLS(y[here], x).fit()
        assert found.effects.estimate[i] == pytest.approx(fit.params[1])
        assert found.effects.se[i] == pytest.approx(fit.bse[1])


def test_claims_follow_the_confidence_interval() -> None:
    effect = Effect(np.array([1.0, -0.5, -2.0]), np.ones(3) * 0.5, np.full(3, 40.0), np.ones(3))
    low, high = effect.interval(0.05)
    inferior = Hypothesis("non_inferiority", margin=1.6)
    superior = Hypothesis()
    np.testing.assert_array_equal(inferior.p_value(effect) <= inferior.level(0.05), low > -1.6)
    np.testing.assert_array_equal(superior.p_value(effect) <= 0.05, (low > 0) | (high < 0))
    fewer = Hypothesis("non_inferiority", margin=1.6, higher_is_better=False)
    np.testing.assert_array_equal(fewer.p_value(effect) <= fewer.level(0.05), high < 1.6)
    assert fewer.null == 1.6
