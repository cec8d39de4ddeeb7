"""Untreated life against reference tables, within limits that were set beforehand.

The comparison is that of `docs/natural_history.py`, whose page tells every deviation.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest


def comparison() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "docs" / "natural_history.py"
    spec = importlib.util.spec_from_file_location("natural_history", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows() -> list:
    """Every published number with what followed and sampled persons give for it."""
    module = comparison()
    people = module.follow(), module.sampled()
    return [row for compare in module.TOPICS.values() for row in compare(people)]


def outside(rows: list, quantity: str, value: str) -> dict[str, float]:
    """Return the rows of a quantity that are beyond their limit, and by how much they are off."""
    mine = [row for row in rows if row.quantity == quantity and not math.isinf(row.limit)]
    off = {row.when: row.off(getattr(row, value)) for row in mine}
    limits = {row.when: row.limit for row in mine}
    assert mine, quantity
    return {when: round(x, 1) for when, x in off.items() if abs(x) > limits[when]}


BONE = [f"{site}, {sex}" for site in ("LS", "TH") for sex in ("women", "men")]
HORMONES = [
    "estradiol, women",
    "estradiol, men",
    "testosterone, men",
    "testosterone free, men",
    "igf1, both",
]


# Quantity -> why persons followed through life miss the cross-sectional table.
MISSED = {
    "LS, women": "4 % low from 51 to 70: SWAN's loss, which is followed, is deeper than that",
    "TH, women": "3.2 % high at 70 to 79, in a table of recalled means",
}


def followed() -> list:
    """The quantities to follow, those that miss their limit marked with the reason."""
    return [
        pytest.param(
            quantity,
            marks=[pytest.mark.xfail(strict=True, reason=MISSED[quantity])]
            if quantity in MISSED
            else [],
        )
        for quantity in (*BONE, "FN, women", *HORMONES)
    ]


@pytest.mark.parametrize("quantity", followed())
def test_followed_from_30_to_80(rows: list, quantity: str) -> None:
    """BMD within 3 %, loss from 5 years before to 5 after menopause 1.5 points, hormones 15 %."""
    assert outside(rows, quantity, "followed") == {}


@pytest.mark.parametrize("quantity", [*BONE, *HORMONES])
def test_sampled_at_every_age(rows: list, quantity: str) -> None:
    assert outside(rows, quantity, "sampled") == {}
