"""Published numbers of a bundled trial, one an arm, outcome and month, to stand beside a summary.

Only percent changes of an arm from its own baseline stand beside an arm's mean: differences
between arms, and changes from a later month, belong to `cohort compare`. Where a trial gave one
number twice, the primary analysis stands before others, then the better checked.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cohort.errors import BadInput
from cohort.resources import bundled
from cohort.results.outcomes import BY_PUBLISHED, SITES

_TRUST = {"checked": 0, "digitised": 1, "unchecked": 2, "approximate": 3}
_STATISTICS = ("mean", "median", "median (assumed)", "mean_pct_change_range_midpoint")
_Z95 = 1.959964


@dataclass(frozen=True)
class Published:
    """One published number.

    Attributes:
        value: in the outcome's unit.
        se: standard error of the value, NaN where it was not published.
        source: citation, statistic, and how far the number was checked.
    """

    value: float
    se: float
    source: str


def published(study: str) -> dict[tuple[str, str, float], Published]:
    """Return a bundled trial's numbers by (arm, outcome, month); empty for any other study."""
    trial = bundled("trials").get(study)
    table = None if trial is None else trial.parent / "outcomes.csv"
    return read_published(table) if table is not None and table.is_file() else {}


def read_published(table: Path) -> dict[tuple[str, str, float], Published]:
    """Return the numbers of one `outcomes.csv` by (arm, outcome, month).

    Raises:
        BadInput: the table cannot be read, or a value is no number; names every such line.
    """
    found: dict[tuple[str, str, float], tuple[tuple[int, int], Published]] = {}
    problems: list[str] = []
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{table} cannot be read: {error}.") from error
    for line, row in enumerate(rows, start=2):
        outcome = _outcome(row)
        if outcome is None:
            continue
        try:
            key = (row["arm"], outcome, float(row["month"]))
            number = Published(float(row["value"]), _standard_error(row), _source(row))
        except ValueError as error:
            problems.append(f"{table}, line {line}: {error}.")
            continue
        rank = (row.get("primary_use") != "1", _TRUST.get(row["verification"], len(_TRUST)))
        if key not in found or rank < found[key][0]:
            found[key] = (rank, number)
    if problems:
        raise BadInput(problems)
    return {key: number for key, (_, number) in found.items()}


def _outcome(row: Mapping[str, str]) -> str | None:
    """Return the outcome that a row measured as a change from baseline, or None."""
    if not (row["value"] and row["month"] and row["versus"].startswith("baseline")):
        return None
    if row["unit"] != "percent change" or row["statistic"] not in _STATISTICS:
        return None
    site = row["site"]
    if row["endpoint"] == "BMD":
        code = site if site in SITES else "none"
    else:
        code = None if site in ("serum", "") else "none"
    known = BY_PUBLISHED.get((row["endpoint"], code))
    return known.name if known is not None and known.is_change else None


def _standard_error(row: Mapping[str, str]) -> float:
    """Return the standard error as published, or from a 95 % interval, or from an SD and n."""
    kind, spread = row["spread_kind"], row["spread_value"]
    if kind == "se" and spread:
        return float(spread)
    if row["ci_low"] and row["ci_high"]:
        return (
            (float(row["ci_high"]) - float(row["ci_low"])) / (2 * _Z95)
            if kind == "ci95"
            else (math.nan)
        )
    number = row.get("n_analysed") or ""
    if kind == "sd" and spread and number:
        return float(spread) / math.sqrt(float(number))
    return math.nan


def _source(row: Mapping[str, str]) -> str:
    return f"{row['citation']} ({row['statistic']}; {row['verification']})"
