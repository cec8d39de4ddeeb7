"""The designs of a grid, one by one, each with its number."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from cohort.planning.schema import PowerJob
from cohort.trial.schema import Study


@dataclass(frozen=True)
class Design:
    """One design.

    Attributes:
        number: which one, from 0.
        participants: in all arms together.
        effect: scale of the simulated effect.
        null: whether the hypothesis that is tested is true by construction.
        allocation: a number an arm, in the study's order.
        visits: months of the visits after baseline; the last is the endpoint's.
        dropout: share of participants who leave in a year, an arm each.
    """

    number: int
    participants: int
    effect: float
    null: bool
    allocation: tuple[int, ...]
    visits: tuple[float, ...]
    dropout: tuple[float, ...]

    @property
    def month(self) -> float:
        """Month of the endpoint."""
        return self.visits[-1]

    @property
    def mean_dropout(self) -> float:
        """Share of all participants who leave in a year."""
        rates = zip(self.allocation, self.dropout, strict=True)
        return sum(number * rate for number, rate in rates) / sum(self.allocation)

    @property
    def frame(self) -> tuple[object, ...]:
        """All but size, effect and number: what designs of one power curve share."""
        return self.allocation, self.visits, self.dropout

    @property
    def twin(self) -> tuple[object, ...]:
        """All but effect and number: what a design shares with the one without an effect."""
        return self.participants, *self.frame


def endpoint_months(job: PowerJob, study: Study) -> tuple[float, ...]:
    """Return the months at which designs have their endpoint."""
    if job.grid.months:
        return job.grid.months
    return (study.last_month if job.endpoint.month is None else job.endpoint.month,)


def schedules(job: PowerJob, study: Study) -> tuple[tuple[float, ...], ...]:
    """Return every schedule of visits after baseline, each ending at its endpoint."""
    planned = job.grid.visits or (tuple(m for m in study.visits.months if m > 0),)
    found = [
        (*(m for m in sorted(set(visits)) if m < end), end)
        for end in endpoint_months(job, study)
        for visits in planned
    ]
    return tuple(dict.fromkeys(found))


def cohort_months(job: PowerJob, study: Study) -> list[float]:
    """Return the months at which the cohort has to be seen, and decided about."""
    seen = {month for visits in schedules(job, study) for month in visits}
    return sorted({0.0, *seen, *study.months_of_decisions})


def allocations(job: PowerJob, study: Study) -> tuple[tuple[int, ...], ...]:
    """Return the allocation ratios of the designs."""
    return job.grid.allocation or (tuple(arm.ratio for arm in study.arms),)


def dropouts(job: PowerJob, study: Study) -> tuple[tuple[float, ...], ...]:
    """Return the shares who leave in a year, an arm each, of the designs."""
    alike = tuple((rate,) * len(study.arms) for rate in job.grid.dropout)
    return job.grid.dropout_by_arm or alike


def designs(job: PowerJob, study: Study) -> list[Design]:
    """Return every design of a grid, those without an effect after the others."""
    frames = itertools.product(
        allocations(job, study), schedules(job, study), dropouts(job, study), job.grid.participants
    )
    found: list[Design] = []
    without: list[Design] = []
    for allocation, visits, dropout, participants in frames:
        found += [
            Design(0, participants, effect, False, allocation, visits, dropout)
            for effect in dict.fromkeys(job.grid.effect)
        ]
        if job.null and null_is_known(job):
            without.append(Design(0, participants, 0.0, True, allocation, visits, dropout))
    return _numbered([*found, *without])


def null_is_known(job: PowerJob) -> bool:
    """Whether a trial can be made in which the tested hypothesis just holds.

    A mean can be moved to the margin; a share of responders or a hazard has to start there.
    """
    return job.test.margin == 0 or job.analysis.method in ("ancova", "mmrm")


def _numbered(found: Sequence[Design]) -> list[Design]:
    return [
        Design(i, d.participants, d.effect, d.null, d.allocation, d.visits, d.dropout)
        for i, d in enumerate(dict.fromkeys(found))
    ]
