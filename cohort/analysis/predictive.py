"""Visual predictive check: percentiles of simulated persons beside what a trial published of them.

Simulated values are as measured, since the trial's were. A percentile of n persons varies from
trial to trial: the k-th smallest of n draws from a distribution F lies at F^-1(U), U distributed as
Beta(k, n + 1 - k) (David & Nagaraja 2003, Order Statistics, 10.1002/0471722162), so that with
k = p n

    band of percentile p = F^-1 of the 5th and 95th percentile of that Beta distribution

and the mean's is mean -+ 1.645 sd / sqrt(n). The cohort's own distribution stands for F and its own
size for n. Published standard deviations are drawn as mean -+ 1 SD, which the 16th and 84th
percentiles are of normal values; published quartiles beside the 25th and 75th.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cohort.analysis.look import INK, STYLE, month_ticks, name_panel
from cohort.results.published import PublishedRow

Reals = npt.NDArray[np.float64]

_BY_SD, _BY_QUARTILES = (16.0, 50.0, 84.0), (25.0, 50.0, 75.0)
_Z90 = 1.6448536269514722
_WIDTH = 5.6


@dataclass(frozen=True)
class Check:
    """What is simulated of one outcome in one arm, `(visit,)` or `(percentile, visit)`.

    Attributes:
        months: of the visits.
        mean: of persons.
        mean_band: its 90 % interval over trials of this size, `(2, visit)`.
        percentiles: which percentiles, in percent.
        values: percentiles of persons, `(percentile, visit)`.
        bands: 90 % interval of each over trials of this size, `(percentile, 2, visit)`.
        persons: how many have a value at the last visit.
    """

    months: Reals
    mean: Reals
    mean_band: Reals
    percentiles: tuple[float, ...]
    values: Reals
    bands: Reals
    persons: int


def percentiles_for(published: Sequence[PublishedRow]) -> tuple[float, ...]:
    """Return the percentiles that stand beside what was published: quartiles, or mean -+ SD."""
    kinds = {row.spread_kind for row in published} - {""}
    medians = any(row.center == "median" for row in published)
    return _BY_QUARTILES if kinds == {"iqr"} or (not kinds and medians) else _BY_SD


def check(months: Reals, values: npt.NDArray[np.floating], percentiles: tuple[float, ...]) -> Check:
    """Describe the simulated persons of one arm.

    Args:
        months: of the visits, `(visit,)`.
        values: `(person, visit)`, NaN for who has none.
        percentiles: in percent.
    """
    kept = [place for place in range(months.size) if np.isfinite(values[:, place]).sum() > 1]
    found = [_at(values[:, place].astype(float), percentiles) for place in kept]
    mean, half, middle, bands, n = (list(part) for part in zip(*found, strict=True))
    mean, half = np.array(mean), np.array(half)
    return Check(
        months[kept].astype(float),
        mean,
        np.stack([mean - half, mean + half]),
        percentiles,
        np.stack(middle, axis=-1),
        np.stack(bands, axis=-1),
        n[-1],
    )


def _at(values: Reals, percentiles: tuple[float, ...]) -> tuple[float, float, Reals, Reals, int]:
    from scipy.stats import beta

    known = values[np.isfinite(values)]
    n, share = known.size, np.array(percentiles) / 100.0
    rank = np.clip(np.round(share * n), 1, n)
    ends = beta.ppf(np.array([[0.05], [0.95]]), rank, n + 1 - rank)  # (end, percentile)
    half = _Z90 * known.std(ddof=1) / math.sqrt(n)
    return known.mean(), half, np.quantile(known, share), np.quantile(known, ends).T, n


def check_figure(
    title: str,
    unit_label: str,
    checks: Mapping[str, Check],
    published: Sequence[PublishedRow],
    colors: Mapping[str, str],
    labels: Mapping[str, str],
) -> Figure:
    """Draw simulated percentiles with their bands and the published points, a panel an arm.

    Args:
        title: what is drawn.
        unit_label: label of the vertical axis, with its unit.
        checks: what was simulated, by arm.
        published: rows of this outcome in these arms.
        colors: colour of each arm.
        labels: words for each arm.
    """
    across = min(len(checks), 2)
    down = -(-len(checks) // across)
    with mpl.rc_context(STYLE):
        height = 1.6 + (3.3 if down == 1 else 2.7 * down)
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, (arm, found) in zip(grid, checks.items(), strict=False):
            rows = [row for row in published if row.arm == arm]
            _panel(axes, found, rows, colors[arm])
            name_panel(axes, labels[arm], colors[arm], across)
        for axes in grid[len(checks) :]:
            axes.set_visible(False)
        for axes in grid[max(len(checks) - across, 0) : len(checks)]:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("Months from baseline")
        figure.suptitle(title, fontsize=12.5, fontweight="bold", x=0.01, ha="left")
        figure.supylabel(unit_label, fontsize=11)
        found = next(iter(checks.values()))
        figure.legend(**_legend(found, published), loc="outside lower left", ncols=2)
    return figure


def _panel(axes: Axes, found: Check, rows: Sequence[PublishedRow], color: str) -> None:
    for values, (low, high) in zip(found.values, found.bands, strict=True):
        axes.fill_between(found.months, low, high, color=color, alpha=0.22, lw=0)
        axes.plot(found.months, values, color=color, lw=1.1, ls=(0, (4, 2)))
    axes.fill_between(found.months, *found.mean_band, color=color, alpha=0.35, lw=0)
    axes.plot(found.months, found.mean, color=color, lw=2.0)
    axes.axhline(0.0, color="#9AA3AD", lw=1.0, zorder=0)
    for row in rows:
        axes.plot([row.month] * 2, row.spread, color=INK, lw=1.0, marker="_", ms=7, zorder=4)
        axes.plot([row.month] * 2, [row.low, row.high], color=INK, lw=2.6, zorder=4)
        shape = "D" if row.center == "median" else "o"
        axes.plot(
            [row.month],
            [row.value],
            shape,
            ms=6,
            mfc=INK if row.read else "white",
            mec=INK,
            zorder=5,
        )
    last = max([found.months.max(), *(row.month for row in rows)])
    axes.set_xticks(month_ticks(0.0, last, at_most=5))


def _legend(found: Check, rows: Sequence[PublishedRow]) -> dict[str, Any]:
    """Name the lines, the bands and whatever was published."""
    first, _, last = found.percentiles
    entries: list[tuple[Artist, str]] = [
        (Line2D([], [], color=INK, lw=2.0), "simulated mean"),
        (
            Line2D([], [], color=INK, lw=1.1, ls=(0, (4, 2))),
            f"simulated P{first:g}, median, P{last:g}",
        ),
        (Patch(color=INK, alpha=0.25, lw=0), "90 % of trials as large"),
    ]
    shapes = {(row.center == "median", row.read) for row in rows}
    for median, read in sorted(shapes):
        words = f"published {'median' if median else 'mean'}{'' if read else ', not re-read'}"
        mark: dict[str, Any] = {"marker": "D" if median else "o", "ms": 6, "ls": "", "mec": INK}
        entries.append((Line2D([], [], mfc=INK if read else "white", **mark), words))
    if any(math.isfinite(row.low) for row in rows):
        entries.append((Line2D([], [], color=INK, lw=2.6), "its interval"))
    for kind, words in (("sd", "mean \u2213 SD"), ("iqr", "quartiles")):
        if any(row.spread_kind == kind for row in rows):
            entries.append((Line2D([], [], color=INK, lw=1.0, marker="_"), f"published {words}"))
    handles, names = zip(*entries, strict=True)
    return {"handles": list(handles), "labels": list(names)}
