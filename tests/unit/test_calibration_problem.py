"""The objective on two real trials: predictions against the engine's, derivatives by differences.

Compiling its derivatives takes a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from small_problem import small_job

from calibration.fit import fit
from calibration.job.schema import Job
from calibration.lanes import few_lanes, whole_lanes
from calibration.problem import Problem, make_problem
from calibration.progress import silent
from cohort.patients.variability import load_variability
from cohort.solve.simulate import make_simulator
from cohort.trial.schema import Study
from cohort.trial.study import load_study

PERSONS = 64  # of the whole cohorts; the engine's first ones
STEP = 1e-4


@pytest.fixture(scope="module", autouse=True)
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("problem")


@pytest.fixture(scope="module")
def problem(folder: Path, x64: None) -> Problem:
    trials = 'targets.trials=["small", "schnitzer"]'
    return make_problem(small_job(folder, [trials, f"cohort.correction={PERSONS}"]))


@pytest.fixture(scope="module")
def x(problem: Problem) -> np.ndarray:
    """Return a point away from the start, where no gradient is near zero by chance."""
    away = 0.3 * problem.free.sd * np.random.default_rng(2).standard_normal(5)
    return problem.free.x(problem.free.fixed) + away


@pytest.fixture(scope="module")
def start(problem: Problem) -> np.ndarray:
    return problem.free.x(problem.free.fixed)


Outputs = dict[tuple[str, str], dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def engine(problem: Problem, folder: Path) -> Outputs:
    """Return what the engine computes, `(visit, patient)` by trial, arm and outcome."""
    found = {}
    for name in problem.studies:
        word = folder / name if name == "small" else name
        study = load_study(word, ["engine.precision=float64", "engine.accuracy=draft"])
        simulator = make_simulator(study)
        for arm in study.arms:
            found[name, arm.name] = simulator.relative(np.arange(PERSONS), arm.name)
    return found


def cost(problem: Problem, x: np.ndarray) -> float:
    return problem.cost(problem.predicted(x) - problem.observed, x)


def test_corrected_rows_are_statistics_of_the_engines_persons(
    problem: Problem, start: np.ndarray, engine: Outputs
):
    months = {"small": [0, 3, 6], "schnitzer": [0, 6, 12]}

    def change(trial: str, arm: str, column: str, month: int, since: int = 0) -> np.ndarray:
        series = engine[trial, arm][column]
        place = months[trial].index
        return 100.0 * (series[place(month)] / series[place(since)] - 1.0)

    spine, hip = "bmd_lumbar_spine", "bmd_total_hip"
    drug, placebo = (change("small", arm, spine, 6).mean() for arm in ("denosumab", "placebo"))
    markers = [change("small", arm, "ctx", 6).mean() for arm in ("denosumab", "placebo")]
    expected = {
        "spine": drug,
        "spine_placebo": drug - placebo,
        "hip": change("small", "denosumab", hip, 6).mean(),
        "hip_later": change("small", "denosumab", hip, 6, since=3).mean(),
        "ctx": np.median(change("small", "denosumab", "ctx", 3)),
        "ctx_placebo": 100.0 * ((1 + markers[0] / 100) / (1 + markers[1] / 100) - 1),
        "p1np": np.median(change("small", "denosumab", "p1np", 6)),
        "still": placebo,
        "neck": change("small", "denosumab", "bmd_femoral_neck", 6).mean(),
        "bsap": change("small", "denosumab", "bsap", 6).mean(),
        "outcomes-65": change("schnitzer", "alendronate_weekly", spine, 12).mean(),
        "outcomes-66": change("schnitzer", "alendronate_daily", spine, 12).mean(),
    }
    found = problem.corrected(start).predicted(start)
    named = {t.row.row_id: value for t, value in zip(problem.targets, found, strict=True)}
    assert len(problem.parts) == 1  # four arms of other drugs, lengths and visits as one
    assert named == pytest.approx(expected, abs=1e-6)


def test_the_correction_does_not_depend_on_the_one_before(problem: Problem, start: np.ndarray):
    once = problem.corrected(start)
    assert np.abs(once.correction).max() > 0.1
    np.testing.assert_allclose(once.corrected(start).correction, once.correction, atol=1e-10)


def test_a_correction_shifts_rows_alike_everywhere(problem: Problem, x: np.ndarray):
    shift = np.arange(len(problem.targets), dtype=float)
    shifted = replace(problem, correction=shift)
    np.testing.assert_allclose(shifted.predicted(x) - problem.predicted(x), shift, atol=1e-10)
    rows, slopes = shifted.linearised(x)
    np.testing.assert_allclose(rows, shifted.predicted(x), rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(slopes, problem.linearised(x)[1])


def test_steps_for_derivatives_and_without_agree(problem: Problem, x: np.ndarray):
    rows, _ = problem.linearised(x)
    np.testing.assert_allclose(rows, problem.predicted(x), rtol=1e-10)


def test_the_gradient_of_the_loss_equals_central_differences(problem: Problem, x: np.ndarray):
    _, (slope, _) = problem.gradients(np.stack([x, x]))
    rng = np.random.default_rng(7)
    directions = [*np.eye(5), *rng.standard_normal((5, 5))]
    for direction in directions:
        ahead, behind = (cost(problem, x + side * STEP * direction) for side in (1, -1))
        difference = (ahead - behind) / (2 * STEP)
        assert slope @ direction == pytest.approx(difference, rel=1e-4)


def test_starts_together_have_their_own_losses(problem: Problem, x: np.ndarray, start: np.ndarray):
    losses, slopes = problem.gradients(np.stack([x, start]))
    expected = [cost(problem, x), cost(problem, start)]
    np.testing.assert_allclose(losses, expected, rtol=1e-10)
    again, back = problem.gradients(np.stack([start, x]))
    np.testing.assert_allclose(again, losses[::-1], rtol=1e-12)
    np.testing.assert_allclose(back, slopes[::-1], rtol=1e-9, atol=1e-12)
    assert np.abs(slopes[0] - slopes[1]).max() > 0.1


@pytest.mark.slow
def test_corrections_and_errors_of_a_round_enter_loss_and_gradient(
    problem: Problem, x: np.ndarray, start: np.ndarray
):
    later = problem.corrected(start).reweighed(start)
    assert later.likelihood.factors != problem.likelihood.factors
    losses, slopes = later.gradients(np.stack([x, start]))
    np.testing.assert_allclose(losses, [cost(later, x), cost(later, start)], rtol=1e-10)
    direction = np.ones(5)
    ahead, behind = (cost(later, x + side * STEP * direction) for side in (1, -1))
    assert slopes[0] @ direction == pytest.approx((ahead - behind) / (2 * STEP), rel=1e-4)


def test_the_traceable_loss_is_the_compiled_one(problem: Problem, x: np.ndarray):
    later = replace(problem, correction=np.linspace(-1.0, 1.0, len(problem.targets)))
    assert float(jax.jit(later.loss)(x)) == pytest.approx(cost(later, x), rel=1e-10)


def test_slopes_of_rows_equal_central_differences(problem: Problem, x: np.ndarray):
    slopes = problem.jacobian(x)
    assert slopes.shape == (len(problem.targets), 5)
    for index, direction in enumerate(np.eye(5)):
        ahead, behind = (problem.predicted(x + side * STEP * direction) for side in (1, -1))
        difference = (ahead - behind) / (2 * STEP)
        np.testing.assert_allclose(slopes[:, index], difference, rtol=1e-4, atol=1e-7)


def test_the_loss_is_that_of_whitened_residuals_and_priors(problem: Problem, x: np.ndarray):
    residuals = problem.predicted(x) - problem.observed
    z = problem.likelihood.whitener() @ residuals
    pulled = np.sum(2.5**2 * (np.sqrt(1.0 + (z / 2.5) ** 2) - 1.0))
    apart = (x - problem.free.centre) / problem.free.sd
    assert cost(problem, x) == pytest.approx(pulled + 0.5 * apart @ apart, rel=1e-12)
    np.testing.assert_allclose(problem.whiten(residuals), z, rtol=1e-12)


def test_a_fit_finds_parameters_that_show_exactly_what_is_observed(
    problem: Problem, x: np.ndarray, start: np.ndarray, tmp_path: Path
):
    shown = problem.corrected(x).predicted(x)
    targets = tuple(
        replace(target, row=replace(target.row, value=float(value)))
        for target, value in zip(problem.targets, shown, strict=True)
    )
    exact = replace(
        problem,
        free=replace(problem.free, centre=x),  # with no pull from the priors the loss is 0 at x
        likelihood=replace(problem.likelihood, targets=targets),
    )
    steps = {"fit": {"steps": 15}, "polish": {"steps": 20, "rounds": 3}, "start": {"starts": 2}}
    found = fit(exact, Job.model_validate(steps), tmp_path, silent)
    begun = np.abs(start - x) / problem.free.sd
    off = np.abs(found.x - x) / problem.free.sd
    assert begun.max() > 0.3
    assert off.max() < 0.01
    assert found.starts.loss.min() < 1e-4
    assert found.starts[found.starts.stage == "polish"].converged.all()


def test_a_few_persons_are_nearer_to_all_than_as_many_drawn(problem: Problem):
    study = problem.studies["schnitzer"]
    every, few = (
        ages(study, 512),
        np.asarray(few_lanes(study, load_variability(), 8)[0].tile["age"]),
    )
    assert set(few) <= set(every)
    drawn = np.random.default_rng(0).choice(every, (1000, 8))
    usual = np.median(np.abs(drawn.mean(axis=1) - every.mean()))
    assert abs(few.mean() - every.mean()) < usual


def ages(study: Study, persons: int) -> np.ndarray:
    return np.asarray(whole_lanes(study, load_variability(), persons)[0].tile["age"])
