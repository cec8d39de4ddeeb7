"""A job's results folder: whose it is, how far it came, and the parameter set frozen from it."""

from __future__ import annotations

import sys
import tomllib
import types
from pathlib import Path

import pytest
from own_job import own_job

from calibration.job.folder import opened
from calibration.job.freeze import freeze, write_set
from calibration.job.load import job_hash, load_job
from calibration.job.run import run_job
from cohort.api.runs import resume
from cohort.errors import BadInput
from cohort.model.parameters import parameter_set
from cohort.results.reader import read_manifest


def test_a_folder_belongs_to_one_job(tmp_path: Path) -> None:
    job, other = load_job(own_job(tmp_path)), load_job(tmp_path / "own.toml", seed=9)
    out = tmp_path / "out"
    with opened(job, out) as folder:
        assert not folder.complete
        (out / "targets.parquet").write_bytes(b"x")
        folder.finish("targets", ("targets.parquet",), more=1)
    with opened(job, out) as folder:
        assert folder.finished("targets")
        assert not folder.finished("fit")
        assert folder.manifest["more"] == 1
        (out / "targets.parquet").unlink()
        assert not folder.finished("targets")
    assert load_job(out / "job.toml") == job
    before = sorted(out.iterdir())
    with pytest.raises(BadInput, match=r"holds another job.*--overwrite"), opened(other, out):
        pass
    assert sorted(out.iterdir()) == before
    (out / "notes.txt").write_text("mine")
    with opened(other, out, overwrite=True) as folder:
        assert not folder.finished("targets")
        assert "more" not in folder.manifest
    assert (out / "notes.txt").read_text() == "mine"


def test_a_job_is_not_resumed_as_a_trial(tmp_path: Path) -> None:
    with opened(load_job(own_job(tmp_path)), tmp_path / "out"):
        pass
    with pytest.raises(BadInput, match="holds no virtual trial; `cohort calibrate"):
        resume(tmp_path / "out")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    job = load_job(own_job(tmp_path))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    with pytest.raises(BadInput, match=r"holds no job \(found 'thesis.txt'\)"):
        opened(job, tmp_path / "full").__enter__()
    with pytest.raises(BadInput, match="is a file"):
        opened(job, tmp_path / "own.toml").__enter__()


@pytest.mark.parametrize(
    ("stop", "status"), [(KeyboardInterrupt(), "interrupted"), (ValueError("x"), "failed")]
)
def test_how_a_job_was_stopped_is_noted(stop: BaseException, status: str, tmp_path: Path) -> None:
    out, job = tmp_path / "out", load_job(own_job(tmp_path))
    with pytest.raises(type(stop)), opened(job, out):
        raise stop
    assert read_manifest(out)["status"] == status
    with opened(job, out):
        assert read_manifest(out)["status"] == "running"


def test_a_finished_job_is_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stages run once and in order; a job that was stopped goes on; the second call reads."""
    calls: list[str] = []

    class Work:
        def __init__(self, *_: object) -> None:
            pass

        def __getattr__(self, stage: str):
            def run() -> None:
                calls.append(stage)
                if calls.count("judge") == 1 and stage == "judge":
                    raise KeyboardInterrupt

            return run

    fake = types.ModuleType("calibration.job.stages")
    monkeypatch.setattr(fake, "Work", Work, raising=False)
    monkeypatch.setitem(sys.modules, "calibration.job.stages", fake)
    job, events = load_job(own_job(tmp_path)), []
    with pytest.raises(KeyboardInterrupt):
        run_job(job, tmp_path / "out")
    done = run_job(job, tmp_path / "out", progress=events.append)
    stages = ["gather", "fit", "posterior", "profiles", "judge", "report", "exchange"]
    assert calls == [*stages[:5], *stages]
    assert [event.number for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert done.manifest["status"] == "done"
    assert run_job(job, tmp_path / "out").manifest == done.manifest
    assert len(calls) == 12


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """The folder of a finished job whose fit moved one parameter."""
    out, job = tmp_path / "out", load_job(own_job(tmp_path))
    with opened(job, out) as folder:
        values = {**parameter_set().values, "wLS": 0.1 + 0.2 + 0.25}
        made = write_set(out / "parameters.toml", values, {"title": "x"})
        (out / "draws.parquet").write_bytes(b"draws")
        scores = [{"split": "calibration", "quantity": "LS", "rows": 1, "rmse": 0.5, "bias": 0.5}]
        folder.done(fit={"loss": 1.5, "hash": made.hash}, scores=scores)
    return out


def test_a_frozen_set_is_the_fitted_one_to_the_last_bit(finished: Path, tmp_path: Path) -> None:
    place = tmp_path / "sets"
    place.mkdir()
    written = freeze(finished, "mine", place)
    assert [path.name for path in written] == ["mine.toml", "mine.draws.parquet"]
    assert written[1].read_bytes() == b"draws"
    frozen = parameter_set(str(written[0]))
    assert frozen.values["wLS"] == 0.1 + 0.2 + 0.25
    assert frozen.hash == parameter_set(str(finished / "parameters.toml")).hash
    assert frozen.about["hash"] == frozen.hash
    assert frozen.about["job_hash"] == job_hash(load_job(finished / "job.toml"))
    text = tomllib.loads(written[0].read_text())
    assert text["about"]["scores"][0]["rmse"] == 0.5
    assert text["about"]["job"]["targets"]["trials"] == [str(tmp_path / "mine")]


def test_a_frozen_set_is_not_replaced_unasked(finished: Path, tmp_path: Path) -> None:
    freeze(finished, "mine", tmp_path)
    (finished / "draws.parquet").unlink()
    with pytest.raises(BadInput) as caught:
        freeze(finished, "mine", tmp_path)
    assert len(caught.value.problems) == 2
    assert freeze(finished, "mine", tmp_path, overwrite=True) == (tmp_path / "mine.toml",)
    # Draws of another set are not left beside it.
    assert not (tmp_path / "mine.draws.parquet").exists()


def test_what_cannot_be_frozen(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--freeze is 'a/b'"):
        freeze(finished, "a/b", tmp_path)
    with pytest.raises(BadInput, match=r"--into is .* no folder"):
        freeze(finished, "mine", tmp_path / "absent")
    with pytest.raises(BadInput, match="not a results folder"):
        freeze(tmp_path, "mine", tmp_path)
    with opened(load_job(tmp_path / "own.toml"), tmp_path / "begun"):
        pass
    with pytest.raises(BadInput, match="is running, not done"):
        freeze(tmp_path / "begun", "mine", tmp_path)
