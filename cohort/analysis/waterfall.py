"""Waterfall of individual responses: the persons of each arm, sorted by their change.

Of more persons than a figure has columns to show, quantiles stand for them: the k-th of K columns
is the change at rank (k - 1/2) / K.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cohort.analysis.facts import number
from cohort.analysis.look import INK, STYLE, name_panel

COLUMNS = 400
"""Columns of a panel; each stands for one person, or for an equal share of more."""

_WIDTH = 5.6


def waterfall_figure(
    title: str,
    unit_label: str,
    changes: Mapping[str, npt.NDArray[np.floating]],
    least: float | None,
    colors: Mapping[str, str],
    labels: Mapping[str, str],
) -> Figure:
    """Draw the sorted changes, a panel an arm.

    Args:
        title: what is drawn.
        unit_label: label of the vertical axis, with its unit.
        changes: arm -> percent change of each person, NaN for who has none.
        least: least significant change, or None.
        colors: colour of each arm.
        labels: words for each arm.
    """
    across = min(len(changes), 2)
    down = -(-len(changes) // across)
    known = {arm: values[np.isfinite(values)].astype(float) for arm, values in changes.items()}
    with mpl.rc_context(STYLE):
        height = 0.7 + (3.6 if down == 1 else 2.9 * down)
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (arm, values) in zip(grid, known.items(), strict=False):
            _panel(axes, ranked(values), least, colors[arm])
            words = f"{labels[arm]}, n\u00a0=\u00a0{number(values.size)}"
            name_panel(axes, words, colors[arm], across)
            if least is not None and values.size:
                _say_shares(axes, values, least)
        for axes in grid[len(known) :]:
            axes.set_visible(False)
        # The lowest visible panel of each column carries the ticks.
        for axes in grid[max(len(known) - across, 0) : len(known)]:
            axes.tick_params(labelbottom=True)
        _frame(grid[0], known, least)
        figure.suptitle(title, fontsize=12.5, fontweight="bold", x=0.01, ha="left")
        figure.supylabel(unit_label, fontsize=11)
        figure.supxlabel("Persons, from the largest gain to the largest loss (%)", fontsize=11)
    return figure


def ranked(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the columns of a panel: changes from the largest to the smallest."""
    down = np.sort(values)[::-1]
    if down.size <= COLUMNS:
        return down
    rank = (np.arange(COLUMNS) + 0.5) / COLUMNS
    return np.quantile(down, 1.0 - rank)


def _panel(axes: Axes, columns: npt.NDArray[np.float64], least: float | None, color: str) -> None:
    edges = np.linspace(0.0, 100.0, columns.size + 1)
    axes.stairs(columns, edges, fill=True, color=color, lw=0, alpha=0.75)
    axes.axhline(0.0, color="#9AA3AD", lw=1.0)
    for limit in () if least is None else (least, -least):
        axes.axhline(limit, color=INK, lw=1.1, ls=(0, (4, 3)))
    axes.set_xlim(0.0, 100.0)
    axes.set_xticks([25, 50, 75])  # at the ends they would meet those of the next panel


def _say_shares(axes: Axes, values: npt.NDArray[np.float64], least: float) -> None:
    """Say who gained or lost more than measurement alone explains."""
    gained, lost = (100.0 * np.mean(sign * values >= least) for sign in (1, -1))
    style: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 9, "color": INK}
    axes.text(0.97, 0.97, f"gain beyond LSC: {gained:.0f} %", ha="right", va="top", **style)
    axes.text(0.03, 0.03, f"loss beyond LSC: {lost:.0f} %", ha="left", va="bottom", **style)


def _frame(axes: Axes, known: Mapping[str, npt.NDArray[np.float64]], least: float | None) -> None:
    """Let the middle 99 % of persons fill the panels; the rest is cut at the frame."""
    every = np.concatenate([*known.values(), [0.0, least or 0.0, -(least or 0.0)]])
    low, high = np.quantile(every, [0.005, 0.995])
    low, high = min(low, -(least or 0.0), 0.0), max(high, least or 0.0, 0.0)
    room = max(high - low, 1.0)
    axes.set_ylim(low - 0.14 * room, high + 0.14 * room)
