"""Futility bounds against integrals of the multivariate normal, and a normal trial's conditional
power."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.futility import Futility, Looks, Rule, planned_looks, verdicts
from cohort.analysis.statistics.interim import Boundary, boundaries, exits
from cohort.analysis.statistics.margins import Hypothesis

SHARES = (0.4, 0.75, 1.0)
KINDS: tuple[Boundary, ...] = (
    *("obrien_fleming", "pocock", "obrien_fleming_spending", "pocock_spending"),
)


def left_at(looks: Looks, drift: float) -> tuple[list[float], list[float]]:
    """Return how likely a trial is shown, and stops as futile, at each look: whole integrals."""
    assert looks.futility is not None
    t = np.asarray(looks.shares)
    above, below = [], []
    for k in range(1, len(t) + 1):
        root = np.sqrt(t[:k])
        spread = np.minimum.outer(t[:k], t[:k]) / np.outer(root, root)
        inside = looks.futility[: k - 1], looks.critical[: k - 1]
        for found, last in (
            (above, (looks.critical[k - 1], 20.0)),
            (below, (-20.0, looks.futility[k - 1])),
        ):
            low, high = np.append(inside[0], last[0]), np.append(inside[1], last[1])
            normal: Any = multivariate_normal  # SciPy's own signature takes one number as matrix
            integral = normal(drift * root, spread, seed=1).cdf(high, lower_limit=low)
            found.append(float(np.squeeze(integral)))
    return above, below


@pytest.mark.parametrize(("kind", "binding"), [*itertools.product(KINDS, (False, True))])
def test_the_type_two_error_is_spent_as_stated(kind: Boundary, binding: bool) -> None:
    power = 0.8 if binding else 0.9
    futility = Futility("obrien_fleming_spending", binding, power)
    looks = planned_looks(SHARES, 0.05, kind, futility)
    assert looks.futility is not None
    error = 1 - power
    z = norm.isf(error / 2)
    spent = 2 * norm.sf(z / np.sqrt(SHARES))  # Lan & DeMets 1983, one-sided
    # The first look alone says under which drift the error was spent.
    drift = (looks.futility[0] - norm.ppf(spent[0])) / np.sqrt(SHARES[0])
    above, below = left_at(looks, drift)
    np.testing.assert_allclose(np.cumsum(below), spent, atol=2e-5)
    assert sum(above) == pytest.approx(power, abs=2e-5)
    assert looks.futility[-1] == looks.critical[-1]
    if not binding:
        np.testing.assert_array_equal(looks.critical, boundaries(SHARES, 0.05, kind))


@pytest.mark.parametrize("kind", ["obrien_fleming", "pocock_spending"])
@pytest.mark.parametrize("rule", ["pocock_spending", "conditional_power"])
def test_bounds_that_bind_keep_the_type_one_error(kind: Boundary, rule: Rule) -> None:
    futility = Futility(rule, binding=True, power=0.85, least=0.2)
    looks = planned_looks(SHARES, 0.05, kind, futility)
    assert sum(left_at(looks, 0.0)[0]) == pytest.approx(0.025, abs=2e-5)
    assert (looks.critical <= boundaries(SHARES, 0.05, kind) + 1e-6).all()


def test_conditional_power_at_its_bound_is_the_limit() -> None:
    """Under the trend so far, Z_1 is normal about S / t with variance 1 - t, S = a sqrt(t)."""
    looks = planned_looks(SHARES, 0.05, "pocock", Futility("conditional_power", least=0.15))
    assert looks.futility is not None
    for t, bound in zip(SHARES[:2], looks.futility[:2], strict=True):
        success = norm.sf(looks.critical[-1], bound * np.sqrt(t) / t, np.sqrt(1 - t))
        assert success == pytest.approx(0.15)


def test_leaving_through_two_bounds_is_that_of_the_integrals() -> None:
    looks = Looks(SHARES, np.array([2.5, 2.3, 2.0]), np.array([-0.3, 0.6, 2.0]))
    assert looks.futility is not None
    for drift in (0.0, 2.8):
        found = exits(np.asarray(SHARES), looks.futility, looks.critical, drift)
        np.testing.assert_allclose(found, left_at(looks, drift), atol=2e-5)
        assert np.sum(found) == pytest.approx(1.0)


def test_a_trial_that_stops_for_futility_shows_the_better_direction_only() -> None:
    looks = Looks((0.5, 1.0), np.array([2.8, 2.0]), np.array([0.1, 2.0]))
    estimate = np.array([3.0, 1.0, -0.5, -3.0, np.nan])
    one, nan = np.ones(5), np.full(5, np.inf)
    effect = Effect(estimate, one, nan, one)
    shown, futile = verdicts(effect, Hypothesis(), looks, 0)
    assert shown.tolist() == [True, False, False, False, False]
    assert futile.tolist() == [False, False, True, True, False]
    shown, futile = verdicts(effect, Hypothesis(higher_is_better=False), looks, 0)
    assert shown.tolist() == [False, False, False, True, False]
    assert futile.tolist() == [True, True, False, False, False]
    assert not verdicts(effect, Hypothesis(), looks, 1)[1].any()
    without = Looks(looks.shares, looks.critical)
    shown, futile = verdicts(effect, Hypothesis(), without, 0)
    assert shown.tolist() == [True, False, False, True, False]
    assert not futile.any()


@pytest.mark.parametrize(
    ("shares", "alpha", "kind", "futility", "lower", "upper"),
    [
        # Tests of rpact (R): one-sided alpha 0.03 and 0.05, where this engine names both sides.
        (
            (1 / 3, 2 / 3, 1.0),
            0.06,
            "obrien_fleming_spending",
            Futility("pocock_spending", power=0.8),
            [0.42062972, 1.2539286],
            [3.5815302, 2.417863, 1.9175839],
        ),
        (
            (0.4, 0.65, 1.0),
            0.1,
            "pocock_spending",
            Futility("pocock_spending", power=0.9),
            [0.5448398, 1.0899149],
            [1.9405431, 2.0327662, 1.9734104],
        ),
        (
            (0.4, 0.65, 1.0),
            0.1,
            "obrien_fleming_spending",
            Futility("obrien_fleming_spending", binding=True, power=0.9),
            [-0.46043472, 0.64445014],
            [2.8874465, 2.1853011, 1.6575593],
        ),
    ],
)
def test_bounds_are_those_of_another_program(
    shares: tuple[float, ...],
    alpha: float,
    kind: Boundary,
    futility: Futility,
    lower: list[float],
    upper: list[float],
) -> None:
    looks = planned_looks(shares, alpha, kind, futility)
    assert looks.futility is not None
    np.testing.assert_allclose(looks.critical, upper, atol=2e-4)
    np.testing.assert_allclose(looks.futility[:-1], lower, atol=2e-4)
