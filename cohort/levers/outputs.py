"""What a job watches, as columns: an outcome of an arm, or of one arm over another, at a month."""

from __future__ import annotations

from typing import NamedTuple

from cohort.levers.schema import Job
from cohort.results.outcomes import BY_NAME


class Column(NamedTuple):
    """One output.

    Attributes:
        arm: name of the arm.
        against: name of the arm that is subtracted, or None.
        outcome: name of the outcome.
        month: of the visit.
    """

    arm: str
    against: str | None
    outcome: str
    month: float

    @property
    def label(self) -> str:
        """What the column `arm` of the results holds: the arm, or `arm - against`."""
        return self.arm if self.against is None else f"{self.arm} - {self.against}"

    @property
    def unit(self) -> str:
        """Unit of the outcome."""
        return BY_NAME[self.outcome].unit

    @property
    def words(self) -> str:
        """Outcome, arm and month for people."""
        return f"{self.outcome}, {self.label}, month {self.month:g}"


def columns(job: Job) -> tuple[Column, ...]:
    """Return every output of a job, each once, in the job's order."""
    return tuple(
        dict.fromkeys(
            Column(output.arm, output.against, outcome, float(month))
            for output in job.outputs
            for outcome in output.outcomes
            for month in output.months
        )
    )


def simulated_arms(job: Job) -> tuple[str, ...]:
    """Return the arms that a job's outputs need."""
    named = (arm for output in job.outputs for arm in (output.arm, output.against))
    return tuple(dict.fromkeys(arm for arm in named if arm is not None))
