"""The whole fit: starts, descent, errors, polish; and what it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from calibration.fit.apart import polish_apart
from calibration.fit.descent import descend
from calibration.fit.evaluations import Evaluations
from calibration.fit.memory import Memory
from calibration.fit.polish import Polished, polish
from calibration.fit.trace import Trace
from calibration.free import Free
from calibration.job.schema import Job
from calibration.problem import Problem
from calibration.progress import Progress
from cohort.execute.crew import Crew


@dataclass(frozen=True)
class Fitted:
    """A fit.

    Attributes:
        problem: with the corrections and errors of its end.
        x: the best coordinates, `(dim,)`.
        starts: where every start began and ended, and its loss and parameters there.
        trace: every step.
    """

    problem: Problem
    x: np.ndarray
    starts: pd.DataFrame
    trace: pd.DataFrame


def fit(
    problem: Problem,
    job: Job,
    folder: Path,
    progress: Progress,
    crew: Crew[Problem] | None = None,
) -> Fitted:
    """Fit the free parameters, or go on with a fit that was killed.

    Args:
        problem: targets, persons and priors.
        job: how to fit.
        folder: where evaluations are remembered; of this job alone.
        progress: takes every step.
        crew: of workers that hold the problem, who take the starts one by one; left out, this
            process takes them together.
    """
    trace = Trace(progress)
    first = make_starts(problem.free, job)
    evaluations = Evaluations(problem, Memory(folder), crew).corrected(first[0])
    ended = descend(job.fit, evaluations, first, trace)
    losses = np.array([_loss(evaluations, x) for x in ended])
    order = np.argsort(losses, kind="stable")
    evaluations = evaluations.corrected(ended[order[0]]).reweighed(ended[order[0]])
    kept = {int(start): ended[start] for start in order[: job.fit.kept]}
    if crew is None:
        polished = {s: polish(job.polish, evaluations, x, s, trace) for s, x in kept.items()}
    else:
        polished = polish_apart(crew, job.polish, evaluations, kept, trace)
    best = min(polished.values(), key=lambda found: found.loss)
    table = _starts(problem.free, first, ended, losses, polished)
    return Fitted(best.evaluations.problem, best.x, table, trace.table())


def make_starts(free: Free, job: Job) -> np.ndarray:
    """Return the starts, `(start, dim)`: the set, and points around it in the bounds."""
    rng = np.random.default_rng(job.seed)
    first = free.x(free.fixed)
    apart = job.start.spread * free.sd * rng.standard_normal((job.start.starts - 1, len(first)))
    return np.clip(np.concatenate([first[None], first + apart]), free.low, free.high)


def _loss(evaluations: Evaluations, x: np.ndarray) -> float:
    problem = evaluations.problem
    residuals = evaluations.predicted(x) - problem.observed
    return problem.cost(residuals, x)


def _starts(
    free: Free,
    first: np.ndarray,
    descended: np.ndarray,
    losses: np.ndarray,
    polished: dict[int, Polished],
) -> pd.DataFrame:
    """Return where each start stood at the beginning, after the descent and after the polish."""
    rows = [_row(free, start, "start", x, np.nan, False) for start, x in enumerate(first)]
    rows += [
        _row(free, start, "fit", x, loss, False)
        for start, (x, loss) in enumerate(zip(descended, losses, strict=True))
    ]
    rows += [
        _row(free, start, "polish", found.x, found.loss, found.converged)
        for start, found in polished.items()
    ]
    return pd.DataFrame(rows)


def _row(free: Free, start: int, stage: str, x: np.ndarray, loss: float, converged: bool) -> dict:
    values = {name: float(value) for name, value in free.values(x).items()}
    own = {name: values[name] for name in free.names}
    return {"start": start, "stage": stage, "loss": loss, "converged": converged} | own
