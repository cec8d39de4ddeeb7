"""Loops in one kernel against NumPy, and the model's against those that XLA compiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import cohort
from cohort import stored
from cohort.fused.march import Step, _made, march
from cohort.solve.simulate import make_simulator
from cohort.trial.study import load_study


@pytest.fixture(params=["float32", "float64"])
def precision(request: pytest.FixtureRequest) -> Iterator[str]:
    with jax.enable_x64(request.param == "float64"):
        yield request.param


def _walk(carry: dict, own: dict, row: dict, below: dict, above: dict) -> tuple[dict, dict]:
    """Relax towards a table between its records, with shared numbers of several shapes."""
    target = below["at"] * (1.0 - row["part"]) + above["at"] * row["part"]
    rate = own["rate"] * own["scale"] * own["weights"][1, 0] * row["weights"][1]
    y = carry["y"] + rate * (target - carry["y"])
    return {"y": y, "most": jnp.maximum(carry["most"], y)}, {"y": y, "squared": y * y}


@pytest.mark.parametrize("patients", [1, 16, 37])
def test_a_march_makes_every_step(precision: str, patients: int) -> None:
    rng = np.random.default_rng(patients)
    steps, records, visits = 23, 7, 4
    at = rng.random((records, patients))
    start, rate = rng.random(patients), rng.random(patients)
    weights, row_weights = rng.random((2, 3)), rng.random((steps, 2))
    part, below = rng.random(steps), rng.integers(0, records - 1, steps)
    visit = np.full(steps, -1)
    visit[[3, 9, 22]] = [0, 1, 3]
    end, told = march(
        Step(_walk, lookups=2),
        {"y": start.astype(precision), "most": start.astype(precision)},
        {"rate": rate.astype(precision), "scale": np.asarray(0.7), "weights": weights},
        {"part": part, "weights": row_weights},
        visit,
        visits,
        {"at": at},
        [below, below + 1],
    )
    y, most, expected = start, start, np.zeros((visits, patients))
    for i in range(steps):
        target = at[below[i]] * (1.0 - part[i]) + at[below[i] + 1] * part[i]
        y = y + rate * 0.7 * weights[1, 0] * row_weights[i, 1] * (target - y)
        most = np.maximum(most, y)
        if visit[i] >= 0:
            expected[visit[i]] = y
    close = {"rtol": 40 * np.finfo(precision).eps, "atol": 0.0}
    np.testing.assert_allclose(end["y"], y, **close)
    np.testing.assert_allclose(end["most"], most, **close)
    np.testing.assert_allclose(told["y"], expected, **close)
    np.testing.assert_allclose(told["squared"], expected**2, rtol=2 * close["rtol"])


NEAR_NOTHING = np.concatenate([-np.logspace(-12, -1, 60), [0.0], np.logspace(-12, -1, 60)])


@pytest.mark.parametrize(
    ("function", "exact", "x"),
    [
        (jnp.expm1, np.expm1, np.concatenate([NEAR_NOTHING, np.linspace(-20.0, 20.0, 161)])),
        (jnp.log1p, np.log1p, np.concatenate([NEAR_NOTHING, np.linspace(-0.9, 50.0, 161)])),
        (jnp.sqrt, np.sqrt, np.logspace(-20, 20, 121)),
        (lambda x: jnp.minimum(x, 0.5), lambda x: np.minimum(x, 0.5), np.linspace(-1, 1, 41)),
        (
            lambda x: jnp.where(jnp.isfinite(1.0 / x), 1.0, 2.0),
            lambda x: np.where(x == 0.0, 2.0, 1.0),
            np.array([0.0, 1.0, -3.0, np.inf]),
        ),
        (
            lambda x: jnp.where(x < 0.25, -x, x),
            lambda x: np.where(x < 0.25, -x, x),
            np.linspace(-1, 1, 41),
        ),
    ],
    ids=["expm1", "log1p", "sqrt", "minimum", "isfinite", "less"],
)
def test_printed_functions_are_those_of_numpy(
    precision: str, function: Callable, exact: Callable, x: np.ndarray
) -> None:
    x = x.astype(precision)

    def once(carry: Any, *_: Any) -> tuple[Any, dict]:
        return function(carry), {}

    found, _ = march(Step(once), x, (), (), np.array([-1]), 0)
    expected = exact(x.astype("longdouble"))
    np.testing.assert_allclose(found, expected, rtol=4 * float(np.finfo(precision).eps))


def test_what_cannot_be_printed_is_named() -> None:
    def wave(carry: Any, *_: Any) -> tuple[Any, dict]:
        return jnp.sin(carry), {}

    with pytest.raises(ValueError, match="a fused kernel cannot be made of 'sin'"):
        march(Step(wave), np.ones(3, "float32"), (), (), np.array([-1]), 0)


@pytest.mark.parametrize("study", ["hormones_with_bone_drugs_men"])
def test_the_model_is_that_of_xla(study: str) -> None:
    """The order of sums is all that differs: injections, an antibody, steroids, men, noise."""
    slots = np.arange(24)
    with jax.enable_x64(True):
        studies = [
            load_study(study, ["engine.precision=float64", f"engine.kernel={kernel}"])
            for kernel in ("xla", "auto")  # which is the fused one on a CPU
        ]
        by_xla, by_kernel = map(make_simulator, studies)
        for arm in [arm.name for arm in studies[0].arms]:
            expected, found = (made.relative(slots, arm) for made in (by_xla, by_kernel))
            assert found.keys() == expected.keys()
            for name, values in expected.items():
                close = {"rtol": 1e-9, "atol": 1e-9 * np.abs(values).max()}
                np.testing.assert_allclose(found[name], values, **close, err_msg=f"{arm} {name}")


@pytest.mark.parametrize("patients", range(1, 12))
def test_so_many_patients_as_there_are_shared_numbers_are_told_from_them(patients: int) -> None:
    simulator = make_simulator(load_study("freedom", ["engine.accuracy=draft"]))
    many = simulator.relative(np.arange(40), "denosumab")
    few = simulator.relative(np.arange(patients), "denosumab")
    for name, values in few.items():
        np.testing.assert_array_equal(values, many[name][:, :patients], err_msg=name)


def test_a_kernel_that_is_kept_is_not_traced_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_folder", tmp_path)
    times = [0]

    def twice(carry: Any, *_: Any) -> tuple[Any, dict]:
        times[0] += 1
        return 2.0 * carry, {"before": carry}

    def thrice(carry: Any, *_: Any) -> tuple[Any, dict]:
        return 3.0 * carry, {"before": carry}

    visit = np.array([0, -1, 1])
    x = np.linspace(0.0, 1.0, 21, dtype="float32")
    for _ in range(2):  # made, then from its file
        _made.cache_clear()
        end, told = march(Step(twice, kept_as="twice"), x, (), (), visit, 2)
        np.testing.assert_array_equal(end, 8.0 * x)
        np.testing.assert_array_equal(told["before"], [x, 4.0 * x])
    assert times == [1]
    end, _ = march(Step(thrice, kept_as="thrice"), x, (), (), visit, 2)
    np.testing.assert_array_equal(end, (3.0 * (3.0 * (3.0 * x))))
    for file in tmp_path.glob("*.kept"):
        file.write_bytes(file.read_bytes()[:-9])
    _made.cache_clear()
    end, _ = march(Step(twice, kept_as="twice"), x, (), (), visit, 2)
    np.testing.assert_array_equal(end, 8.0 * x)
    assert times == [2]


@pytest.mark.usefixtures("undrawn")
def test_runs_by_xla_are_the_same_bytes_whatever_the_blocks(tmp_path: Path) -> None:
    """And near those of the kernel, of which `test_execute_real` tests the same."""
    config = ["visits.months=[0, 12]", "engine.accuracy=draft", "outputs.fractures=false"]
    shares = {"one": ["engine.block_size=16384"], "many": ["engine.block_size=2048"]}
    for workers, (name, share) in enumerate(shares.items(), 1):
        own = [*config, "engine.kernel=xla", *share]
        cohort.run("freedom", out=tmp_path / name, patients=2500, config=own, workers=workers)
    own = [*config, "engine.kernel=fused"]
    cohort.run("freedom", out=tmp_path / "fused", patients=2500, config=own)
    part = "visits/arm=denosumab/part-00000.parquet"
    assert (tmp_path / "one" / part).read_bytes() == (tmp_path / "many" / part).read_bytes()
    by_kernel, by_xla = (pd.read_parquet(tmp_path / name / part) for name in ("fused", "one"))
    for column in ("bmd_lumbar_spine_change", "ctx_change", "estradiol"):
        np.testing.assert_allclose(by_kernel[column], by_xla[column], rtol=1e-4, atol=2e-3)
