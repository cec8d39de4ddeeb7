"""What a run says about itself while it goes on: a few events, sent to one callback.

Patients are counted when their results are back from the simulator, never when they were sent.
Events come from the thread that called `run_study`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Began:
    """Of several studies, the next one begins.

    Attributes:
        name: the study.
        number: which one, from 1.
        of: how many there are.
    """

    name: str
    number: int
    of: int


@dataclass(frozen=True)
class Started:
    """The folder is open and work begins.

    Attributes:
        total: virtual patients of this run (persons times the arms they are in).
        kept: of these, already on disk from before.
    """

    total: int
    kept: int


@dataclass(frozen=True)
class Compiling:
    """The simulator is compiling, once; nothing else happens meanwhile."""

    device: str


@dataclass(frozen=True)
class Compiled:
    """Compiling is over.

    Attributes:
        seconds: how long it took.
    """

    seconds: float


@dataclass(frozen=True)
class Advanced:
    """More patients are finished.

    Attributes:
        done: finished so far, those kept from before included.
        total: of how many.
        computed: finished by this process.
        seconds: since this process sent its first block.
    """

    done: int
    total: int
    computed: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Patients per second of this process so far."""
        return self.computed / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds left at this speed, or None before the first block is back."""
        return (self.total - self.done) / self.per_second if self.per_second > 0 else None


@dataclass(frozen=True)
class Writing:
    """All patients are computed; a file that needs all of them is being written.

    Attributes:
        what: the file's name.
    """

    what: str


@dataclass(frozen=True)
class Finished:
    """Everything is on disk.

    Attributes:
        seconds: wall time of this process's work.
    """

    seconds: float


Event = Began | Started | Compiling | Compiled | Advanced | Writing | Finished


class Progress(Protocol):
    """A callback that takes events; must be quick and must not raise."""

    def __call__(self, event: Event, /) -> None:
        """Take one event."""
        ...


def silent(event: Event, /) -> None:
    """Take an event and show nothing."""
