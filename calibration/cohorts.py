"""Many arms of many trials at once, each with its own grid, patients and drugs.

The engine simulates one study's patients on one grid. Here the arms of all trials are lanes of the
same functions, mapped over arms, so that one compiled function gives every prediction of the job
and its derivatives. Arms of like length share a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients
from cohort.model.person import make_person
from cohort.patients.population import load_population
from cohort.patients.randomness import id_words, stream_key, stream_normals
from cohort.patients.sampling import Patients as Sampled
from cohort.patients.sampling import sample
from cohort.patients.tables import neutral_amount
from cohort.patients.variability import load_variability
from cohort.solve.exposures import DrugNumbers, StepForcing, add_drug_parameters, drug_numbers
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR, live
from cohort.solve.noise import slow_noise
from cohort.solve.plan import Plan, make_plan
from cohort.solve.trial import Steps, noise_nodes, treat
from cohort.tile import TILE
from cohort.trial.schema import Study

LADDER = (160, 384, 640, 1280, 2304)
COLUMNS = ("bmd_lumbar_spine", "bmd_total_hip", "bmd_femoral_neck", "ctx", "p1np", "bsap")


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


@dataclass(frozen=True)
class Group:
    """Arms stacked into arrays with a leading arm axis; see `predict`."""

    lanes: tuple[Lane, ...]
    arrays: Mapping
    steps: Steps
    visits: int


def study_lanes(study: Study, patients: int, typical: bool) -> list[Lane]:
    """Return the arms of a study with patients drawn from its population.

    Args:
        study: a replica.
        patients: how many are drawn.
        typical: replace them by the one person at the mean of the covariates and effects of the
            more frequent sex, without slow noise.
    """
    plan = make_plan(study)
    given = study.population.baseline
    targets = {k: v for k, v in given if k != "source" and v is not None}
    variability = load_variability()
    drawn = sample(
        load_population(study.population.name, study.outputs.male_t_score_reference),
        variability,
        targets,
        study.eligibility,
        study.seed,
        np.arange(patients, dtype=np.int64),
    )
    tile = _tile(drawn, study.adherence.mean)
    nodes = noise_nodes(plan.grid.start[0], plan.grid.end[-1])
    if typical:
        often = drawn.covariates["male"] == np.round(np.mean(drawn.covariates["male"]))
        tile = jax.tree_util.tree_map_with_path(lambda path, x: _center(path, x[often]), tile)
        noise = np.zeros((nodes, 2, 1))
    else:
        noise = _noise(study.seed, drawn.ids, nodes, variability.noise)
    months = plan.months
    return [Lane(study.name, arm, months, plan, tile, noise) for arm in plan.forcing]


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


def _center(path: tuple, values: np.ndarray) -> np.ndarray:
    """Return the middle of a quantity: geometric for multipliers, which are log-normal."""
    name = path[-1].key if isinstance(path[-1], jax.tree_util.DictKey) else ""
    multiplier = path[0].key == "eta" and name != "adherence" and not name.endswith("_offset")
    middle = np.exp(np.log(values).mean()) if multiplier else values.mean()
    return np.array([middle])


def _noise(seed: int, ids: np.ndarray, nodes: int, spread) -> np.ndarray:
    padded = np.pad(ids, (0, -len(ids) % TILE), mode="edge")
    high, low = (jnp.asarray(word) for word in id_words(padded))
    draws = stream_normals(jnp.asarray(stream_key(seed, "noise")), high, low, 2 * nodes)
    draws = draws.reshape(nodes, 2, -1)[..., : len(ids)]
    sd = jnp.asarray([spread.lnL.sd, spread.sP.sd], draws.dtype)
    years = jnp.asarray(spread.lnL.time_constant / DAYS_PER_YEAR, draws.dtype)
    return np.asarray(slow_noise(draws, sd, years))


def make_groups(lanes: Sequence[Lane]) -> list[Group]:
    """Stack arms of like length, grids padded with empty steps and visits with repeated ones."""
    rungs: dict[int, list[Lane]] = {}
    for lane in lanes:
        real = int(np.count_nonzero(lane.plan.grid.length)) + 1
        rungs.setdefault(next(rung for rung in LADDER if rung >= real), []).append(lane)
    return [_stack(members, rung) for rung, members in sorted(rungs.items())]


def _stack(lanes: list[Lane], steps: int) -> Group:
    nodes = max(lane.noise.shape[0] for lane in lanes)
    slots = max(len(lane.plan.drugs.bisphosphonates) for lane in lanes)
    kinds = max(len(lane.plan.drugs.pulses) for lane in lanes)
    names = sorted({name for lane in lanes for name in lane.tile["conditions"]})
    tiles = [_with_conditions(lane.tile, names) for lane in lanes]
    arrays = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves), float), *tiles)
    arrays["noise"] = jnp.asarray(np.stack([_pad(lane.noise, nodes) for lane in lanes]), float)
    levels = _levels(lanes)
    rows = [_steps(lane, steps, slots, kinds, levels) for lane in lanes]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)
    return Group(tuple(lanes), arrays, stacked, max(len(lane.months) for lane in lanes))


def _with_conditions(tile: Mapping, names: Sequence[str]) -> dict:
    """Give a tile every condition of the group, neutral where nobody of it has one."""
    age = tile["age"]
    own = {name: (np.full_like(age, neutral_amount(name)), age) for name in names}
    return {**tile, "conditions": own | tile["conditions"]}


def _levels(lanes: Sequence[Lane]) -> tuple[tuple[str, bool], ...]:
    return tuple(sorted({level for lane in lanes for level in lane.plan.drugs.levels}))


def _pad(values: np.ndarray, length: int) -> np.ndarray:
    """Lengthen the first axis by repeating its last row."""
    extra = length - values.shape[0]
    return np.concatenate([values, np.repeat(values[-1:], extra, axis=0)])


def _steps(
    lane: Lane, count: int, slots: int, kinds: int, levels: tuple[tuple[str, bool], ...]
) -> Steps:
    grid, forcing = lane.plan.grid, lane.plan.forcing[lane.arm]
    real = min(count, len(grid.start))

    def fit(values: np.ndarray, *widths: int) -> Patients:
        """Cut or lengthen to `count` steps, and widen the drug axes with zeros."""
        shape = (
            count,
            *(widths[i] if i < len(widths) else n for i, n in enumerate(values.shape[1:])),
        )
        padded = np.zeros(shape)
        padded[(slice(real), *(slice(n) for n in values.shape[1:]))] = values[:real]
        return jnp.asarray(padded, float)

    start = np.concatenate([grid.start[:real], np.full(count - real, grid.end[-1])])
    visit = np.concatenate([grid.visit[:real], np.full(count - real, -1, np.int32)])
    node = LATE_NODES + (start - start[0]) * NODES_PER_YEAR / DAYS_PER_YEAR
    columns = [levels.index(level) for level in lane.plan.drugs.levels]

    def spread(rows: np.ndarray) -> Patients:
        """Put the lane's levels among the group's."""
        wide = np.zeros((count, len(levels)))
        wide[:, columns] = _pad(rows[:real], count)
        return jnp.asarray(wide, float)

    return Steps(
        jnp.asarray(start, float),
        fit(grid.length),
        jnp.asarray(node, float),
        jnp.asarray(visit),
        StepForcing(
            fit(forcing.antibody),
            fit(forcing.bisphosphonate, slots),
            fit(forcing.pulses, kinds),
            spread(forcing.level_start),
            spread(forcing.level_end),
        ),
    )


def predict(group: Group, values: Mapping[str, Patients]) -> dict[str, Patients]:
    """Return relative BMD and markers of every arm of a group, `(arm, visit, patient)` each.

    Args:
        group: stacked arms.
        values: value by parameter name; traced ones give derivatives.
    """
    numbers = _numbers(group, values)

    def one_arm(own, steps, numbers):
        person = make_person(values, own["eta"], own["life"], own["conditions"])
        person = add_drug_parameters(person, numbers)
        state = live(person, own["age"] + steps.start[0] / DAYS_PER_YEAR, own["noise"])
        seen, _ = treat(state, person, own["age"], own["noise"], steps, numbers, group.visits)
        return {column: seen[column] for column in COLUMNS}

    return jax.vmap(one_arm)(group.arrays, group.steps, numbers)


def _numbers(group: Group, values: Mapping[str, Patients]) -> DrugNumbers:
    """Stack the numbers of every arm's drugs; slots that an arm leaves empty hold harmless ones."""
    rows = [drug_numbers(lane.plan.drugs, values) for lane in group.lanes]
    slots = max(len(row.release) for row in rows)
    kinds = max(len(row.anabolic) for row in rows)
    one = jnp.ones(())

    def filled(row: DrugNumbers) -> DrugNumbers:
        extra, more = slots - len(row.release), kinds - len(row.anabolic)
        widen = ((0, more), (0, 0))
        return DrugNumbers(
            row.antibody,
            row.release + (one,) * extra,
            row.potency + (one,) * extra,
            jnp.pad(row.pulse, widen),
            jnp.pad(row.weight, widen),
            row.anabolic + (one,) * more,
            row.catabolic + (one,) * more,
            _levels(group.lanes),
        )

    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(filled, rows))
