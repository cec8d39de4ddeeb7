"""The figure of a search: every candidate, and the front that none beats, from its tables."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# One look for all figures of the package.
from cohort.analysis.look import COLORS, INK, STYLE, month_ticks, save

MOST_NAMED = 8
"""Members of the front that the legend names, the two ends among them."""
_SIZE = (7.0, 4.4)
_LINE = 0.18


def write_front(root: Path) -> None:
    """Draw `figures/front.png` and `figures/front.svg` of a complete search.

    Args:
        root: the results folder.
    """
    candidates = pq.read_table(root / "candidates.parquet")
    front = pq.read_table(root / "front.parquet").to_pylist()
    against = _told(candidates, "front").rpartition(" ")[2]
    figure = front_figure(
        candidates.filter(candidates["feasible"]).to_pandas(), front, against, _labels(candidates)
    )
    save(figure, root / "figures", "front")


@dataclass(frozen=True)
class Labels:
    """Words of the figure.

    Attributes:
        title: what is gained, and when.
        gain: of the vertical axis, with its unit.
        burden: of the horizontal axis, with its unit.
    """

    title: str
    gain: str
    burden: str


def front_figure(
    candidates: pd.DataFrame, front: Sequence[Mapping[str, Any]], against: str, labels: Labels
) -> Figure:
    """Draw gain against burden; the front's members are numbered, a few where they are many.

    Args:
        candidates: rows of `candidates.parquet` that are feasible.
        front: rows of `front.parquet`, by rising burden.
        against: column of the burden.
        labels: words of the figure.
    """
    places = np.linspace(0, len(front) - 1, min(MOST_NAMED, len(front))).round().astype(int)
    named = [front[place] for place in places]
    words = [_wrapped(f"{n}  {_sequence(row)}") for n, row in enumerate(named, start=1)]
    lines = 2 + sum(word.count("\n") + 1 for word in words)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_SIZE[0], _SIZE[1] + _LINE * lines), layout="constrained")
        axes = figure.add_subplot()
        cloud = f"{len(candidates):,} sequences that were simulated"
        grey = {"marker": "o", "ls": "", "ms": 4.5, "color": "#9AA3AD", "alpha": 0.55, "mew": 0}
        axes.plot(candidates[against], candidates["mean"], label=cloud, **grey)
        _draw_front(axes, front, against)
        for number, row in enumerate(named, start=1):
            _number(axes, number, (row[against], row["mean"]))
        axes.set_title("\n".join(textwrap.wrap(labels.title, 70)), fontsize=10.5)
        axes.set_xlabel(labels.burden)
        axes.set_ylabel(labels.gain)
        axes.margins(x=0.06, y=0.1)
        if against == "treated_months":
            axes.set_xticks(month_ticks(0.0, max(candidates[against].to_numpy().max(), 12.0)))
        drawn, told = axes.get_legend_handles_labels()
        figure.legend(
            [*drawn, *(axes.plot([], [], ls="")[0] for _ in words)],
            [*told, *words],
            loc="outside lower left",
            handlelength=1.2,
            labelspacing=0.35,
            fontsize=9,
        )
    return figure


def _draw_front(axes: Axes, front: Sequence[Mapping[str, Any]], against: str) -> None:
    x = np.array([row[against] for row in front])
    y = np.array([row["mean"] for row in front])
    error = 1.96 * np.array([row["se"] or 0.0 for row in front])
    blue = COLORS[0]
    axes.plot(x, y, color=blue, lw=1.4, drawstyle="steps-post", zorder=3)
    told = "front: none gains more for less (mean, 95 % interval); courses with their months:"
    axes.errorbar(
        x, y, error, fmt="o", ms=6.5, color=blue, mec="white", capsize=2.5, zorder=4, label=told
    )


def _number(axes: Axes, number: int, point: tuple[float, float]) -> None:
    """Write a number beside a point of the front."""
    axes.annotate(
        str(number),
        point,
        xytext=(-10, 5),
        textcoords="offset points",
        fontweight="bold",
        fontsize=10,
        color=INK,
        zorder=5,
        bbox={"boxstyle": "round,pad=0.05", "fc": "white", "ec": "none", "alpha": 0.85},
    )


def _sequence(row: Mapping[str, Any]) -> str:
    return str(row["sequence"]).replace("_", " ").replace(" > ", " → ")


def _wrapped(words: str) -> str:
    return "\n".join(textwrap.wrap(words, 92, subsequent_indent="    "))


def _told(table: pa.Table, column: str, key: bytes = b"description") -> str:
    return table.schema.field(column).metadata[key].decode()


def _labels(candidates: pa.Table) -> Labels:
    title, _, statistic = _told(candidates, "mean").rpartition(": ")
    unit = _told(candidates, "mean", b"unit")
    gain = statistic[:1].upper() + statistic[1:] + (f" ({unit})" if unit != "1" else "")
    cost = _told(candidates, "front").endswith("cost")
    burden = "Total cost (in the unit of the search file)" if cost else "Time treated (months)"
    return Labels(title, gain, burden)
