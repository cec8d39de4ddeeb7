"""A crew of Ray actors: units go to whoever is free, and those of a worker that dies go again.

A worker that dies (killed, out of memory, its machine lost) is replaced, and what it had is done by
another. A unit that was on a dying worker before goes alone, so that the one that kills is told
from those beside it; at the third death it is given up on.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from cohort.errors import MachineFailure
from cohort.execute.crew import R, U, W
from cohort.execute.manifest import PACKAGES, versions
from cohort.execute.ray_worker import About, RayWorker, Refusal

if TYPE_CHECKING:
    from cohort.execute.ray_cluster import Share

TRIES = 3
"""Deaths of its workers after which a unit is given up on."""

_PLACING = 300.0
_KEPT = "Finished parts are kept; repeat the same command to go on."


@dataclass(eq=False)
class _Sent(Generic[U, R]):
    """A unit under way.

    Attributes:
        unit: what is to be done.
        deaths: workers that died with it.
        found: the result, once it is back.
    """

    unit: U
    deaths: int = 0
    found: list[R] = field(default_factory=list)


@dataclass(eq=False)
class _Seat:
    """A worker's place: one actor at a time.

    Attributes:
        actor: who has it.
        hello: what the actor says of itself, while that is still waited for.
        sent: units that the actor has, by the reference to their results.
        deaths: actors in a row that died before they said anything.
    """

    actor: Any
    hello: Any
    sent: dict[Any, _Sent] = field(default_factory=dict)
    deaths: int = 0

    def takes(self, next_one: _Sent, room: int) -> bool:
        """Whether the actor may be given a unit."""
        if self.hello is not None:
            return False
        if next_one.deaths:
            return not self.sent
        return len(self.sent) < room and not any(own.deaths for own in self.sent.values())


class RayCrew(Generic[W]):
    """Actors of a cluster that this process has joined."""

    apart = True

    def __init__(self, ray: Any, make: Callable[[], W], share: Share) -> None:
        """Have the actors placed.

        Args:
            ray: the library, connected.
            make: recipe for what computes.
            share: what every actor gets.
        """
        self._ray, self._share = ray, share
        self._make = ray.put(make)
        self._room = share.threads + 1  # one waits, so that nobody is idle
        self._seats = [_Seat(*self._placed()) for _ in range(share.workers)]

    @property
    def size(self) -> int:
        """Number of actors."""
        return self._share.workers

    def meet(self) -> None:
        """Wait for the first actor that is ready; the others join as they are placed.

        Raises:
            BadInput: the recipe refuses its input.
            MachineFailure: no actor can be placed or started.
        """
        while all(seat.hello is not None for seat in self._seats):
            self._collect()

    def ask(self, question: Callable[[W], R]) -> R:
        """Return what one actor answers."""
        ((_, answer),) = self.in_order(_answer, [question])
        return answer

    def prepare(self, call: Callable[[W], object]) -> None:
        """Have every actor make ready; return when the first is.

        One that dies meanwhile is found dead by the first unit that it is given.
        """
        calls = [seat.actor.call.remote(call) for seat in self._seats]
        done, _ = self._ray.wait(calls, num_returns=1)
        with contextlib.suppress(self._ray.exceptions.RayActorError):
            refused = self._ray.get(done[0])
            if isinstance(refused, Refusal):
                raise refused.error

    def in_order(self, do: Callable[[W, U], R], units: Iterable[U]) -> Iterator[tuple[U, R]]:
        """Yield units with their results, in the order of the units, a few of them ahead.

        Raises:
            MachineFailure: three workers died of one unit, or none is left.
        """
        fresh, job = iter(units), self._ray.put(do)
        order: deque[_Sent] = deque()
        queue: deque[_Sent] = deque()
        while True:
            for unit in itertools.islice(fresh, 2 * self._room * self.size - len(order)):
                order.append(_Sent(unit))
                queue.append(order[-1])
            if not order:
                return
            self._hand_out(job, queue)
            if not order[0].found:
                queue.extendleft(reversed(self._collect()))
            while order and order[0].found:
                sent = order.popleft()
                yield sent.unit, sent.found[0]

    def dismiss(self) -> None:
        """Let the actors go, whatever they are doing."""
        for seat in self._seats:
            self._let_go(seat)

    def _let_go(self, seat: _Seat) -> None:
        with contextlib.suppress(Exception):  # it may be gone by itself
            self._ray.kill(seat.actor)

    def _placed(self) -> tuple[Any, Any]:
        """Have an actor placed; return it and the reference to what it says of itself."""
        share = self._share
        actor = (
            self._ray.remote(RayWorker)
            .options(num_cpus=share.cores, num_gpus=share.gpus, max_concurrency=share.threads)
            .remote(self._make, share.threads, share.gpus > 0, os.getcwd())
        )
        return actor, actor.about.remote()

    def _hand_out(self, job: Any, queue: deque[_Sent]) -> None:
        """Give units to those who have room, the least busy first."""
        while queue:
            free = [seat for seat in self._seats if seat.takes(queue[0], self._room)]
            if not free:
                return
            seat, sent = min(free, key=lambda seat: len(seat.sent)), queue.popleft()
            seat.sent[seat.actor.call.remote(job, sent.unit)] = sent

    def _collect(self) -> list[_Sent]:
        """Wait for whatever comes back next; return the units that have to be sent again."""
        owner = {ref: seat for seat in self._seats for ref in seat.sent}
        owner |= {seat.hello: seat for seat in self._seats if seat.hello is not None}
        back, _ = self._ray.wait(list(owner), num_returns=1, timeout=_PLACING)
        if not back and all(seat.hello is not None for seat in self._seats):
            raise MachineFailure(
                f"the Ray cluster found no room for a worker of {self._share.cores} cores and "
                f"{self._share.gpus} GPUs in {_PLACING / 60:.0f} minutes. {_KEPT}"
            )
        return [sent for ref in back for sent in self._took(owner[ref], ref)]

    def _took(self, seat: _Seat, ref: Any) -> list[_Sent]:
        """Take what came back; return the units that have to be sent again."""
        try:
            found = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError:
            raise  # a defect: its traceback is what helps
        except self._ray.exceptions.RayError as error:
            return self._replaced(seat, error)
        if isinstance(found, Refusal):
            raise found.error
        if isinstance(found, About):
            _require_same(found)
            seat.hello, seat.deaths = None, 0
        else:
            seat.sent.pop(ref).found.append(found)
        return []

    def _replaced(self, seat: _Seat, error: Exception) -> list[_Sent]:
        """Put another actor in the place of one that died; return what it had."""
        self._let_go(seat)
        lost = list(seat.sent.values())
        for sent in lost:
            sent.deaths += 1
            if sent.deaths == TRIES:
                raise MachineFailure(
                    f"{TRIES} workers in a row died while they computed {sent.unit}; memory may be "
                    f"short: take fewer workers or a smaller engine.block_size. {_KEPT}"
                )
        if seat.hello is not None:
            seat.deaths += 1
        if seat.deaths == TRIES:
            self._seats.remove(seat)
            if not self._seats:
                reason = str(error).strip().splitlines()[-1][:200]
                raise MachineFailure(f"Ray cannot start a worker: {reason}. {_KEPT}")
            return lost
        seat.sent = {}
        seat.actor, seat.hello = self._placed()
        return lost


def _answer(worker: W, question: Callable[[W], R]) -> R:
    return question(worker)


def _require_same(about: About) -> None:
    """Raise where a worker has other versions of what the bytes rest on."""
    mine = versions()
    other = [
        f"{name} {about.versions.get(name)} instead of {mine.get(name)}"
        for name in PACKAGES
        if about.versions.get(name) != mine.get(name)
    ]
    if other:
        raise MachineFailure(
            f"the Ray worker on {about.host} has {', '.join(other)}; install the same versions on "
            f"every machine. {_KEPT}"
        )
