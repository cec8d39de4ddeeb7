"""Figures of a results folder: units on every axis, colours that colour-blind readers can tell.

Drawn without pyplot, so that making a report leaves no global state and needs no display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cohort.analysis.look import COLORS, CONTROL, INK, STYLE, month_ticks, name_panel
from cohort.analysis.series import Series
from cohort.results.published import PublishedRow

_SIZE = (5.6, 4.3)
_INNER, _OUTER = 0.35, 0.10  # how dark the bands are

MOST_RANGES = 4
"""Arms up to which the range of persons is drawn; beyond it, ranges hide one another."""


def arm_colors(arms: Mapping[str, str]) -> dict[str, str]:
    """Give each arm its colour: the first control grey, the others from the palette.

    Args:
        arms: name of the arm -> its role.
    """
    grey = next((name for name, role in arms.items() if role == "control"), None)
    coloured = [name for name in arms if name != grey]
    colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(coloured)}
    return {name: CONTROL if name == grey else colors[name] for name in arms}


def outcome_figure(
    title: str,
    unit_label: str,
    series: Sequence[Series],
    published: Sequence[PublishedRow],
    colors: Mapping[str, str],
    labels: Mapping[str, str],
) -> Figure:
    """Draw one outcome: mean with its interval, the 5-95 % range of persons, published points.

    Under draws of the parameters the inner band is their uncertainty alone, the outer one theirs
    and the spread between persons, and the legend says so.
    Where points are published medians, the median of persons is drawn too, dashed.

    Args:
        title: what is drawn.
        unit_label: label of the vertical axis, with its unit.
        series: one an arm.
        published: rows of this outcome against baseline, in the axis's unit.
        colors: colour of each arm.
        labels: words for each arm.
    """
    medians = any(row.center == "median" for row in published)
    with mpl.rc_context(STYLE):
        # The legend gets room of its own, so that many arms do not squeeze the axes.
        drawn = any(line.drawn for line in series)
        height = _SIZE[1] + 0.22 * max((len(series) + 4) // 2 - 3, 0) + (0.44 if drawn else 0)
        figure = Figure(figsize=(_SIZE[0], height), layout="constrained")
        axes = figure.add_subplot()
        for line in series:
            color = colors[line.arm]
            if len(series) <= MOST_RANGES:
                axes.fill_between(line.months, line.p5, line.p95, color=color, alpha=_OUTER, lw=0)
            axes.fill_between(line.months, line.low, line.high, color=color, alpha=_INNER, lw=0)
            axes.plot(line.months, line.mean, color=color, lw=2.2, label=labels[line.arm])
            if medians:
                axes.plot(line.months, line.p50, color=color, lw=1.6, ls=(0, (4, 2)))
        for row in published:
            _point(axes, row, colors[row.arm], size=7.0 if len(published) <= 30 else 5.0)
        axes.axhline(0.0, color="#9AA3AD", lw=1.0, zorder=0)
        _keep_means_readable(axes, series, published)
        axes.set_title(title)
        axes.set_ylabel(unit_label)
        _month_axis(axes, series)
        _legend(figure, axes, published, medians, series)
    return figure


def persons_figure(
    title: str,
    unit_label: str,
    persons: Mapping[str, tuple[np.ndarray, np.ndarray]],
    colors: Mapping[str, str],
    labels: Mapping[str, str],
) -> Figure:
    """Draw individual trajectories, one panel an arm, the same persons in every panel.

    Args:
        title: what is drawn.
        unit_label: label of the vertical axis, with its unit.
        persons: arm -> (months, values (persons, visits)).
        colors: colour of each arm.
        labels: words for each arm.
    """
    columns = min(len(persons), 2)
    rows = -(-len(persons) // columns)
    with mpl.rc_context(STYLE):
        height = 0.6 + (3.7 if rows == 1 else 2.9 * rows)
        figure = Figure(figsize=(_SIZE[0], height), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (arm, (months, values)) in zip(grid, persons.items(), strict=False):
            axes.plot(months, values.T, color=colors[arm], lw=1.0, alpha=0.55)
            axes.axhline(0.0, color="#9AA3AD", lw=1.0, zorder=0)
            name_panel(axes, labels[arm], colors[arm], columns)
            axes.set_xlim(months.min(), months.max())
            axes.set_xticks(month_ticks(months.min(), months.max(), at_most=5))
        for axes in grid[len(persons) :]:
            axes.set_visible(False)
        # The lowest visible panel of each column carries the months.
        for axes in grid[max(len(persons) - columns, 0) : len(persons)]:
            axes.tick_params(labelbottom=True)
        figure.suptitle(title, fontsize=12.5, fontweight="bold", x=0.01, ha="left")
        figure.supylabel(unit_label, fontsize=11)
        figure.supxlabel("Months from baseline", fontsize=11)
    return figure


def _point(axes: Axes, row: PublishedRow, color: str, size: float) -> None:
    """Draw a published value with its interval; hollow where it was not re-read in the paper."""
    if np.isfinite(row.low) and np.isfinite(row.high):
        axes.plot([row.month] * 2, [row.low, row.high], color=color, lw=1.4, zorder=4)
    read = row.verification in ("checked", "digitised")
    axes.plot(
        [row.month],
        [row.value],
        marker="D" if row.center == "median" else "o",
        ms=size,
        ls="",
        mfc=color if read else "white",
        mec="white" if read else color,
        mew=0.8 if read else 1.4,
        zorder=5,
    )


def _keep_means_readable(
    axes: Axes, series: Sequence[Series], published: Sequence[PublishedRow]
) -> None:
    """Let the means and the published points fill the figure when the persons' range is far wider.

    A marker's 95th percentile can lie at several hundred percent; the range is then cut at the
    frame, which the report's legend says.
    """
    values = [v for s in series for v in (s.mean, s.p50)]
    values += [v for s in series if s.drawn for v in (s.low, s.high)]
    values.append(np.array([x for r in published for x in (r.value, r.low, r.high)]))
    core = np.concatenate(values)
    core = core[np.isfinite(core)]
    shown = len(series) <= MOST_RANGES
    wide = np.concatenate([v for s in series for v in ((s.p5, s.p95) if shown else (s.mean,))])
    wide = wide[np.isfinite(wide)]
    if core.size == 0 or wide.size == 0:
        return
    low, high = min(core.min(), 0.0), max(core.max(), 0.0)
    room = max(high - low, 1.0)
    low, high = max(wide.min(), low - 0.8 * room), min(wide.max(), high + 0.8 * room)
    low, high = min(low, core.min(), 0.0), max(high, core.max(), 0.0)
    axes.set_ylim(low - 0.04 * room, high + 0.04 * room)


def _month_axis(axes: Axes, series: Sequence[Series]) -> None:
    months = np.concatenate([s.months for s in series])
    axes.set_xlabel("Months from baseline")
    axes.set_xticks(month_ticks(months.min(), months.max()))
    span = max(months.max() - months.min(), 1.0)
    axes.set_xlim(months.min() - 0.02 * span, months.max() + 0.02 * span)


def _legend(
    figure: Figure,
    axes: Axes,
    published: Sequence[PublishedRow],
    medians: bool,
    series: Sequence[Series],
) -> None:
    """Name the arms and the symbols under the axes, where nothing can be covered."""
    handles, names = axes.get_legend_handles_labels()
    if any(line.drawn for line in series):
        bands = {"mean, 90 % of draws": _INNER}
        if len(series) <= MOST_RANGES:
            bands["persons and draws, 90 %"] = _OUTER
        handles += [Patch(color=INK, alpha=alpha, lw=0) for alpha in bands.values()]
        names += bands
    if medians:
        handles += axes.plot([], [], color=INK, lw=1.6, ls=(0, (4, 2)))
        names.append("median of persons")
    kinds = {
        (row.center == "median", row.verification in ("checked", "digitised")) for row in published
    }
    for median, read in sorted(kinds, reverse=True):
        words = f"published {'median' if median else 'mean'}{'' if read else ', not re-read'}"
        handles += axes.plot(
            [],
            [],
            ls="",
            marker="D" if median else "o",
            ms=6.5,
            mfc=INK if read else "white",
            mec=INK,
        )
        names.append(words)
    longest = max(map(len, names), default=0)
    figure.legend(
        handles,
        names,
        loc="outside lower left",
        ncols=1 if longest > 34 else 2,
        handlelength=1.6,
        columnspacing=1.4,
    )
