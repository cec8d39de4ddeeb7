"""The words that `cohort analyse` takes, and the tables that it prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cohort.cli.tables import print_table
from cohort.errors import BadInput

if TYPE_CHECKING:
    from cohort.api.analysis import TrialAnalysis


def pairs_of(words: Sequence[str]) -> list[tuple[str, str]]:
    """Read `arm:control`.

    Raises:
        BadInput: a word is not of that form.
    """
    problems, pairs = [], []
    for word in words:
        treated, colon, control = word.partition(":")
        if colon and treated and control and treated != control:
            pairs.append((treated, control))
        else:
            problems.append(f"--compare is '{word}'; write two arms as ARM:CONTROL.")
    if problems:
        raise BadInput(problems)
    return pairs


def subgroups_of(words: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Read `name=cut,cut`, or a name alone.

    Raises:
        BadInput: a cut is not a number, or cuts do not rise.
    """
    problems, found = [], {}
    for word in words:
        name, equals, cuts = word.partition("=")
        try:
            numbers = tuple(float(cut) for cut in cuts.split(",")) if equals else ()
        except ValueError:
            numbers = (math.nan,)
        if list(numbers) != sorted(set(numbers)) or not all(map(math.isfinite, numbers)):
            problems.append(
                f"--subgroup is '{word}'; write a column and rising numbers, such as age=65,75."
            )
        found[name] = numbers
    if problems:
        raise BadInput(problems)
    return found


def shares_of(words: str | None) -> tuple[float, ...]:
    """Read `share,share`.

    Raises:
        BadInput: a share is not a number.
    """
    try:
        return tuple(float(word) for word in words.split(",")) if words else ()
    except ValueError:
        problem = f"--looks is '{words}'; write rising shares, the last one 1, such as 0.5,1."
        raise BadInput(problem) from None


def print_analysis(found: TrialAnalysis) -> None:
    """Print every analysis, then the subgroups."""
    rows = found.table.to_pylist()
    whole = [row for row in rows if row["subgroup"] is None]
    parts = [row for row in rows if row["subgroup"] is not None]
    print_table(
        (
            *("comparison", "analysis", "estimand", "set", "n"),
            *("estimate", "interval", "p", "true", "unit"),
        ),
        [
            (
                row["comparison"],
                _analysis(row),
                (row["estimand"] or "").replace("_", " "),
                row["set"],
                _number(row["n"]),
                _number(row["estimate"]),
                _interval(row),
                _p(row["p_value"]),
                _number(row["true_effect"]),
                "" if row["unit"] == "1" else row["unit"],
            )
            for row in whole
        ],
        title=f"{found.outcome} at month {found.month:g}, as measured",
        numbers=(4, 5, 6, 7, 8),
    )
    if parts:
        print_table(
            ("comparison", "subgroup", "n", "estimate", "interval", "p of interaction", "unit"),
            [
                (
                    row["comparison"],
                    row["subgroup"],
                    _number(row["n"]),
                    _number(row["estimate"]),
                    _interval(row),
                    _p(row["p_interaction"]),
                    row["unit"],
                )
                for row in parts
            ],
            title="Subgroups, analysis of covariance",
            numbers=(2, 3, 4, 5),
        )
    if found.looks is not None:
        _print_looks(found.looks.to_pylist())
    if found.path is not None:
        print(f"every row: {found.path}")


def _print_looks(rows: Sequence[Mapping[str, Any]]) -> None:
    print_table(
        ("comparison", "look", "n", "estimate", "z", "shown from", "futile below", "decision"),
        [
            (
                row["comparison"],
                f"{row['look']} ({100 * row['share']:g} %)",
                _number(row["n"]),
                _number(row["estimate"]),
                _number(row["z"]),
                _number(row["efficacy"]),
                _number(row["futility"]),
                row["decision"],
            )
            for row in rows
        ],
        title="Interim looks, the primary analysis of those who came first",
        numbers=(2, 3, 4, 5, 6),
    )


def _analysis(row: Mapping[str, Any]) -> str:
    missing = row["missing"]
    if row["analysis"] in ("ancova", "responders"):
        return f"{row['analysis']}, {missing.replace('_', ' ')}"
    return row["analysis"]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _interval(row: Mapping[str, Any]) -> str:
    if row["ci_low"] is None or row["ci_high"] is None:
        return ""
    return f"{row['ci_low']:.4g} to {row['ci_high']:.4g}"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "<0.0001" if value < 1e-4 else f"{value:.4f}"
