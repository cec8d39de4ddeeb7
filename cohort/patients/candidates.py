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

from cohort.patients.population import (
    COVARIATES,
    DRIVEN,
    HORMONE_EFFECTS,
    HORMONES,
    T_SCORES,
    EligibilityRule,
    Population,
)
from cohort.patients.randomness import normals, patient_keys
from cohort.patients.variability import Variability

NORMALS = len(DRIVEN) + len(HORMONES)
"""Normals of a candidate: one per driven covariate and hormone."""

_SHAPES = ("normal", "lognormal", "uniform")
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
        factor: Cholesky factor of the driven covariates' correlations.
        shift: added to each driven normal, to meet a trial's baseline.
        scale: multiplies each driven normal first.
        shape: 0 normal, 1 log-normal, 2 uniform, for age, age at menopause and BMI.
        centre: their means (medians of log-normals).
        spread: their SDs.
        t_mean: expected T-score of each site by age.
        t_sd: its SD.
        hormone: median of each hormone by years since menopause or age.
        hormone_omega: SD of each hormone's logarithm.
        hormone_power: exponent of BMI in each hormone.
        hormone_slope: change of its logarithm per kg/m2.
        bmi_reference: BMI at which the medians hold.
        rule_variable: index of each rule's covariate.
        rule_min: its lowest value, -inf where there is none.
        rule_max: its highest value, inf where there is none.
        rule_reason: index of the reason that it belongs to; rules of one reason are neighbours.
        rule_opens: 1 where it is the first of its reason.
        rule_closes: 1 where it is the last.
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
    hormone_omega: np.ndarray
    hormone_power: np.ndarray
    hormone_slope: np.ndarray
    bmi_reference: np.ndarray
    rule_variable: np.ndarray
    rule_min: np.ndarray
    rule_max: np.ndarray
    rule_reason: np.ndarray
    rule_opens: np.ndarray
    rule_closes: np.ndarray


class Judged(NamedTuple):
    """Candidates with their covariates and what became of them.

    Attributes:
        z: normals of the driven covariates after correlation, scale and shift, then the hormones'.
        values: covariates in the order of `COVARIATES`.
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
        shift: of each driven normal.
        scale: of each driven normal.

    Returns:
        The arrays, and the reasons in words that `Judged.reason` counts.
    """
    simple = (population.age, population.age_at_menopause, population.bmi)
    sites = [getattr(population, name) for name in T_SCORES]
    effects = [variability[HORMONE_EFFECTS[name]] for name in HORMONES]
    reasons, in_order, places = _reasons(rules)
    spec = Spec(
        factor=np.linalg.cholesky(population.correlation_matrix()),
        shift=shift,
        scale=scale,
        shape=np.array([_SHAPES.index(d.shape) for d in simple], np.int32),
        centre=np.array([d.mean for d in simple]),
        spread=np.array([d.sd for d in simple]),
        t_mean=_ramps([(t.age, t.mean) for t in sites]),
        t_sd=_ramps([(t.age, t.sd) for t in sites]),
        hormone=_ramps(
            [
                (population.estradiol.years_since_menopause, population.estradiol.median),
                (population.pth.age, population.pth.median),
                (population.igf1.age, population.igf1.median),
            ]
        ),
        hormone_omega=np.array([e.omega for e in effects]),
        hormone_power=np.array([e.bmi_power for e in effects]),
        hormone_slope=np.array([e.bmi_slope for e in effects]),
        bmi_reference=np.array(variability.reference_bmi.value),
        rule_variable=_padded([COVARIATES.index(r.variable) for r in in_order], np.int32),
        rule_min=_padded([-np.inf if r.min is None else r.min for r in in_order]),
        rule_max=_padded([np.inf if r.max is None else r.max for r in in_order]),
        rule_reason=_padded(places, np.int32),
        rule_opens=_padded([a != b for a, b in zip([-1, *places], places, strict=False)], np.int32),
        rule_closes=_padded(
            [a != b for a, b in zip(places, [*places[1:], -1], strict=True)], np.int32
        ),
    )
    return jax.tree.map(_single, spec), reasons


def _single(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32) if value.dtype == np.float64 else value


def _padded(values: Sequence[float], dtype: type = np.float64) -> np.ndarray:
    """Fill up to a multiple of a fixed number of rules, so that studies share a compile."""
    room = max(-(-len(values) // _RULES), 1) * _RULES
    return np.array([*values, *[0] * (room - len(values))], dtype)


def _reasons(
    rules: Sequence[EligibilityRule],
) -> tuple[tuple[str, ...], list[EligibilityRule], list[int]]:
    """Return the reasons in words, the rules with alternatives side by side, their reasons."""
    groups: dict[tuple[str, int], list[EligibilityRule]] = {}
    for index, rule in enumerate(rules):
        label = (rule.any_of, -1) if rule.any_of else (_in_words(rule), index)
        groups.setdefault(label, []).append(rule)
    places = [place for place, group in enumerate(groups.values()) for _ in group]
    return tuple(w for w, _ in groups), [r for g in groups.values() for r in g], places


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


def _interpolate(table: Ramps, index: int, x: Array) -> Array:
    """Return `y0 + sum of slope_k (clip(x, x_k, x_k+1) - x_k)`: no search, no gather."""
    at, slope = table.at[index], table.slope[index]
    value = jnp.full_like(x, table.start[index])
    for k in range(slope.shape[0]):
        value += slope[k] * (jnp.clip(x, at[k], at[k + 1]) - at[k])
    return value


def candidate_normals(
    key: UInt32[Array, " 2"],
    high: UInt32[Array, " patient"],
    low: UInt32[Array, " patient"],
    attempt: UInt32[Array, " patient"],
) -> Float32[Array, "normal patient"]:
    """Return the normals of each slot's candidate number `attempt`."""
    return normals(jax.vmap(jax.random.fold_in)(patient_keys(key, high, low), attempt), NORMALS)


def judge(spec: Spec, raw: Float32[Array, "normal patient"]) -> Judged:
    """Turn normals into covariates and hold them to the rules.

    Args:
        spec: the study's numbers.
        raw: independent standard normals.
    """
    driven = len(DRIVEN)
    z = spec.scale[:, None] * mixed(spec.factor, raw[:driven]) + spec.shift[:, None]
    age, menopause, bmi = (_quantile(spec, i, z[i]) for i in range(3))
    t_scores = [
        _interpolate(spec.t_mean, s, age) + _interpolate(spec.t_sd, s, age) * z[3 + s]
        for s in range(len(T_SCORES))
    ]
    since = age - menopause
    ln_hormones = _ln_hormone_effects(spec, raw[driven:], bmi)
    hormones = [
        _interpolate(spec.hormone, h, at) * jnp.exp(ln_hormones[h])
        for h, at in enumerate((since, age, age))
    ]
    values = jnp.stack([age, menopause, bmi, *t_scores, since, *hormones])
    return Judged(jnp.concatenate([z, raw[driven:]]), values, _first_reason(spec, values))


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
    met = jnp.ones(values.shape[1], bool)
    reason = jnp.full(values.shape[1], -1, jnp.int32)
    for r in range(spec.rule_variable.shape[0]):
        looked_at = jnp.take(values, spec.rule_variable[r], axis=0)
        inside = (looked_at >= spec.rule_min[r]) & (looked_at <= spec.rule_max[r])
        met = inside | (met & (spec.rule_opens[r] == 0))
        fails = (spec.rule_closes[r] == 1) & ~met & (reason < 0)
        reason = jnp.where(fails, spec.rule_reason[r], reason)
    return reason
