"""What is set in JAX before a simulator is made: device, precision, and the compilation cache.

Compiled programs are kept in the user's cache folder, so that the second run of a shape starts at
once. Programs for a CPU are not portable between CPUs, so each kind of CPU has its own sub-folder
(home folders are shared on clusters).
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from pathlib import Path

from cohort.errors import MachineFailure

CACHE_VARIABLE = "BONE_COHORT_CACHE"


def cache_folder() -> Path:
    """Return the folder of compiled programs: `$BONE_COHORT_CACHE`, else the platform's place."""
    override = os.environ.get(CACHE_VARIABLE)
    if override:
        return Path(override).expanduser() / _cpu()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        base = Path(xdg)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local")))
    else:
        base = Path.home() / ".cache"
    return base / "bone-cohort" / "jax" / _cpu()


def _cpu() -> str:
    """A short name for the kind of CPU: its architecture and a hash of its instruction sets."""
    flags = ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        flags = platform.processor()
    machine = platform.machine() or "unknown"
    return f"{machine}-{hashlib.sha256(flags.encode()).hexdigest()[:8]}"


def usable_cache() -> Path | None:
    """Return the cache folder, made where it was missing; None where it cannot be written."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def configure(device: str = "auto", precision: str = "float32") -> str:
    """Set up JAX for a run and return the kind of device that will compute (`cpu`, `gpu`).

    Args:
        device: `auto` (the best there is), `cpu` or `gpu`.
        precision: `float32` or `float64`.

    Raises:
        MachineFailure: a GPU was asked for and JAX finds none.
    """
    import jax

    from cohort.stored import keep_in

    _prefer_wide_vectors()
    folder = usable_cache()
    if folder is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    jax.config.update("jax_enable_x64", precision == "float64")
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    found = devices()
    keep_in(None if folder is None else folder / "programs")
    if device == "gpu" and found[0].platform != "gpu":
        raise MachineFailure(
            f"a GPU was asked for, but JAX finds none: it uses the {found[0].platform.upper()}. "
            "`cohort doctor` tells more; pip install 'bone-cohort[gpu]' adds GPU support."
        )
    return found[0].platform


def _prefer_wide_vectors() -> None:
    """Let XLA use all of a CPU's vectors: of those of AVX-512 it takes half by itself.

    Its flags are read when the first program is compiled; what they say already stands.
    """
    flags, width = os.environ.get("XLA_FLAGS", ""), "--xla_cpu_prefer_vector_width"
    if width not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {width}=512".strip()


def devices() -> list:
    """Return JAX's devices, the one that computes first.

    Raises:
        MachineFailure: a platform that was asked for by `JAX_PLATFORMS` cannot be used.
    """
    import jax

    try:
        return jax.devices()
    except (RuntimeError, AssertionError) as error:
        wanted = os.environ.get("JAX_PLATFORMS", "")
        detail = f": {error}" if str(error) else ""
        raise MachineFailure(
            f"JAX cannot use the device that was asked for by JAX_PLATFORMS={wanted}{detail}. "
            "`cohort doctor` tells more."
        ) from error
