"""The true effect: what a trial of the whole cohort, in every arm at once, would find.

Only a simulation has it. Means are compared by the unmeasured outcome; shares of responders by the
measured one, since responding is defined by what is measured.

    hypothetical         mean over persons of y_treated - y_control at the endpoint
    while on treatment   the same at the last visit before leaving, weighted by how likely each is
    composite            the hypothetical one times the share who stay until the endpoint

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
        return np.full(people.draws, plan.hypothesis.null if plan.null_holds(pair) else np.nan)
    if plan.method.name == "log_rank":
        return unknown
    missing = plan.method.missing
    if missing == "copy_reference" and design.dropout > 0:
        return unknown
    by_visit = _differences(people, plan, design, pair)
    if design.dropout == 0 or missing in ("observed", "imputed"):
        return by_visit[:, -1]
    stay = (1 - design.dropout) ** (np.asarray(design.visits) / 12.0)
    if missing == "non_response":
        return _composite(people, plan, design, pair, float(stay[-1]))
    leaving = np.append(stay[:-1] - stay[1:], stay[-1])
    return by_visit @ (leaving / leaving.sum())


def _scaled(people: People, plan: Plan, design: Design, number: int, measured: bool) -> Reals:
    """Return the outcome of everybody in an arm, `(draw, person, visit)`."""
    source = people.measured if measured else people.true
    visits = people.visits(design.visits)
    base = source[:, plan.references[number]][..., visits].astype(float)
    own = source[:, number][..., visits].astype(float)
    return base + design.effect * (own - base)


def _means(people: People, values: Reals) -> Reals:
    return np.einsum("dpv,p->dv", values, people.weight / people.weight.sum())


def _differences(people: People, plan: Plan, design: Design, pair: Comparison) -> Reals:
    """Return the difference between two arms at every visit, `(draw, visit)`."""
    of_rates = plan.method.name == "responders"

    def mean(number: int) -> Reals:
        values = _scaled(people, plan, design, number, measured=of_rates)
        if of_rates:
            method = plan.method
            values = responded(values, method.threshold, higher=method.higher_is_better)
        return _means(people, values)

    return mean(pair.treated) - mean(pair.control)


def _composite(people: People, plan: Plan, design: Design, pair: Comparison, stay: float) -> Reals:
    return _differences(people, plan, design, pair)[:, -1] * stay
