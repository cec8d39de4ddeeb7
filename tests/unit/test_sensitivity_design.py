"""Where a job looks: ranges, distributions, correlations, numbers of evaluations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from cohort.levers.design import Design
from cohort.levers.factors import Factor, job_factors
from cohort.levers.load import load_job
from cohort.levers.schema import Correlation, Method
from cohort.model.parameters import PARAMETERS

JOB = {
    "study": "freedom",
    "outputs": [{"arm": "denosumab", "outcomes": ["ctx_change"], "months": [6]}],
    "factors": [{"parameters": ["etaPi"]}],
}


def method(**keys: object) -> Method:
    return Method.model_validate(keys)


def factor(name: str = "x", **more) -> Factor:
    return Factor(name, "parameter", "1", "", 1.0, 0.5, 2.0, **more)


def test_a_uniform_factor_is_even_on_its_own_scale() -> None:
    u = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(factor(scale="log").value(u), [0.5, 1.0, 2.0])
    np.testing.assert_allclose(factor().value(u), [0.5, 1.25, 2.0])
    share = Factor("f", "parameter", "1", "", 0.5, 0.2, 0.8, "logit")
    np.testing.assert_allclose(share.value(u), [0.2, 0.5, 0.8])


def test_a_normal_factor_is_cut_two_deviations_from_the_middle() -> None:
    u = np.linspace(0.0, 1.0, 101)
    values = factor(scale="log", distribution="normal").value(u)
    z = (np.log(values) / np.log(2.0)) * 2.0  # the ends, half and twice, at two deviations
    cut = norm.cdf(2.0) - norm.cdf(-2.0)
    np.testing.assert_allclose((norm.cdf(z) - norm.cdf(-2.0)) / cut, u, atol=1e-9)
    assert values[[0, -1]] == pytest.approx([0.5, 2.0])


def test_a_parameter_spans_its_priors_deviations_about_the_studys_value() -> None:
    prepared = load_job(JOB | {"factors": [{"parameters": ["etaPi"], "sds": 1.5}]})
    (found,) = job_factors(prepared.job, prepared.study)
    declared = PARAMETERS["etaPi"]
    assert found.scale == "log"
    assert np.log(found.high / found.base) == pytest.approx(1.5 * declared.sd)
    assert np.log(found.base / found.low) == pytest.approx(1.5 * declared.sd)


def test_groups_of_the_declarations_and_drugs_are_written_out() -> None:
    tables = [{"parameters": ["Osteoclast lineage"]}, {"pk": ["denosumab"], "fold": 2.0}]
    found = load_job(JOB | {"factors": tables}).factors
    declared = [n for n, p in PARAMETERS.items() if p.group == "Osteoclast lineage"]
    assert [f.name for f in found if f.kind == "parameter"] == declared
    volume = next(f for f in found if f.name == "denosumab.apparent_volume")
    assert (volume.low, volume.base, volume.high) == (3.75, 7.5, 15.0)  # data/therapies


def test_correlated_factors_have_the_rank_correlation_of_a_gaussian_copula() -> None:
    pair = (Correlation(between=("x", "y"), value=0.6),)
    chosen = method(name="prcc", samples=20_000)
    design = Design((factor("x"), factor("y"), factor("z")), chosen, 1, pair)
    ranks = np.corrcoef(rankdata(design.values(design.points()), axis=0), rowvar=False)
    assert ranks[0, 1] == pytest.approx(6.0 / np.pi * np.arcsin(0.3), abs=0.02)
    assert abs(ranks[0, 2]) < 0.03


@pytest.mark.parametrize(
    ("chosen", "evaluations"),
    [
        (method(name="sobol", samples=2**13), 2**13 * 22),
        (method(name="morris", samples=10), 210),
        (method(name="prcc", samples=300), 300),
    ],
)
def test_numbers_of_evaluations(chosen: Method, evaluations: int) -> None:
    design = Design(tuple(factor(f"x{i}") for i in range(20)), chosen, 5)
    assert design.evaluations == evaluations
    if evaluations < 1000:
        assert design.points().shape == (evaluations, 20)


@pytest.mark.parametrize("name", ["sobol", "morris", "prcc"])
def test_a_seed_decides_the_points(name: str) -> None:
    chosen = method(name=name, samples=8)
    factors = (factor("x"), factor("y"))
    points = [Design(factors, chosen, seed).points() for seed in (0, 0, 1)]
    np.testing.assert_array_equal(points[0], points[1])
    assert not np.array_equal(points[0], points[2])
