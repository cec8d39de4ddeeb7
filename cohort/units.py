"""Units at the border: the only module that knows the unit library; inside, numbers are floats.

Time is in days inside and in months at the border: 1 month = 30.4375 days, 1 year = 12 months =
365.25 days, 1 week = 7 days, everywhere. Pint is imported only when an amount really has to be
converted, since it takes longer to import than the rest of a command together.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING

from cohort.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    import pint

DAYS_PER_MONTH = 30.4375
"""Days in a month: a twelfth of a Julian year."""

_DAYS = {
    "minute": 1 / 1440,
    "hour": 1 / 24,
    "day": 1.0,
    "week": 7.0,
    "month": DAYS_PER_MONTH,
    "year": 365.25,
}
_SHORT = {
    "min": "minute",
    "h": "hour",
    "hr": "hour",
    "d": "day",
    "wk": "week",
    "w": "week",
    "mo": "month",
}
_SHORT |= {"yr": "year", "y": "year"}
_SAME = {"mcg": "ug", "iu": "IU", "doses": "dose", "miu": "mIU", "ml": "mL", "l": "L"}
_SAME |= {"operations": "operation"}
_NUMBER = r"[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|infinity|nan)"
_QUANTITY = re.compile(rf"\s*({_NUMBER})(?:\s+(\S+)|([^\s\d.].*?))?\s*", re.IGNORECASE)
_EXAMPLES = {
    "[mass]": "a unit of mass such as mg, ug or g",
    "[length] ** 3": "a unit of volume such as mL or L",
    "[dose]": "dose",
    "[operation]": "operation",
    "[activity]": "IU",
}


def normal_unit(unit: str) -> str:
    """Return one spelling of a unit: ug for mcg and µg, IU for iu, dose for doses.

    Examples:
        >>> normal_unit("µg"), normal_unit("mcg"), normal_unit("IU")
        ('ug', 'ug', 'IU')
    """
    plain = unit.strip().replace("µ", "u").replace("μ", "u")
    return _SAME.get(plain.lower(), plain if plain == "IU" else _lower_prefix(plain))


def _lower_prefix(unit: str) -> str:
    """Lower a unit typed in capitals (MG, UG), where no capital means anything else."""
    return unit.lower() if unit.lower() in {"g", "mg", "ug", "ng", "kg", "dose"} else unit


@cache
def _registry() -> pint.UnitRegistry:
    """Make the unit registry once; doses and international units are dimensions of their own."""
    import pint

    registry = pint.UnitRegistry(on_redefinition="ignore")
    registry.define("dose = [dose]")
    registry.define("operation = [operation]")
    registry.define("IU = [activity] = international_unit")
    registry.define("mIU = 0.001 * IU")
    return registry


def parse_quantity(text: str) -> tuple[float, str]:
    """Split an amount such as `60 mg` into its number and its unit.

    Args:
        text: a number and a unit, with or without a space between them.

    Returns:
        the number, and the unit in its one spelling (`ug` for mcg and µg); an absent unit is "".

    Raises:
        BadInput: the text holds no number, or one that is not finite.

    Examples:
        >>> parse_quantity("60 mg")
        (60.0, 'mg')
        >>> parse_quantity("20µg")
        (20.0, 'ug')
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise BadInput(f"'{text}' is not an amount; write a number and a unit, such as '60 mg'.")
    value = float(match[1])
    if not math.isfinite(value):
        raise BadInput(f"'{text}' is not finite; write a number and a unit, such as '60 mg'.")
    return value, normal_unit(match[2] or match[3] or "")


def convert(value: float, unit: str, to_unit: str) -> float:
    """Convert an amount from one unit to another of the same kind.

    Args:
        value: the amount, in `unit`.
        unit: the unit it is in, any spelling.
        to_unit: the unit wanted.

    Returns:
        the amount in `to_unit`.

    Raises:
        BadInput: a unit is unknown, or the two measure different things (mL and mg).

    Examples:
        >>> convert(0.5, "mg", "ug")
        500.0
    """
    found, wanted = normal_unit(unit), normal_unit(to_unit)
    if found == wanted:
        return value
    registry = _registry()
    try:
        target = registry.parse_units(wanted)
    except Exception as error:  # as below
        raise BadInput(f"'{wanted}', the unit of the therapy's doses, is unknown.") from error
    kind = str(target.dimensionality)
    allowed = f"allowed is {_EXAMPLES.get(kind, f'a unit that converts to {wanted}')}"
    if found == "":
        raise BadInput(f"the amount has no unit; {allowed}.")
    try:
        source = registry.parse_units(found)
    except Exception as error:  # pint raises a tokenizer's, a parser's and its own errors here
        hint = did_you_mean(found, ["mg", "ug", "ng", "g", "mL", "IU", "dose"])
        raise BadInput(f"the unit '{found}' is unknown; {allowed}.{hint}") from error
    if source.dimensionality != target.dimensionality:
        raise BadInput(
            f"the unit '{found}' does not measure the same thing as {wanted}; {allowed}."
        )
    factor = registry.Quantity(1.0, source).to(target).magnitude
    return tidy(value * factor)


def tidy(value: float) -> float:
    """Round away the last bits that decimal prefixes leave behind (0.07 g is 70 mg exactly)."""
    return float(f"{value:.14g}")


def time_unit_days(word: str) -> float | None:
    """Return the days in a unit of time (day, weeks, mo, years ...), or None for another word."""
    name = word.strip().lower().rstrip(".")
    name = _SHORT.get(name, name)
    if name not in _DAYS and name.endswith("s"):
        name = _SHORT.get(name[:-1], name[:-1])
    return _DAYS.get(name)


def parse_duration_days(text: str, bare_unit: str | None = None) -> float:
    """Return a duration such as `6 months` in days.

    Args:
        text: a number and a unit of time (hours, days, weeks, months, years).
        bare_unit: the unit of a number that stands alone; None refuses such a number.

    Raises:
        BadInput: the text is not a duration.

    Examples:
        >>> parse_duration_days("6 months")
        182.625
        >>> parse_duration_days("2 weeks")
        14.0
    """
    allowed = "write a number and one of hours, days, weeks, months, years, such as '6 months'"
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise BadInput(f"'{text}' is not a duration; {allowed}.")
    value, word = float(match[1]), match[2] or match[3] or bare_unit or ""
    days = time_unit_days(word)
    if days is None:
        hint = did_you_mean(word, ["hours", "days", "weeks", "months", "years"]) if word else ""
        found = f"has the unknown unit '{word}'" if word else "has no unit"
        raise BadInput(f"the duration '{text}' {found}; {allowed}.{hint}")
    if not math.isfinite(value):
        raise BadInput(f"the duration '{text}' is not finite; {allowed}.")
    return value * days
