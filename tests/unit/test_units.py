"""Amounts and durations: definitions of the units are the expected values."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cohort.errors import BadInput
from cohort.units import convert, normal_unit, parse_duration_days, parse_quantity


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("60 mg", 60.0, "mg"),
        ("60mg", 60.0, "mg"),
        (" 0.5  g ", 0.5, "g"),
        ("20 mcg", 20.0, "ug"),
        ("20µg", 20.0, "ug"),
        ("20 μg", 20.0, "ug"),
        ("1e3 UG", 1000.0, "ug"),
        ("1 dose", 1.0, "dose"),
        ("400 iu", 400.0, "IU"),
        ("7", 7.0, ""),
    ],
)
def test_quantity_is_split(text: str, value: float, unit: str) -> None:
    assert parse_quantity(text) == (value, unit)


@pytest.mark.parametrize("text", ["", "mg", "sixty mg", "nan mg", "inf mg", "--3 mg"])
def test_quantity_without_a_finite_number_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (60, "mg", "mg", 60.0),
        (0.06, "g", "mg", 60.0),
        (20, "mcg", "mg", 0.02),
        (2, "kg", "g", 2000.0),
        (1500, "mL", "L", 1.5),
        (3, "doses", "dose", 3.0),
        (400, "iu", "IU", 400.0),
    ],
)
def test_conversion_follows_the_definitions(
    value: float, unit: str, to: str, expected: float
) -> None:
    assert convert(value, unit, to) == expected


@pytest.mark.parametrize(
    ("unit", "to", "says"),
    [
        ("mL", "mg", "'mL' does not measure the same thing as mg"),
        ("mg", "dose", "allowed is dose"),
        ("IU", "mg", "a unit of mass"),
        ("mmg", "mg", "Did you mean 'mg'?"),
        ("", "mg", "has no unit"),
        ("mg/day", "mg", "does not measure"),
        ("(", "mg", "unknown"),
    ],
)
def test_conversion_between_kinds_is_refused(unit: str, to: str, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        convert(1.0, unit, to)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1 day", 1.0),
        ("36 hours", 1.5),
        ("2 weeks", 14.0),
        ("1 month", 30.4375),
        ("12 months", 365.25),
        ("1 year", 365.25),
        ("-3 yr", -1095.75),
        ("6mo", 182.625),
    ],
)
def test_duration_in_days(text: str, days: float) -> None:
    assert parse_duration_days(text) == pytest.approx(days, rel=1e-15)


def test_bare_duration_takes_the_unit_of_its_place() -> None:
    assert parse_duration_days("12", "months") == 365.25
    with pytest.raises(BadInput, match="has no unit"):
        parse_duration_days("12")


@pytest.mark.parametrize("text", ["", "soon", "6 moons", "nan days", "inf days"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_duration_days(text)


def test_capital_letters_that_mean_something_are_kept() -> None:
    assert normal_unit("mIU") == "mIU"
    assert normal_unit("mL") == "mL"


def test_unit_library_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys; from cohort.units import *; import cohort.trial.study; "
        "parse_quantity('60 mg'); convert(1, 'MG', 'mg'); parse_duration_days('6 months'); "
        "assert not {'pint', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
