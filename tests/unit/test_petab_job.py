"""PEtab tables as a job: exported and read back they are the same problem."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from small_problem import JOB, small_job

from calibration.exchange.of_job import export_job
from calibration.job.load import job_hash, job_text, load_job
from calibration.problem import Problem, make_problem
from cohort.cli import main
from cohort.errors import BadInput

pytest.importorskip("petab.v2")

OWN = (
    JOB.replace("natural_history = false", "natural_history = true")
    + """\
[parameters.prior.etaPi]
centre = 0.55
sd = 0.2
low = 0.3
[parameters.prior.rT]
high = 0.003
[[parameters.tied]]
names = ["kC", "kG"]
[[targets.emphasis]]
trial = "small"
factor = 1.5
[noise]
huber = 3.0
"""
)


@pytest.fixture(scope="module", autouse=True)
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, x64: None) -> tuple[Problem, np.ndarray, Path]:
    """A problem with the errors that some residuals tell, a point of it, and its tables."""
    folder = tmp_path_factory.mktemp("petab_job")
    job = small_job(folder, job=OWN)
    problem, rng = make_problem(job), np.random.default_rng(3)
    told = problem.likelihood.estimated(rng.normal(0.0, 2.0, len(problem.targets)))
    problem = replace(problem, likelihood=told)
    free = problem.free
    x = np.clip(free.centre + 0.3 * free.sd * rng.standard_normal(5), free.low, free.high)
    values = {name: float(value) for name, value in free.values(x).items()}
    return problem, x, export_job(folder / "petab", job, problem, values)


def test_the_problem_is_the_same(fitted: tuple[Problem, np.ndarray, Path]) -> None:
    problem, x, path = fitted
    job = load_job(path)
    again = make_problem(job)
    assert again.free.names == problem.free.names
    assert again.free.leaders == problem.free.leaders
    for field in ("centre", "sd", "low", "high"):
        mine, its = (getattr(one.free, field) for one in (again, problem))
        np.testing.assert_allclose(mine, its, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(again.free.x(again.free.fixed), x, rtol=1e-12, atol=1e-12)
    ids = [(t.row.trial, t.row.row_id) for t in problem.targets]
    assert [(t.row.trial, t.row.row_id) for t in again.targets] == ids
    np.testing.assert_array_equal(again.observed, problem.observed)
    # The same persons: the cohorts that predict are drawn alike.
    lanes = [[lane for part in one.parts for lane in part.group.lanes] for one in (again, problem)]
    for mine, its in zip(*lanes, strict=True):
        assert (mine.trial, mine.arm, mine.months) == (its.trial, its.arm, its.months)
        np.testing.assert_array_equal(mine.tile["age"], its.tile["age"])
    rng = np.random.default_rng(0)
    for size in (0.1, 3.0, 30.0):
        residuals = size * rng.standard_normal(len(ids))
        expected = problem.cost(residuals, x)
        assert again.cost(residuals, x) == pytest.approx(expected, rel=1e-12)


def test_errors_of_tables_hold_whatever_the_residuals(
    fitted: tuple[Problem, np.ndarray, Path],
) -> None:
    problem, _, path = fitted
    likelihood = make_problem(load_job(path)).likelihood
    later = likelihood.estimated(np.full(len(problem.targets), 9.0))
    np.testing.assert_array_equal(later.error(), problem.likelihood.error())
    np.testing.assert_array_equal(later.offset(), problem.likelihood.offset())


def test_a_job_of_tables_is_read_back_from_its_folder(
    fitted: tuple[Problem, np.ndarray, Path], tmp_path: Path
) -> None:
    job = load_job(fitted[2], ["cohort.persons=3"], seed=7)
    assert (job.name, job.seed, job.cohort.persons) == ("petab_problem", 7, 3)
    (tmp_path / "job.toml").write_text(job_text(job))
    assert load_job(tmp_path / "job.toml") == job
    before = job_hash(job)
    table = fitted[2].parent / "measurements.tsv"
    text = table.read_text()
    table.write_text(text.replace("\t3.4\t", "\t3.5\t", 1))
    try:
        assert job_hash(load_job(fitted[2], ["cohort.persons=3"], seed=7)) != before
    finally:
        table.write_text(text)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("parameters.free=['kC']", "parameters.free: the PEtab tables say otherwise"),
        ("noise.huber=9", "noise.huber: the PEtab tables say otherwise"),
        ("targets.endpoints=['LS']", "targets.endpoints: the PEtab tables say which rows"),
        ("targets.trials=['freedom']", "the tables hold rows of 'small', which is none of these"),
    ],
)
def test_what_the_tables_say_is_not_said_otherwise(
    fitted: tuple[Problem, np.ndarray, Path], override: str, says: str
) -> None:
    with pytest.raises(BadInput) as caught:
        load_job(fitted[2], [override])
    assert says in str(caught.value)
    assert len(caught.value.problems) == 1


def test_tables_of_another_model_are_refused_by_the_command(
    fitted: tuple[Problem, np.ndarray, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in fitted[2].parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "problem.yaml"
    path.write_text(path.read_text().replace("language: bone-cohort", "language: sbml"))
    before = sorted(tmp_path.iterdir())
    assert main(["calibrate", "problem.yaml"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "only one model of the language bone-cohort is read" in told.err
    assert main(["calibrate", "./absent.yaml"]) == 2
    assert "there is no such file" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_the_command_tells_what_it_would_fit(
    fitted: tuple[Problem, np.ndarray, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", str(fitted[2]), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert f"{len(fitted[0].targets)} rows" in told
    assert "5 free parameters" in told
