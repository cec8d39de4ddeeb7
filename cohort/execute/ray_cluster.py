"""A Ray cluster as an executor: started on this machine, or joined by its address.

Ray places one long-lived actor per GPU where it has any, else one per group of cores. Nothing that
Ray itself says reaches the user's terminal; what goes wrong is told in this package's sentences.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from cohort.cores import usable_cores
from cohort.errors import BadInput, MachineFailure
from cohort.execute.crew import MOST_THREADS, Crew, W, refuse_none
from cohort.execute.ray_crew import RayCrew

_ANY = "auto"
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no word about this run leaves the cluster
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # what Ray prints about workers that died
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a warning about a default; see `RayWorker`
}
_ANSWER = 5.0


@dataclass(frozen=True)
class Share:
    """How a cluster is shared out.

    Attributes:
        workers: number of actors.
        cores: of each.
        threads: units that each works on at once.
        gpus: of each.
    """

    workers: int
    cores: int
    threads: int
    gpus: int


@dataclass(frozen=True)
class RayCluster:
    """A Ray cluster.

    Attributes:
        address: `HOST:PORT` of a cluster that runs, `auto` for the one that this machine belongs
            to, or None to start one on this machine.
        workers: number of actors; by default one per GPU, or one per eight cores of a machine.
        device: what computes: `auto` (GPUs if there are any), `cpu` or `gpu`.
    """

    address: str | None = None
    workers: int | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be, before anything is asked of a cluster."""
        if self.workers is not None:
            refuse_none(self.workers)
        if find_spec("ray") is None:
            raise BadInput("--cluster ray needs Ray, which `pip install 'bone-cohort[ray]'` adds.")
        if self.address not in (None, _ANY):
            _host_and_port(self.address)

    @classmethod
    def parse(cls, text: str, workers: int | None = None, device: str = "auto") -> RayCluster:
        """Return the cluster that `ray` or `ray:ADDRESS` names.

        Raises:
            BadInput: neither of them, or Ray is not installed.
        """
        kind, separator, address = text.partition(":")
        if kind != "ray" or (separator and not address):
            raise BadInput(
                f"--cluster is '{text}'; it must be 'ray', which starts one on this machine, or "
                "'ray:HOST:PORT' or 'ray:auto', which join one."
            )
        return cls(address or None, workers, device)

    @property
    def cluster(self) -> str:
        """`ray`."""
        return "ray"

    def require(self) -> None:
        """Raise where nobody answers at the address."""
        with _connecting(self.address):
            pass

    @contextlib.contextmanager
    def crew(self, make: Callable[[], W]) -> Iterator[Crew[W]]:
        """Open a crew of actors.

        Raises:
            BadInput: the recipe refuses its input, or there are not so many workers to be had.
            MachineFailure: no cluster answers, or it places no worker.
        """
        with self._joined() as ray:
            share = share_out(ray.nodes(), self.workers, self.device)
            crew = RayCrew(ray, make, share)
            try:
                crew.meet()
                yield crew
            finally:
                crew.dismiss()

    @contextlib.contextmanager
    def _joined(self) -> Iterator[Any]:
        """Join the cluster, or start one; a cluster that this process is part of is used."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        import ray

        if ray.is_initialized():
            self.require()
            yield ray
            return
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if self.address is None:
            cores = max(usable_cores(), self.workers or 1)
            options |= {"address": "local", "num_cpus": cores, "include_dashboard": False}
        else:
            options |= {"address": self.address}
        with _connecting(self.address):
            ray.init(**options)
        try:
            yield ray
        finally:
            ray.shutdown()


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host or int(port) > 65535:
        raise BadInput(
            f"--cluster is 'ray:{address}'; an address is HOST:PORT, such as 10.0.0.1:6379, or "
            "auto."
        )
    return host.strip("[]"), int(port)


@contextlib.contextmanager
def _connecting(address: str | None) -> Iterator[None]:
    """Turn what keeps a cluster from being joined or started into one sentence."""
    where = "this machine" if address is None else f"ray:{address}"
    try:
        if address not in (None, _ANY):
            # Ray itself would wait for a minute.
            socket.create_connection(_host_and_port(address), timeout=_ANSWER).close()
        yield
    except (OSError, RuntimeError, ValueError, TimeoutError, AssertionError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0].rstrip(".")
        what = "could be started on" if address is None else "answers at"
        raise MachineFailure(
            f"no Ray cluster {what} {where}: {reason}. Nothing was computed."
        ) from error


def share_out(nodes: list[dict[str, Any]], workers: int | None, device: str) -> Share:
    """Return how the machines of a cluster are shared out among actors.

    Args:
        nodes: of the cluster, as Ray lists them.
        workers: number of actors that is asked for.
        device: `auto`, `cpu` or `gpu`.

    Raises:
        BadInput: more workers than there are GPUs or cores.
        MachineFailure: GPUs are asked for and there are none.
    """
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = sum(int(own.get("GPU", 0)) for own in alive)
    if device == "gpu" and not gpus:
        raise MachineFailure("a GPU was asked for, but the Ray cluster has none.")
    if gpus and device != "cpu":
        # Two units at once, so that one computes while the other is encoded.
        return Share(_at_most(workers, gpus, "GPUs"), cores=1, threads=2, gpus=1)
    cores = [int(own.get("CPU", 0)) for own in alive]
    if workers is None:
        each = max(min(max(cores, default=0), MOST_THREADS), 1)
        return Share(max(sum(own // each for own in cores), 1), each, each, 0)
    count = _at_most(workers, sum(cores), "cores")
    fitting = (n for n in range(1, MOST_THREADS + 1) if sum(own // n for own in cores) >= count)
    each = max(fitting)
    return Share(count, each, each, 0)


def _at_most(asked: int | None, there: int, of: str) -> int:
    if asked is not None and asked > there:
        raise BadInput(f"--workers is {asked}, but the Ray cluster has {there} {of}.")
    return there if asked is None else asked
