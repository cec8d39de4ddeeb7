"""Free parameters: scales, bounds, ties, fixed values, against the definitions of log and logit."""

from __future__ import annotations

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from own_job import own_job

from calibration.free import Free, make_free
from calibration.job.load import load_job
from cohort.model.parameters import PARAMETERS, parameter_set

START = parameter_set().values
JOB = """\
[start]
values = { wLS = 0.55, wTH = 0.3, kC = 0.04 }
[targets]
trials = ["mine"]
natural_history = false
[parameters]
free = ["phiQ", "rT", "wLS", "kC"]
fix = { kQ = 0.005 }
tied = [{ names = ["wLS", "wTH", "wFN"] }, { names = ["rT", "hipT"] }]
[parameters.prior.kC]
centre = 0.05
sd = 0.25
low = 0.03
high = 0.06
"""
GIVEN = {**START, "wLS": 0.55, "wTH": 0.3, "kC": 0.04, "kQ": 0.005}
DECIDED = {"phiQ", "rT", "hipT", "wLS", "wTH", "wFN", "kC"}


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def free(tmp_path: Path) -> Free:
    return make_free(load_job(own_job(tmp_path, JOB)))


def at(free: Free, **changes: float) -> dict[str, float]:
    """Return values of all parameters, some of the free ones changed."""
    x = free.x({**free.fixed, **changes})
    return {name: float(value) for name, value in free.values(x).items()}


def odds(share: float) -> float:
    return share / (1.0 - share)


def test_the_free_parameters_are_the_jobs_in_the_order_of_their_declarations(free: Free):
    assert set(free.names) == {"phiQ", "rT", "wLS", "kC"}
    places = [list(PARAMETERS).index(name) for name in free.names]
    assert places == sorted(places)
    assert free.centre.shape == free.sd.shape == free.low.shape == free.high.shape == (4,)


def test_coordinates_are_logarithms_and_log_odds(free: Free):
    x = dict(
        zip(
            free.names,
            free.x({"phiQ": 0.3, "rT": START["rT"], "wLS": 0.8, "kC": 0.05}),
            strict=True,
        )
    )
    assert PARAMETERS["phiQ"].scale == "logit"
    assert x["phiQ"] == pytest.approx(math.log(0.3 / 0.7), rel=1e-12)
    assert x["kC"] == pytest.approx(math.log(0.05), rel=1e-12)


def test_values_and_coordinates_are_inverse(free: Free):
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.uniform(free.low, free.high)
        values = {name: float(value) for name, value in free.values(x).items()}
        np.testing.assert_allclose(free.x(values), x, rtol=1e-12, atol=1e-12)


def test_the_start_is_the_set_with_the_jobs_own_values(free: Free):
    values = at(free)
    assert values.keys() == PARAMETERS.keys()
    assert values == pytest.approx(GIVEN, rel=1e-12)


def test_a_prior_of_the_job_replaces_the_declared_one(free: Free):
    place = free.names.index("kC")
    found = (free.centre[place], free.sd[place], free.low[place], free.high[place])
    expected = (math.log(0.05), 0.25, math.log(0.03), math.log(0.06))
    assert found == pytest.approx(expected, abs=1e-8)
    place = free.names.index("rT")
    declared = PARAMETERS["rT"]
    assert free.sd[place] == declared.sd
    assert free.high[place] - free.low[place] == pytest.approx(10.0 * declared.sd, abs=1e-8)


def test_followers_keep_their_ratio_and_fractions_that_of_their_odds(free: Free):
    moved = at(free, rT=1.3 * START["rT"], wLS=0.7)
    assert moved["hipT"] == pytest.approx(1.3 * START["hipT"], rel=1e-12)
    for name in ("wTH", "wFN"):
        ratio = odds(GIVEN[name]) / odds(0.55)
        assert odds(moved[name]) / odds(0.7) == pytest.approx(ratio, rel=1e-12)


def test_all_else_keeps_its_value(free: Free):
    moved = at(free, rT=1.3 * START["rT"], wLS=0.7, phiQ=0.6, kC=0.055)
    still = {name: value for name, value in moved.items() if name not in DECIDED}
    assert still == {name: value for name, value in GIVEN.items() if name not in DECIDED}


def test_values_outside_the_bounds_are_moved_just_inside(free: Free):
    low, high = free.x({**START, "kC": 0.001}), free.x({**START, "kC": 9.0})
    place = free.names.index("kC")
    assert low[place] == free.low[place]
    assert high[place] == free.high[place]
    assert 0.03 < float(free.values(low)["kC"]) < 0.03 * (1 + 1e-8)
    assert 0.06 * (1 - 1e-8) < float(free.values(high)["kC"]) < 0.06


def test_values_have_the_derivatives_of_their_scales(free: Free):
    x = free.x(free.fixed)
    values = at(free)
    slope = jax.jacfwd(lambda x: free.values(x))(jnp.asarray(x))
    back = jax.jacrev(lambda x: free.values(x))(jnp.asarray(x))
    place = {name: index for index, name in enumerate(free.names)}
    expected = {name: np.zeros(4) for name in values}
    for name, leader in {"kC": "kC", "rT": "rT", "hipT": "rT"}.items():
        expected[name][place[leader]] = values[name]
    for name, leader in {"phiQ": "phiQ", "wLS": "wLS", "wTH": "wLS", "wFN": "wLS"}.items():
        expected[name][place[leader]] = values[name] * (1.0 - values[name])
    for name, derivative in expected.items():
        np.testing.assert_allclose(slope[name], derivative, rtol=1e-10, err_msg=name)
        np.testing.assert_allclose(back[name], derivative, rtol=1e-10, err_msg=name)
