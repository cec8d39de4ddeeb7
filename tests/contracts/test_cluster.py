"""A run on Ray: the bytes of a local one, whoever of its workers dies."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_workers import FormulaRecipe, Recipe, breaking, environment, refusing
from fake_simulator import PERSONS, FakeSimulator, digests, leftovers, make_spec, unbroken

import cohort
from cohort.errors import BadInput, MachineFailure
from cohort.execute.crew import Executor, Local
from cohort.execute.folder import Shard, missing_parts
from cohort.execute.progress import Advanced, Event
from cohort.execute.ray_cluster import RayCluster
from cohort.execute.run import finish, run_study
from cohort.levers.load import Prepared, load_job
from cohort.levers.run import run_job
from cohort.results.layout import PART, Layout
from cohort.results.reader import read_manifest

ray = pytest.importorskip("ray")

HERE = Path(__file__).resolve().parent

# JAX, if another test of this process has loaded it, warns of the forks from which Ray starts its
# processes. Each runs a program of its own at once, so nothing that JAX holds can lock it.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Start one small cluster for this module, of which this process is a part; its address."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE))  # for its workers
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


def ran(out: Path, **more: Any) -> Any:
    spec = make_spec(persons=PERSONS, design=more.pop("design", "paired"))
    recipe = more.pop("recipe", FakeSimulator)
    return run_study(spec, out=out, simulator_factory=recipe, **more)


def test_a_cluster_writes_the_bytes_of_a_local_run(tmp_path: Path, cluster: str) -> None:
    events: list[Event] = []
    out = tmp_path / "run"
    done = ran(out, design="randomised", executor=RayCluster(workers=2), progress=events.append)
    assert digests(out) == unbroken("randomised")
    assert leftovers(out) == []
    manifest = read_manifest(out)
    assert (done.status, manifest["cluster"], manifest["workers"]) == ("done", "ray", 2)
    advanced = [event for event in events if isinstance(event, Advanced)]
    assert [event.done for event in advanced] == sorted({event.done for event in advanced})
    assert advanced[-1].done == advanced[-1].total == done.counts.patients


def test_what_a_killed_worker_had_is_computed_by_another(tmp_path: Path, cluster: str) -> None:
    """`kill -9` of a worker in the middle of a part."""
    marks = tmp_path / "marks"
    marks.mkdir()
    ran(tmp_path / "run", recipe=Recipe(PART + 7, marks, 1), executor=RayCluster(workers=2))
    assert len(list(marks.iterdir())) == 1
    assert digests(tmp_path / "run") == unbroken("paired")


def test_a_part_that_kills_every_worker_is_given_up_on(tmp_path: Path, cluster: str) -> None:
    marks, out = tmp_path / "marks", tmp_path / "run"
    marks.mkdir()
    with pytest.raises(MachineFailure, match=r"3 workers in a row .* computed part 3") as failure:
        ran(out, recipe=Recipe(3 * PART, marks, 100), executor=RayCluster(workers=2))
    assert len({mark.name for mark in marks.iterdir()}) == 3
    assert (failure.value.exit_code, "\n" in str(failure.value)) == (4, False)
    assert read_manifest(out)["status"] == "failed"
    assert missing_parts(make_spec(persons=PERSONS), Layout(out)) == [3]
    ran(out, executor=Local(2))
    assert digests(out) == unbroken("paired")


def test_an_interrupt_keeps_what_is_finished(tmp_path: Path, cluster: str) -> None:
    out = tmp_path / "run"

    def impatient(event: Event, /) -> None:
        if isinstance(event, Advanced) and event.done >= 4 * PART:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran(out, executor=RayCluster(workers=2), progress=impatient)
    assert read_manifest(out)["status"] == "interrupted"
    assert missing_parts(make_spec(persons=PERSONS), Layout(out)) == [2, 3]
    ran(out, executor=RayCluster(workers=1))
    assert digests(out) == unbroken("paired")


@pytest.mark.slow
def test_shares_of_which_one_is_computed_on_a_cluster_merge(tmp_path: Path, cluster: str) -> None:
    out = tmp_path / "run"
    ran(out, shard=Shard(2, 2), executor=RayCluster(workers=2))
    ran(out, shard=Shard(1, 2), executor=Local(2))
    finish(out)
    assert digests(out) == unbroken("paired")


def test_input_that_a_worker_refuses_leaves_nothing(tmp_path: Path, cluster: str) -> None:
    with pytest.raises(BadInput) as refused:
        ran(tmp_path / "run", recipe=refusing, executor=RayCluster(workers=2))
    assert refused.value.problems == ["engine.precision: no.", "patients: none."]
    assert list(tmp_path.iterdir()) == []


def test_a_defect_is_told_as_it_is(tmp_path: Path, cluster: str) -> None:
    with pytest.raises(ValueError, match="a defect"):
        ran(tmp_path / "run", recipe=breaking, executor=RayCluster(workers=1))


def test_more_workers_than_cores_are_refused(tmp_path: Path, cluster: str) -> None:
    with pytest.raises(BadInput, match="--workers is 3, but the Ray cluster has 2 cores"):
        ran(tmp_path / "run", executor=RayCluster(workers=3))


def test_a_worker_has_the_cores_of_its_share(cluster: str) -> None:
    with RayCluster(workers=1).crew(FakeSimulator) as crew:
        assert crew.ask(environment) == {"NPROC": "2", "JAX_PLATFORMS": "cpu"}


SENSITIVITY: dict[str, Any] = {
    "name": "formula",
    "study": "freedom",
    "outputs": [{"arm": "denosumab", "outcomes": ["ctx_change", "p1np_change"], "months": [6]}],
    "factors": [{"parameters": ["etaPi", "psi", "kC"]}],
    "method": {"name": "sobol", "samples": 1024},
}


def hashes(folder: Path) -> dict[str, str]:
    """Return a hash of every file but the manifest, which holds times."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.slow
def test_a_sensitivity_job_writes_the_bytes_of_a_local_one(tmp_path: Path, cluster: str) -> None:
    job = load_job(SENSITIVITY)

    def done(name: str, executor: Executor) -> dict[str, str]:
        run_job(job, tmp_path / name, make=FormulaRecipe(2), executor=executor)
        return hashes(tmp_path / name)

    assert done("cluster", RayCluster(workers=2)) == done("local", Local(1))
    assert read_manifest(tmp_path / "cluster")["workers"] == 2
    assert isinstance(job, Prepared)


JOINING = """
import sys
from fake_simulator import PERSONS, FakeSimulator, make_spec
from cohort.execute.ray_cluster import RayCluster
from cohort.execute.run import run_study
spec, executor = make_spec(persons=PERSONS), RayCluster(sys.argv[2], workers=2)
run_study(spec, out=sys.argv[1], simulator_factory=FakeSimulator, executor=executor)
"""


def test_a_cluster_that_runs_is_joined_and_left_running(tmp_path: Path, cluster: str) -> None:
    command = [sys.executable, "-c", JOINING, str(tmp_path / "run"), cluster]
    environ = os.environ | {"PYTHONPATH": str(HERE)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert digests(tmp_path / "run") == unbroken("paired")
    assert ray.is_initialized()


SHORT = ["visits.months=[0, 3]", "engine.accuracy=draft"]
REAL = PART + 2000


def words(out: Path) -> list[str]:
    """Return the words of a command that starts a cluster of its own."""
    config = [word for text in SHORT for word in ("--config", text)]
    asked = ["--patients", str(REAL), "--cluster", "ray", "--workers", "2", "--quiet"]
    return ["run", "freedom", "--out", str(out), *asked, *config]


@pytest.mark.slow
def test_the_command_starts_a_cluster_of_its_own_and_says_nothing_of_it(tmp_path: Path) -> None:
    """With the real simulator."""
    cohort.run("freedom", out=tmp_path / "local", patients=REAL, config=SHORT)
    command = [sys.executable, "-m", "cohort", *words(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert digests(tmp_path / "run") == digests(tmp_path / "local")


# A process started in the background inherits that Ctrl-C is ignored; a user's terminal does not.
LISTENING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from cohort.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_ctrl_c_is_130_and_one_line_on_a_cluster_too(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-c", LISTENING, *words(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (out / "manifest.json").exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    told, wrong = process.communicate()
    assert (process.returncode, told, len(wrong.splitlines())) == (130, "", 1)
    assert read_manifest(out)["status"] == "interrupted"
    assert cohort.resume(out).complete
    cohort.run("freedom", out=tmp_path / "local", patients=REAL, config=SHORT)
    assert digests(out) == digests(tmp_path / "local")
