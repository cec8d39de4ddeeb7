"""The polish of starts by workers apart, a start by one worker, and the crew that does it."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from calibration.fit.evaluations import Evaluations
from calibration.fit.memory import Memory
from calibration.fit.polish import Polished, polish
from calibration.fit.start import Start
from calibration.fit.trace import Trace
from calibration.job.schema import Job, Polish
from calibration.problem import Problem, make_problem
from calibration.progress import silent
from cohort.execute.crew import Crew, Executor


@dataclass(frozen=True)
class Recipe:
    """Makes a job's problem where it is computed.

    Attributes:
        job: the checked job.
    """

    job: Job

    def __call__(self) -> Problem:
        """Set JAX up and make the problem."""
        from cohort.api.device import configure

        configure(precision="float64")
        return make_problem(self.job)


@contextlib.contextmanager
def crew_of(executor: Executor | None, job: Job) -> Iterator[Crew[Problem] | None]:
    """Open a crew for a job's starts; none where they are computed together in this process."""
    if executor is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        with warnings.catch_warnings():
            # A cluster of this command's own is started by fork and exec at once, which threads
            # that JAX has by now do not mind.
            warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
            crew = stack.enter_context(executor.crew(Recipe(job)))
        yield crew


@dataclass(frozen=True)
class _End:
    """Where a worker left a start; the problem itself stays with the worker.

    Attributes:
        start: its coordinates, corrections and errors at the end.
        loss: as of `Polished`.
        gradient_norm: as of `Polished`.
        converged: as of `Polished`.
        steps: what the trace kept of it.
    """

    start: Start
    loss: float
    gradient_norm: float
    converged: bool
    steps: list[dict[str, Any]]


def polish_apart(
    crew: Crew[Problem],
    asked: Polish,
    evaluations: Evaluations,
    kept: Mapping[int, np.ndarray],
    trace: Trace,
) -> dict[int, Polished]:
    """Return where the kept starts end.

    Args:
        crew: of workers that hold the problem.
        asked: rounds, steps and tolerance.
        evaluations: of the problem.
        kept: where to begin, `(dim,)`, by the number of the start.
        trace: takes the steps of a start once it has ended.
    """
    problem, folder = evaluations.problem, evaluations.memory.folder
    units = [Start(n, x, problem.correction, problem.likelihood) for n, x in kept.items()]
    found = {}
    for unit, end in crew.in_order(partial(_polish, asked, folder.absolute()), units):
        trace.take(end.steps, asked.rounds * asked.steps)
        there = replace(evaluations, problem=end.start.put_on(problem))
        found[unit.number] = Polished(
            end.start.x, end.loss, end.gradient_norm, end.converged, there
        )
    return found


def _polish(asked: Polish, folder: Path, problem: Problem, start: Start) -> _End:
    """Polish one start; evaluations are remembered in the job's folder where it is seen."""
    trace = Trace(silent)
    with contextlib.ExitStack() as stack:
        if not folder.is_dir():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        evaluations = Evaluations(start.put_on(problem), Memory(folder))
        found = polish(asked, evaluations, start.x, start.number, trace)
    there = found.evaluations.problem
    end = Start(start.number, found.x, there.correction, there.likelihood)
    return _End(end, found.loss, found.gradient_norm, found.converged, trace.rows)
