"""A figure as a page carries it: written as PNG and SVG, and as a data URI with its words."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from cohort.analysis.look import DPI, save


@dataclass(frozen=True)
class Picture:
    """A figure of a page.

    Attributes:
        title: what it shows.
        alt: the same in a sentence, for who does not see it.
        source: the PNG as a data URI.
        path: where the PNG lies; the SVG stands beside it.
    """

    title: str
    alt: str
    source: str
    path: Path


def picture(
    figure: Figure, folder: Path, name: str, title: str, alt: str, dpi: int = DPI
) -> Picture:
    """Write a figure as `name.png` and `name.svg`, and return it as a page carries it."""
    data = base64.b64encode(save(figure, folder, name, dpi)).decode("ascii")
    return Picture(title, alt, f"data:image/png;base64,{data}", folder / f"{name}.png")


def inline(made: Picture) -> str:
    """Return a picture's SVG as a page holds it in its own text, with its words for who listens."""
    text = made.path.with_suffix(".svg").read_text(encoding="utf-8")
    drawing = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    words = html.escape(made.alt, quote=True)
    return drawing.replace("<svg", f'<svg role="img" aria-label="{words}"', 1)
