"""Power curves: power against size (or against what else varies), a panel a comparison.

Drawn without pyplot, so that it leaves no global state and needs no display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cohort.analysis.figures import arm_colors
from cohort.analysis.look import CONTROL, STYLE, save

_AXES = {
    "participants": "Participants, all arms together",
    "effect": "Effect, as a multiple of the simulated one",
    "month": "Endpoint (month)",
    "dropout": "Dropout (% of participants a year)",
}
_LABELS = {
    "participants": "{} participants",
    "effect": "effect × {}",
    "month": "month {}",
    "dropout": "dropout {} %/year",
    "dropout_by_arm": "dropout {} a year",
    "allocation": "allocation {}",
    "visits": "visits at months {}",
}
MOST_LINES = 8
"""Curves up to which a panel can be read; further ones are in the table only."""


def power_figure(power: pa.Table, target: float, title: str) -> Figure:
    """Draw power with its 95 % Monte Carlo interval.

    Args:
        power: `power.parquet`.
        target: power that is wanted, drawn as a line.
        title: above the figure.
    """
    rows = [row for row in power.to_pylist() if not row["null"]]
    panels = list(dict.fromkeys(row["comparison"] for row in rows))
    axis = _axis(rows)
    varying = [key for key in _LABELS if key != axis and len({r[key] for r in rows}) > 1]
    if "month" in varying and len({r["visits"] for r in rows}) == len({r["month"] for r in rows}):
        varying = [key for key in varying if key != "visits"]  # the month tells them apart
    if len({r["dropout_by_arm"] for r in rows}) == len({r["dropout"] for r in rows}):
        varying = [key for key in varying if key != "dropout_by_arm"]
    across = min(len(panels), 2)
    down = -(-len(panels) // across)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.4 * across, 3.9 * down + 1.0), layout="constrained")
        found = figure.subplots(down, across, squeeze=False, sharey=True)
        for axes, name in zip(found.ravel(), panels, strict=False):
            _panel(axes, [r for r in rows if r["comparison"] == name], axis, varying, target)
            axes.set_title(_words(name))
        for spare in found.ravel()[len(panels) :]:
            spare.set_visible(False)
        curves = len({_label(row, varying) for row in rows})
        if curves > MOST_LINES:
            title = f"{title} ({MOST_LINES} of {curves} curves)"
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        handles, labels = found[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=across)
    return figure


def _axis(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what lies on the horizontal axis: the first of them that varies, size by default."""
    return next((key for key in _AXES if len({r[key] for r in rows}) > 1), "participants")


def _words(comparison: str) -> str:
    if comparison in ("any", "all"):
        return f"{comparison.capitalize()} of the comparisons"
    return comparison.replace("_", " ").replace(" - ", " versus ")


def _panel(
    axes: Axes, rows: Sequence[Mapping[str, Any]], axis: str, varying: Sequence[str], target: float
) -> None:
    curves: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        curves.setdefault(_label(row, varying), []).append(row)
    colors = list(arm_colors(dict.fromkeys(list(curves)[:MOST_LINES], "active")).values())
    for color, (label, line) in zip(colors, curves.items(), strict=False):
        line = sorted(line, key=lambda row: row[axis])
        scale = 100.0 if axis == "dropout" else 1.0
        x = np.array([scale * row[axis] for row in line])
        y = 100.0 * np.array([row["power"] for row in line])
        half = 196.0 * np.array([row["power_se"] for row in line])
        axes.fill_between(x, y - half, y + half, color=color, alpha=0.22, linewidth=0)
        axes.plot(x, y, "o-", color=color, markersize=4.5, linewidth=1.8, label=label)
    wanted = f"target, {100 * target:g} %"
    axes.axhline(100 * target, color=CONTROL, linewidth=1.2, linestyle="--", label=wanted)
    axes.set_ylim(0, 103)
    axes.set_xlabel(_AXES[axis])
    axes.set_ylabel("Power (%),\n95 % Monte Carlo interval")


def _label(row: Mapping[str, Any], varying: Sequence[str]) -> str:
    parts = []
    for key in varying:
        value = 100 * row[key] if key == "dropout" else row[key]
        shown = value if isinstance(value, str) else f"{value:g}"
        parts.append(_LABELS[key].format(shown))
    return ", ".join(parts) or "power"


def write_figures(power: pa.Table, target: float, title: str, folder: Path) -> None:
    """Write `power.png` and `power.svg` into a folder."""
    save(power_figure(power, target, title), folder, "power")
