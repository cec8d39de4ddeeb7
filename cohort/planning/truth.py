"""The true effect: what a trial of the whole cohort, in every arm at once, would find.

Only a simulation has it. Means are compared by the unmeasured outcome; shares of responders by the
measured one, since responding is defined by what is measured.

    hypothetical         mean over persons of y_treated - y_control at the endpoint
    while on treatment   the same, each arm at the last visit before leaving, by how likely each is
    composite            the same, each arm times its share who stay until the endpoint

The truth of what else a trial may estimate (a hazard ratio; a treatment policy once people leave)
is not a mean over persons, and none is stated.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.responders import responded
from cohort.analysis.statistics.trial import Comparison
from cohort.planning.designs import Design
from cohort.planning.people import People
from cohort.planning.plan import Plan

Reals = npt.NDArray[np.float64]


def true_effects(people: People, plan: Plan, design: Design) -> Reals:
    """Return the true effects of a design, `(draw, comparison)`; NaN where none can be stated."""
    return np.stack([_true_effect(people, plan, design, c) for c in plan.comparisons], axis=-1)


def _true_effect(people: People, plan: Plan, design: Design, pair: Comparison) -> Reals:
    unknown = np.full(people.draws, np.nan)
    if design.null:
        holds = plan.null_holds(pair, design.dropout)
        return np.full(people.draws, plan.hypothesis.null if holds else np.nan)
    if plan.method.name == "log_rank":
        return unknown
    missing, leave = plan.method.missing, any(design.dropout)
    if missing == "copy_reference" and leave:
        return unknown
    treated, control = (_means(people, plan, design, arm) for arm in (pair.treated, pair.control))
    if not leave or missing in ("observed", "imputed"):
        return treated[:, -1] - control[:, -1]
    counted = _until_the_end if missing == "non_response" else _at_the_last_visit
    return treated @ counted(design, pair.treated) - control @ counted(design, pair.control)


def _until_the_end(design: Design, number: int) -> Reals:
    """Return weights of the visits: who leaves an arm counts as no response."""
    weights = np.zeros(len(design.visits))
    weights[-1] = _staying(design, number)[-1]
    return weights


def _at_the_last_visit(design: Design, number: int) -> Reals:
    """Return weights of the visits: how likely each is the last one before leaving an arm."""
    stay = _staying(design, number)
    leaving = np.append(stay[:-1] - stay[1:], stay[-1])
    return leaving / leaving.sum()


def _staying(design: Design, number: int) -> Reals:
    """Return the share of an arm that is there at each visit."""
    return (1 - design.dropout[number]) ** (np.asarray(design.visits) / 12.0)


def _scaled(people: People, plan: Plan, design: Design, number: int, measured: bool) -> Reals:
    """Return the outcome of everybody in an arm, `(draw, person, visit)`."""
    source = people.measured if measured else people.true
    visits = people.visits(design.visits)
    base = source[:, plan.references[number]][..., visits].astype(float)
    own = source[:, number][..., visits].astype(float)
    return base + design.effect * (own - base)


def _means(people: People, plan: Plan, design: Design, number: int) -> Reals:
    """Return the mean of an arm, or its share of responders, at every visit, `(draw, visit)`."""
    of_rates = plan.method.name == "responders"
    values = _scaled(people, plan, design, number, measured=of_rates)
    if of_rates:
        method = plan.method
        values = responded(values, method.threshold, higher=method.higher_is_better)
    return np.einsum("dpv,p->dv", values, people.weight / people.weight.sum())
