"""What makes the steps of a tile: one kernel on a CPU, or what XLA compiles for any device."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import jax

from cohort.cores import usable_cores
from cohort.errors import BadInput
from cohort.solve import compiled, fused


def solver_of(kernel: str) -> ModuleType:
    """Return the module that makes the steps: `fused` or `compiled`.

    Args:
        kernel: `auto`, `fused` or `xla`, as of `engine.kernel`.

    Raises:
        BadInput: the device has no such kernel.
    """
    platform = jax.devices()[0].platform
    if kernel == "fused" and platform != "cpu":
        raise BadInput([f"engine.kernel = 'fused' runs on a CPU, not on '{platform}'."])
    return fused if platform == "cpu" and kernel != "xla" else compiled


def threads_of(solver: ModuleType) -> ThreadPoolExecutor | None:
    """Return threads for tiles; None where XLA spreads each tile over the cores by itself."""
    if solver is compiled:
        return None
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="cohort-tile")
