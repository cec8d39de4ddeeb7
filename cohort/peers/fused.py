"""All steps of a tile of patients in one kernel: state in registers, time in its inner loop.

The step is the one that JAX compiles, traced to its operations and printed in LLVM's language, a
vector of patients at a time, with the loop over the steps around it; llvmlite (the extra `kernel`)
compiles that for the processor at hand. No compiler has to be installed.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from cohort.peers.march_text import Names, march_text
from cohort.peers.model import PeerModel, State, Values
from cohort.peers.rosenbrock import Method
from cohort.peers.vectors import FORMATS, Printer

_LOCK = threading.Lock()
"""LLVM compiles one kernel at a time."""


def runner(
    model: PeerModel, method: Method, columns: tuple[str, ...], fixed: tuple, rows: int
) -> Callable[..., State]:
    """Return the function of one tile, as `march.runner` does: what varies, steps -> each column.

    Args:
        model: which.
        method: of the steps.
        columns: which outputs.
        fixed: constants and baseline that everybody shares.
        rows: number of visits.
    """

    def run(varied: State, steps: Any, count: int, like: Any) -> State:
        precision, patients = str(like.dtype), like.size
        start, length, row, doses, flows = steps
        given = {("dose", n): v for n, v in doses.items()}
        given |= {("flow", n): v for n, v in flows.items()}
        constants, baseline = at_start(fixed, varied)
        names = Names(
            own=tuple(n for n, v in constants.items() if isinstance(v, np.ndarray)),
            carried=tuple(model.carried),
            state=tuple(baseline),
            shared=tuple(n for n, v in given.items() if v.ndim == 1),
            each=tuple(n for n, v in given.items() if v.ndim > 1),
            columns=columns,
        )
        numbers = tuple((n, v) for n, v in constants.items() if n not in names.own)
        with _LOCK:
            kernel = compiled(model, method, numbers, names, precision)
        lanes = kernel.lanes
        vectors = -(-patients // lanes)

        def packed(values: Sequence[Any]) -> np.ndarray:
            """Return values as the kernel reads them, `(vector, value, lane)`."""
            spread = np.empty((len(values), vectors * lanes), precision)
            for i, value in enumerate(values):
                spread[i, :patients] = value
            spread[:, patients:] = spread[:, :1]
            return np.ascontiguousarray(spread.reshape(-1, vectors, lanes).swapaxes(0, 1))

        first = model.outputs(constants, baseline, model.carried, np.asarray(start)[0])
        kept = np.zeros((vectors, rows, len(columns), lanes), precision)
        kept[:, 0] = packed([first[name] for name in columns])
        shared = [start, length, *(given[name] for name in names.shared)]
        scalars = np.stack([np.asarray(v)[:count] for v in shared], axis=1)
        each = [np.asarray(given[name])[:count] for name in names.each]
        own_doses = packed([row_of for step in zip(*each, strict=True) for row_of in step])
        kernel(
            count,
            rows,
            np.asarray(row)[:count].astype(np.int64),
            np.ascontiguousarray(scalars, precision),
            packed([constants[name] for name in names.own]),
            own_doses,
            packed([*model.carried.values(), *baseline.values()]),
            kept,
        )
        seen = kept.transpose(2, 1, 0, 3).reshape(len(columns), rows, -1)[:, :, :patients]
        return dict(zip(columns, seen, strict=True))

    return run


def at_start(fixed: tuple, varied: Mapping[str, Any]) -> tuple[Values, State]:
    """Return constants and baseline of a tile from what is the same for all and what varies."""
    groups: dict[str, dict[str, Any]] = {"constants": {}, "baseline": {}}
    for group, name, value in fixed:
        groups[group][name] = value
    for name, value in varied.items():
        group, _, key = name.partition(" ")
        groups[group][key] = np.asarray(value)
    return groups["constants"], groups["baseline"]


class Kernel:
    """A compiled march."""

    def __init__(self, text: str, lanes: int, options: Mapping[str, Any]) -> None:
        """Compile.

        Args:
            text: in LLVM's language, of a function `march`.
            lanes: patients in a vector.
            options: of the machine it is compiled for.
        """
        from llvmlite import binding

        self.lanes = lanes
        module = binding.parse_assembly(text)
        module.verify()
        machine = binding.Target.from_default_triple().create_target_machine(**options)
        tuning = binding.create_pipeline_tuning_options(speed_level=2)
        builder = binding.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
        self._engine = binding.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        numbers, pointers = [ctypes.c_int64] * 3, [ctypes.c_void_p] * 6
        kind = ctypes.CFUNCTYPE(None, *numbers, *pointers)
        self._march = kind(self._engine.get_function_address("march"))

    def __call__(self, steps: int, rows: int, *arrays: np.ndarray) -> None:
        """March all vectors; the last array is written. Other threads run meanwhile."""
        pointers = [array.ctypes.data for array in arrays]
        self._march(arrays[-1].shape[0], steps, rows, *pointers)


@lru_cache(maxsize=32)
def compiled(
    model: PeerModel, method: Method, numbers: tuple, names: Names, precision: str
) -> Kernel:
    """Return the kernel of a model.

    Args:
        model: which.
        method: of the steps.
        numbers: constants that everybody shares.
        names: of what it reads and writes.
        precision: `float32` or `float64`.
    """
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features()
    wide = 64 if features.get("avx512f") else 32 if features.get("avx") else 16
    lanes = wide // FORMATS[precision].size
    options = {"cpu": binding.get_host_cpu_name(), "features": features.flatten(), "opt": 3}
    printer = Printer(FORMATS[precision], lanes)
    return Kernel(march_text(model, method, dict(numbers), names, printer), lanes, options)
