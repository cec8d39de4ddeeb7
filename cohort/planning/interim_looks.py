"""A trial at its interim looks: what a data monitoring committee would have seen, and decided.

The first participants of a trial are those of its first look; who is in it has been followed to the
endpoint. The analysis is the primary one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.futility import Looks, verdicts
from cohort.analysis.statistics.margins import Hypothesis
from cohort.analysis.statistics.methods import Method, estimate
from cohort.planning.analyses import Request
from cohort.planning.observed import Observed
from cohort.planning.summary import table_of
from cohort.planning.tables import LOOKS

GOES_ON, SHOWN, FUTILE, NOT_SHOWN = "goes on", "shown", "stops for futility", "not shown"
STOPPED = "has stopped"


def look_table(observed: Observed, request: Request, looks: Looks, method: Method) -> pa.Table:
    """Analyse a trial at each of its looks.

    Args:
        observed: the trial, its participants in the order in which they came.
        request: what is analysed; each comparison has boundaries of its own.
        looks: the boundaries.
        method: the primary analysis.

    Returns:
        Rows of `looks.parquet`.
    """
    return table_of(list(_rows(observed, request, looks, method)), LOOKS)


def _rows(
    observed: Observed, request: Request, looks: Looks, method: Method
) -> Iterator[dict[str, Any]]:
    trial, hypothesis = observed.trial, request.hypothesis
    if method.name == "log_rank":  # a margin of the outcome is none of a hazard
        hypothesis = Hypothesis(higher_is_better=hypothesis.higher_is_better)
    stopped = np.zeros(len(request.comparisons), dtype=bool)
    for number, share in enumerate(looks.shares):
        count = round(trial.arm.shape[1] * share)
        effect = estimate(trial.first(count), method, request.comparisons)
        shown, futile = (found[0] for found in verdicts(effect, hypothesis, looks, number))
        otherwise = NOT_SHOWN if number == len(looks.shares) - 1 else GOES_ON
        decided = np.where(shown, SHOWN, np.where(futile, FUTILE, otherwise))
        decided = np.where(stopped, STOPPED, decided)
        z = _signed(effect, hypothesis)[0]
        for place, label in enumerate(request.labels):
            yield {
                "comparison": label,
                "look": number + 1,
                "share": share,
                "n": effect.n[0, place],
                "unit": "ln hazard ratio" if method.name == "log_rank" else request.unit,
                "estimate": effect.estimate[0, place],
                "se": effect.se[0, place],
                "z": z[place],
                "efficacy": looks.critical[number],
                "futility": None if looks.futility is None else looks.futility[number],
                "decision": str(decided[place]),
            }
        stopped |= shown | futile


def _signed(effect: Effect, hypothesis: Hypothesis) -> np.ndarray:
    """Return Z in the better direction, by the p value of Student's t."""
    return norm.isf(hypothesis.one_sided(effect))
