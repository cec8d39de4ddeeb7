"""Indices against functions whose indices are known in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from cohort.levers.design import Design
from cohort.levers.factors import Factor, Kind
from cohort.levers.indices import Index, indices
from cohort.levers.local import local_indices
from cohort.levers.outputs import Column
from cohort.levers.schema import Correlation, Method

Function = Callable[[np.ndarray], np.ndarray]
ISHIGAMI_A, ISHIGAMI_B = 7.0, 0.1
WEIGHTS = np.array([0.0, 1.0, 4.5, 9.0, 99.0, 99.0])  # of Sobol's g-function


def ishigami(x: np.ndarray) -> np.ndarray:
    """Ishigami & Homma 1990 (10.1109/ISUMA.1990.151285)."""
    first = np.sin(x[:, 0])
    return first + ISHIGAMI_A * np.sin(x[:, 1]) ** 2 + ISHIGAMI_B * x[:, 2] ** 4 * first


def g_function(x: np.ndarray) -> np.ndarray:
    """Sobol's g-function (Saltelli & Sobol 1995): product of (|4 x - 2| + a) / (1 + a)."""
    return np.prod((np.abs(4.0 * x - 2.0) + WEIGHTS) / (1.0 + WEIGHTS), axis=1)


def method(**keys: object) -> Method:
    return Method.model_validate(keys)


def angles() -> list[Factor]:
    return [Factor(n, "parameter", "rad", "angle", 0.0, -np.pi, np.pi) for n in ("a", "b", "c")]


def unit_factors(names: Sequence[str], kinds: Sequence[Kind] = ()) -> list[Factor]:
    every: Sequence[Kind] = kinds if kinds else ("parameter",) * len(names)
    return [
        Factor(name, kind, "1", "", 0.5, 0.0, 1.0) for name, kind in zip(names, every, strict=True)
    ]


def found(
    function: Function,
    factors: Sequence[Factor],
    chosen: Method,
    seed: int = 7,
    correlations: tuple[Correlation, ...] = (),
) -> dict[tuple[str, str], Index]:
    design = Design(tuple(factors), chosen, seed, correlations)
    points = design.points()
    output = function(design.values(points))
    return {(i.lever, i.name): i for i in indices(design, points, output)}


def test_sobol_on_ishigami() -> None:
    a, b = ISHIGAMI_A, ISHIGAMI_B
    alone = 0.5 * (1.0 + b * np.pi**4 / 5.0) ** 2
    middle = a**2 / 8.0
    together = 8.0 * b**2 * np.pi**8 / 225.0
    variance = alone + middle + together
    first = {"a": alone, "b": middle, "c": 0.0}
    total = {"a": alone + together, "b": middle, "c": together}
    rows = found(ishigami, angles(), method(name="sobol", samples=4096))
    for lever in "abc":
        one, whole = rows[lever, "first"], rows[lever, "total"]
        assert one.value == pytest.approx(first[lever] / variance, abs=0.02)
        assert whole.value == pytest.approx(total[lever] / variance, abs=0.02)
        assert one.low < first[lever] / variance < one.high
        assert whole.low < total[lever] / variance < whole.high


def test_sobol_on_the_g_function() -> None:
    own = 1.0 / (3.0 * (1.0 + WEIGHTS) ** 2)
    variance = np.prod(1.0 + own) - 1.0
    names = [f"x{i}" for i in range(len(WEIGHTS))]
    rows = found(g_function, unit_factors(names), method(name="sobol", samples=8192))
    for i, name in enumerate(names):
        others = np.prod(1.0 + np.delete(own, i))
        assert rows[name, "first"].value == pytest.approx(own[i] / variance, abs=0.02)
        assert rows[name, "total"].value == pytest.approx(own[i] * others / variance, abs=0.02)


def test_sobol_of_groups_shares_an_additive_variance() -> None:
    kinds: list[Kind] = ["parameter", "parameter", "covariate", "pk"]
    factors = unit_factors(["p", "q", "age", "rate"], kinds)
    chosen = method(name="sobol", samples=4096, by="kinds")
    rows = found(lambda x: x @ np.array([1.0, 1.0, 2.0, 0.0]), factors, chosen)
    shares = {"parameters": 2 / 6, "covariates": 4 / 6, "pharmacokinetics": 0.0}
    for lever, share in shares.items():
        assert rows[lever, "first"].value == pytest.approx(share, abs=0.02)
        assert rows[lever, "total"].value == pytest.approx(share, abs=0.02)
    assert {lever for lever, _ in rows} == set(shares)


def test_morris_on_ishigami() -> None:
    """On four levels a step goes from 0 to 2/3 or from 1/3 to 1 of the range, or back."""
    rows = found(ishigami, angles(), method(name="morris", samples=600, levels=4))
    per_step = 1.5  # 1 / (2/3)
    sine = np.sin(np.pi / 3.0)  # at the inner levels; 0 at the outer ones
    inner, outer = (np.pi / 3.0) ** 4, np.pi**4
    a_star = per_step * sine * (1.0 + ISHIGAMI_B * (inner + outer) / 2.0)
    b_star = per_step * ISHIGAMI_A * sine**2
    c_star = per_step * ISHIGAMI_B * (outer - inner) * sine / 2.0
    assert rows["a", "mu"].value == pytest.approx(a_star, rel=0.05)
    assert rows["a", "mu_star"].value == pytest.approx(a_star, rel=0.05)
    assert rows["b", "mu_star"].value == pytest.approx(b_star, rel=1e-6)
    assert rows["c", "mu_star"].value == pytest.approx(c_star, rel=0.10)
    assert rows["b", "sigma"].value == pytest.approx(b_star, rel=0.01)  # as often up as down
    assert rows["a", "mu_star"].low < a_star < rows["a", "mu_star"].high


def test_morris_on_the_g_function() -> None:
    """Levels 0 and 1 give `|4x - 2|` = 2, the inner ones 2/3; a step changes it by 4/3."""
    names = [f"x{i}" for i in range(len(WEIGHTS))]
    rows = found(g_function, unit_factors(names), method(name="morris", samples=600))
    mean = (4.0 / 3.0 + WEIGHTS) / (1.0 + WEIGHTS)
    for i, name in enumerate(names):
        star = 1.5 * (4.0 / 3.0) / (1.0 + WEIGHTS[i]) * np.prod(np.delete(mean, i))
        assert rows[name, "mu_star"].value == pytest.approx(star, rel=0.06)


def test_prcc_sees_through_a_correlated_input() -> None:
    """An input that only goes with another has a rank correlation, but no partial one."""
    factors = unit_factors(["real", "companion", "other"])
    pair = (Correlation(between=("real", "companion"), value=0.8),)
    chosen = method(name="prcc", samples=800)
    rows = found(lambda x: x[:, 0] + 0.7 * x[:, 2], factors, chosen, correlations=pair)
    design = Design(tuple(factors), chosen, 7, pair)
    values = design.values(design.points())
    plain = np.corrcoef(values[:, 1], values[:, 0] + 0.7 * values[:, 2])[0, 1]
    assert plain > 0.5
    assert abs(rows["companion", "prcc"].value) < 0.15
    assert rows["real", "prcc"].value > 0.9
    assert rows["other", "prcc"].low < rows["other", "prcc"].value < rows["other", "prcc"].high


def test_prcc_depends_on_ranks_alone() -> None:
    factors = unit_factors(["p", "q"])
    chosen = method(name="prcc", samples=200)
    plain = found(lambda x: x[:, 0] - x[:, 1] ** 2, factors, chosen)
    bent = found(lambda x: np.exp(5.0 * (x[:, 0] - x[:, 1] ** 2)), factors, chosen)
    assert plain["p", "prcc"] == bent["p", "prcc"]
    assert plain["q", "prcc"].value < 0.0 < plain["p", "prcc"].value


def test_evaluations_without_result_are_left_out_with_their_sample() -> None:
    chosen = method(name="sobol", samples=4096)
    design = Design(tuple(angles()), chosen, 7)
    points = design.points()
    output = ishigami(design.values(points))
    broken = output.copy()
    broken[[3, 711]] = np.nan  # base samples 0 and 142
    whole = np.ones(design.samples, bool)
    whole[[0, 142]] = False
    kept = np.repeat(whole, design.rows_a_sample)
    left = list(indices(design, points, broken))
    assert left == list(indices(design, points[kept], output[kept]))
    assert left[0].value == pytest.approx(0.3139, abs=0.02)


def test_an_output_that_nothing_moves_has_no_indices() -> None:
    for name, samples in (("sobol", 8), ("morris", 4), ("prcc", 20)):
        chosen = method(name=name, samples=samples)
        rows = found(lambda x: np.full(len(x), 3.0), unit_factors(["p", "q"]), chosen)
        assert all(np.isnan(row.value) for row in rows.values())


def test_local_indices_of_a_power_law() -> None:
    """Of `y = c x^b` the elasticity is `b`, and the swing on the logarithm `b y ln(high / low)`."""
    power, x, c = 1.7, 2.0, 3.0
    factor = Factor("x", "parameter", "1", "", x, 1.0, 4.0, "log")
    shift = Factor("age", "covariate", "years", "", 0.0, -5.0, 5.0)
    persons = c * np.array([[1.0, 2.0]]) * x**power
    slopes = np.stack([power * persons / x, np.full((1, 2), 0.1)])
    column = Column("arm", None, "ctx", 6.0)
    rows = {
        (i.lever, i.name): i.value
        for _, i in local_indices([factor, shift], [column], persons, slopes)
    }
    mean = 1.5 * c * x**power
    assert rows["x", "derivative"] == pytest.approx(power * mean / x)
    assert rows["x", "elasticity"] == pytest.approx(power)
    assert rows["x", "swing"] == pytest.approx(power * mean * np.log(4.0))
    assert rows["age", "swing"] == pytest.approx(1.0)
    assert np.isnan(rows["age", "elasticity"])
