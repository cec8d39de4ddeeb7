"""Whether the predictions order the arms and phases of switch trials as the trials did.

Three kinds of pairs are looked at, each with a row that follows a switch:

    arms     two arms, the same quantity, statistic and month, both against baseline
    phases   the last row of a phase of treatment against the last row of the phase before, in one
             arm; the phase before the first is baseline itself
    row      a row that was published as a difference: from another arm or another month

A pair counts when its published difference exceeds `CLEAR` standard errors of it. The errors of the
two rows are taken as independent; those of one arm's own rows are not, which makes the test of
phases strict in what it lets count.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from calibration.judgement.frames import parts_by, rows_of
from calibration.judgement.questions import SEPARATOR
from calibration.judgement.spells import SLACK

CLEAR = 2.0
"""Standard errors that a published difference must exceed to have a sign."""


class Sign(NamedTuple):
    """A published difference and its prediction.

    Attributes:
        trial: name of the trial.
        split: of the later row.
        quantity: site or marker.
        month: of the later row.
        pair: `arms`, `phases` or `row`.
        what: the difference in words.
        observed: published difference, percentage points.
        standard_error: of it.
        predicted: predicted difference.
        right: whether both have the same sign.
    """

    trial: str
    split: str
    quantity: str
    month: float
    pair: str
    what: str
    observed: float
    standard_error: float
    predicted: float
    right: bool


def signs(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return every clear difference of the switch trials with its prediction.

    Args:
        predictions: a row a published number (`calibration.judgement.predictions`).
    """
    found: list[Sign] = []
    for _, trial in parts_by(predictions, ["trial"]):
        rows = rows_of(trial.sort_values(["month", "arm"], kind="stable"))
        if any(_switched(row) for row in rows):
            found += [*_arms(rows), *_phases(rows), *_differences(rows)]
    return pd.DataFrame(found, columns=list(Sign._fields))


def _arms(rows: list[Any]) -> Iterator[Sign]:
    own = [row for row in rows if _from_baseline(row)]
    for a, b in combinations(own, 2):
        same = (a.quantity, a.statistic) == (b.quantity, b.statistic)
        if same and a.arm != b.arm and abs(a.month - b.month) <= SLACK:
            if _switched(a) or _switched(b):
                yield from _clear(b, a, "arms", f"{_words(b.arm)} minus {_words(a.arm)}")


def _phases(rows: list[Any]) -> Iterator[Sign]:
    def series(row):
        return row.arm, row.quantity, row.statistic

    own = sorted((row for row in rows if _from_baseline(row)), key=series)
    for _, looks in groupby(own, series):
        runs = [list(run) for _, run in groupby(looks, lambda row: row.phase)]
        ends = [run[-1] for run in runs]
        if _switched(ends[0]):
            what = f"{_words(ends[0].arm)}: {ends[0].phase} from baseline"
            yield from _clear(ends[0], None, "phases", what)
        for before, after in pairwise(ends):
            if _switched(after):
                what = f"{_words(after.arm)}: {after.phase} after {before.phase}"
                yield from _clear(after, before, "phases", what)


def _differences(rows: list[Any]) -> Iterator[Sign]:
    for row in rows:
        if _switched(row) and not _from_baseline(row):
            yield from _clear(row, None, "row", f"{_words(row.arm)} against {_words(row.versus)}")


def _clear(later, earlier, pair: str, what: str) -> Iterator[Sign]:
    """Give the pair where its published difference is clear."""
    observed, predicted, error = later.observed, later.predicted, later.sd_sampling
    if earlier is not None:
        observed -= earlier.observed
        predicted -= earlier.predicted
        error = float(np.hypot(error, earlier.sd_sampling))
    if abs(observed) > CLEAR * error:
        right = bool(np.sign(predicted) == np.sign(observed))
        yield Sign(
            *(later.trial, later.split, later.quantity, later.month, pair, what),
            *(observed, error, predicted, right),
        )


def _switched(row) -> bool:
    return "switch" in row.question.split(SEPARATOR)


def _from_baseline(row) -> bool:
    return row.versus.startswith("baseline")


def _words(name: str) -> str:
    return name.removeprefix("active:").replace("_", " ")
