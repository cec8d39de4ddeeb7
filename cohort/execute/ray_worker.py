"""One long-lived worker of a Ray cluster: an actor that makes what computes once and keeps it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cohort.cores import CORES
from cohort.errors import CohortError
from cohort.execute.manifest import versions


@dataclass(frozen=True)
class Refusal:
    """An error that was foreseen, sent back as a value: Ray would wrap it into a traceback.

    Attributes:
        error: to be raised where the work was asked for.
    """

    error: CohortError


@dataclass(frozen=True)
class About:
    """What a worker says of itself.

    Attributes:
        host: its machine.
        pid: its process.
        versions: of what numbers and bytes rest on.
    """

    host: str
    pid: int
    versions: dict[str, str]


class RayWorker:
    """The actor; Ray gives it its cores or its GPU."""

    def __init__(self, make: Callable[[], Any], threads: int, gpu: bool, folder: str) -> None:
        """Settle in and make what computes; what it refuses is told by the first call.

        Args:
            make: recipe for what computes.
            threads: cores of this worker.
            gpu: whether it has a GPU.
            folder: where the command runs, which relative paths refer to.
        """
        # Read by XLA when JAX is imported: its threads are as many as the cores of this worker, so
        # that workers on one machine do not fight for cores.
        os.environ[CORES] = str(threads)
        if not gpu:
            os.environ["JAX_PLATFORMS"] = "cpu"
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self._made = self._refused = None
        try:
            self._made = make()
        except CohortError as error:
            self._refused = Refusal(error)

    def about(self) -> About | Refusal:
        """Return who this is, once it is ready for work."""
        return self._refused or About(platform.node(), os.getpid(), versions())

    def call(self, function: Callable[..., Any], *unit: Any) -> Any:
        """Return what a function makes of this worker, and of a unit of work if there is one."""
        if self._refused is not None:
            return self._refused
        try:
            return function(self._made, *unit)
        except CohortError as error:
            return Refusal(error)
