"""A herded subset stands for its whole: better than random ones, and reproducibly."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.herding import herd


def standard(persons: int = 512, quantities: int = 12, seed: int = 0) -> np.ndarray:
    """Return correlated, partly skewed quantities in standard deviations from their means."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((persons, quantities)) @ rng.normal(size=(quantities, quantities))
    mixed[:, ::3] = np.exp(0.4 * mixed[:, ::3] / mixed[:, ::3].std(axis=0))
    return (mixed - mixed.mean(axis=0)) / mixed.std(axis=0)


def mean_error(z: np.ndarray, chosen: np.ndarray) -> float:
    """Return the root mean square error of the subset's means; the whole's are 0."""
    return float(np.sqrt(np.mean(z[chosen].mean(axis=0) ** 2)))


def square_error(z: np.ndarray, chosen: np.ndarray) -> float:
    """Return that of its mean squares, the variances about the whole's means; those are 1."""
    return float(np.sqrt(np.mean((np.mean(z[chosen] ** 2, axis=0) - 1.0) ** 2)))


@pytest.mark.parametrize("count", [4, 8, 16, 32])
def test_means_and_variances_are_nearer_than_those_of_random_subsets(count: int):
    rng = np.random.default_rng(count)
    ratios = []
    for seed in range(10):
        z = standard(seed=seed)
        herded = herd(z, count)
        drawn = [rng.choice(len(z), count, replace=False) for _ in range(50)]
        ratios.append(
            [
                error(z, herded) / np.median([error(z, subset) for subset in drawn])
                for error in (mean_error, square_error)
            ]
        )
    of_mean, of_square = np.median(ratios, axis=0)
    assert of_mean < 0.5
    assert of_square < 0.9


def test_the_error_falls_faster_than_that_of_random_draws():
    # Random draws: 16 times the persons, a quarter of the error. Herding: down to a sixteenth.
    fall = []
    for seed in range(10):
        z = standard(persons=4096, quantities=4, seed=seed)
        fall.append(mean_error(z, herd(z, 128)) / mean_error(z, herd(z, 8)))
    assert np.median(fall) < 0.15


@pytest.mark.parametrize("count", [1, 7, 40])
def test_so_many_different_persons_are_chosen(count: int):
    chosen = herd(standard(persons=40), count)
    assert len(chosen) == len(set(chosen.tolist())) == count
    assert np.all((chosen >= 0) & (chosen < 40))


def test_the_same_persons_are_chosen_again_and_first_ones_stay():
    z = standard()
    assert np.array_equal(herd(z, 16), herd(z.copy(), 16))
    assert np.array_equal(herd(z, 16)[:4], herd(z, 4))


def test_a_quantity_that_all_persons_share_decides_nothing():
    z = standard()
    wider = np.concatenate([np.zeros((len(z), 2)), z], axis=1)
    assert np.array_equal(herd(wider, 8), herd(z, 8))


def test_one_person_is_the_most_typical():
    # Where all squares are alike, the one nearest the mean.
    z = np.array([[-1.0, 1.0], [1.0, 1.0], [0.2, -0.1], [-0.2, -1.9]])
    assert herd(z, 1).tolist() == [2]
