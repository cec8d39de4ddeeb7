"""The calibration job: which rows it may see, its loss, and its arms against the engine's."""

from __future__ import annotations

import dataclasses
import math

import jax
import numpy as np
import pytest

from calibration.targets import study_targets, usable
from cohort.resources import bundled
from cohort.results.published import published_of
from cohort.trial.study import load_study


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def test_only_the_calibration_split_is_fitted():
    rows = [row for name in bundled("trials") for row in published_of(name)]
    fitted = [row for row in rows if usable(row)]
    assert {row.split for row in fitted} == {"calibration"}
    assert {row.verification for row in fitted} <= {"checked", "digitised", "unchecked"}
    assert len({row.split for row in rows}) == 3
    assert all(row.primary and math.isfinite(row.value) for row in fitted)


def test_an_unchecked_row_carries_twice_the_error():
    target = study_targets(load_study("fosit"))[0]
    from calibration.targets import _error

    doubted = dataclasses.replace(target.row, verification="unchecked")
    assert _error(doubted) == pytest.approx(2 * _error(target.row))


def test_a_series_of_many_rows_weighs_like_three():
    targets = study_targets(load_study("dmab_ph2"))
    one = [t for t in targets if t.row.arm == targets[0].row.arm and t.row.quantity == "CTX"]
    one = [t for t in one if t.row.versus == "baseline"]
    assert len(one) > 3
    alone = [math.hypot(7.0, 0.13 * t.row.value) for t in one]
    weight = sum((a / t.error) ** 2 for a, t in zip(alone, one, strict=True))
    assert weight == pytest.approx(3.0)


def test_residuals_square_to_the_pseudo_huber_loss():
    from calibration.fit import HUBER, _huber, _huber_slope

    misfit = np.array([-9.0, -1.0, -1e-9, 0.0, 0.3, 4.0, 30.0])
    loss = 2 * HUBER**2 * (np.sqrt(1 + (misfit / HUBER) ** 2) - 1)
    np.testing.assert_allclose(_huber(misfit) ** 2, loss, rtol=1e-9, atol=1e-15)
    step = 1e-6
    slope = (_huber(misfit + step) - _huber(misfit - step)) / (2 * step)
    np.testing.assert_allclose(_huber_slope(misfit), slope, rtol=1e-5)


def test_markers_compare_as_ratios_and_bmd_as_differences(x64):
    from calibration.problem import Reading, combine

    nowhere = np.zeros((2, 2), int)
    reading = Reading(
        visit=nowhere,
        since=nowhere,
        compared=np.ones(2, bool),
        marker=np.array([0.0, 1.0]),
        median=np.zeros(2, bool),
    )
    found = combine(np.array([5.0, -50.0]), np.array([-1.0, -20.0]), reading)
    np.testing.assert_allclose(found, [6.0, 100 * (0.5 / 0.8 - 1)])


def test_arms_stacked_for_the_fit_are_the_engines_own(x64):
    import jax.numpy as jnp

    from calibration.cohorts import make_groups, predict, study_lanes
    from cohort.solve.simulate import make_simulator

    study = load_study("schnitzer", ["engine.precision=float64"])
    lanes = study_lanes(study, 16, typical=False)
    (group,) = make_groups(lanes)
    values = {name: jnp.asarray(value) for name, value in lanes[0].plan.values.items()}
    seen = predict(group, values)
    arms = tuple(lane.arm for lane in lanes)
    block = make_simulator(study).block(np.arange(16), arms)
    for index, arm in enumerate(arms):
        for column in ("bmd_total_hip", "ctx", "p1np"):
            series = np.asarray(seen[column][index])
            change = 100 * (series / series[:1] - 1)
            np.testing.assert_allclose(
                change.T[:, : len(block.months)],
                block.visits[arm][f"{column}_change"],
                atol=2e-5,
            )


def test_derivatives_equal_differences(x64):
    import jax.numpy as jnp

    from calibration.cohorts import make_groups, predict, study_lanes
    from calibration.problem import flat, from_scale, to_scale
    from cohort.model.parameters import parameter_set

    names = ["Ealn", "bE", "gam", "wLS", "pCad"]
    values = parameter_set().values
    lanes = study_lanes(load_study("schnitzer", ["engine.accuracy=draft"]), 16, typical=True)
    (group,) = make_groups(lanes)
    fixed = {name: jnp.asarray(value) for name, value in values.items()}

    @jax.jit
    def outputs(x):
        return flat(predict(group, fixed | from_scale(x, names)))[:, 0]

    x = jnp.asarray(to_scale(values, names))
    exact = jax.jit(jax.jacfwd(outputs))(x)
    for index in range(len(names)):
        step = jnp.zeros(len(names)).at[index].set(1e-5)
        slope = (outputs(x + step) - outputs(x - step)) / 2e-5
        np.testing.assert_allclose(exact[:, index], slope, rtol=1e-4, atol=1e-7)
