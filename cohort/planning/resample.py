"""Whole trials drawn from the cohort: who takes part, in which arm, until when.

Participants are drawn with replacement by sampling weight, so that a trial is a sample from the
cohort as a population and the cohort's own mean effect is the truth that it estimates. Everybody
was simulated in every arm: the value of a participant in arm a is, for the effect's scale s,

    y = y_reference + s (y_a - y_reference)

(of counts of events, the history of arm a with probability s, else that of the reference). Leaving
is exponential with the design's yearly rate, an arm each, and erases every later visit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.trial import Trial
from cohort.planning.designs import Design
from cohort.planning.people import People
from cohort.planning.plan import Plan
from cohort.planning.randomise import randomised
from cohort.planning.randomness import Stream, replicate_seed, uniforms
from cohort.trial.randomisation import classes

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """Trials of one design.

    Attributes:
        trial: what the analysis sees.
        person: position of every participant in the cohort, `(replicate, participant)`.
        draw: draw of the parameters behind each trial, `(replicate,)`.
        last_month: when participants left, infinite for those who stayed,
            `(replicate, participant)`.
    """

    trial: Trial
    person: npt.NDArray[np.int64]
    draw: npt.NDArray[np.int64]
    last_month: Reals


def drawn_trials(
    people: People, plan: Plan, design: Design, replicates: npt.NDArray[np.int64]
) -> Drawn:
    """Draw trials of a design.

    Args:
        people: the cohort.
        plan: what all designs share.
        design: the design.
        replicates: numbers of the replicates.
    """
    seeds = np.array([replicate_seed(plan.seed, int(r)) for r in replicates], dtype=np.uint64)
    count = design.participants
    cumulative = np.cumsum(people.weight) / people.weight.sum()
    person = np.searchsorted(cumulative[:-1], uniforms(seeds, Stream.persons, count), side="right")
    draw = replicates % people.draws
    strata = plan.randomisation.strata
    stratum = classes(people.covariates, strata, people.patient_id.size)
    arm = randomised(seeds, stratum[person], design.allocation, plan.randomisation)
    rate = np.asarray(design.dropout)[arm]
    last_month = leaving_months(uniforms(seeds, Stream.leaving, count), rate)
    values = _values(people, plan, design, seeds, person, draw, arm)
    months = np.asarray(design.visits)
    values[months > last_month[..., None]] = np.nan
    columns = [people.baseline[draw[:, None], person]] if "baseline" in plan.covariates else []
    columns += [
        people.covariates[n][person].astype(float) for n in plan.covariates if n != "baseline"
    ]
    columns += [(stratum[person] == s).astype(float) for s in range(1, int(stratum.max()) + 1)]
    covariates = np.stack(columns, axis=-1) if columns else np.empty((*person.shape, 0))
    trial = Trial(months, arm, len(plan.arms), values, covariates, seeds)
    return Drawn(trial, person, draw, last_month)


def leaving_months(shares: Reals, rate: Reals) -> Reals:
    """Return when participants leave, from uniform numbers and the share who leave in a year."""
    hazard = -np.log1p(-rate)
    months = -12.0 * np.log(np.maximum(shares, 1e-300)) / np.where(hazard > 0, hazard, 1.0)
    return np.where(hazard > 0, months, np.inf)


def _values(
    people: People,
    plan: Plan,
    design: Design,
    seeds: npt.NDArray[np.uint64],
    person: npt.NDArray[np.int64],
    draw: npt.NDArray[np.int64],
    arm: npt.NDArray[np.int64],
) -> Reals:
    """Return the outcome as measured, before anybody leaves, `(replicate, participant, visit)`."""
    visits = people.visits(design.visits)
    reference = np.asarray(plan.references)[arm]

    def in_arm(number: npt.NDArray[np.int64]) -> Reals:
        index = draw[:, None, None], number[..., None], person[..., None], visits
        return people.measured[index].astype(float)

    base = in_arm(reference)
    if design.null:
        moved = (arm != reference)[..., None] * plan.hypothesis.null
        return base + moved if plan.hypothesis.null else base
    treated = in_arm(arm)
    if plan.counts_events:
        takes = uniforms(seeds, Stream.events, design.participants) < design.effect
        return np.where(takes[..., None], treated, base)
    return base + design.effect * (treated - base)
