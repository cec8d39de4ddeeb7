"""Figures of `cohort compare`: predicted against published, a panel a quantity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from cohort.analysis.compare import Prediction
from cohort.analysis.fractures import INCIDENCE, RATIO, FracturePrediction
from cohort.analysis.look import COLORS, CONTROL, STYLE, save
from cohort.analysis.titles import QUANTITIES
from cohort.results.published import MARKERS, SITES

_PANEL = 2.9
_SPLITS = {"calibration": COLORS[0], "validation": COLORS[1]}

Point = tuple[float, float, float, float, str]
"""Published value with the ends of its interval, predicted value, split."""


def write_agreement(
    predictions: Sequence[Prediction], fractures: Sequence[FracturePrediction], folder: Path
) -> list[str]:
    """Write `compare` and, where fractures were predicted, `fractures` as PNG and SVG.

    Args:
        predictions: of changes of BMD and markers; those without a number are left out.
        fractures: of incidences and relative risks.
        folder: where the figures go.

    Returns:
        Names of the figures.
    """
    changes: dict[str, list[Point]] = {name: [] for name in SITES + MARKERS}
    for p in predictions:
        if math.isfinite(p.difference):
            row = p.row
            changes[row.quantity].append((row.value, row.low, row.high, p.predicted, row.split))
    panels = {
        QUANTITIES[name]: (points, "change (%)", False)
        for name, points in changes.items()
        if points
    }
    made = {"compare": panels}
    measures = ((INCIDENCE, "Incidence of fractures", "(%)"), (RATIO, "Relative risk", "(1)"))
    made["fractures"] = {
        title: (points, f"{measure} {unit}", True)
        for measure, title, unit in measures
        if (points := _of_measure(fractures, measure))
    }
    kept = {name: found for name, found in made.items() if found}
    for name, found in kept.items():
        save(agreement_figure(found), folder, name)
    return list(kept)


def _of_measure(fractures: Sequence[FracturePrediction], measure: str) -> list[Point]:
    return [
        (p.observed, p.low, p.high, p.predicted, p.row.split)
        for p in fractures
        if p.measure == measure and p.predicted > 0 and p.observed > 0
    ]


def agreement_figure(panels: Mapping[str, tuple[Sequence[Point], str, bool]]) -> Figure:
    """Draw predicted against published values with the line on which they agree.

    Args:
        panels: title -> points, words of the axes with their unit, whether on a logarithmic scale.
    """
    across = min(len(panels), 3)
    down = -(-len(panels) // across)
    with mpl.rc_context(STYLE):
        size = (0.5 + _PANEL * max(across, 1.4), 0.6 + _PANEL * 1.08 * down)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(down, across, squeeze=False).ravel()
        for axes, (title, (points, words, logarithmic)) in zip(grid, panels.items(), strict=False):
            _panel(axes, points, logarithmic=logarithmic)
            axes.set_title(title, fontsize=11)
            axes.set_xlabel(f"Published {words}", fontsize=10)
            axes.set_ylabel(f"Predicted {words}", fontsize=10)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        told = {line.get_label(): line for axes in grid for line in axes.get_lines()}
        named = {name: line for name, line in told.items() if not str(name).startswith("_")}
        figure.legend(
            list(named.values()), list(map(str, named)), loc="outside lower left", ncols=4
        )
    return figure


def _panel(axes: Axes, points: Sequence[Point], *, logarithmic: bool) -> None:
    if logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    for split in dict.fromkeys(point[-1] for point in points):
        own = np.array([point[:-1] for point in points if point[-1] == split])
        observed, low, high, predicted = own.T
        color = _SPLITS.get(split, CONTROL)
        axes.plot([low, high], [predicted, predicted], color=color, lw=1.0, alpha=0.5)
        label = split.replace("_", " ")
        axes.plot(observed, predicted, "o", ms=4.5, color=color, mec="white", mew=0.6, label=label)
    values = np.array([x for *numbers, _ in points for x in (numbers[0], numbers[3])])
    ends = [values.min(), values.max()]
    axes.plot(ends, ends, color="#9AA3AD", lw=1.2, label="agreement", zorder=0)
