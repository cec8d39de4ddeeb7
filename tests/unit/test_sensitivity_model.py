"""Evaluations on the model itself: those of a run, and derivatives those of differences."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cohort.api.device import configure
from cohort.errors import BadInput
from cohort.levers.compute.cohorts import Cohorts
from cohort.levers.compute.persons import moved, study_persons
from cohort.levers.load import Prepared, load_job
from cohort.patients.variability import load_variability
from cohort.solve.simulate import make_simulator
from cohort.trial.schema import Study
from cohort.trial.study import load_study

PERSONS = 4
OVERRIDES = ["visits.months=[0, 3]", "dropout.annual_rate=0"]
OUTCOMES = ("bmd_lumbar_spine_change", "ctx")
JOB: dict[str, Any] = {
    "study": "freedom",
    "config": OVERRIDES,
    "outputs": [
        {"arm": "denosumab", "outcomes": list(OUTCOMES), "months": [3]},
        {"arm": "denosumab", "against": "placebo", "outcomes": [OUTCOMES[0]], "months": [3]},
    ],
    "factors": [
        {"parameters": ["etaPi", "rT"]},
        {"covariates": ["age"], "low": -2.0, "high": 2.0},
        {"covariates": ["bmi"], "low": -2.0, "high": 2.0},
        {"pk": ["denosumab.apparent_volume", "denosumab.absorption_rate"]},
    ],
    "cohort": {"persons": PERSONS},
}
VOLUME = 4  # its place among the factors


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return load_job(JOB)


@pytest.fixture(scope="module")
def cohorts(prepared: Prepared) -> Cohorts:
    configure("cpu")
    return Cohorts(prepared)


def base(prepared: Prepared) -> np.ndarray:
    return np.array([factor.base for factor in prepared.factors])


def means_of_a_run(study: Study, draw: dict[str, float]) -> list[float]:
    slots = np.arange(PERSONS, dtype=np.int64)
    block = make_simulator(study, [draw]).block(slots, ("denosumab", "placebo"))
    found = [float(block.visits["denosumab"][name][:, 1].mean()) for name in OUTCOMES]
    control = float(block.visits["placebo"][OUTCOMES[0]][:, 1].mean())
    return [*found, found[0] - control]


def test_an_evaluation_is_the_mean_of_a_run(prepared: Prepared, cohorts: Cohorts) -> None:
    other = base(prepared)
    other[:2] *= (1.3, 0.8)
    found = cohorts.evaluate(np.stack([base(prepared), other]))
    draw = {"etaPi": float(other[0]), "rT": float(other[1])}
    np.testing.assert_allclose(found[0], means_of_a_run(prepared.study, {}), rtol=2e-5)
    np.testing.assert_allclose(found[1], means_of_a_run(prepared.study, draw), rtol=2e-5)
    assert not np.allclose(found[0], found[1], rtol=1e-2)


def test_twice_the_volume_is_half_the_dose(prepared: Prepared, cohorts: Cohorts) -> None:
    larger = base(prepared)
    larger[VOLUME] *= 2.0
    regimen = "arms.denosumab.treatments.denosumab.regimen=30 mg sc every 6 months from 0"
    own = [*OVERRIDES, "engine.accuracy=draft", f"patients={PERSONS}", regimen]
    half = load_study("freedom", own)
    found = cohorts.evaluate(larger[None])[0]
    np.testing.assert_allclose(found, means_of_a_run(half, {}), rtol=2e-5)
    assert found[1] != pytest.approx(cohorts.evaluate(base(prepared)[None])[0, 1], rel=1e-3)


def test_a_row_does_not_depend_on_its_neighbours(prepared: Prepared, cohorts: Cohorts) -> None:
    rows = base(prepared) * np.linspace(0.9, 1.1, 6)[:, None]
    together = cohorts.evaluate(rows)
    np.testing.assert_array_equal(together[2:4], cohorts.evaluate(rows[2:4]))


def test_moves_change_what_follows_from_the_covariate_alone(prepared: Prepared) -> None:
    persons = study_persons(prepared.study)
    moves = {name: jnp.asarray(by) for name, by in (("age", 2.0), ("bmi", 3.0), ("t_score", 0.5))}
    tile = moved(persons, moves)
    np.testing.assert_allclose(tile["age"], persons.tile["age"] + 2.0)
    assert tile["life"] is persons.tile["life"]
    declared, bmi = load_variability(), np.asarray(persons.bmi)
    moving = 0
    for name, before in persons.tile["eta"].items():
        expected = np.asarray(before)
        if name != "adherence":
            effect = declared[name]
            gained = effect.bmi_power * np.log((bmi + 3.0) / bmi) + effect.bmi_slope * 3.0
            moving += bool(np.any(gained))
            offset = effect.kind == "offset"
            expected = expected + gained if offset else expected * np.exp(gained)
        np.testing.assert_allclose(tile["eta"][name], expected, rtol=1e-5, atol=1e-6)
    assert moving > 0
    spine = "t_score_lumbar_spine"
    np.testing.assert_allclose(tile["recruited"][spine], persons.tile["recruited"][spine] + 0.5)


def test_ages_beyond_the_model_are_refused() -> None:
    far = [{"covariates": ["age"], "low": -60.0, "high": 2.0}]
    with pytest.raises(BadInput, match="age from -60 to 2 moves the cohort"):
        Cohorts(load_job(JOB | {"factors": far}))


@pytest.mark.slow
def test_derivatives_are_those_of_differences() -> None:
    """In float64, where a difference of two evaluations has digits left."""
    with jax.enable_x64(True):
        double = JOB | {"config": [*OVERRIDES, "engine.precision=float64"]}
        prepared = load_job(double)
        cohorts, here = Cohorts(prepared), base(prepared)
        outputs, slopes = cohorts.derivatives()
        np.testing.assert_allclose(outputs.mean(axis=1), cohorts.evaluate(here[None])[0])
        for place, factor in enumerate(prepared.factors):
            step = 1e-3 if factor.kind == "covariate" else 1e-4 * factor.base
            ends = np.stack([here, here])
            ends[:, place] += (-step, step)
            below, above = cohorts.evaluate(ends)
            difference = (above - below) / (2.0 * step)
            # A PK number's derivative goes over a difference of the schedule, of relative 3e-3.
            digits = 1e-4 if factor.kind == "pk" else 1e-6
            np.testing.assert_allclose(slopes[place].mean(axis=1), difference, rtol=digits)
