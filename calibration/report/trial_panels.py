"""A figure a trial: what it published and what is predicted of it, with bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from calibration.judgement.frames import parts_by, rows_of
from calibration.report.figures import QUIET, Z95, cut, style, words
from cohort.analysis.figures import MOST_RANGES, arm_colors
from cohort.analysis.titles import QUANTITIES
from cohort.results.published import MARKERS, SITES

MOST = 9
"""Panels of a trial that are drawn; the sites and markers against baseline come first."""

_ORDER = (*SITES, *MARKERS)


def trial_figure(rows: pd.DataFrame, title: str) -> Figure:
    """Draw every quantity of a trial over time, predicted and published.

    Args:
        rows: predictions of the trial's rows.
        title: what is drawn.
    """
    panels = sorted(parts_by(rows, ["quantity", "versus"]), key=_rank)[:MOST]
    roles = {
        str(arm): "control" if (part.therapy == "nothing").all() else "active"
        for (arm,), part in parts_by(rows, ["arm"])
    }
    colors = _apart(arm_colors(roles))
    columns = min(len(panels), 3)
    lines = -(-len(panels) // columns)
    with style(small=True):
        size = (1.2 + 2.9 * columns, 0.6 + 2.4 * lines + 0.17 * (-(-len(roles) // columns)))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(lines, columns, squeeze=False).ravel()
        for axes, ((quantity, versus), part) in zip(grid, panels, strict=False):
            _panel(axes, part, colors)
            own = QUANTITIES.get(quantity, quantity)
            against = f"{quantity} against {cut(words(versus))}"
            axes.set_title(own if versus.startswith("baseline") else against)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        for arm, color in colors.items():
            grid[0].plot([], [], color=color, lw=2.0, label=words(arm))
        figure.supylabel("Change (%)", fontsize=9)
        # No `y`: the layout makes room only for a title that it places itself.
        figure.suptitle(title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
        figure.legend(loc="outside lower left", ncols=columns, handlelength=1.4)
    return figure


def _apart(colors: Mapping[str, str]) -> dict[str, str]:
    """Darken the colours of a palette's second round."""
    found: dict[str, str] = {}
    for arm, color in colors.items():
        red, green, blue = (0.5 * part for part in to_rgb(color))
        found[arm] = to_hex((red, green, blue)) if color in found.values() else color
    return found


def _rank(panel: tuple[tuple[str, ...], pd.DataFrame]) -> tuple[bool, int, str]:
    quantity, versus = panel[0]
    place = _ORDER.index(quantity) if quantity in _ORDER else len(_ORDER)
    return not versus.startswith("baseline"), place, versus


def _panel(axes: Axes, rows: pd.DataFrame, colors: Mapping[str, str]) -> None:
    """Draw one quantity over time, or its arms side by side where all were looked at once."""
    once = rows.month.nunique() == 1
    span = max(float(rows.month.max()), 1.0)
    arms = list(parts_by(rows, ["arm"]))
    fade = 1.0 if len(arms) <= MOST_RANGES else 0.5
    for index, ((arm,), part) in enumerate(arms):
        looks, color = part.sort_values("month", kind="stable"), colors[arm]
        single = looks.month.nunique() == 1
        # An arm that is looked at once stands a little aside of the others' lines.
        months = np.full(len(looks), float(index)) if once else looks.month.to_numpy(float)
        if single:
            _bars(axes, looks, months + (0.0 if once else 0.02 * span * index), color)
        else:
            _line(axes, looks, months, color, fade)
    axes.axhline(0.0, color=QUIET, lw=0.9, zorder=0)
    if once:
        reach = 0.5 * max(len(arms), 3) + 0.3
        axes.set_xlim(0.5 * (len(arms) - 1) - reach, 0.5 * (len(arms) - 1) + reach)
        axes.set_xticks([])
        axes.set_xlabel(f"Month {rows.month.iloc[0]:.3g}")
    else:
        axes.set_xlim(-0.03 * span, (1.05 + 0.02 * len(arms)) * span)
        axes.set_xlabel("Months")


def _line(axes: Axes, looks: pd.DataFrame, months: np.ndarray, color: str, fade: float) -> None:
    """Draw an arm over time: a line with its band, through baseline where that is the reference."""
    origin = [0.0] if looks.versus.iloc[0].startswith("baseline") else []
    axes.fill_between(months, looks.low, looks.high, color=color, alpha=0.16 * fade, lw=0)
    axes.plot([*origin, *months], [*origin, *looks.predicted], color=color, lw=1.7)
    _points(axes, looks, months, color)


def _bars(axes: Axes, looks: pd.DataFrame, places: np.ndarray, color: str) -> None:
    """Draw looks at one month: a bar of the interval, a dash at the prediction."""
    for place, row in zip(places, rows_of(looks), strict=True):
        axes.plot([place] * 2, [row.low, row.high], color=color, lw=7, alpha=0.22)
    axes.plot(places, looks.predicted, "_", color=color, ms=12, mew=2)
    _points(axes, looks, places, color)


def _points(axes: Axes, looks: pd.DataFrame, months: np.ndarray, color: str) -> None:
    """Draw published numbers with their 95 % interval; hollow where not re-read in the paper."""
    for month, row in zip(months, rows_of(looks), strict=True):
        reach = Z95 * row.sd_sampling
        ends = [row.observed - reach, row.observed + reach]
        axes.plot([month] * 2, ends, color=color, lw=0.9, zorder=4)
        face = color if row.kind == "scored" else "white"
        mark = "D" if "median" in row.statistic else "o"
        look = {"color": color, "mfc": face, "mew": 0.9, "ms": 4.2}
        axes.plot([month], [row.observed], mark, zorder=5, **look)
