"""Figures of a sensitivity job, from its Parquet alone: PNG and SVG, units on every axis.

Local derivatives: a tornado. Morris: mean size against spread of the elementary effects. Sobol:
bars of first and total index. PRCC: bars. Every panel is one output, its levers sorted by weight.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from cohort.analysis.look import COLORS, INK, STYLE, save
from cohort.levers.found import Found, heaviest, place_of, read_found
from cohort.levers.indices import MAIN
from cohort.levers.layout import Layout
from cohort.levers.load import Prepared
from cohort.levers.outputs import Column, columns
from cohort.results.outcomes import BY_NAME

MOST = 16
"""Levers that a figure shows; the rest are in the tables."""

_BLUE, _ORANGE, _GREY = COLORS[0], COLORS[1], "#8A949E"
_STYLE: dict[Any, Any] = STYLE | {"font.size": 10.5, "axes.grid": False}
_OFFSETS = ((7, 0), (-7, 0), (7, 9), (-7, 9), (7, -9), (-7, -9))  # of names from points


def write_figures(prepared: Prepared, layout: Layout) -> None:
    """Draw one figure an output into the folder's `figures`.

    Args:
        prepared: the job.
        layout: its results folder, indices written.
    """
    found = read_found(layout["indices.parquet"])
    for column in columns(prepared.job):
        figure = output_figure(prepared.job.method.name, column, found[place_of(column)])
        name = re.sub(r"[^a-z0-9_.]+", "_", f"{column.outcome}_{column.label}".lower())
        save(figure, layout["figures"], f"{name}_month_{column.month:g}")


def output_figure(method: str, column: Column, found: Found) -> Figure:
    """Draw the levers of one output.

    Args:
        method: of the job.
        column: the output.
        found: its indices.
    """
    draw: dict[str, Callable[[Axes, Column, Found, list[str]], None]] = {
        "local": _tornado,
        "morris": _morris,
        "sobol": _sobol,
        "prcc": _prcc,
    }
    levers = heaviest(found, MAIN[method])
    kept = levers[:MOST]
    with mpl.rc_context(_STYLE):
        tall = 3.6 if method == "morris" else 0.0
        height = max(tall, 0.30 * len(kept) + (0.36 if method == "sobol" else 0.0)) + 1.9
        figure = Figure(figsize=(8.0, height), layout="constrained")
        axes = figure.add_subplot()
        draw[method](axes, column, found, kept[::-1])  # the heaviest is drawn on top
        # Above the figure, not the axes, whose left edge moves with the length of the names.
        title = _title(column, len(levers), len(kept))
        figure.suptitle(title, x=0.015, ha="left", fontsize=12, fontweight="bold")
    return figure


def _title(column: Column, levers: int, kept: int) -> str:
    words = BY_NAME[column.outcome].description.split(":")[0]
    change = ", change from baseline" if BY_NAME[column.outcome].is_change else ""
    left = f"\nthe {kept} largest of {levers} levers" if kept < levers else ""
    return f"{_folded(words + change)}\n{column.label}, month {column.month:g}{left}"


def _folded(words: str, width: int = 76) -> str:
    return "\n".join(textwrap.wrap(words, width))


def _unit(column: Column) -> str:
    """Return the unit of a difference of the outcome."""
    unit = column.unit
    if unit == "%":
        return "percentage points"
    return "relative units" if unit in ("", "1") else unit


def _numbers(found: Found, index: str, levers: list[str]) -> np.ndarray:
    """Return value, low and high end of one index, `(lever, 3)`."""
    return np.array([found[lever][index] for lever in levers])


def _bars(
    axes: Axes, found: Found, index: str, levers: list[str], offset: float, **style: Any
) -> None:
    """Draw one index of every lever with its interval, where it has one."""
    value, low, high = _numbers(found, index, levers).T
    places = np.arange(len(levers)) + offset
    axes.barh(places, np.nan_to_num(value), **style)
    if np.isfinite(low).any():
        ends = np.maximum([value - low, high - value], 0.0)
        axes.errorbar(value, places, xerr=ends, fmt="none", ecolor=INK, elinewidth=1.0, capsize=2)


def _names(axes: Axes, levers: list[str]) -> None:
    axes.set_yticks(range(len(levers)), levers)
    axes.set_ylim(-0.7, len(levers) - 0.3)
    axes.axvline(0.0, color=_GREY, lw=1.0)
    axes.grid(visible=True, axis="x")


def _tornado(axes: Axes, column: Column, found: Found, levers: list[str]) -> None:
    half = 0.5 * np.nan_to_num(_numbers(found, "swing", levers)[:, 0])
    places = np.arange(len(levers))
    axes.barh(places, half, color=_ORANGE, height=0.68, label="to the high end")
    axes.barh(places, -half, color=_BLUE, height=0.68, label="to the low end")
    _names(axes, levers)
    axes.set_xlabel(
        "change of the cohort's mean as the lever moves from the middle\nto an end of its range, "
        f"by the derivative [{_unit(column)}]"
    )
    axes.legend(loc="lower right", title="lever moved")


def _prcc(axes: Axes, column: Column, found: Found, levers: list[str]) -> None:
    _bars(axes, found, "prcc", levers, 0.0, color=_BLUE, height=0.68)
    _names(axes, levers)
    axes.set_xlim(-1.05, 1.05)
    axes.set_xlabel("partial rank correlation of lever and output [1]")


def _sobol(axes: Axes, column: Column, found: Found, levers: list[str]) -> None:
    _bars(axes, found, "total", levers, 0.19, color=_ORANGE, height=0.36, label="total")
    _bars(axes, found, "first", levers, -0.19, color=_BLUE, height=0.36, label="first order")
    _names(axes, levers)
    axes.set_xlabel("share of the output's variance [1]")
    axes.legend(loc="lower right")


def _morris(axes: Axes, column: Column, found: Found, levers: list[str]) -> None:
    size = f"μ*: mean size of the change over the whole range [{_unit(column)}]"
    axes.set_xlabel(size)
    if "sigma" not in found[levers[0]]:  # groups have no spread of their own
        _bars(axes, found, "mu_star", levers, 0.0, color=_BLUE, height=0.68)
        _names(axes, levers)
        return
    across = np.nan_to_num(_numbers(found, "mu_star", levers)[:, 0])
    up = np.nan_to_num(_numbers(found, "sigma", levers)[:, 0])
    most = max(across.max(), 1e-12)
    axes.scatter(across, up, color=_BLUE, s=34, zorder=3)
    axes.plot([0, most], [0, most], color=_GREY, lw=1.0, ls=(0, (4, 3)), label="σ = μ*")
    axes.set_xlim(0.0, 1.08 * most)
    axes.set_ylim(0.0, 1.15 * max(up.max(), 0.1 * most))
    axes.grid(visible=True)
    axes.set_ylabel(f"σ: its standard deviation [{_unit(column)}]")
    axes.legend(loc="best")
    _label(axes, [(n, x, y) for n, x, y in zip(levers, across, up, strict=True)][::-1])


def _label(axes: Axes, points: list[tuple[str, float, float]]) -> None:
    """Write names beside points, the first first, each where it hides no other name or point.

    A name for which there is no room is left out: it stands in the table.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None  # the axes were just drawn in one
    figure.draw_without_rendering()
    inside = axes.get_window_extent()
    taken = [
        Bbox.from_extents(x - 4, y - 4, x + 4, y + 4)
        for x, y in axes.transData.transform([(x, y) for _, x, y in points])
    ]
    for name, x, y in points:
        for across, up in _OFFSETS:
            text = axes.annotate(
                name,
                (x, y),
                xytext=(across, up),
                textcoords="offset points",
                ha="left" if across > 0 else "right",
                va="center",
                fontsize=9.5,
            )
            box = text.get_window_extent()
            if inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1):
                if not any(box.overlaps(other) for other in taken):
                    taken.append(box)
                    break
            text.remove()
