"""Reports without their figures: tests of commands read words, and drawing takes seconds each."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from cohort.analysis import pictures


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write blank files in the place of a report's figures."""

    def blank(figure: Figure, folder: Path, name: str, dpi: int) -> bytes:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_bytes(b"")
        (folder / f"{name}.svg").write_text("<svg></svg>", encoding="utf-8")
        return b""

    monkeypatch.setattr(pictures, "save", blank)
