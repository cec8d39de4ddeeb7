"""A figure as a page carries it: written as PNG, and as a data URI with its words."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from cohort.analysis.look import DPI
from cohort.results.writer import atomic_write


@dataclass(frozen=True)
class Picture:
    """A figure of a page.

    Attributes:
        title: what it shows.
        alt: the same in a sentence, for who does not see it.
        source: the PNG as a data URI.
        path: where the PNG lies.
    """

    title: str
    alt: str
    source: str
    path: Path


def picture(figure: Figure, path: Path, title: str, alt: str, dpi: int = DPI) -> Picture:
    """Write a figure as PNG, and return it as a page carries it."""
    png = io.BytesIO()
    figure.savefig(png, dpi=dpi, facecolor="white")
    atomic_write(path, lambda file: file.write(png.getvalue()))
    data = base64.b64encode(png.getvalue()).decode("ascii")
    return Picture(title, alt, f"data:image/png;base64,{data}", path)
