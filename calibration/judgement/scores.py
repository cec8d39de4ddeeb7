"""Scores of a set of predictions: errors, coverage, signs, and the rows explained worst.

Errors follow the comparison of replicas: a site's over rows, a marker's with each trial once
(`cohort.analysis.compare`). All are without the trials' offsets, as a new trial would see them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from calibration.judgement.frames import parts_by
from calibration.judgement.intervals import coverage
from calibration.judgement.predictions import NATURAL_HISTORY, SPREAD, compared
from calibration.judgement.questions import SEPARATOR
from calibration.judgement.signs import signs
from cohort.analysis.compare import Errors, errors, errors_by_quantity

WORST = 40
"""Most rows in the table of those explained worst."""

_APART = (SPREAD, NATURAL_HISTORY)


def score_tables(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return every table of scores by name.

    Args:
        predictions: a row a published number (`calibration.judgement.predictions`).

    Returns:
        `errors` by split and kind of row, `errors_by_question` and `errors_by_trial` of the scored
        rows, `coverage` of the scored rows and `coverage_unchecked` of the unchecked ones,
        `signs` of switch trials, `worst` rows. Errors are in percentage points.
    """
    scored = predictions.loc[predictions.kind == "scored"]
    unchecked = predictions.loc[predictions.kind == "unchecked"]
    return {
        "errors": _errors(predictions),
        "errors_by_question": _errors_by_question(scored),
        "errors_by_trial": _errors_by(["split", "trial"], scored),
        "coverage": coverage(scored),
        "coverage_unchecked": coverage(unchecked),
        "signs": signs(predictions.loc[~predictions.kind.isin(_APART)]),
        "worst": worst(predictions),
    }


def worst(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the rows outside their intervals, the farthest first, counted in SDs of prediction."""
    outside = predictions.loc[~predictions.inside]
    parts = outside.loc[:, ["sd_parameters", "sd_offset", "sd_sampling"]].to_numpy()
    ranked = outside.assign(standardised=outside.residual / np.linalg.norm(parts, axis=1))
    order = np.argsort(-np.abs(ranked.standardised.to_numpy()), kind="stable")
    return ranked.iloc[order[:WORST]].reset_index(drop=True)


def _errors(predictions: pd.DataFrame) -> pd.DataFrame:
    apart = predictions.kind.isin(_APART)
    return pd.concat(
        [
            _errors_by(["split", "kind"], predictions.loc[~apart]),
            _errors_apart(predictions.loc[apart]),
        ],
        ignore_index=True,
    )


def _errors_apart(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors of what no table of sites and markers has room for, by what is measured."""
    return _table(
        ["split", "kind"],
        (
            ((split, kind), error)
            for (split, kind, quantity), part in parts_by(rows, ["split", "kind", "quantity"])
            for error in errors(compared(part), lambda _, name=quantity: name)
        ),
    )


def _errors_by_question(scored: pd.DataFrame) -> pd.DataFrame:
    asked = scored.assign(question=scored.question.str.split(SEPARATOR)).explode("question")
    return _errors_by(["split", "question"], asked)


def _errors_by(keys: list[str], rows: pd.DataFrame) -> pd.DataFrame:
    """Errors by site and marker in each group of rows."""
    return _table(
        keys,
        (
            (words, error)
            for words, part in parts_by(rows, keys)
            for error in errors_by_quantity(compared(part))
        ),
    )


def _table(keys: list[str], found: Iterable[tuple[tuple[str, ...], Errors]]) -> pd.DataFrame:
    columns = pd.Index([*keys, "quantity", "rows", "trials", "rmse", "bias"])
    lines = [(*words, e.group, e.rows, e.trials, e.rmse, e.bias) for words, e in found]
    return pd.DataFrame(lines, columns=columns)
