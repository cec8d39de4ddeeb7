"""A candidate for a trial: from standard normals to covariates, and whether she is eligible.

Candidate `a` of patient slot `i` has normals addressed by (seed, i, a). Everything that a study
decides is in a `Spec` of arrays, so that all studies share one compiled function. Arithmetic is
float32 in every run: a study in float64 enrols the same people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jaxtyping import Array, Float32, Int32, UInt32

from cohort.model.endocrine.estrogen import FROM_TESTOSTERONE
from cohort.model.endocrine.parathyroid import DEFICIENCY
from cohort.model.observables.binding import total_testosterone
from cohort.patients.covariates import (
    COVARIATES,
    DRIVEN,
    HORMONE_EFFECTS,
    HORMONES,
    NORMALS,
    T_SCORES,
    EligibilityRule,
)
from cohort.patients.population import Population
from cohort.patients.randomness import normals, patient_keys
from cohort.patients.variability import Effect, Variability
from cohort.stored import stored

_SHAPES = ("normal", "lognormal", "uniform")
_T_SCORES = slice(len(DRIVEN) - len(T_SCORES), len(DRIVEN))
_ESTRADIOL, _FREE, _SHBG = map(HORMONES.index, ("estradiol", "testosterone_free", "shbg"))
_KNOTS = 8
_RULES = 24


class Ramps(NamedTuple):
    """Piecewise linear tables, `(table, knot)`, level beyond their ends; see `_interpolate`."""

    at: np.ndarray
    start: np.ndarray
    slope: np.ndarray


class Spec(NamedTuple):
    """All numbers that make and judge a candidate, float32; see `make_spec`.

    Attributes:
        factor: Cholesky factor of the normals' correlations.
        shift: added to each normal, to meet a trial's baseline.
        scale: multiplies each normal first.
        shape: 0 normal, 1 log-normal, 2 uniform, for age, age at menopause and BMI.
        centre: their means (medians of log-normals).
        spread: their SDs.
        t_mean: expected T-score of each site by age.
        t_sd: its SD.
        hormone: median of each hormone by age or years since menopause.
        by_menopause: 1 where the latter counts.
        condition: factor of the population's conditions on each hormone.
        from_testosterone: share of estradiol that is made of testosterone.
        hormone_omega: SD of each hormone's logarithm.
        hormone_power: exponent of BMI in each hormone.
        hormone_slope: change of its logarithm per kg/m2.
        bmi_reference: BMI at which the medians hold.
        rule_variable: index of each rule's covariate.
        rule_min: its lowest value, -inf where there is none.
        rule_max: its highest value, inf where there is none.
        member: `(reason, rule)`, 1 where the rule is one of the reason's alternatives.
    """

    factor: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    shape: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    t_mean: Ramps
    t_sd: Ramps
    hormone: Ramps
    by_menopause: np.ndarray
    condition: np.ndarray
    from_testosterone: np.ndarray
    hormone_omega: np.ndarray
    hormone_power: np.ndarray
    hormone_slope: np.ndarray
    bmi_reference: np.ndarray
    rule_variable: np.ndarray
    rule_min: np.ndarray
    rule_max: np.ndarray
    member: np.ndarray


class Judged(NamedTuple):
    """Candidates with their covariates and what became of them.

    Attributes:
        z: normals after correlation, scale and shift, in the order of `NORMALS`.
        values: covariates in the order of `COVARIATES`; a man's age at menopause is 0 here.
        reason: index of the first reason that excludes the candidate, -1 where she is eligible.
    """

    z: Float32[Array, "normal patient"]
    values: Float32[Array, "covariate patient"]
    reason: Int32[Array, " patient"]


def make_spec(
    population: Population,
    variability: Variability,
    rules: Sequence[EligibilityRule],
    shift: np.ndarray,
    scale: np.ndarray,
) -> tuple[Spec, tuple[str, ...]]:
    """Write a population and its rules as arrays.

    Args:
        population: where candidates come from.
        variability: spread of the hormones.
        rules: every rule that a candidate must meet.
        shift: of each normal.
        scale: of each normal.

    Returns:
        The arrays, and the reasons in words that `Judged.reason` counts.
    """
    never = population.age_at_menopause is None
    simple = (population.age, population.age_at_menopause or population.age, population.bmi)
    there = np.array([1.0, 1.0 - never, 1.0])
    sites = [getattr(population, name) for name in T_SCORES]
    hormones = [getattr(population, name) for name in HORMONES]
    effects = [_hormone_effect(name, population, variability) for name in HORMONES]
    reasons, member = _reasons(rules)
    spec = Spec(
        factor=np.linalg.cholesky(normal_correlations(population)),
        shift=shift,
        scale=scale,
        shape=np.array([_SHAPES.index(d.shape) for d in simple], np.int32),
        centre=there * [d.mean for d in simple],
        spread=there * [d.sd for d in simple],
        t_mean=_ramps([(t.age, t.mean) for t in sites]),
        t_sd=_ramps([(t.age, t.sd) for t in sites]),
        hormone=_ramps([(table.knots, table.median) for table in hormones]),
        by_menopause=np.array([float(table.by_menopause) for table in hormones]),
        condition=np.array([_condition_factor(name, population) for name in HORMONES]),
        from_testosterone=np.array(FROM_TESTOSTERONE if population.sex == "male" else 0.0),
        hormone_omega=np.array([e.omega for e in effects]),
        hormone_power=np.array([e.bmi_power for e in effects]),
        hormone_slope=np.array([e.bmi_slope for e in effects]),
        bmi_reference=np.array(variability.reference_bmi[population.sex]),
        rule_variable=_padded([COVARIATES.index(r.variable) for r in rules], np.int32),
        rule_min=_padded([-np.inf if r.min is None else r.min for r in rules]),
        rule_max=_padded([np.inf if r.max is None else r.max for r in rules]),
        member=member,
    )
    return jax.tree.map(_single, spec), reasons


def normal_correlations(population: Population) -> np.ndarray:
    """Return the correlations of all normals: those of the hormones are independent."""
    matrix = np.eye(len(NORMALS))
    matrix[: len(DRIVEN), : len(DRIVEN)] = population.correlation_matrix()
    return matrix


def _hormone_effect(hormone: str, population: Population, variability: Variability) -> Effect:
    """Return the effect that spreads a hormone: in men, estradiol is aromatised."""
    if hormone == "estradiol" and population.sex == "male":
        return variability["aromatisation"]
    return variability[HORMONE_EFFECTS[hormone]]


def _condition_factor(hormone: str, population: Population) -> float:
    """Return what the population's conditions do to a hormone's own secretion."""
    has = {condition.name: condition.amount for condition in population.conditions}
    if hormone == "pth":
        raised = np.exp(DEFICIENCY * has.get("calcium_deficiency", 0.0))
        return has.get("hyperparathyroidism", 1.0) * float(raised)
    lowered = {"testosterone_free": "hypogonadism", "igf1": "growth_hormone_deficiency"}
    return has.get(lowered.get(hormone, ""), 1.0)


def _single(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32) if value.dtype == np.float64 else value


def _room(count: int) -> int:
    """Room for rules: a multiple of a fixed number, so that studies share a compile."""
    return max(-(-count // _RULES), 1) * _RULES


def _padded(values: Sequence[float], dtype: type = np.float64) -> np.ndarray:
    return np.array([*values, *[0] * (_room(len(values)) - len(values))], dtype)


def _reasons(rules: Sequence[EligibilityRule]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the reasons in words, and which rules are alternatives of which: `(reason, rule)`."""
    member = np.zeros((_room(len(rules)),) * 2)
    reasons: list[tuple[str, int]] = []
    for index, rule in enumerate(rules):
        reason = (rule.any_of, -1) if rule.any_of else (_in_words(rule), index)
        if reason not in reasons:
            reasons.append(reason)
        member[reasons.index(reason), index] = 1
    return tuple(words for words, _ in reasons), member


def _in_words(rule: EligibilityRule) -> str:
    low = "" if rule.min is None else f"{rule.min:g} <= "
    high = "" if rule.max is None else f" <= {rule.max:g}"
    return f"{low}{rule.variable}{high}"


def _ramps(tables: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Ramps:
    """Write tables of knots and values as ramps, filled up with level ones."""
    room = max(-(-max(len(at) for at, _ in tables) // _KNOTS), 1) * _KNOTS
    at = np.array([[*at, *[at[-1]] * (room - len(at))] for at, _ in tables], np.float64)
    value = np.array([[*y, *[y[-1]] * (room - len(y))] for _, y in tables], np.float64)
    run = np.diff(at, axis=1)
    slope = np.divide(np.diff(value, axis=1), run, out=np.zeros_like(run), where=run > 0)
    return Ramps(at, value[:, 0], slope)


def _interpolate(
    table: Ramps, x: Float32[Array, "table patient"]
) -> Float32[Array, "table patient"]:
    """Return `y0 + sum of slope_k (clip(x, x_k, x_k+1) - x_k)`: no search, no gather."""
    low, high = table.at[:, :-1, None], table.at[:, 1:, None]
    rise = table.slope[:, :, None] * (jnp.clip(x[:, None], low, high) - low)
    return jnp.asarray(table.start)[:, None] + jnp.sum(rise, axis=1)


@stored()
def candidate_normals(
    key: UInt32[Array, " 2"],
    high: UInt32[Array, " patient"],
    low: UInt32[Array, " patient"],
    attempt: UInt32[Array, " patient"],
) -> Float32[Array, "normal patient"]:
    """Return the normals of each slot's candidate number `attempt`."""
    return normals(
        jax.vmap(jax.random.fold_in)(patient_keys(key, high, low), attempt), len(NORMALS)
    )


@stored()
def judge(spec: Spec, raw: Float32[Array, "normal patient"]) -> Judged:
    """Turn normals into covariates and hold them to the rules.

    Args:
        spec: the study's numbers.
        raw: independent standard normals.
    """
    z = mixed(spec.factor, raw) * spec.scale[:, None] + spec.shift[:, None]
    age, menopause, bmi = (_quantile(spec, i, z[i]) for i in range(3))
    ages = jnp.stack([age] * len(T_SCORES))
    t_scores = _interpolate(spec.t_mean, ages) + _interpolate(spec.t_sd, ages) * z[_T_SCORES]
    since = age - menopause
    hormones = _hormones(spec, age, since, bmi, z[len(DRIVEN) :])
    simple = jnp.stack([age, menopause, bmi])
    values = jnp.concatenate([simple, t_scores, since[None], hormones])
    return Judged(z, values, _first_reason(spec, values))


def _hormones(spec: Spec, age: Array, since: Array, bmi: Array, z: Array) -> Array:
    """Return the hormones at entry and, last, total testosterone."""
    clock = jnp.where(spec.by_menopause[:, None] > 0, since, age)
    own = jnp.asarray(spec.condition)[:, None] * jnp.exp(_ln_hormone_effects(spec, z, bmi))
    kept = 1.0 - spec.from_testosterone + spec.from_testosterone * own[_FREE]
    levels = _interpolate(spec.hormone, clock) * own.at[_ESTRADIOL].multiply(kept)
    total = total_testosterone(levels[_FREE], levels[_SHBG])
    return jnp.concatenate([levels, total[None]])


def mixed(
    weights: Array | np.ndarray, z: Float32[Array, "old patient"]
) -> Float32[Array, "new patient"]:
    """Return `weights @ z`, added up in one fixed order.

    The order of a matrix product depends on the machine's threads, and the last bit with it.
    """
    return jnp.sum(weights[:, :, None] * z[None], axis=1)


def _quantile(spec: Spec, index: int, z: Array) -> Array:
    centre, spread = spec.centre[index], spec.spread[index]
    by_shape = (
        centre + spread * z,
        centre * jnp.exp(spread * z),
        centre + spread * (2.0 * ndtr(z) - 1.0),
    )
    return jnp.select([spec.shape[index] == i for i in range(3)], by_shape)


def _ln_hormone_effects(spec: Spec, z: Array, bmi: Array) -> Array:
    return (
        jnp.asarray(spec.hormone_omega)[:, None] * z
        + spec.hormone_power[:, None] * jnp.log(bmi / spec.bmi_reference)
        + spec.hormone_slope[:, None] * (bmi - spec.bmi_reference)
    )


def _first_reason(spec: Spec, values: Array) -> Array:
    looked_at = jnp.take(values, spec.rule_variable, axis=0)
    inside = (looked_at >= spec.rule_min[:, None]) & (looked_at <= spec.rule_max[:, None])
    # A matrix product of zeros and ones is exact, in whatever order it is added up.
    alternatives = spec.member @ inside.astype(jnp.float32)
    met = (alternatives > 0) | (spec.member.sum(axis=1) == 0)[:, None]
    return jnp.where(met.all(axis=0), -1, jnp.argmin(met, axis=0)).astype(jnp.int32)
