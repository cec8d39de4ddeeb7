"""Predictions of what was never fitted: every published row that the model computes.

At the optimum a row is predicted by a whole cohort, as `cohort compare` does; under draws of the
posterior, by how far a few persons an arm move from the optimum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from calibration.job.schema import Job
from calibration.job.selection import natural_history_rows
from calibration.job.trials import all_sources, sources
from calibration.likelihood import FACTORS
from calibration.parts import at_once
from calibration.problem import Problem, make_parts
from calibration.reading import NEAR
from calibration.targets import Target, make_targets, scale
from calibration.whole import WholeCohort
from cohort.analysis.compare import ArmFacts, arms_of, reference_of
from cohort.patients.variability import Variability
from cohort.results.published import PublishedRow
from cohort.trial.schema import Study
from cohort.trial.study import resolved


@dataclass(frozen=True)
class Judged:
    """Published rows with what the fit makes of them.

    Attributes:
        targets: rows, fitted or not.
        predicted: at the optimum, percent, `(row,)`.
        offset: standard deviation between like trials, percent, `(row,)`.
        studies: the trials, by name.
        draws: predictions under draws of the posterior, `(draw, row)`, or None without any.
    """

    targets: tuple[Target, ...]
    predicted: np.ndarray
    offset: np.ndarray
    studies: Mapping[str, Study]
    draws: np.ndarray | None


def predict_all(
    job: Job,
    problem: Problem,
    x: np.ndarray,
    variability: Variability,
    between: Mapping[str, float],
    draws: np.ndarray | None,
) -> Judged:
    """Predict every row that the job judges by.

    Args:
        job: says which trials.
        problem: as fitted.
        x: the optimum, `(dim,)`.
        variability: how persons differ, as fitted.
        between: how far a trial that was not fitted may be, by quantity, as a factor on scales.
        draws: of the posterior, `(draw, dim)`.
    """
    rows, studies = _rows(job)
    lives = tuple(dict.fromkeys(row.arm for row in rows if row.trial not in studies))
    parts = make_parts(rows, studies, lives, job)

    def few(at: np.ndarray) -> np.ndarray:
        found = np.zeros(len(rows))
        own = at_once(lambda part: part.fast_rows(jnp.asarray(at)), parts)
        for part, values in zip(parts, own, strict=True):
            found[part.reading.rows] = np.asarray(values)
        return found

    middle = few(x)
    cohort = WholeCohort(rows, studies, job.cohort.correction, variability)
    whole = cohort.rows(problem.free.values(x))
    predicted = np.where(np.isnan(whole), middle, whole)
    targets = make_targets(rows, job)
    usual = float(np.hypot(*FACTORS))  # of a quantity that no trial was fitted to
    offset = np.array([between.get(t.block[1], usual) * scale(t.row, job.noise) for t in targets])
    moved = None if draws is None else np.stack([predicted + few(draw) - middle for draw in draws])
    return Judged(targets, predicted, offset, studies, moved)


def _rows(job: Job) -> tuple[tuple[PublishedRow, ...], dict[str, Study]]:
    """Return the rows to predict, and their trials."""
    rows: list[PublishedRow] = []
    studies: dict[str, Study] = {}
    for source in all_sources() if job.judgement.trials == "all" else sources(job)[0]:
        known = [row for row in source.rows() if row.comparable]
        if not known:
            continue
        study = source.study(job.cohort.accuracy)
        arms = arms_of(resolved(study))
        kept = [row for row in known if _is_predicted(row, study, arms)]
        if kept:
            rows += kept
            studies[study.name] = study
    lives = natural_history_rows() if job.targets.natural_history else ()
    return (*rows, *lives), studies


def _is_predicted(row: PublishedRow, study: Study, arms: Mapping[str, ArmFacts]) -> bool:
    """Whether the study has the row's arms and visits."""
    if row.arm not in arms or (reference := reference_of(row, arms)) is None:
        return False
    months = [row.month, reference.month or 0.0]
    return all(min(abs(m - visit) for visit in study.visits.months) <= NEAR for m in months)
