"""What `cohort doctor` looks at."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cohort.api.device import cache_folder, configure, devices, usable_cache
from cohort.errors import MachineFailure
from cohort.resources import bundled, data_root

_PACKAGES = (
    *("bone-cohort", "jax", "jaxlib", "llvmlite"),
    *("diffrax", "equinox", "numpy", "pyarrow", "pandas"),
)
_GPU_WORDS = ("gpu", "cuda", "rocm")


@dataclass(frozen=True)
class Health:
    """What was found.

    Attributes:
        facts: pairs of words and value.
        alarm: what is wrong, loudly; empty where all is well.
    """

    facts: tuple[tuple[str, str], ...]
    alarm: str


def examine(device: str, platforms: str) -> Health:
    """Look at device, precision, versions and folders.

    Args:
        device: `auto`, `cpu` or `gpu`, as `--device` has it.
        platforms: value of `JAX_PLATFORMS`.
    """
    wanted = device == "gpu" or any(word in platforms.lower() for word in _GPU_WORDS)
    alarm, used = "", "none that works"
    try:
        kind = configure("cpu" if device == "cpu" else "auto")
        used = f"{kind.upper()}: {devices()[0].device_kind}"
        if wanted and kind != "gpu":
            alarm = (
                f"A GPU WAS ASKED FOR AND IS NOT USED. JAX finds none and uses the {kind.upper()}; "
                "pip install 'bone-cohort[gpu]' adds GPU support."
            )
    except MachineFailure as error:
        alarm = f"A GPU WAS ASKED FOR AND IS NOT USED: {error}" if wanted else str(error)
    facts = [
        ("device", used),
        ("asked for", _asked(device, platforms)),
        ("CPUs", str(os.cpu_count())),
        ("precision", "float32, unless a study says engine.precision = 'float64'"),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        *((name, _version(name)) for name in _PACKAGES),
        ("bundled data", f"{data_root()} ({len(bundled('trials'))} trials)"),
        ("compilation cache", _cache()),
        ("this folder", f"{Path.cwd()}, {_writable(Path.cwd())}"),
    ]
    return Health(tuple(facts), alarm)


def _asked(device: str, platforms: str) -> str:
    words = "the best there is" if device == "auto" else device
    return f"{words}; JAX_PLATFORMS={platforms}" if platforms else words


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cache() -> str:
    folder = usable_cache()
    if folder is None:
        return f"{cache_folder()}, NOT writable: every run compiles anew"
    files = [f for f in folder.rglob("*") if f.is_file()]
    size = sum(f.stat().st_size for f in files) / 1e6
    return f"{folder}, writable, {len(files)} files, {size:.0f} MB"


def _writable(folder: Path) -> str:
    return "writable" if os.access(folder, os.W_OK) else "NOT writable"
