"""Trials of one design: drawn, analysed, decided; a row a replicate and comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.futility import verdicts
from cohort.analysis.statistics.methods import estimate
from cohort.analysis.statistics.multiplicity import adjusted
from cohort.planning.designs import Design
from cohort.planning.people import People
from cohort.planning.plan import Plan
from cohort.planning.resample import Drawn, drawn_trials
from cohort.planning.tables import REPLICATES, schema
from cohort.planning.truth import true_effects

Reals = npt.NDArray[np.float64]

_NUMBERS = 4_000_000
"""Values held at once: what decides how many replicates go through together."""


def batch_size(design: Design, comparisons: int) -> int:
    """Return how many replicates of a design are simulated together: a constant of the design."""
    per_trial = design.participants * (len(design.visits) + 4 + comparisons)
    return max(1, min(1000, _NUMBERS // per_trial))


def replicate_rows(
    people: People, plan: Plan, design: Design, replicates: npt.NDArray[np.int64]
) -> pa.Table:
    """Simulate and analyse replicates of a design.

    Args:
        people: the cohort.
        plan: what all designs share.
        design: the design.
        replicates: numbers of the replicates.

    Returns:
        Rows of `replicates.parquet`.
    """
    drawn = drawn_trials(people, plan, design, replicates)
    effect, look, p_value, rejected = _decided(drawn, plan, design)
    critical = plan.looks.critical[look]
    low, high = _limits(effect, plan, critical)
    truth = true_effects(people, plan, design)[drawn.draw]
    known = np.isfinite(effect.se) & np.isfinite(truth)
    covered = (low <= truth) & (truth <= high)
    shape = effect.estimate.shape
    columns = {
        "design": np.full(shape, design.number),
        "replicate": np.broadcast_to(replicates[:, None], shape),
        "seed": np.broadcast_to(drawn.trial.seeds.astype(np.int64)[:, None], shape),
        "draw": np.broadcast_to(drawn.draw[:, None], shape),
        "comparison": np.broadcast_to(np.arange(shape[1]), shape),
        "estimate": effect.estimate,
        "se": effect.se,
        "df": np.broadcast_to(effect.df, shape),
        "n": effect.n,
        "p_value": p_value,
        "ci_low": low,
        "ci_high": high,
        "rejected": rejected,
        "covered": covered,
        "look": look + 1,
    }
    arrays = {name: _array(np.ravel(column)) for name, column in columns.items()}
    arrays["covered"] = pa.array(covered.ravel(), mask=~known.ravel())
    arrays["comparison"] = pa.DictionaryArray.from_arrays(
        pa.array(columns["comparison"].ravel(), pa.int32()), pa.array(plan.labels)
    )
    wanted = schema(REPLICATES)
    return pa.table({name: arrays[name] for name in wanted.names}).cast(wanted)


def _array(column: npt.NDArray[Any]) -> pa.Array:
    """Return a column; what is not finite is null."""
    return pa.array(column, mask=~np.isfinite(column))


def _decided(
    drawn: Drawn, plan: Plan, design: Design
) -> tuple[Effect, npt.NDArray[np.int64], Reals, npt.NDArray[np.bool_]]:
    """Return effects, the look at which each was decided, p values and decisions."""
    if len(plan.looks.shares) == 1:
        effect = estimate(drawn.trial, plan.method, plan.comparisons)
        p_value = plan.hypothesis.p_value(effect)
        # What cannot be estimated shows nothing.
        usable = np.where(np.isfinite(p_value), p_value, 1.0)
        rejected = adjusted(usable, plan.procedure) <= plan.hypothesis.level(plan.alpha)
        return effect, np.zeros(p_value.shape, dtype=np.int64), p_value, rejected
    return _sequential(drawn, plan, design)


def _sequential(
    drawn: Drawn, plan: Plan, design: Design
) -> tuple[Effect, npt.NDArray[np.int64], Reals, npt.NDArray[np.bool_]]:
    """Look after look; the first whose statistic is beyond a bound decides."""
    chosen: Effect | None = None
    p_value, look = np.empty(0), np.empty(0, dtype=np.int64)
    going = rejected = np.empty(0, dtype=bool)
    for number, share in enumerate(plan.looks.shares):
        trial = drawn.trial.first(round(design.participants * share))
        effect = estimate(trial, plan.method, plan.comparisons)
        now = plan.hypothesis.p_value(effect)
        if chosen is None:
            going, p_value = np.ones(now.shape, dtype=bool), now
            rejected = np.zeros(now.shape, dtype=bool)
            look, chosen = np.zeros(now.shape, dtype=np.int64), effect
        p_value = np.where(going, now, p_value)
        look = np.where(going, number, look)
        chosen = effect.where(going, chosen)
        shown, futile = verdicts(effect, plan.hypothesis, plan.looks, number)
        rejected = rejected | (going & shown)
        going = going & ~(shown | futile)
    assert chosen is not None
    return chosen, look, p_value, rejected


def _limits(effect: Effect, plan: Plan, critical: Reals) -> tuple[Reals, Reals]:
    """Return confidence limits; with looks those of repeated intervals (Jennison & Turnbull)."""
    from scipy.stats import norm

    return effect.interval(2 * norm.sf(critical) if len(plan.looks.shares) > 1 else plan.alpha)
