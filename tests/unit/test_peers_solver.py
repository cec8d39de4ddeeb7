"""The solver of the peers' models against dense algebra, automatic derivatives and mathematics."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cohort.fused.kernels import in_kernels
from cohort.peers import peterson_riggs, pinned
from cohort.peers.elimination import Factors, order_of
from cohort.peers.grid import Grading, graded, make_grid, together
from cohort.peers.march import simulate
from cohort.peers.model import PeerModel
from cohort.peers.published import peterson_riggs_values
from cohort.peers.rosenbrock import RODAS3, RODAS4, Method, increment, linearised
from cohort.peers.sparse import TINY, exp, log


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def test_sparse_elimination_solves_what_dense_algebra_solves() -> None:
    rng = np.random.default_rng(0)
    names = tuple("abcdefgh")
    present = {(r, c) for r in names for c in names if r != c and rng.random() < 0.25}
    patients = 5
    jacobian = {at: rng.normal(size=patients) for at in present}
    jacobian |= {(n, n): -8.0 - rng.random(patients) for n in names[:6]}
    right = {n: rng.normal(size=patients) for n in names}
    found = Factors(order_of(names, set(jacobian)), 4.0, jacobian).solve(right)
    for i in range(patients):
        dense = 4.0 * np.eye(len(names))
        for (r, c), entry in jacobian.items():
            dense[names.index(r), names.index(c)] -= entry[i]
        expected = np.linalg.solve(dense, [right[n][i] for n in names])
        np.testing.assert_allclose([found[n][i] for n in names], expected, rtol=1e-11)


def test_sparse_jacobian_is_that_of_automatic_differentiation() -> None:
    values, start = peterson_riggs_values()
    k = pinned.constants(values, start)
    model = peterson_riggs.peterson_riggs(
        teriparatide=True, denosumab=True, menopause=True, kidney=True
    )
    rng = np.random.default_rng(1)
    y = peterson_riggs.baseline(start, denosumab=True) | {"DENCENT": 900.0, "DENPER": 300.0}
    y = {name: jnp.asarray(v * np.exp(0.2 * rng.normal())) for name, v in y.items()}
    y["BCL2"] = jnp.asarray(130.0)  # where the switch of the osteoblasts is on
    carried, now = {"TERISC": 2000.0, "TERIPOOL": 300.0, "DENSC": 4e7, "runx": 1.0}, 11.0 * 8736.0

    def inputs(at, since):
        return model.inputs(k, at, carried, now + since, since)

    slopes, entries, drift = linearised(partial(model.rates, k), inputs, y)
    dense = jax.jacfwd(lambda y: model.rates(k, y, inputs(y, 0.0)))(y)
    by_time = jax.jacfwd(lambda t: model.rates(k, y, inputs(y, t)))(0.0)
    for row, of_row in dense.items():
        for column, expected in of_row.items():
            found = entries.get((row, column), 0.0)
            np.testing.assert_allclose(
                found, expected, rtol=1e-9, atol=1e-14, err_msg=f"{row} {column}"
            )
        np.testing.assert_allclose(drift.get(row, 0.0), by_time[row], rtol=1e-9, atol=1e-14)
    for name, rate in model.rates(k, y, inputs(y, 0.0)).items():
        np.testing.assert_allclose(slopes[name], rate, rtol=1e-12)


@pytest.mark.parametrize(("method", "order"), [(RODAS3, 3), (RODAS4, 4)])
def test_methods_converge_at_their_order(method: Method, order: int) -> None:
    """`x' = -x^2 cos t, u' = x - u`: x = 1 / (1 + sin t), u beside it by a fine solution."""

    def rates(y, u):
        return {"x": -y["x"] * y["x"] * u["cos"], "u": y["x"] - y["u"]}

    def end(steps: int) -> tuple[float, float]:
        h, y = 1.0 / steps, {"x": jnp.asarray(1.0), "u": jnp.asarray(0.0)}
        for i in range(steps):
            y = advanced(y, i * h, h)
        return float(y["x"]), float(y["u"])

    @jax.jit
    def advanced(y, t, h):
        def inputs(at, since):
            # cos t to eighth order: the sparse derivatives know products, no cosine.
            s = (since + t) * (since + t)
            return {"cos": 1.0 + s * (-1 / 2 + s * (1 / 24 + s * (-1 / 720 + s * (1 / 40320))))}

        change = increment(method, rates, inputs, y, h)
        return {name: value + change[name] for name, value in y.items()}

    from scipy.integrate import solve_ivp

    def right(t, y):
        cos = 1 - t**2 / 2 + t**4 / 24 - t**6 / 720 + t**8 / 40320
        return [-(y[0] ** 2) * cos, y[0] - y[1]]

    exact = solve_ivp(right, (0.0, 1.0), [1.0, 0.0], rtol=1e-12, atol=1e-14).y[:, -1]
    coarse, fine = (np.abs(np.array(end(n)) - exact).max() for n in (8, 16))
    assert np.log2(coarse / fine) > order - 0.4


@pytest.mark.parametrize("count", [1, 2, 9])
def test_kernels_compute_what_the_function_computes(count: int) -> None:
    def function(x, y, scale):
        shared = jnp.exp(x) * y + scale
        again = jnp.exp(x) - y
        return {"a": shared * again + shared, "b": jnp.where(again > 0.0, -shared, scale), "c": x}

    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 33))
    found, expected = jax.jit(in_kernels(function, count))(x, y, 0.7), function(x, y, 0.7)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-14)


def test_values_used_twice_are_computed_once() -> None:
    """A chain in which each value is used twice has 2^40 paths, and 40 kernels."""

    def function(x):
        for _ in range(40):
            x = x * x + 1.0 / (x + 2.0)
        return x

    text = jax.jit(in_kernels(function)).lower(jnp.ones(16)).as_text()
    assert text.count("stablehlo.divide") == 40


def test_grids_end_on_visits_and_doses_and_grow_after_each() -> None:
    visits, doses = [0.0, 672.0, 1344.0, 2016.0], [0.0, 1000.0]
    knots = graded(visits, doses, Grading(1.0, 2.0, 100.0, 100.0))
    assert set(visits + doses) <= set(knots)
    lengths = np.diff(knots)
    assert (lengths > 0.0).all()
    assert lengths.max() <= 100.0
    for dose in doses:
        after = lengths[knots[:-1] >= dose][:5]
        np.testing.assert_allclose(after[1:] / after[:-1], 2.0)
    grid = make_grid(
        knots, visits, {"drug": {0.0: 3.0, 1000.0: 4.0}}, {"flow": [(0.0, 672.0, 2.0)]}
    )
    assert grid.doses["drug"].sum() == 7.0
    assert (grid.flows["flow"] * grid.length).sum() == pytest.approx(2.0 * 672.0)
    ends = grid.start + grid.length
    for i, visit in enumerate(visits[1:], 1):
        assert ends[grid.row == i][-1] == pytest.approx(visit)


def test_patients_on_one_grid_keep_their_own_doses() -> None:
    knots = np.array([0.0, 1.0, 2.0])
    one = make_grid(knots, [0.0, 2.0], {"drug": {0.0: 3.0}}, {})
    other = make_grid(knots, [0.0, 2.0], {}, {})
    np.testing.assert_array_equal(together([one, other]).doses["drug"], [[3.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize(("precision", "places"), [("float32", 3e-7), ("float64", 2e-15)])
def test_printed_exponentials_and_logarithms_are_those_of_numpy(
    precision: str, places: float
) -> None:
    """A model whose one step reports them; one is asked for so many numbers that lanes are left."""

    def reported(k, y, carried, t):
        return {"exp": exp(k["x"]), "log": log(k["z"]), "tiny": log(-k["z"])}

    model = PeerModel(
        name="of two functions",
        rates=lambda k, y, u: {"y": 0.0 * y["y"]},
        carried={},
        inputs=lambda k, y, carried, t, since: {},
        switches=lambda k, y: {},
        settled=lambda k, start, end, switches, h: end,
        advance=lambda k, carried, h: {},
        outputs=reported,
    )
    x = np.linspace(-86.0, 87.0, 1003).astype(precision)
    z = np.exp(np.linspace(-60.0, 60.0, 1003)).astype(precision)
    grid = make_grid(np.array([0.0, 1.0]), [0.0, 1.0], {}, {})
    found = simulate(
        model, {"x": x, "z": z}, {"y": 0.0}, grid, ("exp", "log", "tiny"), RODAS3,
        precision=precision, fused=True,
    )  # fmt: skip
    wide = x.astype("longdouble"), z.astype("longdouble")
    np.testing.assert_allclose(found["exp"][1], np.exp(wide[0]), rtol=places)
    np.testing.assert_allclose(found["log"][1], np.log(wide[1]), rtol=places, atol=places)
    np.testing.assert_allclose(found["tiny"][1], np.log(TINY), rtol=places)
