"""Functions in LLVM's language compiled for the processor at hand, by llvmlite."""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from typing import Any

import numpy as np

from cohort.errors import BadInput
from cohort.fused.vectors import FORMATS, Printer


def need_llvmlite() -> None:
    """Say how to install llvmlite where it is absent.

    Raises:
        BadInput: it is.
    """
    if find_spec("llvmlite") is None:
        raise BadInput(["a fused kernel needs llvmlite: pip install 'bone-cohort[kernel]'"])


def printer_here(precision: str) -> Printer:
    """Return a printer of the widest vectors of this processor.

    Args:
        precision: `float32` or `float64`.
    """
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    wide = 64 if features.get("avx512f") else 32 if features.get("avx") else 16
    return Printer(FORMATS[precision], wide // FORMATS[precision].size)


class March:
    """The compiled function of `loop_text`."""

    def __init__(self, text: str) -> None:
        """Compile.

        Args:
            text: in LLVM's language, of a function `march`.
        """
        from llvmlite import binding

        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        module = binding.parse_assembly(text)
        module.verify()
        machine = binding.Target.from_default_triple().create_target_machine(
            cpu=binding.get_host_cpu_name(),
            features=binding.get_host_cpu_features().flatten(),
            opt=3,
        )
        tuning = binding.create_pipeline_tuning_options(speed_level=2)
        builder = binding.create_pass_builder(machine, tuning)
        builder.getModulePassManager().run(module, builder)
        self._engine = binding.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        kinds: list[Any] = [*[ctypes.c_int64] * 4, *[ctypes.c_void_p] * 7]
        made = ctypes.CFUNCTYPE(None, *kinds)
        self._march = made(self._engine.get_function_address("march"))

    def __call__(self, sizes: tuple[int, int, int, int], *arrays: np.ndarray) -> None:
        """March all vectors, while other threads run; see `loop_text` for the arguments."""
        self._march(*sizes, *(array.ctypes.data for array in arrays))
