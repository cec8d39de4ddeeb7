"""The objective: how far the predictions of all targets are from what was published.

A prediction is the mean over an arm's few persons, who stand for its trial's population
(`lanes.few_lanes`), plus a correction, `whole cohort - few persons`, which is computed with
hundreds of persons at the current parameters and held until the next round: derivatives then cost a
few persons an arm. The correction carries what a few persons cannot: the slow noise and the
difference between a median and a mean. It changes little with the parameters, so a few rounds
settle it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from calibration import natural_history
from calibration.free import Free, make_free
from calibration.groups import make_groups
from calibration.job.parameters import start_variability
from calibration.job.schema import Job
from calibration.job.selection import select
from calibration.lanes import few_lanes
from calibration.likelihood import Likelihood, robust
from calibration.parts import Part, at_once, of_part
from calibration.reading import arm_facts, read_rows
from calibration.targets import Target, emphasis, make_targets, scale, stated_targets, weights
from calibration.whole import WholeCohort
from cohort.model.arrays import Patients
from cohort.results.published import PublishedRow
from cohort.trial.schema import Study


@dataclass(frozen=True)
class Problem:
    """Targets with the arms that predict them; an `Objective`.

    Attributes:
        free: the free parameters.
        likelihood: the targets and the covariance of their residuals.
        parts: groups of arms.
        whole: the cohorts that correct them.
        studies: the trials, by name.
        correction: whole cohort minus few persons, `(row,)`.
    """

    free: Free
    likelihood: Likelihood
    parts: tuple[Part, ...]
    whole: WholeCohort
    studies: Mapping[str, Study]
    correction: np.ndarray

    @property
    def targets(self) -> tuple[Target, ...]:
        """The rows that are fitted."""
        return self.likelihood.targets

    @property
    def observed(self) -> np.ndarray:
        """Published values, `(row,)`."""
        return np.array([target.row.value for target in self.targets])

    @property
    def offset(self) -> np.ndarray:
        """Standard deviation of every row's trial offset, `(row,)`."""
        return self.likelihood.offset()

    def rows(self, x: ArrayLike) -> Patients:
        """Return the predicted rows, `(row,)`; differentiable."""
        rows = jnp.asarray(self.correction)
        for part in self.parts:
            rows = rows.at[part.reading.rows].add(part.rows(jnp.asarray(x)))
        return rows

    def loss(self, x: ArrayLike) -> Patients:
        """Return minus the logarithm of the posterior, up to a constant; differentiable."""
        residuals = self.rows(x) - self.observed
        return robust(self.whiten(residuals), self.likelihood.huber) + self.prior(x)

    def cost(self, residuals: np.ndarray, x: np.ndarray) -> float:
        """Return the loss at parameters whose residuals, predicted minus observed, are known."""
        whitened = self.likelihood.whitener() @ residuals
        return float(robust(whitened, self.likelihood.huber) + self.prior(x))

    def prior(self, x: ArrayLike) -> Patients:
        """Return the priors' share of the loss."""
        return 0.5 * jnp.sum(((jnp.asarray(x) - self.free.centre) / self.free.sd) ** 2)

    def whiten(self, residuals: ArrayLike) -> Patients:
        """Return residuals in units of independent standard normals, `(row, ...)`."""
        return jnp.asarray(self.likelihood.whitener()) @ jnp.asarray(residuals)

    def predicted(self, x: np.ndarray) -> np.ndarray:
        """Return the predicted rows, `(row,)`, by compiled functions."""
        rows = self.correction.copy()
        found = at_once(lambda part: part.fast_rows(jnp.asarray(x)), self.parts)
        for part, own in zip(self.parts, found, strict=True):
            rows[part.reading.rows] += np.asarray(own)
        return rows

    def gradients(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the losses of several starts, `(start,)`, and their gradients, `(start, dim)`."""
        x = jnp.asarray(starts)
        apart = (x - self.free.centre) / self.free.sd
        losses, slopes = 0.5 * jnp.sum(apart**2, axis=1), apart / self.free.sd
        observed, whitener = self.observed - self.correction, self.likelihood.whitener()
        for loss, slope in at_once(
            lambda part: part.gradients(x, *of_part(part, observed, whitener)), self.parts
        ):
            losses, slopes = losses + loss, slopes + slope
        return np.asarray(losses), np.asarray(slopes)

    def linearised(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the predicted rows, `(row,)`, and their derivatives, `(row, dim)`."""
        rows, slopes = self.correction.copy(), np.zeros((len(self.targets), len(x)))
        found = at_once(lambda part: part.slopes(jnp.asarray(x)), self.parts)
        for part, (slope, own) in zip(self.parts, found, strict=True):
            rows[part.reading.rows] += np.asarray(own)
            slopes[part.reading.rows] = np.asarray(slope)
        return rows, slopes

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Return the derivatives of the rows, `(row, dim)`, exact."""
        return self.linearised(x)[1]

    def corrected(self, x: np.ndarray) -> Problem:
        """Return the problem with the correction that whole cohorts ask at these parameters."""
        few = self.predicted(x) - self.correction
        whole = self.whole.rows(self.free.values(x))
        return replace(self, correction=np.where(np.isnan(whole), 0.0, whole - few))

    def reweighed(self, x: np.ndarray) -> Problem:
        """Return the problem with the errors that the residuals at these parameters tell."""
        residuals = self.predicted(x) - self.observed
        return replace(self, likelihood=self.likelihood.estimated(residuals))


def make_problem(job: Job) -> Problem:
    """Gather targets, persons and priors.

    Raises:
        BadInput: the job selects nothing, or what cannot be fitted.
    """
    chosen = select(job)
    rows = chosen.rows
    studies = {trial.study.name: trial.study for trial in chosen.trials}
    lives = tuple(dict.fromkeys(row.arm for row in chosen.lives))
    targets, stated = make_targets(rows, job), None
    if job.petab is not None:
        targets, stated = stated_targets(rows, job.petab)
    likelihood = Likelihood(
        targets,
        np.array([scale(row, job.noise) for row in rows]),
        np.array(weights(rows, job)),
        job.noise.huber,
        emphasis=np.array(emphasis(rows, job)),
        stated=stated,
    )
    return Problem(
        make_free(job),
        likelihood,
        make_parts(rows, studies, lives, job),
        WholeCohort(rows, studies, job.cohort.correction, start_variability(job)),
        studies,
        np.zeros(len(rows)),
    )


def make_parts(
    rows: Sequence[PublishedRow], studies: Mapping[str, Study], lives: Sequence[str], job: Job
) -> tuple[Part, ...]:
    """Return the groups that predict rows by a few persons an arm.

    Args:
        rows: published rows.
        studies: their trials, by name.
        lives: arms of natural history among them.
        job: says how many persons, and what is free.
    """
    variability, persons, free = start_variability(job), job.cohort.persons, make_free(job)
    lanes = natural_history.lanes(lives, persons)
    for study in studies.values():
        lanes += few_lanes(study, variability, persons)
    facts = arm_facts(studies, lives)
    return tuple(
        Part(group, read_rows(rows, facts, group), free, job.noise.huber)
        for group in make_groups(lanes)
    )
