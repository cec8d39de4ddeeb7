"""Intervals in which a published number is expected, and how often it lies there.

What a trial publishes differs from the prediction for three reasons, kept apart as standard
deviations in percentage points and independent of one another:

    parameters   the parameters are known only so well
    offset       trials of the same treatment differ
    sampling     the trial measured so many people and no more

With posterior draws, the interval holds the middle 90 % of the mixture of the draws' normal
distributions; with a Jacobian `J` and posterior covariance `C` (the delta method), of the normal
with parameter variance `diag(J C J')`. Without either, the parameters count as known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from calibration.judgement.frames import parts_by
from calibration.judgement.questions import SEPARATOR

LEVEL = 0.90
"""Share of published numbers that an interval is to hold."""

_HALVINGS = 60  # of the bracket of a quantile: to the precision of a float

COVERED_BY = ("trial", "quantity", "question")
"""Columns of predictions by which coverage is counted."""


class Intervals(NamedTuple):
    """Prediction intervals of rows.

    Attributes:
        low: `(row,)`.
        high: `(row,)`.
        parameters: standard deviation of the prediction by the parameters alone, `(row,)`.
    """

    low: np.ndarray
    high: np.ndarray
    parameters: np.ndarray


def intervals(
    predicted: np.ndarray,
    noise: np.ndarray,
    *,
    jacobian: np.ndarray | None = None,
    covariance: np.ndarray | None = None,
    draws: np.ndarray | None = None,
) -> Intervals:
    """Return the prediction intervals of rows.

    Args:
        predicted: at the optimum, `(row,)`.
        noise: standard deviation of everything but the parameters, `(row,)`.
        jacobian: derivatives of the rows by the parameters, `(row, dim)`.
        covariance: of the parameters' posterior, on the scale of the Jacobian, `(dim, dim)`.
        draws: predictions under posterior draws, `(draw, row)`; used where given.
    """
    if draws is not None:
        low, high = (mixture_quantile(draws, noise, p) for p in _tails())
        return Intervals(low, high, np.std(draws, axis=0, ddof=1))
    parameters = np.zeros_like(predicted)
    if jacobian is not None and covariance is not None:
        parameters = np.sqrt(np.einsum("ri,ij,rj->r", jacobian, covariance, jacobian))
    reach = ndtri(_tails()[1]) * np.hypot(parameters, noise)
    return Intervals(predicted - reach, predicted + reach, parameters)


def mixture_quantile(draws: np.ndarray, noise: np.ndarray, share: float) -> np.ndarray:
    """Return the quantile of an equal mixture of normals, row by row.

    Args:
        draws: centres, `(draw, row)`.
        noise: standard deviations, `(row,)`; 0 leaves the centres' own quantile.
        share: probability below the quantile.
    """
    reach = abs(ndtri(share)) * noise
    low, high = draws.min(axis=0) - reach, draws.max(axis=0) + reach
    width = np.where(noise > 0, noise, 1.0)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = ndtr((middle - draws) / width).mean(axis=0) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(noise > 0, 0.5 * (low + high), np.quantile(draws, share, axis=0))


def coverage(predictions: pd.DataFrame, by: Sequence[str] = COVERED_BY) -> pd.DataFrame:
    """Count the published numbers inside their intervals.

    Args:
        predictions: a row a published number (`calibration.judgement.predictions`).
        by: columns to group by, each in turn; a row counts in each of its questions.

    Returns:
        Columns `split`, `by`, `group`, `rows`, `inside`, `coverage`; `by` is `all` for all rows of
        a split together.
    """
    found = []
    for (split,), rows in parts_by(predictions, ["split"]):
        found.append(_counted(rows.assign(all="all"), split, "all"))
        for column in by:
            parts = rows
            if column == "question":
                parts = rows.assign(question=rows.question.str.split(SEPARATOR)).explode("question")
            found.append(_counted(parts, split, column))
    columns = ["split", "by", "group", "rows", "inside", "coverage"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def _counted(rows: pd.DataFrame, split: str, by: str) -> pd.DataFrame:
    counts = rows.groupby(by, sort=False).inside.agg(["size", "sum", "mean"]).reset_index()
    counts.columns = ["group", "rows", "inside", "coverage"]
    counts.insert(0, "by", by)
    counts.insert(0, "split", split)
    return counts.sort_values("rows", ascending=False, kind="stable")


def _tails() -> tuple[float, float]:
    return 0.5 * (1.0 - LEVEL), 0.5 * (1.0 + LEVEL)
