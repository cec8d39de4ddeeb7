"""Figures of a calibration: how the starts ended, what the data know, what was predicted.

They look like those of a run's report (`cohort.analysis.figures`). Published numbers are ink with
their 95 % interval; predictions are coloured with their 90 % interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibration.judgement.frames import parts_by, rows_of
from cohort.analysis.look import COLORS, INK, STYLE
from cohort.analysis.titles import QUANTITIES
from cohort.results.published import MARKERS, SITES

BLUE, VERMILION = COLORS[:2]
QUIET = "#9AA3AD"
FAITH = {"data": BLUE, "partly": COLORS[5], "prior": QUIET}
"""Colours of how far the data know a parameter."""

Z95 = 1.959963984540054
_HEIGHT = 0.19  # of a line of the forest, inches
_COLUMNS = 3  # of bars of parameters
STAGES = {"fit": "descent"}
"""What a stage is called where that is not its name."""


def style(small: bool = False) -> Any:
    """Return the look of a run's report, as a context; with smaller letters for dense figures."""
    look = dict(STYLE)
    if small:
        look |= {"font.size": 8.5, "axes.titlesize": 9.5, "legend.fontsize": 8.5}
    return mpl.rc_context(look)


def forest(rows: pd.DataFrame, title: str) -> Figure:
    """Draw published numbers beside predictions, a line a row, trials together.

    Args:
        rows: predictions of one quantity.
        title: what is drawn.
    """
    lines = rows.sort_values(["trial", "arm", "month"], kind="stable")
    with style(small=True):
        height = 1.3 + _HEIGHT * len(lines)
        figure = Figure(figsize=(8.4, height), layout="constrained")
        axes = figure.add_subplot()
        places = np.arange(len(lines))
        _shade_trials(axes, lines.trial.tolist())
        for place, row in zip(places, rows_of(lines), strict=True):
            color = BLUE if row.inside else VERMILION
            axes.plot([row.low, row.high], [place] * 2, color=color, lw=5, alpha=0.35, zorder=2)
            axes.plot([row.predicted], [place], marker="|", ms=8, mew=2, color=color, zorder=3)
            reach = Z95 * row.sd_sampling
            ends = [row.observed - reach, row.observed + reach]
            axes.plot(ends, [place] * 2, color=INK, lw=1.0, zorder=4)
            face = INK if row.kind == "scored" else "white"
            axes.plot([row.observed], [place], "o", ms=3.8, mfc=face, mec=INK, mew=0.9, zorder=5)
        axes.axvline(0.0, color=QUIET, lw=1.0, zorder=1)
        axes.set_yticks(places, [_line(row) for row in rows_of(lines)], fontsize=8)
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("Change (%)")
        figure.suptitle(title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")
        _forest_legend(figure, lines)
    return figure


def _shade_trials(axes: Axes, trials: Sequence[str]) -> None:
    """Lay a wash behind every other trial."""
    names = list(dict.fromkeys(trials))
    for place, trial in enumerate(trials):
        if names.index(trial) % 2:
            axes.axhspan(place - 0.5, place + 0.5, color="#F1F4F7", lw=0, zorder=0)


def _line(row: Any) -> str:
    versus = "" if row.versus.startswith("baseline") else f" vs {cut(words(row.versus))}"
    arm = "" if row.arm == row.trial else f" · {words(row.arm)}"
    return f"{row.trial}{arm}{versus} · {row.month:.3g} mo"


def words(name: str) -> str:
    """Return a name of a file as words."""
    return name.removeprefix("active:").replace("_", " ")


def cut(text: str, most: int = 24) -> str:
    """Return a text that is no longer than there is room for."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _forest_legend(figure: Figure, rows: pd.DataFrame) -> None:
    axes = figure.axes[0]
    handles = axes.plot([], [], "o-", color=INK, ms=3.8, lw=1.0, label="published, 95 % CI")
    if (rows.kind != "scored").any():
        handles += axes.plot(
            [], [], "o", mfc="white", mec=INK, ms=3.8, label="published, not re-read"
        )
    handles += axes.plot([], [], color=BLUE, lw=5, alpha=0.35, label="predicted, 90 % interval")
    if not rows.inside.all():
        missed = "interval misses the number"
        handles += axes.plot([], [], color=VERMILION, lw=5, alpha=0.35, label=missed)
    figure.legend(handles=handles, loc="outside lower left", ncols=2, handlelength=1.8)


def scatter(predictions: pd.DataFrame) -> Figure:
    """Draw predicted against published numbers, a panel a site or marker.

    Args:
        predictions: rows of every split.
    """
    shown = [q for q in (*SITES, *MARKERS) if (predictions.quantity == q).any()]
    with style(small=True):
        rows = -(-len(shown) // 3)
        figure = Figure(figsize=(9.6, 0.5 + 3.1 * rows), layout="constrained")
        grid = figure.subplots(rows, min(len(shown), 3), squeeze=False).ravel()
        for axes, quantity in zip(grid, shown, strict=False):
            own = predictions.loc[predictions.quantity == quantity]
            _diagonal(axes, own)
            for split, color, size in (("calibration", BLUE, 3.2), ("validation", VERMILION, 3.8)):
                part = own.loc[own.split == split]
                axes.plot(
                    part.observed,
                    part.predicted,
                    "o",
                    ms=size,
                    color=color,
                    mec="white",
                    mew=0.4,
                    alpha=0.8,
                    label=split if axes is grid[0] else None,
                )
            axes.set_title(QUANTITIES[quantity])
        for axes in grid[len(shown) :]:
            axes.set_visible(False)
        figure.supxlabel("Published change (%)", fontsize=10)
        figure.supylabel("Predicted change (%)", fontsize=10)
        figure.legend(loc="outside lower left", ncols=2)
    return figure


def _diagonal(axes: Axes, rows: pd.DataFrame) -> None:
    values = np.concatenate([rows.observed.to_numpy(), rows.predicted.to_numpy(), [0.0]])
    low, high = float(values.min()), float(values.max())
    room = 0.05 * max(high - low, 1.0)
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(low - room, high + room)
    axes.axline((0.0, 0.0), slope=1.0, color=QUIET, lw=1.0, zorder=0)
    axes.set_aspect("equal")


def waterfall(starts: pd.DataFrame) -> Figure:
    """Draw the loss that each start reached in the last stage that all went through, best first.

    Errors are weighed anew between stages, so that losses of two stages are not alike.

    Args:
        starts: columns `start`, `stage`, `loss`, `converged`, in the order of the fit.
    """
    count = starts.start.nunique()
    shared = [stage for stage, own in starts.groupby("stage", sort=False) if len(own) == count]
    converged = starts.groupby("start").converged.any()
    last = starts.loc[starts.stage == shared[-1]].sort_values("loss", kind="stable")
    last = last.assign(converged=converged.loc[last.start].to_numpy())
    with style():
        figure = Figure(figsize=(5.6, 3.8), layout="constrained")
        axes = figure.add_subplot()
        rank = np.arange(1, len(last) + 1)
        axes.plot(rank, last.loss, color=QUIET, lw=1.2, zorder=1)
        for done, face, label in ((True, BLUE, "polished and converged"), (False, "white", "not")):
            part = last.converged.to_numpy(bool) == done
            if part.any():
                loss = last.loss.to_numpy()[part]
                axes.plot(rank[part], loss, "o", ms=8, mfc=face, mec=BLUE, mew=1.4, label=label)
        for place, row in zip(rank, rows_of(last), strict=True):
            axes.annotate(
                f"{row.start}", (place, row.loss), (0, 9), textcoords="offset points", ha="center"
            )
        axes.margins(y=0.2)
        axes.set_xlim(0.5, len(last) + 0.5)
        axes.set_xticks(rank if len(rank) <= 16 else rank[:: len(rank) // 8])
        axes.set_title("Loss by start")
        axes.set_xlabel("Rank; the number is the start's")
        axes.set_ylabel(f"Loss after the {STAGES.get(str(shared[-1]), shared[-1])}")
        figure.legend(loc="outside lower left", ncols=2)
    return figure


def traces(trace: pd.DataFrame) -> Figure:
    """Draw loss and norm of the gradient along the steps of every start, a line a stage.

    Args:
        trace: columns `start`, `stage`, `step`, `loss`, `gradient_norm`, in the order of the fit.
    """
    stages = list(dict.fromkeys(trace.stage))
    with style():
        figure = Figure(figsize=(5.6, 5.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        for index, ((start,), own) in enumerate(parts_by(trace, ["start"])):
            steps = np.arange(1, len(own) + 1)
            color = COLORS[index % len(COLORS)]
            for axes, column in ((upper, "loss"), (lower, "gradient_norm")):
                for stage in stages:  # no line between stages, whose losses are not alike
                    within = (own.stage == stage).to_numpy()
                    mark = "-" if stage == stages[0] else ".-"
                    values = own.loc[within, column]
                    if len(values):
                        axes.plot(steps[within], values, mark, color=color, lw=1.3, ms=5, alpha=0.9)
            upper.plot([], [], color=color, label=f"start {start}")
        for axes, label in ((upper, "Loss"), (lower, "Gradient norm")):
            if (trace[label.lower().replace(" ", "_")].to_numpy() > 0).all():
                axes.set_yscale("log")
            axes.set_ylabel(label)
        lower.set_xlabel(f"Step; dots: {', '.join(stages[1:])}" if stages[1:] else "Step")
        upper.set_title("Traces of the starts")
        figure.legend(loc="outside lower left", ncols=4, columnspacing=1.2, handlelength=1.2)
    return figure


def identifiability(table: pd.DataFrame) -> Figure:
    """Draw how far the data narrow each parameter, best known first.

    Args:
        table: columns `parameter`, `sd_ratio` (posterior over prior SD), `evidence`.
    """
    ranked = table.sort_values("sd_ratio", kind="stable").reset_index(drop=True)
    columns = min(_COLUMNS, -(-len(ranked) // 8))
    length = -(-len(ranked) // columns)
    with style(small=True):
        figure = Figure(figsize=(9.6, 1.2 + 0.19 * length), layout="constrained")
        grid = figure.subplots(1, columns, sharex=True, squeeze=False).ravel()
        for index, axes in enumerate(grid):
            part = ranked.iloc[index * length : (index + 1) * length]
            places = np.arange(len(part))
            axes.barh(places, part.sd_ratio, color=[FAITH[e] for e in part.evidence], height=0.72)
            axes.set_yticks(places, part.parameter, fontsize=7.5)
            axes.set_ylim(length - 0.4, -0.6)
            axes.set_xlim(0.0, max(1.05, float(ranked.sd_ratio.max())))
            axes.axvline(1.0, color=INK, lw=0.8)
            axes.grid(axis="y", visible=False)
        meaning = {"data": "known by the data", "partly": "partly", "prior": "left at its prior"}
        for evidence, color in FAITH.items():
            if (ranked.evidence == evidence).any():
                grid[0].barh([0], [0], color=color, label=meaning[evidence])
        figure.suptitle("What the data know", fontsize=9.5, fontweight="bold", x=0.01, ha="left")
        figure.supxlabel("Posterior SD / prior SD", fontsize=9.5)
        figure.legend(loc="outside lower left", ncols=3)
    return figure
