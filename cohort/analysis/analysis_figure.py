"""Forest plots of `cohort analyse`: every analysis of the endpoint, and its subgroups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cohort.analysis.effects import EffectRow
from cohort.analysis.forest import forest_figure
from cohort.analysis.look import COLORS, save
from cohort.analysis.titles import TITLES

_ALL = "all"
_RATIOS = {"relative risk": "relative risk", "cox": "hazard ratio, Cox"}
_NAMES = {"ancova": "ANCOVA", "mmrm": "MMRM"}

Rows = Sequence[Mapping[str, Any]]


def write_analysis_figures(rows: Rows, outcome: str, month: float, folder: Path) -> list[str]:
    """Write `analysis` and, where there are subgroups, `subgroups` as PNG and SVG.

    Of a mean every estimate of the difference is drawn, of events every ratio; shares of responders
    and risks, whose units are others, are in the table.

    Args:
        rows: rows of `analysis.parquet`.
        outcome: the outcome.
        month: of the endpoint.
        folder: where the figures go.

    Returns:
        Names of the figures.
    """
    ratios = [_row(row, _RATIOS[row["analysis"]]) for row in rows if row["analysis"] in _RATIOS]
    models = [row for row in rows if row["analysis"] in _NAMES]
    whole = [_row(row, _words(row)) for row in models if row["subgroup"] is None]
    parts = [_part(row) for row in models if row["subgroup"] is not None]
    words = f"{TITLES.get(outcome, outcome.replace('_', ' '))}, month {month:g}"
    unit = f"Difference ({models[0]['unit']})" if models else ""
    made = {
        "analysis": (words, unit, whole, 0.0) if whole else (words, "Ratio (1)", ratios, 1.0),
        "subgroups": (f"{words}: subgroups", unit, parts, 0.0),
    }
    beside = "(n)   \u25c7 true effect"
    color, label = {_ALL: COLORS[0]}, {_ALL: ""}
    kept = {name: each for name, each in made.items() if each[2]}
    for name, (title, axis, lines, reference) in kept.items():
        figure = forest_figure(title, axis, lines, color, label, beside, reference)
        save(figure, folder, name)
    return list(kept)


def _words(row: Mapping[str, Any]) -> str:
    missing = str(row["missing"]).replace("_", " ")
    how = "" if row["analysis"] == "mmrm" else f", {missing}"
    return (
        f"{_NAMES[row['analysis']]}{how}{', per protocol' if row['set'] != 'full analysis' else ''}"
    )


def _part(row: Mapping[str, Any]) -> EffectRow:
    """Return the effect in a subgroup, under a heading of its variable."""
    variable, _, level = str(row["subgroup"]).partition(": ")
    found = _row(row, level)
    return replace(found, group=f"{variable.replace('_', ' ')}: {found.group}")


def _row(row: Mapping[str, Any], words: str) -> EffectRow:
    def number(name: str) -> float:
        return float("nan") if row[name] is None else float(row[name])

    estimate, low, high, se, true = map(
        number, ("estimate", "ci_low", "ci_high", "se", "true_effect")
    )
    group = str(row["comparison"]).replace("_", " ").replace(" - ", " against ")
    n = round(number("n")) if row["n"] is not None else 0
    return EffectRow(_ALL, group, words, n, estimate, low, high, se, number("p_interaction"), true)
