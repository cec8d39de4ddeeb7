"""Forest plots: effects with their intervals, a line each, numbers beside them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cohort.analysis.effects import EffectRow
from cohort.analysis.facts import number
from cohort.analysis.look import INK, STYLE

_WIDTH, _LINE, _ABOVE, _BELOW = 5.6, 0.25, 0.75, 0.62  # inches
_LEFT, _RIGHT = 0.42, 0.66  # where the axes begin and end, as shares of the width
_SIZE = 9.5


def forest_figure(
    title: str,
    unit_label: str,
    rows: Sequence[EffectRow],
    colors: Mapping[str, str],
    labels: Mapping[str, str],
    beside: str,
    *,
    ratio: bool = False,
    named: bool = False,
    alpha: float = 0.05,
) -> Figure:
    """Draw effects, grouped by what they are of.

    Args:
        title: what is drawn.
        unit_label: label of the horizontal axis, with its unit.
        rows: the effects; those of one group stand together.
        colors: colour of each arm.
        labels: words for each arm.
        beside: words above the names of the lines.
        ratio: whether effects are ratios: on a logarithmic axis, no effect being 1 instead of 0.
        named: whether a heading names the arm of subgroups even where there is one arm.
        alpha: intervals have confidence 1 - alpha.
    """
    lines = list(_lines(rows, labels, named))
    height = _ABOVE + _BELOW + _LINE * len(lines)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, height))
        axes = figure.add_axes(
            (_LEFT, _BELOW / height, _RIGHT - _LEFT, 1 - (_ABOVE + _BELOW) / height)
        )
        for place, (words, row) in enumerate(lines):
            if isinstance(row, EffectRow):
                _beside(axes, place, words, _numbers(row))
                axes.plot([row.low, row.high], [place] * 2, color=colors[row.arm], lw=2.0)
                axes.plot([row.estimate], [place], "s", ms=6, color=colors[row.arm], mec="white")
                axes.plot([row.true], [place], "D", ms=7, mfc="none", mec=INK, mew=1.2)
            else:
                _beside(axes, place, words, row, bold=True)
        _beside(axes, -1.0, beside, f"estimate ({100 * (1 - alpha):g} % CI)", bold=True)
        axes.axvline(1.0 if ratio else 0.0, color="#9AA3AD", lw=1.0, zorder=0)
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(visible=True, axis="x")
        axes.margins(x=0.08)
        if ratio:
            _logarithmic(axes)
        else:
            axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel(unit_label, x=(0.5 - _LEFT) / (_RIGHT - _LEFT))
        above = 1 - 0.08 / height
        bold: dict[str, Any] = {"fontsize": 12.5, "fontweight": "bold"}
        figure.suptitle(title, x=0.015, y=above, ha="left", va="top", **bold)
    return figure


def _logarithmic(axes: Axes) -> None:
    """Make the horizontal axis logarithmic, with few ticks that are written as plain numbers."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    low, high = min(low, 0.45), max(high, 1.1)
    coarse = [t for t in (0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0) if low <= t <= high]
    ticks = (
        coarse if len(coarse) > 2 else [t for t in (0.3, 0.5, 0.7, 1.0, 1.4) if low <= t <= high]
    )
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)


def _lines(
    rows: Sequence[EffectRow], labels: Mapping[str, str], named: bool
) -> Iterator[tuple[str, EffectRow | str]]:
    """Yield words and effect of every line; a heading has words for its right end instead."""
    several = len({row.arm for row in rows}) > 1
    if not (any(row.level for row in rows) and (several or named)):
        yield from _grouped(rows, labels, several)
        return
    for arm, own in itertools.groupby(rows, lambda row: row.arm):
        yield f"{labels[arm]}:", ""
        yield from _grouped(own, labels, several=False)


def _grouped(
    rows: Iterable[EffectRow], labels: Mapping[str, str], several: bool
) -> Iterator[tuple[str, EffectRow | str]]:
    """Yield the lines of each group; a group of one line needs no heading, unless for its arm."""
    for words, found in itertools.groupby(rows, lambda row: row.group):
        members = list(found)
        if len(members) == 1 and not several:
            (row,) = members
            told = f"{words}: {row.level}" if row.level else words
            yield f"{told} ({number(row.n)})", row
            continue
        p = members[0].interaction
        yield words, f"interaction p {_p(p)}" if math.isfinite(p) else ""
        for row in members:
            yield f"{row.level or labels[row.arm]} ({number(row.n)})", row


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _numbers(row: EffectRow) -> str:
    return f"{row.estimate:.2f} ({row.low:.2f} to {row.high:.2f})".replace("-", "\u2212")


def _beside(axes: Axes, place: float, left: str, right: str, *, bold: bool = False) -> None:
    """Write words at both sides of a line."""
    style: dict[str, Any] = {"va": "center", "fontsize": _SIZE, "color": INK}
    style |= {"fontweight": "bold" if bold else "normal"}
    across = axes.get_yaxis_transform()
    begin = (0.015 - _LEFT) / (_RIGHT - _LEFT) + (0.0 if bold else 0.04)
    axes.text(begin, place, left, transform=across, ha="left", **style)
    axes.text(1.03, place, right, transform=across, ha="left", **style)
