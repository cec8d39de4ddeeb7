"""Arms of trials with the persons who stand for their populations.

The engine simulates one study's patients on one grid. A job needs the means of all arms of many
trials at once, so an arm becomes a *lane*: its plan, and a few persons drawn from its population.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from calibration.herding import herd
from cohort.patients.population import load_population
from cohort.patients.randomness import id_words, stream_key, stream_normals
from cohort.patients.sampling import Patients as Sampled
from cohort.patients.sampling import sample
from cohort.patients.variability import Variability
from cohort.solve.history import DAYS_PER_YEAR
from cohort.solve.noise import slow_noise
from cohort.solve.plan import Plan, make_plan
from cohort.solve.trial import noise_nodes
from cohort.tile import TILE
from cohort.trial.schema import Study

DRAWN = 512  # persons among whom the few that stand for a population are chosen


class Lane(NamedTuple):
    """One arm of one trial, ready to be stacked with others.

    Attributes:
        trial: name of the study.
        arm: name of the arm.
        months: of its visits.
        plan: the study's layout.
        tile: `age`, `life`, `eta`, and `conditions` with amount and age at onset, `(patient,)`
            each, as `model.person` has them.
        noise: slow noise at its nodes, `(node, 2, patient)`.
    """

    trial: str
    arm: str
    months: tuple[float, ...]
    plan: Plan
    tile: Mapping
    noise: np.ndarray


def whole_lanes(study: Study, variability: Variability, patients: int) -> list[Lane]:
    """Return the arms of a study with so many patients drawn from its population."""
    plan = make_plan(study)
    drawn = _draw(study, variability, patients)
    nodes = noise_nodes(plan.grid.start[0], plan.grid.end[-1])
    noise = _noise(study.seed, drawn.ids, nodes, variability.noise)
    return _lanes(study, plan, _tile(drawn, study.adherence.mean), noise)


def few_lanes(study: Study, variability: Variability, persons: int) -> list[Lane]:
    """Return the arms of a study with a few persons who stand for its population.

    They are a herded subset of `DRAWN` drawn ones, and live without slow noise.
    """
    plan = make_plan(study)
    tile = _tile(_draw(study, variability, DRAWN), study.adherence.mean)
    chosen = herd(np.stack([_spread(x) for x in jax.tree.leaves(tile)], axis=1), persons)
    nodes = noise_nodes(plan.grid.start[0], plan.grid.end[-1])
    few = jax.tree.map(lambda x: x[chosen], tile)
    return _lanes(study, plan, few, np.zeros((nodes, 2, persons)))


def _lanes(study: Study, plan: Plan, tile: Mapping, noise: np.ndarray) -> list[Lane]:
    return [Lane(study.name, arm, plan.months, plan, tile, noise) for arm in plan.forcing]


def _draw(study: Study, variability: Variability, patients: int) -> Sampled:
    given = study.population.baseline
    return sample(
        load_population(study.population.name, study.outputs.male_t_score_reference),
        variability,
        {name: target for name, target in given if name != "source" and target is not None},
        study.eligibility,
        study.seed,
        np.arange(patients, dtype=np.int64),
    )


def _tile(drawn: Sampled, adherence: float) -> dict:
    own = {name: np.asarray(values, float) for name, values in drawn.covariates.items()}
    menopause = np.where(own["male"] > 0, 50.0, own["age_at_menopause"])
    return {
        "age": own["age"],
        "life": {
            "age_at_menopause": menopause,
            "menopause_width": own["menopause_width"],
            "male": own["male"],
        },
        "conditions": {
            name: (np.asarray(amount, float), own["age"] - years)
            for name, (amount, years) in drawn.conditions.items()
        },
        "eta": {name: np.asarray(effect, float) for name, effect in drawn.eta.items()}
        | {"adherence": np.full(len(own["age"]), adherence)},
    }


def _spread(values: np.ndarray) -> np.ndarray:
    """Return a quantity in standard deviations from its mean; multipliers, on the logarithm."""
    logs = np.log(values) if np.all(values > 0) else values
    deviation = logs.std()
    return (logs - logs.mean()) / deviation if deviation > 0 else np.zeros_like(logs)


def _noise(seed: int, ids: np.ndarray, nodes: int, spread) -> np.ndarray:
    padded = np.pad(ids, (0, -len(ids) % TILE), mode="edge")
    high, low = (jnp.asarray(word) for word in id_words(padded))
    draws = stream_normals(jnp.asarray(stream_key(seed, "noise")), high, low, 2 * nodes)
    draws = draws.reshape(nodes, 2, -1)[..., : len(ids)]
    sd = jnp.asarray([spread.lnL.sd, spread.sP.sd], draws.dtype)
    years = jnp.asarray(spread.lnL.time_constant / DAYS_PER_YEAR, draws.dtype)
    return np.asarray(slow_noise(draws, sd, years))
