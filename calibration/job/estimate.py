"""What a job would fit and about how long it would take, before any compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calibration.job.parameters import free_parameters, groups
from calibration.job.schema import ENDPOINTS, Job
from calibration.job.selection import Selection, select

# Seconds on two CPU cores, in double precision on the draft grid: one gradient of the loss for one
# person of one arm, one derivative of all rows by one parameter for the same, and compiling one of
# the at most four groups of arms: measured on the job `full`.
GRADIENT, COLUMN, COMPILE = 3.3e-3, 4e-4, 110.0
_GROUPS = 4
_JUDGING = {"all": 240.0, "selected": 60.0}  # predicting, drawing and reporting
_FINER = {"draft": 1.0, "default": 2.5, "high": 6.0}  # steps of the grid relative to the draft one
_NUTS_STEPS = 15  # gradients a draw, about
_MOVE, _CENTRE = 12, 6  # evaluations a member of an ensemble, about; derivatives on the way to all


@dataclass(frozen=True)
class Estimate:
    """Size and time of a job.

    Attributes:
        job: the job.
        selection: what it fits.
        seconds: about how long it takes on two CPU cores.
    """

    job: Job
    selection: Selection
    seconds: float

    @property
    def arms(self) -> int:
        """How many arms are simulated, lives included."""
        return _arms(self.selection)

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return tuple(parameter.name for parameter in free_parameters(self.job))

    def rows_by_trial(self) -> dict[str, dict[str, int]]:
        """Return how many rows each trial gives of each endpoint."""
        found: dict[str, dict[str, int]] = {}
        for row in self.selection.rows:
            counts = found.setdefault(row.trial, dict.fromkeys(ENDPOINTS, 0))
            counts[row.quantity] += 1
        return found

    def free_by_group(self) -> dict[str, list[str]]:
        """Return the free parameters of each group that has one."""
        free = set(self.free)
        found = {group: [n for n in names if n in free] for group, names in groups().items()}
        return {group: names for group, names in found.items() if names}

    def as_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types."""
        return {
            "job": self.job.name,
            "rows": len(self.selection.rows),
            "arms": self.arms,
            "targets": self.rows_by_trial(),
            "free": self.free_by_group(),
            "starts": self.job.start.starts,
            "seconds": round(self.seconds),
        }


def estimate(job: Job) -> Estimate:
    """Say what a checked job fits and about how long it takes."""
    selection = select(job)
    lanes = _arms(selection) * job.cohort.persons * _FINER[job.cohort.accuracy]
    columns = len(free_parameters(job))
    gradients = job.start.starts * job.fit.steps
    jacobians = job.fit.kept * job.polish.rounds * job.polish.steps + 1
    forward = 0
    if job.posterior.method == "nuts":
        gradients += _NUTS_STEPS * (job.posterior.draws + 4 * job.posterior.warmup)
    if job.posterior.method == "rto":
        forward = _MOVE * job.posterior.draws
        jacobians += _CENTRE + job.posterior.exact * job.posterior.draws
    whole = job.polish.rounds * _arms(selection) * job.cohort.correction * COLUMN
    compiling = COMPILE * min(_GROUPS, max(len(selection.trials), 1))
    fitting = lanes * (gradients * GRADIENT + (jacobians * columns + forward) * COLUMN)
    seconds = compiling + fitting + whole + _JUDGING[job.judgement.trials]
    return Estimate(job, selection, seconds)


def _arms(selection: Selection) -> int:
    lives = {row.arm for row in selection.lives}
    return sum(len(trial.study.arms) for trial in selection.trials) + len(lives)
