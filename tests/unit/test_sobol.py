"""The Sobol sequence against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from cohort.patients.sobol import DIMENSIONS, sobol_points


@pytest.mark.parametrize("count", [1, 2, 3, 1000, 1024])
def test_points_are_those_of_scipy(count: int) -> None:
    expected = qmc.Sobol(DIMENSIONS, scramble=False).random_base2(10)[:count]
    np.testing.assert_array_equal(sobol_points(count, DIMENSIONS), expected)
    np.testing.assert_array_equal(sobol_points(count, 3), expected[:, :3])
