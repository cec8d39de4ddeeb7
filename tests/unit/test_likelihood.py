"""The covariance of residuals and its loss: by hand, by simulation, and by differences."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest
from published_rows import row
from scipy.integrate import quad
from scipy.stats import kstest

from calibration.likelihood import FACTORS, LIMITS, Likelihood, drawn_in, drawn_in_slope, robust
from calibration.targets import Target

NEVER = 1e6  # a Huber limit that no residual comes near: the loss is that of normal noise


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def far_limits(monkeypatch: pytest.MonkeyPatch):
    """Take the limits of the factors out of the way of what is simulated."""
    monkeypatch.setattr("calibration.likelihood.LIMITS", ((0.05, 20.0), (0.05, 20.0)))


def likelihood(trials: int, looks: int, huber: float = NEVER, seed: int = 0) -> Likelihood:
    """Return one of rows of the spine and of CTX in so many trials, with errors of all sizes."""
    rng = np.random.default_rng(seed)
    kinds = ({"site": "LS"}, {"endpoint": "CTX", "site": "serum"})
    targets = []
    for trial in range(trials):
        for kind in kinds:
            for look in range(looks):
                one = row(trial=f"t{trial}", month=6.0 * (look + 1), **kind)
                targets.append(Target(one, rng.uniform(0.2, 0.8), 1.0, (one.trial, one.quantity)))
    order = rng.permutation(len(targets))  # rows of a block need not stand together
    count = len(targets)
    scale, weight = rng.uniform(0.5, 2.0, count), rng.uniform(0.5, 2.0, count)
    return Likelihood(tuple(targets[place] for place in order), scale, weight, huber)


def covariance(given: Likelihood, factors: dict[str, tuple[float, float]]) -> np.ndarray:
    """Return the covariance of the docstring, element by element."""
    count = len(given.targets)
    matrix = np.zeros((count, count))
    for i, one in enumerate(given.targets):
        for j, other in enumerate(given.targets):
            own, shared = factors[one.row.quantity]
            if i == j:
                variance = one.sampling**2 + (own * given.scale[i]) ** 2
                matrix[i, i] += given.weight[i] ** 2 * variance
            if (one.row.trial, one.row.quantity) == (other.row.trial, other.row.quantity):
                matrix[i, j] += shared**2 * given.scale[i] * given.scale[j]
    return matrix


def simulated(given: Likelihood, factors: dict[str, tuple[float, float]], seed: int) -> np.ndarray:
    """Draw residuals: own noise of each row, and an offset that a trial's rows share."""
    rng = np.random.default_rng(seed)
    offsets: dict[tuple[str, str], float] = {}
    residuals = []
    for place, target in enumerate(given.targets):
        own, shared = factors[target.row.quantity]
        key = target.row.trial, target.row.quantity
        offset = offsets.setdefault(key, rng.standard_normal())
        noise = target.sampling * rng.standard_normal()
        noise += own * given.scale[place] * rng.standard_normal()
        residuals.append(given.weight[place] * noise + shared * given.scale[place] * offset)
    return np.array(residuals)


def test_the_whitener_squares_to_the_inverse_covariance():
    factors = {"LS": (0.7, 1.4), "CTX": (1.5, 0.3)}
    given = replace(likelihood(trials=3, looks=3), factors=factors)
    whitener = given.whitener()
    expected = np.linalg.inv(covariance(given, factors))
    np.testing.assert_allclose(whitener @ whitener, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(whitener, whitener.T, rtol=1e-9, atol=1e-12)


def test_factors_that_are_not_known_yet_are_the_stated_ones():
    given = likelihood(trials=2, looks=2)
    whitener = given.whitener()
    expected = np.linalg.inv(covariance(given, {"LS": FACTORS, "CTX": FACTORS}))
    np.testing.assert_allclose(whitener @ whitener, expected, rtol=1e-9, atol=1e-12)


def test_errors_and_offsets_are_the_covariances_two_parts():
    factors = {"LS": (0.7, 1.4), "CTX": (1.5, 0.3)}
    given = replace(likelihood(trials=2, looks=2), factors=factors)
    whole = np.diag(covariance(given, factors))
    np.testing.assert_allclose(given.error() ** 2 + given.offset() ** 2, whole, rtol=1e-12)
    without = {quantity: (own, 0.0) for quantity, (own, _) in factors.items()}
    np.testing.assert_allclose(given.error() ** 2, np.diag(covariance(given, without)), rtol=1e-12)


def test_emphasis_divides_all_errors_of_a_row():
    factors = {"LS": (0.7, 1.4), "CTX": (1.5, 0.3)}
    given = replace(likelihood(trials=3, looks=3), factors=factors)
    stress = np.random.default_rng(1).uniform(1.0, 4.0, len(given.targets))
    found = replace(given, emphasis=stress).whitener()
    expected = np.linalg.inv(covariance(given, factors) / np.outer(stress, stress))
    np.testing.assert_allclose(found @ found, expected, rtol=1e-9, atol=1e-12)


def test_what_trials_differ_by_is_no_matter_of_emphasis():
    given = likelihood(trials=12, looks=3, huber=3.0)
    residuals = simulated(given, {"LS": (0.7, 0.3), "CTX": (1.2, 0.2)}, seed=2)
    stress = np.random.default_rng(1).uniform(1.0, 4.0, len(given.targets))
    stressed = replace(given, emphasis=stress)
    assert stressed.estimated(residuals).factors == given.estimated(residuals).factors
    assert stressed.estimated(residuals).emphasis is stress


def test_whitened_residuals_are_independent_standard_normals():
    factors = {"LS": (0.7, 1.4), "CTX": (1.5, 0.6)}
    given = replace(likelihood(trials=2, looks=3), factors=factors)
    draws = np.stack([simulated(given, factors, seed) for seed in range(4000)])
    whitened = draws @ given.whitener()
    # The standard error of a mean square is sqrt(2 / n), of a mean product sqrt(1 / n).
    assert np.abs(np.cov(whitened.T) - np.eye(12)).max() < 5.0 * np.sqrt(2.0 / 4000)
    assert np.abs(whitened.mean(axis=0)).max() < 5.0 / np.sqrt(4000)
    assert kstest(whitened.ravel(), "norm").pvalue > 1e-3
    apart = draws / np.sqrt(np.diag(covariance(given, factors)))
    assert np.abs(np.cov(apart.T) - np.eye(12)).max() > 0.3  # as they were, they are dependent


@pytest.mark.parametrize("spine", [(1.0, 0.5), (0.5, 1.5), (1.5, 0.8)])
@pytest.mark.usefixtures("far_limits")
def test_factors_are_recovered_from_residuals(spine: tuple[float, float]):
    truth = {"LS": spine, "CTX": (0.8, 1.0)}
    given = likelihood(trials=60, looks=4)
    found = [given.estimated(simulated(given, truth, seed)).factors for seed in range(8)]
    for quantity, expected in truth.items():
        replicates = np.array([factors[quantity] for factors in found])
        error = replicates.std(axis=0, ddof=1) / np.sqrt(len(found))
        # Maximum likelihood and the weak prior are off by about a trial's share, 1 / 60.
        allowed = 4.0 * error + np.array(expected) / 60
        assert np.all(np.abs(replicates.mean(axis=0) - expected) < allowed), quantity
        assert np.all(error < 0.1 * np.array(expected)), quantity


def test_factors_end_at_their_upper_limits_where_nothing_fits():
    given = likelihood(trials=20, looks=3)
    found = given.estimated(np.full(len(given.targets), 1e3)).factors
    upper = [high for _, high in LIMITS]
    np.testing.assert_allclose([found["LS"], found["CTX"]], [upper, upper], rtol=1e-9)


def test_residuals_of_nothing_lower_the_factors_within_their_limits():
    given = likelihood(trials=20, looks=3)
    for factors in given.estimated(np.zeros(len(given.targets))).factors.values():
        for factor, first, (low, _) in zip(factors, FACTORS, LIMITS, strict=True):
            assert low * (1 - 1e-9) <= factor < first


@pytest.mark.usefixtures("far_limits")
def test_an_outlier_moves_the_factors_little():
    known = {"LS": (0.8, 0.5), "CTX": (0.8, 0.5)}
    moved = []
    for huber in (2.5, NEVER):
        given = likelihood(trials=40, looks=3, huber=huber)
        residuals = simulated(given, known, seed=5)
        place = next(i for i, t in enumerate(given.targets) if t.row.quantity == "LS")
        wild = residuals.copy()
        wild[place] = 60.0 * given.error()[place]
        before, after = (np.log(given.estimated(r).factors["LS"]) for r in (residuals, wild))
        moved.append(float(np.abs(after - before).max()))
    assert moved[0] < 0.5 * moved[1]


def test_drawn_in_residuals_square_to_twice_the_pseudo_huber_loss():
    whitened = np.array([-30.0, -4.0, -1e-9, 0.0, 0.3, 2.5, 9.0, 1e4])
    loss = 2.5**2 * (np.sqrt(1.0 + (whitened / 2.5) ** 2) - 1.0)
    np.testing.assert_allclose(0.5 * drawn_in(whitened, 2.5) ** 2, loss, rtol=1e-9, atol=1e-15)
    assert np.array_equal(np.sign(drawn_in(whitened, 2.5)), np.sign(whitened))


def test_their_slope_is_that_of_differences():
    whitened, step = np.array([-30.0, -4.0, -0.1, 0.0, 0.3, 2.5, 9.0]), 1e-5
    slope = (drawn_in(whitened + step, 2.5) - drawn_in(whitened - step, 2.5)) / (2 * step)
    np.testing.assert_allclose(drawn_in_slope(whitened, 2.5), slope, rtol=1e-7)


def test_the_loss_is_half_the_sum_of_their_squares():
    whitened = np.random.default_rng(1).standard_normal(50) * 4.0
    expected = 0.5 * np.sum(drawn_in(whitened, 2.5) ** 2)
    assert float(robust(whitened, 2.5)) == pytest.approx(expected, rel=1e-12)


def test_the_loss_is_square_near_zero_and_linear_far_away():
    assert float(robust(np.array([1e-3]), 2.5)) == pytest.approx(0.5e-6, rel=1e-6)
    far, farther = (float(robust(np.array([z]), 2.5)) for z in (1e6, 2e6))
    assert farther - far == pytest.approx(2.5 * 1e6, rel=1e-6)  # slope h: integral of its tail


def test_the_loss_of_a_limit_that_nothing_reaches_is_half_the_squares():
    whitened = np.random.default_rng(1).standard_normal(50)
    expected = 0.5 * whitened @ whitened
    assert float(robust(whitened, 1e9)) == pytest.approx(expected, rel=1e-12)


def test_the_losss_slope_integrates_to_it():
    def slope(z: float) -> float:
        return float(jax.grad(lambda z: robust(z, 2.5))(z))

    area, _ = quad(slope, 0.0, 6.0)
    assert float(robust(np.array([6.0]), 2.5)) == pytest.approx(area, rel=1e-8)


def three_rows(factors: dict[str, tuple[float, float]]) -> Likelihood:
    """Return two rows of one trial's spine and one of another's."""
    rows = [
        row(trial="a", month=12.0, site="LS"),
        row(trial="a", month=24.0, site="LS"),
        row(trial="b", month=12.0, site="LS"),
    ]
    targets = tuple(Target(one, 0.5, 1.0, (one.trial, one.quantity)) for one in rows)
    return Likelihood(targets, np.array([1.0, 2.0, 1.0]), np.ones(3), 0.1, factors)


def test_a_trial_to_come_may_be_as_far_as_trials_were_each_counted_once_outliers_in_full():
    found = three_rows({"LS": (0.1, 0.1)}).between_trials(np.array([1.5, 2.5, -10.5]), np.zeros(3))
    # by hand: a: ((2.25 - .25) / 1 + (6.25 - .25) / 4) / 2 = 1.75; b: 110.25 - .25 = 110
    assert found == {"LS": pytest.approx(np.sqrt((1.75 + 110.0) / 2.0))}


def test_a_trial_to_come_may_be_at_least_as_far_as_the_fit_takes_trials_to_differ():
    found = three_rows({"LS": (3.0, 4.0)}).between_trials(np.zeros(3), np.zeros(3))
    assert found == {"LS": pytest.approx(5.0)}


def test_what_the_parameters_explain_is_no_difference_between_trials():
    explained = np.array([0.5, 0.0, 10.0])
    found = three_rows({"LS": (0.1, 0.1)}).between_trials(np.array([1.5, 2.5, -10.5]), explained)
    # by hand: a: ((2.25 - .25 - .5) / 1 + (6.25 - .25) / 4) / 2 = 1.5; b: 110.25 - .25 - 10 = 100
    assert found == {"LS": pytest.approx(np.sqrt((1.5 + 100.0) / 2.0))}


def test_untreated_lives_say_nothing_about_trials():
    given = three_rows({"LS": (0.1, 0.1)})
    lives = replace(given, scale=np.array([1.0, 2.0, 0.0]))
    assert lives.between_trials(np.array([1.5, 2.5, -10.5]), np.zeros(3))["LS"] == pytest.approx(
        np.sqrt(1.75)
    )
