"""Where the bundled facts and studies lie: in a checkout's `data/`, or inside the wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def data_root() -> Path:
    """Return the folder of bundled data: `cohort/_data` of a wheel, else the checkout's `data/`.

    Raises:
        FileNotFoundError: the installation holds no data, so it is broken.
    """
    for candidate in (_PACKAGE / "_data", _PACKAGE.parent / "data"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"no bundled data beside {_PACKAGE}; reinstall bone-cohort")


def bundled(kind: str) -> dict[str, Path]:
    """Return the bundled things of one kind, by name.

    Args:
        kind: `trials` (folders with a `trial.toml`) or a folder of TOML files
            (`protocols`, `populations`, `therapies`, `parameters`, `jobs`, `searches`,
            `sensitivity`).
    """
    folder = data_root() / kind
    if kind == "trials":
        return {p.parent.name: p for p in sorted(folder.glob("*/trial.toml"))}
    return {p.stem: p for p in sorted(folder.glob("*.toml"))}


def bundled_studies() -> dict[str, Path]:
    """Return every study that runs by its name: replicas of trials, then protocols."""
    return bundled("trials") | bundled("protocols")
