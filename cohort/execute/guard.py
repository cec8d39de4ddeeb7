"""What memory or device gives up on becomes one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cohort.errors import MachineFailure

_DEVICE_ERRORS = ("XlaRuntimeError", "JaxRuntimeError")

T = TypeVar("T")


def guarded(call: Callable[[], T]) -> T:
    """Call the simulator.

    Raises:
        MachineFailure: memory or device gave out.
    """
    try:
        return call()
    except MemoryError as error:
        raise MachineFailure(
            "out of memory while simulating. Finished parts are kept; repeat the same command "
            "with fewer workers or a smaller engine.block_size."
        ) from error
    except RuntimeError as error:
        if type(error).__name__ not in _DEVICE_ERRORS:
            raise
        first = str(error).splitlines()[0] if str(error) else "no reason given"
        raise MachineFailure(
            f"the device failed while simulating: {first}. Finished parts are kept; repeat the "
            "same command to go on."
        ) from error
