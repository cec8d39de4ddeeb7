"""Sampling patients: slot `i` of a run is filled by her first eligible candidate.

Candidates 0, 1, 2, ... of a slot have normals addressed by (seed, slot, candidate), so a patient
depends on the seed and her slot only: not on the block, its length, or the order of slots. All
work is done in tiles of one fixed shape; once some slots are filled, the lanes they leave try
several candidates of the others at once, which changes nothing but the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, UInt32

from cohort.errors import BadInput
from cohort.patients.candidates import Spec, candidate_normals, judge, mixed
from cohort.patients.population import (
    COVARIATES,
    DRIVEN,
    EligibilityRule,
    Population,
    Target,
)
from cohort.patients.randomness import Ids, id_words, stream_key, stream_normals, tiles
from cohort.patients.recruitment import Recruitment, recruit
from cohort.patients.variability import EFFECTS, KNOWN, NEW, Variability
from cohort.tile import TILE

_MAX_ATTEMPTS = 100_000


@dataclass(frozen=True)
class Patients:
    """Patients of a block, float32.

    Attributes:
        ids: slots, which are the patients' ids, `(patient,)`.
        covariates: by name and in the unit of `population.UNITS`, `(patient,)` each;
            `years_since_menopause` is negative before the final menstrual period.
        eta: individual effects on their natural scale, `(patient,)` each: multipliers with median
            1, or additive on a logarithm where the name ends in `_offset`.
        rejected: candidates excluded, by the first reason that each of them met.
        screened: candidates looked at: the patients and the rejected.
    """

    ids: Ids
    covariates: Mapping[str, Float32[Array, " patient"]]
    eta: Mapping[str, Float32[Array, " patient"]]
    rejected: Mapping[str, int]
    screened: int


def sample(
    population: Population,
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
    recruitment = recruit(population, variability, baseline, rules)
    key, effects_key = stream_key(seed, "candidates"), stream_key(seed, "individuals")
    weights = _effect_weights(variability)
    counts = np.zeros(len(recruitment.reasons), np.int64)
    covariates, eta = [], []
    for tile, used in tiles(slots):
        attempt, rejected = _first_eligible(recruitment, key, tile, used)
        counts += rejected
        values, effects = _realise(
            recruitment.spec, weights, key, effects_key, *id_words(tile), attempt
        )
        covariates.append(values[:, :used])
        eta.append(effects[:, :used])
    columns = _columns(COVARIATES, covariates)
    effects = _columns(EFFECTS, eta)
    ids = np.asarray(slots, np.int64)
    reasons = {r: int(n) for r, n in zip(recruitment.reasons, counts, strict=True) if n}
    return Patients(ids, columns, effects, reasons, ids.size + int(counts.sum()))


def _columns(names: Sequence[str], parts: Sequence[Array]) -> dict[str, Array]:
    empty = jnp.zeros((len(names), 0), jnp.float32)
    return dict(zip(names, jnp.concatenate([empty, *parts], axis=1), strict=True))


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
        reason = np.asarray(_screen(recruitment.spec, key, *id_words(tile[lane]), attempt))
        reason = reason[: waiting.size * each].reshape(waiting.size, each)
        eligible = reason < 0
        found = eligible.any(axis=1)
        stop = np.where(found, eligible.argmax(axis=1), each)
        excluded = reason[np.arange(each) < stop[:, None]]
        counts += np.bincount(excluded, minlength=counts.size)
        first[waiting[found]] = tried + stop[found]
        waiting, tried = waiting[~found], tried + each
    return first, counts


@jax.jit
def _screen(
    spec: Spec,
    key: UInt32[Array, " 2"],
    high: UInt32[Array, " patient"],
    low: UInt32[Array, " patient"],
    attempt: UInt32[Array, " patient"],
) -> Array:
    return judge(spec, candidate_normals(key, high, low, attempt)).reason


def _effect_weights(variability: Variability) -> dict[str, np.ndarray]:
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
        "bmi": np.array(variability.reference_bmi.value),
    }
    return {name: value.astype(np.float32) for name, value in weights.items()}


@jax.jit
def _realise(
    spec: Spec,
    weights: Mapping[str, Array],
    key: UInt32[Array, " 2"],
    effects_key: UInt32[Array, " 2"],
    high: UInt32[Array, " patient"],
    low: UInt32[Array, " patient"],
    attempt: UInt32[Array, " patient"],
) -> tuple[Array, Array]:
    """Return covariates and individual effects of the chosen candidates."""
    chosen = judge(spec, candidate_normals(key, high, low, attempt))
    spine = chosen.z[DRIVEN.index("t_score_lumbar_spine")]
    known = jnp.stack([spine, *chosen.z[len(DRIVEN) :]])
    new = stream_normals(effects_key, high, low, len(NEW))
    drawn = mixed(weights["known"], known) + mixed(weights["new"], new)
    by_name = dict(zip(KNOWN, known, strict=True)) | dict(zip(NEW, drawn, strict=True))
    u = jnp.stack([by_name[name] for name in EFFECTS])
    bmi = chosen.values[COVARIATES.index("bmi")]
    logarithm = (
        weights["omega"][:, None] * u
        + weights["power"][:, None] * jnp.log(bmi / weights["bmi"])
        + weights["slope"][:, None] * (bmi - weights["bmi"])
    )
    return chosen.values, jnp.where(weights["offset"][:, None] > 0, logarithm, jnp.exp(logarithm))
