"""Why a row lies outside its interval, as far as the table of predictions tells.

The rules are tried in this order; the first that holds gives the reason.

1. *noise in the source*: the row is no smooth part of its own series. Its residual differs by more
   than twice its sampling error from the residual that its neighbours in time give at its month (a
   straight line between them), and both neighbours lie inside their intervals.
2. *trial offset*: the whole trial is shifted. The trial published the quantity in two arms or more,
   the mean residuals of the other arms all have the row's sign, and they average at least half of
   the row's residual.
3. *disagrees with TRIALS on the same drug*: other trials gave the same therapies in the same order,
   measured the quantity within `MONTHS` months of the row's month against the same, and at least
   two thirds of their rows lie inside their intervals. The trials named are those with such rows.
4. *mechanism*: none of these, so the model itself is the suspect.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from calibration.judgement.frames import rows_of

MONTHS = 6.0
"""Months by which a row of another trial may be earlier or later."""

NOISE = "noise in the source"
OFFSET = "trial offset"
MECHANISM = "mechanism"


def reasons(table: pd.DataFrame) -> list[str]:
    """Return the reason of every row; empty for those inside their intervals.

    Args:
        table: predictions with residuals (`calibration.judgement.predictions`).
    """
    return ["" if row.inside else _reason(row, table) for row in rows_of(table)]


def disagreement(trials: list[str], therapy: str) -> str:
    """Name the reason that other trials of the drug, or of untreated people, are met."""
    what = "untreated people" if therapy == "nothing" else "the same drug"
    return f"disagrees with {', '.join(trials)} on {what}"


def _reason(row, table: pd.DataFrame) -> str:
    if _off_its_series(row, table):
        return NOISE
    if _shifted(row, table):
        return OFFSET
    elsewhere = _met_elsewhere(row, table)
    return disagreement(elsewhere, row.therapy) if elsewhere else MECHANISM


def _off_its_series(row, table: pd.DataFrame) -> bool:
    same = (table.trial == row.trial) & (table.quantity == row.quantity)
    same &= (table.arm == row.arm) & (table.versus == row.versus)
    before = table.loc[same & (table.month < row.month)].sort_values("month")
    after = table.loc[same & (table.month > row.month)].sort_values("month")
    if before.empty or after.empty:
        return False
    left, right = before.iloc[-1], after.iloc[0]
    if not (left.inside and right.inside):
        return False
    line = np.interp(row.month, [left.month, right.month], [left.residual, right.residual])
    return abs(row.residual - line) > 2.0 * row.sd_sampling


def _shifted(row, table: pd.DataFrame) -> bool:
    others = table.loc[
        (table.trial == row.trial) & (table.quantity == row.quantity) & (table.arm != row.arm)
    ]
    if others.empty:
        return False
    shifts = others.groupby("arm").residual.mean().to_numpy() * np.sign(row.residual)
    return bool((shifts > 0).all() and shifts.mean() >= 0.5 * abs(row.residual))


def _met_elsewhere(row, table: pd.DataFrame) -> list[str]:
    others = table.loc[
        (table.trial != row.trial)
        & (table.quantity == row.quantity)
        & (table.therapy == row.therapy)
        & (table.versus == row.versus)
        & ((table.month - row.month).abs() <= MONTHS)
    ]
    if others.empty or others.inside.mean() < 2.0 / 3.0:
        return []
    return sorted(set(others.loc[others.inside].trial))
