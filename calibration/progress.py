"""What a calibration job tells while it runs: events, and the one who listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Stage:
    """A stage of the job begins.

    Attributes:
        words: what it does.
        number: which one, from 1.
        of: how many there are.
    """

    words: str
    number: int
    of: int


@dataclass(frozen=True)
class Step:
    """A step of a fit is done.

    Attributes:
        start: which start, from 0; the best of all where they step together.
        stage: `fit` or `polish`.
        step: steps done, from 1.
        steps: most steps there may be.
        loss: after it.
        gradient_norm: of the loss, on the priors' scale.
        errors: root mean square error by endpoint, percentage points.
    """

    start: int
    stage: str
    step: int
    steps: int
    loss: float
    gradient_norm: float
    errors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Members:
    """A member of the posterior's ensemble is done.

    Attributes:
        done: members so far.
        of: how many there are.
        settled: those that reached their optimum.
        evaluations: of all rows so far.
    """

    done: int
    of: int
    settled: int
    evaluations: int


Event = Stage | Step | Members


class Progress(Protocol):
    """Listens to the events of a job."""

    def __call__(self, event: Event, /) -> None:
        """Take one event."""
        ...


def silent(_: Event, /) -> None:
    """Listen and tell nobody."""
