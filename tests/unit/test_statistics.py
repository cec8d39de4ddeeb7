"""Analyses of one trial against statsmodels, published tables and arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from cohort.analysis.statistics.ancova import ancova
from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.interim import boundaries, crossing
from cohort.analysis.statistics.margins import Hypothesis
from cohort.analysis.statistics.multiplicity import adjusted
from cohort.analysis.statistics.responders import rate_difference, responded
from cohort.analysis.statistics.rubin import combined
from cohort.analysis.statistics.subgroups import subgroup_effects
from cohort.analysis.statistics.trial import Comparison

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


@pytest.mark.parametrize(
    ("kind", "looks", "last"),
    [
        # Jennison & Turnbull 2000, tables 2.1 and 2.3, two-sided alpha 0.05.
        ("pocock", 2, 2.178),
        ("pocock", 3, 2.289),
        ("pocock", 4, 2.361),
        ("pocock", 5, 2.413),
        ("pocock", 10, 2.555),
        ("obrien_fleming", 2, 1.977),
        ("obrien_fleming", 3, 2.004),
        ("obrien_fleming", 4, 2.024),
        ("obrien_fleming", 5, 2.040),
        ("obrien_fleming", 10, 2.087),
    ],
)
def test_group_sequential_boundaries_are_those_of_the_tables(
    kind: str, looks: int, last: float
) -> None:
    fractions = np.arange(1, looks + 1) / looks
    found = boundaries(fractions.tolist(), 0.05, kind)  # pyright: ignore[reportArgumentType] - parametrised
    assert found[-1] == pytest.approx(last, abs=6e-4)
    np.testing.assert_allclose(
        found * (np.sqrt(fractions) if "fleming" in kind else 1.0), found[-1]
    )


@pytest.mark.parametrize(
    ("kind", "published"),
    [
        # DeMets & Lan 1994 (10.1002/sim.4780131308): five equal looks, two-sided alpha 0.05.
        ("obrien_fleming_spending", [4.88, 3.36, 2.68, 2.29, 2.03]),
        ("pocock_spending", [2.44, 2.43, 2.41, 2.40, 2.39]),
    ],
)
def test_spending_boundaries_are_those_of_the_table(kind: str, published: list[float]) -> None:
    found = boundaries([0.2, 0.4, 0.6, 0.8, 1.0], 0.05, kind)  # pyright: ignore[reportArgumentType] - parametrised
    np.testing.assert_allclose(found, published, atol=6e-3)


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


def test_rate_difference_agrees_with_the_unpooled_z_test() -> None:
    values = np.array([[3.0] * 30 + [0.0] * 20 + [3.0] * 18 + [0.0] * 42 + [np.nan] * 5])
    arm = np.array([[1] * 50 + [0] * 65])
    found = rate_difference(responded(values, 3.0), arm, [Comparison(1, 0)])
    assert found.estimate[0, 0] == pytest.approx(30 / 50 - 18 / 60)
    z, p = proportions_ztest([30, 18], [50, 60], prop_var=False)
    assert found.n[0, 0] == 110
    # The z test pools: its variance is p (1 - p) (1/n + 1/m) with p = 48/110.
    pooled = np.sqrt(48 / 110 * 62 / 110 * (1 / 50 + 1 / 60))
    unpooled = np.sqrt(0.6 * 0.4 / 50 + 0.3 * 0.7 / 60)
    assert found.statistic()[0, 0] == pytest.approx(z * pooled / unpooled)
    assert found.two_sided()[0, 0] == pytest.approx(p, rel=0.5)


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
