"""Sampling patients: slot `i` of a run is filled by her first eligible candidate.

Candidates 0, 1, 2, ... of a slot have normals addressed by (seed, slot, candidate), so a patient
depends on the seed and her slot only: not on the block, its length, or the order of slots. All
work is done in tiles of one fixed shape; once some slots are filled, the lanes they leave try
several candidates of the others at once, which changes nothing but the time.

In a mixed population a slot's stratum is drawn first, from (seed, slot) in a stream of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, UInt32

from cohort.errors import BadInput
from cohort.patients.candidates import Judged, candidate_normals, judge, mixed
from cohort.patients.covariates import (
    COVARIATES,
    DRIVEN,
    NORMALS,
    SHARED_NORMALS,
    EligibilityRule,
    Sex,
    Target,
    has,
)
from cohort.patients.population import MixedPopulation, Population
from cohort.patients.randomness import Ids, id_words, stream_key, stream_normals, tiles, uniforms
from cohort.patients.recruitment import Recruitment, recruit
from cohort.patients.tables import neutral_amount
from cohort.patients.variability import EFFECTS, KNOWN, NEW, Variability
from cohort.stored import stored
from cohort.tile import TILE

Column: TypeAlias = Float32[np.ndarray, " patient"]

_MAX_ATTEMPTS = 100_000

# Years over which estradiol falls at the final menstrual period: the scale of a logistic. It is
# SWAN's (Randolph 2011, 10.1210/jc.2010-1746), or eleven days where the ovaries are removed.
MENOPAUSE_WIDTH = {"natural": 0.55, "surgical": 0.03}


@dataclass(frozen=True)
class Patients:
    """Patients of a block, float32.

    Attributes:
        ids: slots, which are the patients' ids, `(patient,)`.
        covariates: by name and in the unit of `population.UNITS`, `(patient,)` each;
            `years_since_menopause` is negative before the final menstrual period, and NaN in men
            like `age_at_menopause`. Beside the covariates of eligibility: `male` (1 or 0) and
            `menopause_width` (years; see `MENOPAUSE_WIDTH`).
        eta: individual effects on their natural scale, `(patient,)` each: multipliers with median
            1, or additive on a logarithm where the name ends in `_offset`.
        conditions: amount, and years since its onset at entry, of every condition that somebody
            may have, `(patient,)` each; amounts are neutral in those who cannot.
        rejected: candidates excluded, by the first reason that each of them met.
        screened: candidates looked at: the patients and the rejected.
    """

    ids: Ids
    covariates: Mapping[str, Column]
    eta: Mapping[str, Column]
    conditions: Mapping[str, tuple[Column, Column]]
    rejected: Mapping[str, int]
    screened: int


def sample(
    population: Population | MixedPopulation,
    variability: Variability,
    baseline: Mapping[str, Target] | None,
    rules: Sequence[EligibilityRule],
    seed: int,
    slots: Ids,
) -> Patients:
    """Fill slots with eligible patients.

    Args:
        population: where candidates come from.
        variability: how patients differ.
        baseline: a trial's published mean (and SD) by covariate, which the cohort is moved to.
        rules: the study's eligibility.
        seed: the run's seed.
        slots: patient ids, `(patient,)`, any number and order.

    Raises:
        BadInput: eligibility excludes nearly all of the population.
    """
    ids = np.asarray(slots, np.int64)
    strata = recruit(population, variability, baseline, rules)
    member = _strata([stratum.share for stratum in strata], seed, ids)
    names = sorted({c.name for s in strata for c in s.population.conditions})
    whose = [np.flatnonzero(member == index) for index in range(len(strata))]
    parts = [
        _stratum(stratum, variability, names, seed, ids[places])
        for stratum, places in zip(strata, whose, strict=True)
    ]
    back = np.argsort(np.concatenate(whose))
    columns, effects, conditions = (
        jax.tree.map(lambda *column: np.concatenate(column)[back], *rows)
        for rows in zip(*(part.rows for part in parts), strict=True)
    )
    counts = sum((Counter(part.rejected) for part in parts), Counter())
    return Patients(
        ids, columns, effects, conditions, dict(counts), ids.size + sum(counts.values())
    )


def _strata(shares: Sequence[float], seed: int, ids: Ids) -> np.ndarray:
    """Return the index of each slot's stratum."""
    ends = np.cumsum(shares)[:-1].astype(np.float32)
    if not ends.size:
        return np.zeros(ids.size, np.int64)
    return np.searchsorted(ends, np.asarray(uniforms(seed, "stratum", ids, 1))[0], side="right")


class _Part(NamedTuple):
    """Patients of one stratum.

    Attributes:
        rows: covariates, effects and conditions by name, `(patient,)` each.
        rejected: candidates excluded, by reason.
    """

    rows: tuple[dict[str, Column], dict[str, Column], dict[str, tuple[Column, Column]]]
    rejected: Mapping[str, int]


def _stratum(
    recruitment: Recruitment,
    variability: Variability,
    conditions: Sequence[str],
    seed: int,
    slots: Ids,
) -> _Part:
    """Fill slots with eligible patients of one stratum."""
    population = recruitment.population
    key, effects_key = stream_key(seed, "candidates"), stream_key(seed, "individuals")
    weights = _effect_weights(variability, population.sex)
    counts = np.zeros(len(recruitment.reasons), np.int64)
    covariates, eta = [], []
    for tile, used in tiles(slots):
        attempt, rejected = _first_eligible(recruitment, key, tile, used)
        counts += rejected
        words = id_words(tile)
        chosen = judge(recruitment.spec, candidate_normals(key, *words, attempt))
        effects = _effects(weights, chosen, effects_key, *words)
        covariates.append(np.asarray(chosen.values)[:, :used])
        eta.append(np.asarray(effects)[:, :used])
    columns = _columns(COVARIATES, covariates) | {
        "male": _constant(float(population.sex == "male"), slots),
        "menopause_width": _constant(MENOPAUSE_WIDTH[population.menopause], slots),
    }
    absent = [name for name in COVARIATES if not has(population.sex, name)]
    columns |= {name: _constant(np.nan, slots) for name in absent}
    reasons = {r: int(n) for r, n in zip(recruitment.reasons, counts, strict=True) if n}
    had = {name: _condition(name, population, slots) for name in conditions}
    return _Part((columns, _columns(EFFECTS, eta), had), reasons)


def _condition(name: str, population: Population, slots: Ids) -> tuple[Column, Column]:
    """Return amount and years of a condition in everybody."""
    amounts = {c.name: (c.amount, c.years) for c in population.conditions}
    amount, years = amounts.get(name, (neutral_amount(name), 0.0))
    return _constant(amount, slots), _constant(years, slots)


def _constant(value: float, slots: Ids) -> Column:
    return np.full(slots.size, value, np.float32)


def _columns(names: Sequence[str], parts: Sequence[np.ndarray]) -> dict[str, Column]:
    empty = np.zeros((len(names), 0), np.float32)
    return dict(zip(names, np.concatenate([empty, *parts], axis=1), strict=True))


def _first_eligible(
    recruitment: Recruitment, key: np.ndarray, tile: Ids, used: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each slot's first eligible candidate, and how many were excluded why.

    Args:
        recruitment: the population made ready.
        key: of the candidates' stream.
        tile: slots, exactly `TILE`.
        used: how many of them are wanted.
    """
    first = np.zeros(TILE, np.uint32)
    counts = np.zeros(len(recruitment.reasons), np.int64)
    waiting, tried = np.arange(used), 0
    while waiting.size:
        if tried > _MAX_ATTEMPTS:
            raise BadInput(
                f"eligibility excludes nearly everybody: slot {tile[waiting[0]]} found no eligible "
                f"candidate among {tried}. Widen the rules."
            )
        each = TILE // waiting.size
        lane = np.pad(np.repeat(waiting, each), (0, TILE - waiting.size * each), mode="edge")
        attempt = tried + np.resize(np.arange(each, dtype=np.uint32), TILE)
        raw = candidate_normals(key, *id_words(tile[lane]), attempt)
        reason = np.asarray(judge(recruitment.spec, raw).reason)
        reason = reason[: waiting.size * each].reshape(waiting.size, each)
        eligible = reason < 0
        found = eligible.any(axis=1)
        stop = np.where(found, eligible.argmax(axis=1), each)
        excluded = reason[np.arange(each) < stop[:, None]]
        counts += np.bincount(excluded, minlength=counts.size)
        first[waiting[found]] = tried + stop[found]
        waiting, tried = waiting[~found], tried + each
    return first, counts


def _effect_weights(variability: Variability, sex: Sex) -> dict[str, np.ndarray]:
    """Write the individual effects as arrays: rows of `NEW`, spreads in the order of `EFFECTS`."""
    factor = np.linalg.cholesky(variability.correlation_matrix())[len(KNOWN) :]
    effects = [variability[name] for name in EFFECTS]
    weights = {
        "known": factor[:, : len(KNOWN)],
        "new": factor[:, len(KNOWN) :],
        "omega": np.array([e.omega for e in effects]),
        "power": np.array([e.bmi_power for e in effects]),
        "slope": np.array([e.bmi_slope for e in effects]),
        "offset": np.array([float(e.kind == "offset") for e in effects]),
        "bmi": np.array(variability.reference_bmi[sex]),
    }
    return {name: value.astype(np.float32) for name, value in weights.items()}


@stored()
def _effects(
    weights: Mapping[str, Array],
    chosen: Judged,
    key: UInt32[Array, " 2"],
    high: UInt32[Array, " patient"],
    low: UInt32[Array, " patient"],
) -> Array:
    """Return the individual effects of the chosen candidates, in the order of `EFFECTS`."""
    spine = chosen.z[NORMALS.index("t_score_lumbar_spine")]
    known = jnp.stack([spine, *chosen.z[len(DRIVEN) :]])
    new = stream_normals(key, high, low, len(NEW))
    drawn = mixed(weights["known"], known) + mixed(weights["new"], new)
    by_name = dict(zip(KNOWN, known, strict=True)) | dict(zip(NEW, drawn, strict=True))
    u = jnp.stack([by_name[SHARED_NORMALS.get(name, name)] for name in EFFECTS])
    bmi = chosen.values[COVARIATES.index("bmi")]
    logarithm = (
        weights["omega"][:, None] * u
        + weights["power"][:, None] * jnp.log(bmi / weights["bmi"])
        + weights["slope"][:, None] * (bmi - weights["bmi"])
    )
    return jnp.where(weights["offset"][:, None] > 0, logarithm, jnp.exp(logarithm))
