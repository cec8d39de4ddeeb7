"""Functions in LLVM's language compiled for the processor at hand, by llvmlite."""

from __future__ import annotations

import ctypes
from importlib.metadata import version
from typing import Any

import numpy as np
from llvmlite import binding

from cohort.fused.vectors import FORMATS, Printer


def printer_here(precision: str) -> Printer:
    """Return a printer of the widest vectors of this processor.

    Args:
        precision: `float32` or `float64`.
    """
    features = binding.get_host_cpu_features()
    wide = 64 if features.get("avx512f") else 32 if features.get("avx") else 16
    return Printer(FORMATS[precision], wide // FORMATS[precision].size)


def processor() -> tuple[str, ...]:
    """Return what machine code is made by, and for which processor."""
    return version("llvmlite"), binding.get_host_cpu_name(), _features()


def machine_code(text: str) -> bytes:
    """Compile for this processor.

    Args:
        text: in LLVM's language, of a function `march`.
    """
    machine = _machine()
    module = binding.parse_assembly(text)
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=2)
    builder = binding.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return machine.emit_object(module)


def _machine() -> binding.TargetMachine:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=_features(), opt=3, jit=True
    )


def _features() -> str:
    return binding.get_host_cpu_features().flatten()


class March:
    """The compiled function of `loop_text`."""

    def __init__(self, code: bytes) -> None:
        """Load.

        Args:
            code: from `machine_code`, of this processor.
        """
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
        self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        kinds: list[Any] = [*[ctypes.c_int64] * 4, *[ctypes.c_void_p] * 7]
        made = ctypes.CFUNCTYPE(None, *kinds)
        self._march = made(self._engine.get_function_address("march"))

    def __call__(self, sizes: tuple[int, int, int, int], *arrays: np.ndarray) -> None:
        """March all vectors, while other threads run; see `loop_text` for the arguments."""
        self._march(*sizes, *(array.ctypes.data for array in arrays))
