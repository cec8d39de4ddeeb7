"""Time to event, on the remission times of Freireich et al. 1963 (Blood 21:699).

Kaplan-Meier values, log-rank test and Cox coefficients of these data stand in Kalbfleisch &
Prentice, The Statistical Analysis of Failure Time Data, and Kleinbaum & Klein, Survival Analysis.
"""

from __future__ import annotations

import numpy as np
import pytest

from cohort.analysis.statistics.survival import (
    Times,
    cox,
    first_events,
    kaplan_meier,
    log_rank,
    risks,
)
from cohort.analysis.statistics.trial import Comparison

# Weeks of remission, 6-mercaptopurine (negative: still in remission) and placebo.
TREATED = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
SIGNED = np.array([*TREATED, *PLACEBO], dtype=float)
TIMES = Times(np.abs(SIGNED), (SIGNED > 0).astype(float))
ARM = np.array([1] * len(TREATED) + [0] * len(PLACEBO))


def of(arm: int) -> Times:
    return Times(TIMES.month[arm == ARM], TIMES.event[arm == ARM])


def test_kaplan_meier_curve() -> None:
    curve = kaplan_meier(of(1))
    assert curve.month.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    published = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    np.testing.assert_allclose(curve.surviving, published, atol=5e-5)
    assert curve.risk(5.0) == (0.0, 0.0)
    # Greenwood at 10 weeks, by hand.
    variance = 0.7529**2 * (3 / (21 * 18) + 1 / (17 * 16) + 1 / (15 * 14))
    assert curve.risk(10.0)[1] == pytest.approx(np.sqrt(variance), rel=1e-3)


def test_log_rank_test() -> None:
    found = log_rank(Times(TIMES.month[None], TIMES.event[None]), ARM[None], [Comparison(1, 0)])
    assert found.statistic()[0, 0] ** 2 == pytest.approx(16.79, abs=0.005)
    # Observed 9, expected 19.25, variance 6.257.
    assert found.estimate[0, 0] == pytest.approx((9 - 19.2505) / 6.2570, abs=1e-3)


def test_cox_model() -> None:
    found = cox(TIMES, ARM == 1)
    assert found.estimate == pytest.approx(-1.572, abs=5e-4)
    assert found.se == pytest.approx(0.412, abs=5e-4)


def test_risks_and_number_needed_to_treat_without_censoring() -> None:
    """Without censoring Kaplan-Meier is a proportion: 10 of 100 against 20 of 100."""

    def group(events: int) -> Times:
        return Times(
            np.r_[np.full(events, 12.0), np.full(100 - events, 24.0)],
            np.r_[np.ones(events), np.zeros(100 - events)],
        )

    found = risks(kaplan_meier(group(10)), kaplan_meier(group(20)), 12.0)
    se = np.sqrt(0.1 * 0.9 / 100 + 0.2 * 0.8 / 100)
    assert found.reduction.estimate == pytest.approx(0.1)
    assert found.reduction.low == pytest.approx(0.1 - 1.95996 * se, rel=1e-4)
    assert found.relative.estimate == pytest.approx(0.5)
    log_se = np.sqrt(0.9 / 10 + 0.8 / 20)  # (1 - p) / (n p), of either arm
    assert found.relative.high == pytest.approx(0.5 * np.exp(1.95996 * log_se), rel=1e-4)
    assert found.number_needed.estimate == pytest.approx(10.0)
    assert found.number_needed.low == pytest.approx(1 / found.reduction.high)
    same = risks(kaplan_meier(group(10)), kaplan_meier(group(10)), 12.0)
    assert same.number_needed.high == np.inf


def test_first_events_of_counts_by_visit() -> None:
    nan = np.nan
    counts = np.array([[[0, 1, 0], [0, 0, nan], [2, 1, 1], [0, 0, 0], [nan, nan, nan]]], float)
    found = first_events(np.array([12.0, 24.0, 36.0]), counts)
    np.testing.assert_array_equal(found.month, [[24, 24, 12, 36, nan]])
    np.testing.assert_array_equal(found.event, [[1, 0, 1, 0, 0]])
