"""What tests of several folders share: precision, blank figures, compiled programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import jax
import pytest
from matplotlib.figure import Figure

from cohort.analysis import pictures
from cohort.api.device import configure

FLOAT64 = ("physics", "reference")


@pytest.fixture(autouse=True, scope="session")
def _compiled_once() -> None:
    """Keep what is compiled where runs keep it: what one worker has compiled, the others load."""
    configure()


@pytest.fixture(autouse=True)
def _float64(request: pytest.FixtureRequest) -> Iterator[None]:
    """Float64 in these folders and nowhere else."""
    double = request.path.parent.name in FLOAT64
    with jax.enable_x64(True) if double else nullcontext():
        yield


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports with blank files for figures, for tests of words: drawing takes seconds each."""

    def blank(figure: Figure, folder: Path, name: str, dpi: int) -> bytes:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_bytes(b"")
        (folder / f"{name}.svg").write_text("<svg></svg>", encoding="utf-8")
        return b""

    monkeypatch.setattr(pictures, "save", blank)
