"""Survival by Kaplan and Meier against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cohort.results.survival import survival


@pytest.mark.parametrize("digits", [0, 2])  # with many at one time, and with hardly any
@pytest.mark.parametrize("lost", [1, 60])
@pytest.mark.filterwarnings("ignore:The confidence interval is undefined:RuntimeWarning")
def test_curve_and_limits_are_those_of_scipy(digits: int, lost: int) -> None:
    random = np.random.default_rng(3)
    event = random.exponential(10.0, 40).round(digits)
    left = random.exponential(12.0, lost).round(digits)
    found = survival(event, left, level=0.9)
    curve = stats.ecdf(stats.CensoredData(uncensored=event, right=left)).sf
    limits = curve.confidence_interval(0.9, method="log-log")
    np.testing.assert_array_equal(found.time, curve.quantiles)
    np.testing.assert_array_equal(found.share, curve.probabilities)
    np.testing.assert_array_equal(found.low, limits.low.probabilities)
    np.testing.assert_array_equal(found.high, limits.high.probabilities)
