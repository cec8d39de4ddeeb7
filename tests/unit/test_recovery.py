"""Known parameters are found again, inside their intervals at the nominal rate.

Outcomes of a small real trial are simulated by `benchmarks/recovery.py`, which does the same at
full size, and are fitted by the polish from random starts. Compiling takes most of the time.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, chi2
from small_problem import JOB, small_job

from calibration.fit.evaluations import Evaluations
from calibration.fit.fit import make_starts
from calibration.fit.memory import Memory
from calibration.fit.polish import Polished, polish
from calibration.fit.trace import Trace
from calibration.job.schema import Job
from calibration.problem import Problem, make_problem
from calibration.progress import silent

SETS = 40
EXACT = """\
[polish]
steps = 25
[noise]
bmd_floor = 0.1
bmd_share = 0.03
marker_floor = 2.0
marker_share = 0.03
"""
QUANTITIES = {"LS": 0.1, "TH": 0.1, "FN": 0.1, "CTX": 2.0, "P1NP": 2.0, "BSAP": 2.0}


def outcomes() -> str:
    """Return a table of what a large trial would publish; the values are replaced."""
    lines = []
    for month in (3, 6):
        for name, error in QUANTITIES.items():
            what = f"{name},serum" if error > 1.0 else f"BMD,{name}"
            given = f"{month},mean,5,se,{error},percent change,baseline,checked,calibration,1"
            lines.append(f"{name}-{month},denosumab,{what},{given}\n")
    return "".join(lines)


def benchmark() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "recovery.py"
    spec = importlib.util.spec_from_file_location("recovery", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


recovery = benchmark()


@pytest.fixture(scope="module", autouse=True)
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("recovery")
    return small_job(folder, ["start.starts=8"], job=JOB + EXACT, outcomes=outcomes())


@pytest.fixture(scope="module")
def problem(job: Job, x64: None) -> Problem:
    return make_problem(job)


@pytest.fixture(scope="module")
def truth(problem: Problem) -> np.ndarray:
    return problem.free.x(problem.free.fixed)


def refitted(drawn: Problem, job: Job, start: int, folder: Path, rounds: int = 2) -> Polished:
    """Fit a synthetic data set from one of its random starts; its noise is known."""
    x = make_starts(drawn.free, job)[start]
    asked = job.polish.model_copy(update={"rounds": rounds})
    return polish(asked, Evaluations(drawn, Memory(folder)), x, start, Trace(silent))


@pytest.fixture(scope="module")
def fits(
    problem: Problem, truth: np.ndarray, job: Job, tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    """Return how every parameter of every data set was found."""
    tables = []
    for number in range(SETS):
        drawn = recovery.synthetic(problem, truth, np.random.default_rng(number))
        found = refitted(drawn, job, number % 8, tmp_path_factory.mktemp("fit"))
        table = recovery.found_again(found.evaluations.problem, found.x, truth)
        tables.append(table.assign(set=number, converged=found.converged))
    return pd.concat(tables)


def test_random_starts_end_in_one_optimum(
    problem: Problem, truth: np.ndarray, job: Job, tmp_path: Path
):
    drawn = recovery.synthetic(problem, truth, np.random.default_rng(100))
    # Two rounds leave a trace of where the first was corrected; four do not.
    ends = [refitted(drawn, job, start, tmp_path, rounds=4) for start in range(8)]
    assert all(end.converged for end in ends)
    begun = make_starts(drawn.free, job) / drawn.free.sd
    assert np.ptp(begun, axis=0).min() > 0.5  # they began apart, none of them at the truth
    assert np.abs(begun - truth / drawn.free.sd).max(axis=1).min() > 0.1
    losses = np.array([end.loss for end in ends])
    np.testing.assert_allclose(losses, losses.min(), rtol=1e-3)
    spread = np.ptp([end.x for end in ends], axis=0) / drawn.free.sd
    assert spread.max() < 0.05


def test_intervals_hold_the_truth_at_the_nominal_rate(fits: pd.DataFrame):
    assert fits.converged.all()
    known = fits[fits.evidence == "data"]
    assert len(known) >= 2 * SETS
    low, high = binom.interval(0.99, len(known), 0.95)
    assert low <= known.inside.sum() <= high


def test_deviations_are_of_the_size_that_the_posterior_says(fits: pd.DataFrame):
    known = fits[fits.evidence == "data"]
    # Parameters of one data set are correlated, so only data sets count as independent.
    square = float(np.mean(known.off**2))
    low, high = chi2.interval(0.99, SETS)
    assert low / SETS < square < high / SETS


def test_parameters_are_not_biased(fits: pd.DataFrame):
    for name, own in fits.groupby("parameter"):
        assert abs(own.off.mean()) < 3.5 / np.sqrt(len(own)), name


def test_outcomes_scatter_as_the_fit_assumes(problem: Problem):
    rng = np.random.default_rng(9)
    whitened = np.array([recovery.noise(problem, rng) for _ in range(2000)])
    whitened = whitened @ problem.likelihood.whitener()
    assert np.abs(np.cov(whitened.T) - np.eye(12)).max() < 5.0 * np.sqrt(2.0 / 2000)
