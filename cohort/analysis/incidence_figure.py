"""Curves of cumulative incidence, with the persons at risk beneath them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cohort.analysis.facts import number
from cohort.analysis.figures import MOST_RANGES
from cohort.analysis.incidence_curves import DEATH, TITLES, Curve, Point
from cohort.analysis.look import INK, STYLE, month_ticks

_WIDTH, _AXES, _LINE, _BELOW, _LEGEND = 5.6, 2.9, 0.22, 0.62, 0.27  # inches
_LEFT, _RIGHT = 0.24, 0.97
_LETTER = 0.0125
"""Width of a letter beneath the axes, as a share of the figure's."""
_LONGEST = 30
"""Letters of an arm's name that are written there."""
_DASH = (0, (3, 2))


def incidence_figure(
    event: str,
    curves: Sequence[Curve],
    points: Sequence[Point],
    colors: Mapping[str, str],
    labels: Mapping[str, str],
    *,
    drawn: bool,
) -> Figure:
    """Draw one event: Kaplan-Meier with its interval, death competing, published, at risk.

    Args:
        event: one of `TITLES`.
        curves: one an arm.
        points: what was published of it.
        colors: colour of each arm.
        labels: words for each arm.
        drawn: whether intervals are over draws of the parameters.
    """
    entries = _legend(event, curves, points, colors, labels, drawn)
    under = 0.30 + _LINE * len(curves)
    foot = _LEGEND * -(-len(entries) // 2) + 0.12
    longest = max(len(labels[curve.arm]) for curve in curves)
    left = max(_LEFT, 0.06 + _LETTER * min(longest, _LONGEST))
    height = 0.45 + _AXES + _BELOW + under + foot
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, height))
        bottom = (foot + under + _BELOW) / height
        axes = figure.add_axes((left, bottom, _RIGHT - left, _AXES / height))
        for curve in curves:
            color = colors[curve.arm]
            if len(curves) <= MOST_RANGES:
                axes.fill_between(curve.months, curve.low, curve.high, color=color, alpha=0.2, lw=0)
            axes.plot(curve.months, curve.incidence, color=color, lw=2.0)
            if event != DEATH:
                axes.plot(curve.months, curve.competing, color=color, lw=1.4, ls=_DASH)
        for point in points:
            _point(axes, point, colors[point.arm])
        axes.set_title(TITLES[event], x=(0.015 - left) / (_RIGHT - left))
        axes.set_ylabel("Cumulative incidence (%)")
        axes.set_xlabel("Months from baseline")
        axes.set_ylim(bottom=0.0)
        last = max(curve.months.max() for curve in curves)
        axes.set_xlim(-0.02 * last, 1.02 * last)
        ticks = month_ticks(0.0, last, at_most=7)
        axes.set_xticks(ticks)
        _at_risk(axes, curves, ticks, colors, labels)
        handles, names = zip(*entries, strict=True)
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 0.0), "ncols": 2}
        figure.legend(handles, names, handlelength=1.6, columnspacing=1.4, **place)
    return figure


def _point(axes: Axes, point: Point, color: str) -> None:
    axes.plot([point.month] * 2, [point.low, point.high], color=color, lw=1.4, zorder=4)
    face = color if point.read else "white"
    style: dict[str, Any] = {
        "ms": 7,
        "mfc": face,
        "mec": "white" if point.read else color,
        "mew": 1.2,
    }
    axes.plot([point.month], [point.value], "o", zorder=5, **style)


def _at_risk(
    axes: Axes,
    curves: Sequence[Curve],
    ticks: np.ndarray,
    colors: Mapping[str, str],
    labels: Mapping[str, str],
) -> None:
    """Write the persons at risk under the ticks, a line an arm, at visits nearest to them."""
    inch = 1.0 / _AXES  # of the axes' height
    inside = axes.get_position()
    begin = (0.015 - inside.x0) / inside.width
    style: dict[str, Any] = {"fontsize": 9, "va": "top"}
    top = -(_BELOW + 0.02) * inch
    head: dict[str, Any] = {"transform": axes.transAxes, "color": INK, "fontweight": "bold"}
    axes.text(begin, top, "Persons at risk", **style, **head)
    for line, curve in enumerate(curves, start=1):
        y = top - _LINE * line * inch
        own: dict[str, Any] = style | {"color": colors[curve.arm]}
        short = textwrap.shorten(labels[curve.arm], _LONGEST, placeholder="…")
        axes.text(begin, y, short, transform=axes.transAxes, **own)
        for tick in ticks:
            place = int(np.argmin(np.abs(curve.months - tick)))
            if abs(curve.months[place] - tick) < 0.5:
                across = axes.get_xaxis_transform()
                words = number(round(curve.at_risk[place]))
                axes.text(tick, y, words, transform=across, ha="center", **own)


def _legend(
    event: str,
    curves: Sequence[Curve],
    points: Sequence[Point],
    colors: Mapping[str, str],
    labels: Mapping[str, str],
    drawn: bool,
) -> list[tuple[Artist, str]]:
    entries: list[tuple[Artist, str]] = [
        (Line2D([], [], color=colors[curve.arm], lw=2.0), labels[curve.arm]) for curve in curves
    ]
    if len(curves) <= MOST_RANGES:
        words = "90 % of draws" if drawn else "95 % interval"
        entries.append((Patch(color=INK, alpha=0.2, lw=0), words))
    if event != DEATH:
        entries.append((Line2D([], [], color=INK, lw=1.4, ls=_DASH), "death competing"))
    for read in sorted({point.read for point in points}, reverse=True):
        words = "published" if read else "published, not re-read"
        mark = Line2D([], [], ls="", marker="o", ms=6.5, mfc=INK if read else "white", mec=INK)
        entries.append((mark, words))
    return entries
