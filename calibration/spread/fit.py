"""The fit of standard deviations between persons to published spreads of changes.

The logarithms of a few standard deviations are free, normal around those of the bundled file; the
residuals are of logarithms of spreads. Whole cohorts of the same persons answer, so a spread is a
smooth function of the free numbers, and Gauss-Newton with differences settles in a few rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from calibration.job.parameters import start_variability
from calibration.job.schema import Job
from calibration.job.trials import sources
from calibration.spread.cohort import SpreadCohort
from calibration.spread.rows import SpreadRow, chosen_rows, errors, load_rows
from cohort.model.parameters import parameter_set
from cohort.patients.variability import Variability, load_variability, with_spread
from cohort.trial.schema import Study

FREE = (
    "noise.lnL",
    "noise.sP",
    "effects.rate_turnover",
    "effects.KD",
)
"""What the published spreads tell of; they leave the other effects where their priors are."""
PRIOR_SD = 0.3  # of the logarithm of a standard deviation
ROUNDS = 6
_STEP = 0.1  # of the differences
_LONGEST = 0.5  # step of a round
_SETTLED = 0.1  # step of a round in posterior standard deviations


@dataclass(frozen=True)
class Spread:
    """Standard deviations between persons that published spreads ask for.

    Attributes:
        values: by dotted name: the start set's own, and those that were free.
        table: a published spread a row: `study`, `trial`, `arm`, `quantity`, `month`, `unit`,
            `split`, `check`, `published`, `before` and `after` the fit, and `error` (standard
            error of the logarithm; NaN in rows that were not fitted).
        free: a free standard deviation a row: `name`, `prior` (centre), `start`, `value`, and
            `error` (posterior standard deviation of the logarithm).
    """

    values: Mapping[str, float]
    table: pd.DataFrame
    free: pd.DataFrame


def fit_spread(
    job: Job,
    values: Mapping[str, float],
    *,
    free: Sequence[str] = FREE,
    rows: Sequence[SpreadRow] | None = None,
) -> Spread | None:
    """Fit how far persons differ.

    Args:
        job: says which trials, how checked, and how many persons a trial.
        values: value by parameter name, as fitted; they stay.
        free: dotted names of the standard deviations that are fitted.
        rows: published spreads; the bundled ones unless given.

    Returns:
        The spread, or None where the job's trials published none that may be fitted.
    """
    chosen, _ = sources(job)
    seen = chosen_rows(load_rows() if rows is None else rows, [s.name for s in chosen], job)
    fitted = np.array([row.split == job.targets.split for row in seen], bool)
    if not fitted.any():
        return None
    trials = {row.trial for row in seen}
    studies = {s.name: s.study(job.cohort.accuracy) for s in chosen if s.name in trials}
    own = start_variability(job)
    start = {name: _sd(own, name) or _sd(load_variability(), name) for name in free}
    problem = _Problem(
        SpreadCohort(seen, studies, values, job.cohort.correction),
        own,
        {name: _sd(load_variability(), name) for name in free},
        np.array([row.sd for row in seen])[fitted],
        errors([row for row in seen if row.split == job.targets.split], job),
        fitted,
    )
    x, before, after, precision = problem.solve(problem.x(start))
    found = problem.named(x)
    error = np.full(len(seen), np.nan)
    error[fitted] = problem.error
    about = {"name": list(free), "prior": list(problem.centre.values())}
    about |= {"start": list(start.values()), "value": list(found.values())}
    about["error"] = list(np.sqrt(np.diag(np.linalg.inv(precision))))
    return Spread(
        {**parameter_set(job.start.set).spread, **found},
        _table(seen, studies, before, after, error),
        pd.DataFrame(about),
    )


@dataclass(frozen=True)
class _Problem:
    """Free logarithms `x`, in units of the file's own: 0 is the file's standard deviation."""

    cohort: SpreadCohort
    variability: Variability
    centre: Mapping[str, float]
    observed: np.ndarray
    error: np.ndarray
    fitted: np.ndarray

    def x(self, named: Mapping[str, float]) -> np.ndarray:
        return np.array([np.log(named[name] / sd) for name, sd in self.centre.items()])

    def named(self, x: np.ndarray) -> dict[str, float]:
        sds = np.array(list(self.centre.values())) * np.exp(x)
        return dict(zip(self.centre, sds.tolist(), strict=True))

    def spreads(self, x: np.ndarray) -> np.ndarray:
        return self.cohort.spreads(with_spread(self.variability, self.named(x)))

    def residuals(self, spreads: np.ndarray) -> np.ndarray:
        return np.log(spreads[self.fitted] / self.observed) / self.error

    def solve(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the optimum, the spreads before and after, and the posterior's precision."""
        before = now = self.spreads(x)
        prior = np.eye(len(x)) / PRIOR_SD**2
        precision = prior
        for _ in range(ROUNDS):
            at = self.residuals(now)
            steps = np.eye(len(x)) * _STEP
            slope = np.stack(
                [(self.residuals(self.spreads(x + step)) - at) / _STEP for step in steps], axis=1
            )
            precision = slope.T @ slope + prior
            move = -np.linalg.solve(precision, slope.T @ at + prior @ x)
            x = x + move * min(1.0, _LONGEST / np.abs(move).max())
            now = self.spreads(x)
            if np.all(np.abs(move) < _SETTLED * np.sqrt(np.diag(np.linalg.inv(precision)))):
                break
        return x, before, now, precision


def _sd(variability: Variability, dotted: str) -> float:
    table, name = dotted.split(".")
    declared = getattr(getattr(variability, table), name)
    return float(declared.sd if table == "noise" else declared.omega)


def _table(
    rows: Sequence[SpreadRow],
    studies: Mapping[str, Study],
    before: np.ndarray,
    after: np.ndarray,
    error: np.ndarray,
) -> pd.DataFrame:
    columns = ("study", "trial", "arm", "quantity", "month", "unit", "split", "check")
    table = pd.DataFrame([{name: getattr(row, name) for name in columns} for row in rows])
    found = {"published": [row.sd for row in rows], "before": before, "after": after}
    return table.assign(**found, error=error)
