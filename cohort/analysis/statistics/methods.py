"""From a trial to its effects, by any of the methods: the door of this package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cohort.analysis.statistics.ancova import ancova
from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.estimands import Missing
from cohort.analysis.statistics.imputation import imputed
from cohort.analysis.statistics.missing import carried_forward
from cohort.analysis.statistics.mmrm import mmrm
from cohort.analysis.statistics.responders import rate_difference, responded
from cohort.analysis.statistics.rubin import combined
from cohort.analysis.statistics.survival import first_events, log_rank
from cohort.analysis.statistics.trial import Comparison, Trial

Name = Literal["ancova", "mmrm", "responders", "log_rank"]


@dataclass(frozen=True)
class Method:
    """How a trial is analysed.

    Attributes:
        name: the model.
        missing: what stands for values that are missing; MMRM and log-rank take what is there.
        imputations: how many, for `imputed` and `copy_reference`.
        threshold: value of the outcome from which a participant has responded.
        higher_is_better: whether responding is to be at or above the threshold.
    """

    name: Name = "ancova"
    missing: Missing = "observed"
    imputations: int = 20
    threshold: float = 0.0
    higher_is_better: bool = True


def estimate(trial: Trial, method: Method, comparisons: Sequence[Comparison]) -> Effect:
    """Analyse a trial, or many at once.

    Args:
        trial: the trial, or the trials.
        method: how.
        comparisons: which arms are compared.

    Returns:
        Effects `(replicate, comparison)`: differences in the outcome's unit, of proportions for
        `responders`, of log hazards for `log_rank`.
    """
    if method.name == "mmrm":
        return mmrm(trial, comparisons)
    if method.name == "log_rank":
        return log_rank(first_events(trial.months, trial.values), trial.arm, comparisons)
    if method.missing in ("imputed", "copy_reference"):
        return _over_imputations(trial, method, comparisons)
    values = trial.values
    if method.missing == "carried_forward":
        values = carried_forward(values)
    return _at_the_end(trial, method, comparisons, values[..., -1])


def _at_the_end(
    trial: Trial, method: Method, comparisons: Sequence[Comparison], y: np.ndarray
) -> Effect:
    """Analyse completed values at the endpoint's visit, `(replicate or imputation, n)`."""
    arm = np.broadcast_to(trial.arm, y.shape)
    if method.name == "responders":
        events = responded(y, method.threshold, higher=method.higher_is_better)
        if method.missing == "non_response":
            events = np.where(np.isfinite(events), events, 0.0)
        return rate_difference(events, arm, comparisons)
    covariates = np.broadcast_to(trial.covariates, (*y.shape, trial.covariates.shape[-1]))
    return ancova(y, arm, trial.arms, covariates, comparisons)


def _over_imputations(trial: Trial, method: Method, comparisons: Sequence[Comparison]) -> Effect:
    reference = comparisons[0].control if method.missing == "copy_reference" else None
    found = []
    for number in range(trial.arm.shape[0]):
        one = trial.one(number)
        if np.isfinite(one.endpoint).all():  # nothing is missing, so there is nothing to draw
            found.append(_at_the_end(one, method, comparisons, one.endpoint).one(0))
            continue
        values = imputed(one, method.imputations, reference)
        found.append(combined(_at_the_end(one, method, comparisons, values[..., -1])))
    return Effect.stacked(found)
