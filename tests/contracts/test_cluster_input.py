"""What is asked of a cluster that cannot be: one sentence, before anything is computed."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cohort.api import runs, sensitivity
from cohort.api.studies import load_study
from cohort.cli import main
from cohort.errors import BadInput, MachineFailure
from cohort.execute import ray_cluster
from cohort.execute.ray_cluster import Share, share_out
from cohort.levers.identity import identity
from cohort.levers.load import load_job
from cohort.model.parameters import parameter_set


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that refuses connections: bound, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def told(out: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run the command; return its exit code and the one line that it told."""
    code = main(["run", "freedom", "--patients", "100", "--out", str(out / "run"), *words])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert list(out.iterdir()) == []
    return code, lines[0]


@pytest.mark.parametrize(
    "cluster",
    ["slurm", "Ray", "ray:", "ray:host", "ray:host:port", "ray://host:10001", "ray:host:70000"],
)
def test_a_cluster_is_ray_or_an_address_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cluster: str
) -> None:
    pytest.importorskip("ray")
    code, line = told(tmp_path, capsys, "--cluster", cluster)
    assert code == 2
    assert line.startswith(f"error: --cluster is '{cluster}'")


def test_without_ray_it_is_told_how_to_install_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: None)
    code, line = told(tmp_path, capsys, "--cluster", "ray")
    assert code == 2
    assert "pip install 'bone-cohort[ray]'" in line


@pytest.mark.parametrize("words", [["--workers", "0"], ["--workers", "-3", "--dry-run"]])
def test_somebody_must_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    pytest.importorskip("ray")
    code, line = told(tmp_path, capsys, "--cluster", "ray", *words)
    assert (code, "must be at least 1" in line) == (2, True)


def test_an_address_that_does_not_answer_is_code_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], closed_port: int
) -> None:
    pytest.importorskip("ray")
    code, line = told(tmp_path, capsys, "--cluster", f"ray:127.0.0.1:{closed_port}")
    assert code == 4
    assert f"no Ray cluster answers at ray:127.0.0.1:{closed_port}" in line


def node(alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"memory": 1e9, **resources}}


@pytest.mark.parametrize(
    ("nodes", "workers", "device", "expected"),
    [
        ([node(CPU=2.0)], 2, "auto", Share(2, 1, 1, 0)),
        ([node(CPU=2.0)], None, "auto", Share(1, 2, 2, 0)),
        ([node(CPU=64.0)], None, "cpu", Share(8, 8, 8, 0)),
        (
            [node(CPU=64.0), node(CPU=16.0), node(alive=False, CPU=64.0)],
            None,
            "auto",
            Share(10, 8, 8, 0),
        ),
        ([node(CPU=6.0), node(CPU=4.0)], 3, "auto", Share(3, 3, 3, 0)),
        ([node(CPU=6.0), node(CPU=4.0)], 4, "auto", Share(4, 2, 2, 0)),
        ([node(CPU=7.0), node(CPU=1.0)], 8, "auto", Share(8, 1, 1, 0)),
        ([node(CPU=32.0, GPU=4.0)], None, "auto", Share(4, 1, 2, 1)),
        ([node(CPU=32.0, GPU=4.0)], 3, "gpu", Share(3, 1, 2, 1)),
        ([node(CPU=32.0, GPU=4.0)], None, "cpu", Share(4, 8, 8, 0)),
    ],
)
def test_cores_and_gpus_are_shared_out(
    nodes: list[dict[str, Any]], workers: int | None, device: str, expected: Share
) -> None:
    assert share_out(nodes, workers, device) == expected


def test_what_a_cluster_has_not_is_refused() -> None:
    with pytest.raises(BadInput, match="--workers is 5, but the Ray cluster has 4 GPUs"):
        share_out([node(CPU=32.0, GPU=4.0)], 5, "auto")
    with pytest.raises(MachineFailure, match="GPU was asked for"):
        share_out([node(CPU=32.0)], None, "gpu")


@pytest.mark.parametrize("job", ["screening", "variance"])
def test_a_sensitivity_job_travels_to_the_workers(job: str) -> None:
    recipe = sensitivity.Recipe(load_job(job), "cpu")
    arrived = pickle.loads(pickle.dumps(recipe))
    assert identity(arrived.prepared) == identity(recipe.prepared)
    assert arrived.prepared.factors == recipe.prepared.factors


@pytest.mark.parametrize("name", ["freedom", "mobile"])
def test_a_study_travels_to_the_workers(name: str) -> None:
    study = load_study(name)
    make = runs.simulator_factory(study, "cpu", None)
    assert pickle.loads(pickle.dumps(make)) == make


def test_a_worker_with_another_parameter_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    make = runs.simulator_factory(load_study("freedom"), "cpu", None)
    other = replace(parameter_set(), values={**parameter_set().values, "kC": 1.0})
    monkeypatch.setattr(runs, "parameter_set", lambda name: other)
    with pytest.raises(MachineFailure, match="another parameter set default"):
        make()
