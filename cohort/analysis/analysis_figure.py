"""Forest plots of `cohort analyse`: every analysis of the endpoint, and its subgroups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cohort.analysis.baseline import CHARACTERISTICS
from cohort.analysis.effects import EffectRow
from cohort.analysis.forest import forest_figure
from cohort.analysis.incidence_curves import TITLES as EVENTS
from cohort.analysis.look import COLORS, save
from cohort.analysis.protocol import in_words
from cohort.analysis.titles import TITLES
from cohort.results.outcomes import FRACTURE

_ALL = "all"
_RATIOS = {"relative risk": "relative risk", "cox": "hazard ratio, Cox"}
_VARIABLES = {name: f"{label} ({unit})" for name, label, unit, _ in CHARACTERISTICS}
_NAMES = {"ancova": "ANCOVA", "mmrm": "MMRM"}

Rows = Sequence[Mapping[str, Any]]


def write_analysis_figures(
    rows: Rows, outcome: str, month: float, folder: Path, alpha: float = 0.05
) -> list[str]:
    """Write `analysis` and, where there are subgroups, `subgroups` as PNG and SVG.

    Of a mean every estimate of the difference is drawn, of events every ratio; shares of responders
    and risks, whose units are others, are in the table.

    Args:
        rows: rows of `analysis.parquet`.
        outcome: the outcome.
        month: of the endpoint.
        folder: where the figures go.
        alpha: the intervals have confidence 1 - alpha.

    Returns:
        Names of the figures.
    """
    ratios = [_row(row, _RATIOS[row["analysis"]]) for row in rows if row["analysis"] in _RATIOS]
    models = [row for row in rows if row["analysis"] in _NAMES]
    whole = [_row(row, _words(row)) for row in models if row["subgroup"] is None]
    parts = [_part(row) for row in models if row["subgroup"] is not None]
    pairs = list(dict.fromkeys(row.group for row in whole))
    whole.sort(key=lambda row: pairs.index(row.group))
    arms = list(dict.fromkeys(part.arm for part in parts))
    parts.sort(key=lambda part: arms.index(part.arm))
    words = f"{_title(outcome)}, month {month:g}"
    unit = f"Difference ({models[0]['unit']})" if models else ""
    drawn = (words, unit, whole) if whole else (words, "Ratio, treated to control", ratios)
    made = {"analysis": drawn, "subgroups": (f"{words}: subgroups", unit, parts)}
    color, label = dict.fromkeys((_ALL, *arms), COLORS[0]), {_ALL: ""} | {a: a for a in arms}
    kept = {name: each for name, each in made.items() if each[2]}
    for name, (title, axis, lines) in kept.items():
        how: dict[str, Any] = {"ratio": not whole, "named": name == "subgroups", "alpha": alpha}
        known = any(math.isfinite(line.true) for line in lines)
        beside = "(n)   \u25c7 true effect" if known else "(n)"
        figure = forest_figure(title, axis, lines, color, label, beside, **how)
        save(figure, folder, name)
    return list(kept)


def _title(outcome: str) -> str:
    return TITLES.get(outcome) or EVENTS.get(outcome.removeprefix(FRACTURE)) or outcome


def _words(row: Mapping[str, Any]) -> str:
    """Name an analysis; per protocol there is one."""
    how = str(row["missing"]).replace("_", " ") if row["set"] == "full analysis" else row["set"]
    return _NAMES[row["analysis"]] + ("" if row["analysis"] == "mmrm" else f", {how}")


def _part(row: Mapping[str, Any]) -> EffectRow:
    """Return the effect in a subgroup, under headings of its comparison and its variable."""
    variable, _, level = str(row["subgroup"]).partition(": ")
    found = _row(row, level)
    return replace(found, arm=found.group, group=_VARIABLES.get(variable) or _begun(variable))


def _begun(name: str) -> str:
    """Return a name as a line begins with it."""
    words = in_words(name)
    return words[:1].upper() + words[1:]


def _row(row: Mapping[str, Any], words: str) -> EffectRow:
    def number(name: str) -> float:
        return float("nan") if row[name] is None else float(row[name])

    estimate, low, high, se, true = map(
        number, ("estimate", "ci_low", "ci_high", "se", "true_effect")
    )
    group = _begun(str(row["comparison"]).replace(" - ", " against "))
    n = round(number("n")) if row["n"] is not None else 0
    return EffectRow(_ALL, group, words, n, estimate, low, high, se, number("p_interaction"), true)
