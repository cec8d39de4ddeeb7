"""Who computes: a crew of workers, to whom units of work are handed in order.

A worker holds what computes (the simulator of a study, the cohort of a sensitivity job), made once
from a recipe. Where the workers are (threads of this process, or processes on a cluster) is the
executor's business: the callers are the same, and so are the bytes that they write.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cohort.errors import BadInput

W = TypeVar("W")
W_co = TypeVar("W_co", covariant=True)
U = TypeVar("U")
R = TypeVar("R")

MOST_THREADS = 8
"""Threads beyond which one process gains nothing: they share Python's lock and one thread pool."""


class Crew(Protocol[W_co]):
    """Workers at work. What they are given and give back crosses to other processes by pickle."""

    @property
    def size(self) -> int:
        """Number of workers."""
        ...

    @property
    def apart(self) -> bool:
        """Whether the workers are other processes, so that results are sent, not shared."""
        ...

    def ask(self, question: Callable[[W_co], R]) -> R:
        """Return what one worker answers."""
        ...

    def prepare(self, call: Callable[[W_co], object]) -> None:
        """Have the workers make ready; return once work can begin."""
        ...

    def in_order(self, do: Callable[[W_co, U], R], units: Iterable[U]) -> Iterator[tuple[U, R]]:
        """Yield units with their results, in the order of the units, a few of them ahead.

        Args:
            do: what a worker does with a unit; the same result whichever worker does it.
            units: taken as they are needed, so that memory does not depend on how many there are;
                `str` of one names it in a message.
        """
        ...


class Executor(Protocol):
    """Where work is done."""

    @property
    def cluster(self) -> str | None:
        """What the manifest says of it; None for this process."""
        ...

    def require(self) -> None:
        """Raise where it does not answer; for work that needs a crew only later.

        Raises:
            MachineFailure: there is no such machine.
        """
        ...

    def crew(self, make: Callable[[], W]) -> AbstractContextManager[Crew[W]]:
        """Open a crew.

        Args:
            make: recipe for what computes; followed where it computes.

        Raises:
            BadInput: the recipe refuses its input, or the executor cannot be as it is asked for.
            MachineFailure: there is no such machine.
        """
        ...


@dataclass(frozen=True)
class Local:
    """This process.

    Attributes:
        workers: threads that compute.
    """

    workers: int = 1

    def __post_init__(self) -> None:
        """Refuse less than one thread."""
        refuse_none(self.workers)

    @property
    def cluster(self) -> None:
        """None: it is this process."""
        return None

    def require(self) -> None:
        """Do nothing: this process is there."""

    def crew(self, make: Callable[[], W]) -> AbstractContextManager[Threads[W]]:
        """Open a crew of threads that share one worker."""
        return nullcontext(Threads(make(), self.workers))


def refuse_none(workers: int) -> None:
    """Raise where nobody is left to work."""
    if workers < 1:
        raise BadInput(f"--workers is {workers}; it must be at least 1.")


class Threads(Generic[W]):
    """A crew of threads; the one worker that they share is safe to call from all of them."""

    apart = False

    def __init__(self, worker: W, size: int) -> None:
        """Take the worker and the number of threads."""
        self._worker = worker
        self.size = size

    def ask(self, question: Callable[[W], R]) -> R:
        """Return what the worker answers."""
        return question(self._worker)

    def prepare(self, call: Callable[[W], object]) -> None:
        """Have the worker make ready."""
        call(self._worker)

    def in_order(self, do: Callable[[W, U], R], units: Iterable[U]) -> Iterator[tuple[U, R]]:
        """Yield units with their results; at most one more than there are threads is ahead."""
        waiting: deque[tuple[U, Future[R]]] = deque()
        pool = ThreadPoolExecutor(self.size, thread_name_prefix="cohort-block")
        try:
            for unit in units:
                waiting.append((unit, pool.submit(do, self._worker, unit)))
                if len(waiting) > self.size:
                    sent, future = waiting.popleft()
                    yield sent, future.result()
            while waiting:
                sent, future = waiting.popleft()
                yield sent, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
