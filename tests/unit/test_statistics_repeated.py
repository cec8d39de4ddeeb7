"""Repeated measures and missing values, against closed forms, dense algebra and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from cohort.analysis.statistics.imputation import imputed
from cohort.analysis.statistics.methods import Method, estimate
from cohort.analysis.statistics.missing import carried_forward
from cohort.analysis.statistics.mmrm import RepeatedMeasures, fit_repeated_measures, mmrm
from cohort.analysis.statistics.trial import Comparison, Trial

PAIR = (Comparison(1, 0),)
MONTHS = np.array([6.0, 12.0, 24.0])
COVARIANCE = np.array([[4.0, 2.5, 2.0], [2.5, 6.0, 4.0], [2.0, 4.0, 9.0]])


def repeated(seed: int, n: int, leaving: float, effect: float = 3.0, replicates: int = 1) -> Trial:
    """Trials whose participants leave, the likelier the lower their last value was."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 2, (replicates, n))
    baseline = rng.normal(0, 1, (replicates, n, 1))
    errors = rng.standard_normal((replicates, n, 3)) @ np.linalg.cholesky(COVARIANCE).T
    growth = effect * np.array([0.4, 0.7, 1.0])
    values = arm[..., None] * growth + baseline + errors
    gone = np.zeros((replicates, n), bool)
    for visit in (1, 2):
        odds = leaving * np.exp(-0.8 * values[..., visit - 1])
        gone = gone | (rng.random((replicates, n)) < odds / (1 + odds))
        values[gone, visit] = np.nan
    seeds = np.arange(replicates, dtype=np.uint64)
    return Trial(MONTHS, arm, 2, values, baseline, seeds)


def dense(trial: Trial, covariance: np.ndarray) -> tuple[np.ndarray, ...]:
    """The stacked model of all measurements: y, X, V and dV/dtheta, by rows."""
    x = np.column_stack(
        [np.ones(trial.arm.shape[1]), trial.arm[0], trial.covariates[0, :, 0]]
    ).astype(float)
    x[:, 2] -= x[:, 2].mean()
    person, visit = np.nonzero(np.isfinite(trial.values[0]))
    rows = np.zeros((person.size, 9))
    for k in range(person.size):
        rows[k, 3 * visit[k] : 3 * visit[k] + 3] = x[person[k]]
    same = person[:, None] == person[None, :]
    v = np.where(same, covariance[visit[:, None], visit[None, :]], 0.0)
    slopes = []
    for a in range(3):
        for b in range(a + 1):
            e = np.zeros((3, 3))
            e[a, b] = e[b, a] = 1.0
            slopes.append(np.where(same, e[visit[:, None], visit[None, :]], 0.0))
    return trial.values[0][person, visit], rows, v, np.stack(slopes)


def fitted(trial: Trial) -> RepeatedMeasures:
    fit = fit_repeated_measures(trial)
    assert fit is not None
    assert fit.converged
    return fit


def test_on_complete_data_the_model_is_ancova_at_the_visit() -> None:
    trial = repeated(1, 80, 0.0)
    found = mmrm(trial, PAIR)
    x = np.column_stack([trial.arm[0], trial.covariates[0]]).astype(float)
    ols = sm.OLS(trial.endpoint[0], sm.add_constant(x)).fit()
    assert found.estimate[0, 0] == pytest.approx(ols.params[1], rel=1e-8)
    assert found.se[0, 0] == pytest.approx(ols.bse[1], rel=1e-8)
    assert found.df[0, 0] == pytest.approx(ols.df_resid, rel=1e-6)


def test_with_missing_values_the_score_is_zero_and_the_rest_is_gls() -> None:
    trial = repeated(2, 60, 0.3)
    assert 0.1 < np.isnan(trial.endpoint).mean() < 0.6
    fit = fitted(trial)
    y, x, v, slopes = dense(trial, fit.covariance)
    gls = sm.GLS(y, x, sigma=v).fit()
    np.testing.assert_allclose(fit.beta.ravel(), gls.params, rtol=1e-8)
    np.testing.assert_allclose(fit.precision, gls.normalized_cov_params, rtol=1e-8, atol=1e-12)
    inverse = np.linalg.inv(v)
    p = inverse - inverse @ x @ gls.normalized_cov_params @ x.T @ inverse
    for e in slopes:  # restricted maximum likelihood: tr(P E) = y'PEPy
        assert np.trace(p @ e) == pytest.approx(y @ p @ e @ p @ y, abs=1e-6)
    information = 0.5 * np.einsum("jab,kba->jk", p @ slopes, p @ slopes)
    np.testing.assert_allclose(fit.information, information, rtol=1e-6, atol=1e-9)


def test_degrees_of_freedom_are_satterthwaites() -> None:
    trial = repeated(3, 50, 0.3)
    fit = fitted(trial)
    _, se, df = fit.effect(2, PAIR[0])

    def variance(theta: np.ndarray) -> float:
        covariance = np.zeros((3, 3))
        covariance[np.tril_indices(3)] = theta
        covariance = covariance + np.tril(covariance, -1).T
        _, x, v, _ = dense(trial, covariance)
        return float(np.linalg.inv(x.T @ np.linalg.inv(v) @ x)[7, 7])

    theta = fit.covariance[np.tril_indices(3)]
    assert se**2 == pytest.approx(variance(theta))
    steps = 1e-4 * np.eye(6)
    gradient = np.array([(variance(theta + h) - variance(theta - h)) / 2e-4 for h in steps])
    of_variance = gradient @ np.linalg.inv(fit.information) @ gradient
    assert df == pytest.approx(2 * se**4 / of_variance, rel=1e-4)
    assert df < np.isfinite(trial.endpoint).sum() + 5


def test_leaving_that_depends_on_what_was_seen_biases_complete_cases_only() -> None:
    """Low values leave more often, in the control arm above all; MMRM and imputation correct it."""
    trial = repeated(4, 20_000, 0.5)
    observed, model = (
        estimate(trial, Method(name), PAIR).estimate[0, 0] for name in ("ancova", "mmrm")
    )
    filled = estimate(trial, Method("ancova", missing="imputed", imputations=5), PAIR)
    spread = mmrm(trial, PAIR).se[0, 0]
    assert abs(observed - 3.0) > 5 * spread
    assert model == pytest.approx(3.0, abs=4 * spread)
    assert filled.estimate[0, 0] == pytest.approx(3.0, abs=4 * filled.se[0, 0])
    assert filled.se[0, 0] < 2 * spread


def test_copied_reference_gives_leavers_the_controls_course() -> None:
    """Leaving at random: those who left before month 6's gain count as its regression says."""
    rng = np.random.default_rng(5)
    n = 40_000
    arm = np.tile([0, 1], n // 2)[None]
    first = rng.standard_normal((1, n)) + 2.0 * arm
    last = 0.5 * first + rng.standard_normal((1, n)) + 3.0 * arm
    last[rng.random((1, n)) < 0.4] = np.nan
    values = np.stack([first, last], axis=-1)
    trial = Trial(MONTHS[:2], arm, 2, values, np.empty((1, n, 0)), np.zeros(1, np.uint64))
    # Treated stayers gain 0.5 * 2 + 3; leavers 0.5 * 2, their own past under the control's slope.
    method = Method("ancova", missing="copy_reference", imputations=5)
    found = estimate(trial, method, PAIR).estimate[0, 0]
    assert found == pytest.approx(0.6 * 4.0 + 0.4 * 1.0, abs=0.06)


def test_imputation_keeps_what_was_measured_and_is_addressed_by_its_seed() -> None:
    trial = repeated(6, 60, 0.3)
    values = imputed(trial, 3)
    there = np.isfinite(trial.values[0])
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values[:, there], np.repeat(trial.values[:, there], 3, axis=0))
    assert np.ptp(values[:, ~there], axis=0).min() > 0
    np.testing.assert_array_equal(values, imputed(trial, 3))


def test_imputed_values_scatter_as_the_unbiased_variance_says() -> None:
    """One visit, arms of 6 and 8 values: y* - mean has variance s2 (1 + 1/n), s2 = RSS / 12."""
    rng = np.random.default_rng(8)
    arm = np.repeat([0, 1], [6, 8])
    there = rng.normal(0, 2, 14) + 5.0 * arm
    values = np.concatenate([there, np.full(2, np.nan)])[None, :, None]
    arms = np.append(arm, [0, 1])[None]
    trial = Trial(MONTHS[:1], arms, 2, values, np.empty((1, 16, 0)), np.zeros(1, np.uint64))
    drawn = imputed(trial, 20_000)[:, 14:, 0]
    means = np.array([there[arm == a].mean() for a in (0, 1)])
    variance = sum(((there[arm == a] - means[a]) ** 2).sum() for a in (0, 1)) / 12
    np.testing.assert_allclose(drawn.mean(axis=0), means, atol=4 * np.sqrt(variance / 15_000))
    expected = variance * (1 + 1 / np.array([6, 8]))
    # Squares of Student's t with 14 degrees of freedom: relative variance 2.6 each.
    found = ((drawn - means) ** 2).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=4 * np.sqrt(2.6 / 20_000))


def test_last_value_carried_forward() -> None:
    rows = np.array([[1.0, np.nan, 3.0, np.nan], [np.nan, np.nan, 5.0, 6.0]])
    nan = np.nan
    np.testing.assert_array_equal(carried_forward(rows), [[1, 1, 3, 3], [nan, nan, 5, 6]])
