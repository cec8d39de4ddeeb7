"""From a command's options to a run: the study, its spec, the device, the simulator."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cohort.errors import BadInput
from cohort.execute.folder import Shard
from cohort.execute.progress import Progress, silent
from cohort.execute.run import RunSummary, run_study
from cohort.execute.spec import RunSpec
from cohort.results.block import Simulator
from cohort.trial.study import load_study, parse_study

if TYPE_CHECKING:
    from cohort.trial.schema import Study

_MOST_WORKERS = 8
_FLAGS = {"--seed": "seed", "--patients": "patients"}


@dataclass(frozen=True)
class Prepared:
    """A study that is ready to run.

    Attributes:
        study: as resolved.
        spec: what decides the run's numbers.
    """

    study: Study
    spec: RunSpec

    @property
    def default_out(self) -> Path:
        """Results folder where none is named."""
        return Path("results") / f"{self.spec.name}-{self.spec.seed}"


def prepare(
    name_or_path: str,
    *,
    config: Sequence[str] = (),
    seed: int | None = None,
    patients: int | None = None,
    accuracy: str | None = None,
) -> Prepared:
    """Read a study, put the options in, and check it whole.

    Raises:
        BadInput: every problem of the study and the options.
    """
    options = (("seed", seed), ("patients", patients), ("engine.accuracy", accuracy))
    overrides = [*config, *(f"{key}={value}" for key, value in options if value is not None)]
    try:
        return _prepared(load_study(name_or_path, overrides))
    except BadInput as error:
        raise BadInput([_by_its_flag(problem) for problem in error.problems]) from None


def _by_its_flag(problem: str) -> str:
    """Name the flag that the user wrote, not the key that it sets."""
    for flag, key in _FLAGS.items():
        problem = problem.replace(f"--config: {key}:", f"{flag}:", 1)
    return problem


def prepare_again(study: dict) -> Prepared:
    """Check a study that a manifest holds.

    Raises:
        BadInput: it is not valid in this version.
    """
    return _prepared(parse_study(study, label="manifest.json"))


def _prepared(study: Study) -> Prepared:
    from cohort.model.parameters import parameter_set

    parameters = parameter_set(study.parameters.set)
    spec = RunSpec.from_study(
        study,
        seed=study.seed,
        patients=study.patients,
        parameter_set=parameters.name,
        parameter_hash=parameters.hash,
        version=version("bone-cohort"),
    )
    return Prepared(study, spec)


def simulate(
    prepared: Prepared,
    *,
    out: Path,
    device: str = "auto",
    workers: int | None = None,
    shard: Shard | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> RunSummary:
    """Run a prepared study into a folder (see `cohort.execute.run.run_study`)."""
    return run_study(
        prepared.spec,
        out=out,
        simulator_factory=simulator_factory(prepared.study, device),
        workers=default_workers(device) if workers is None else workers,
        overwrite=overwrite,
        shard=shard,
        progress=progress,
    )


def simulator_factory(study: Study, device: str) -> Callable[[], Simulator]:
    """Return what makes the simulator once it is needed: JAX is imported and set up then."""

    def make() -> Simulator:
        from cohort.cli.jax_setup import configure

        configure(device, study.engine.precision)
        from cohort.solve.simulate import make_simulator

        return make_simulator(study)

    return make


def default_workers(device: str) -> int:
    """Threads that compute unless the user says: the CPUs this process may use; one for a GPU."""
    if device == "gpu":
        return 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, _MOST_WORKERS)
