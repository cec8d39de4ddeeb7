"""Files of the posterior: draws beside a parameter set, ArviZ groups."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from linear_objective import as_objective, example, linear

from calibration.posterior.draws import write_draws
from calibration.posterior.inference_data import (
    draw_noise,
    draw_prior,
    inference_data,
    predict,
    write_inference_data,
)
from calibration.posterior.laplace import approximate, sample, weigh
from calibration.posterior.samples import Samples
from cohort.parameter import Parameter, ParameterSet
from cohort.parameter_draws import load_draws


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def test_draws_come_back_in_natural_units(tmp_path):
    free = as_objective(example()).free
    x = np.arange(12.0).reshape(2, 2, 3) / 7
    path = tmp_path / "mine.draws.parquet"
    owner = ParameterSet("mine", {"a": 1.0, "b": 1.0, "c": 1.0, "tied": 2.0, "fixed": 7.0}, {})
    write_draws(path, free, Samples("nuts", x), owner.hash)
    schema = pq.read_schema(path)
    assert schema.names == ["draw", "a", "b", "c", "tied"]
    assert schema.types == [pa.int32(), *[pa.float64()] * 4]
    assert schema.metadata[b"method"] == b"nuts"
    declared = {
        name: Parameter(name, "1", "", "", 1.0, 1.0, "log", "data", "") for name in owner.values
    }
    found = sorted(load_draws(path, owner, declared, 4).rows, key=lambda row: row["a"])
    for row, point in zip(found, x.reshape(4, 3), strict=True):
        expected = dict(zip(("a", "b", "c"), np.exp(point), strict=True))
        assert row == pytest.approx(expected | {"tied": 2 * np.exp(point[0])})


def test_arviz_reads_the_groups(tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "\nArviZ is undergoing", FutureWarning)
        import arviz

    known = example()
    objective = as_objective(known)
    gaussian = approximate(objective, known.mean)
    samples = weigh(objective, gaussian, sample(gaussian, 30, seed=5))
    predicted = predict(objective, samples)
    np.testing.assert_allclose(predicted[0], samples.flat @ known.design.T)
    path = tmp_path / "posterior.nc"
    write_inference_data(path, inference_data(objective, samples, predicted, seed=5))
    data: Any = arviz.from_netcdf(path)
    groups = "posterior posterior_predictive sample_stats prior observed_data constant_data"
    assert sorted(data.groups()) == sorted(groups.split())
    assert data.posterior["a"].dims == ("chain", "draw")
    np.testing.assert_allclose(data.posterior["c"][0], np.exp(samples.flat[:, 2]))
    assert "fixed" not in data.posterior
    assert data.posterior_predictive["value"].dims == ("chain", "draw", "row")
    np.testing.assert_allclose(data.posterior_predictive["mean"], predicted)
    observed = data.observed_data["value"]
    np.testing.assert_allclose(observed, known.observed)
    assert observed["trial"].values.tolist()[:3] == ["one", "one", "two"]
    assert set(observed["quantity"].values) == {"LS"}
    assert observed["month"].values.tolist() == [6, 12, 18, 24, 30, 36, 42]
    assert set(observed["arm"].values) == {"drug"}
    np.testing.assert_allclose(data.constant_data["error"], 0.4)
    np.testing.assert_allclose(data.sample_stats["lp"], samples.stats["lp"])
    assert data.posterior.attrs["method"] == "laplace"


def test_noise_of_a_repeated_trial_has_offsets():
    known = example()
    noise = draw_noise(as_objective(known), (2, 20_000), np.random.default_rng(0))
    assert noise.shape == (2, 20_000, 7)
    found = np.cov(noise.reshape(-1, 7).T)
    np.testing.assert_allclose(found, known.noise, atol=5 * known.noise.max() / np.sqrt(40_000))


def test_the_prior_is_cut_off_at_its_bounds():
    # Cut off at one sd either way, its sd is sqrt(1 - 2 phi(1) / (2 Phi(1) - 1)) = 0.5396.
    free = as_objective(linear([[1.0, 1.0]], [0.0], ["one"], centre=2.0, sd=0.5, reach=1.0)).free
    drawn = draw_prior(free, 20_000, np.random.default_rng(0))
    assert drawn.shape == (20_000, 2)
    assert np.abs(drawn - 2.0).max() <= 0.5
    np.testing.assert_allclose(drawn.std(0), 0.5 * 0.5396, rtol=0.02)
