"""A raw study's values, read leniently: what has the wrong type is not there to be checked."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from cohort.trial.settle import table
from cohort.units import DAYS_PER_MONTH

Document = Mapping[str, Any]


def number(value: Any) -> float | None:
    """Return a number as it is; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def numbers(value: Any) -> list[float] | None:
    """Return a list of numbers; None where anything else is among them."""
    if not isinstance(value, (list, tuple)):
        return None
    found = [one for one in map(number, value) if one is not None]
    return found if len(found) == len(value) else None


def absent(word: str) -> bool:
    """Whether a word is the path of a file that is not there (settling the study has said so)."""
    return word.endswith(".toml") and not os.path.exists(word)


def last_day(document: Document) -> float | None:
    """Return the day of the last visit, where the schedule can be read."""
    visits = table(document, "visits")
    months = numbers(visits.get("months")) or numbers([visits.get("until")]) or []
    finite = [month for month in months if math.isfinite(month)]
    return max(finite) * DAYS_PER_MONTH if finite and max(finite) > 0 else None
