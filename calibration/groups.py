"""Many arms of many trials as lanes of the same functions.

Arms of like length share a group, and those that neither men nor hormones concern are kept apart
from the others, which cost more. A trial's persons live their history once for all its arms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from calibration.lanes import Lane
from cohort.model.arrays import Patients
from cohort.model.endocrine.system import LOCAL
from cohort.model.parameters import PARAMETERS
from cohort.model.person import make_person
from cohort.patients.tables import neutral_amount
from cohort.solve.backward import Derive
from cohort.solve.exposures import DrugNumbers, StepForcing, add_drug_parameters, drug_numbers
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR, live
from cohort.solve.trial import Steps, treat

LADDER = (320, 900, 1800, 3600, 7200)
COLUMNS = ("bmd_lumbar_spine", "bmd_total_hip", "bmd_femoral_neck", "ctx", "p1np", "bsap")


@dataclass(frozen=True)
class Group:
    """Arms stacked into arrays; see `predict`.

    Attributes:
        lanes: the arms.
        studies: persons and slow noise of each study, `(study, ...)` each.
        first_day: day of a study's first grid point, `(study,)`.
        study_of_arm: place of an arm's study, `(arm,)`.
        steps: grid and inputs, `(arm, step, ...)` each.
        drugs: of every arm.
        visits: most visits of any arm.
    """

    lanes: tuple[Lane, ...]
    studies: Mapping
    first_day: Patients
    study_of_arm: np.ndarray
    steps: Steps
    drugs: GroupDrugs
    visits: int


@dataclass(frozen=True)
class GroupDrugs:
    """The numbers of every arm's drugs; slots that an arm leaves empty hold ones.

    What a parameter decides is held as the parameter's place, so that the numbers of all arms are
    one gather and not a graph that grows with the arms.

    Attributes:
        fixed: numbers that no parameter decides, `(arm, ...)` each.
        places: by field of `DrugNumbers`, places among the number 1 and `PARAMETERS`,
            `(arm, slot)`.
        levels: as `DrugNumbers` has them.
    """

    fixed: Mapping[str, Patients]
    places: Mapping[str, np.ndarray]
    levels: tuple[tuple[str, bool], ...]

    def numbers(self, values: Mapping[str, Patients]) -> DrugNumbers:
        """Return the numbers under these values, an arm each."""
        known = jnp.stack([jnp.ones(()), *(jnp.asarray(values[name]) for name in PARAMETERS)])
        decided = {
            field: tuple(known[places[:, slot]] for slot in range(places.shape[1]))
            for field, places in self.places.items()
        }
        return DrugNumbers(
            antibody=self.fixed["antibody"],
            pulse=self.fixed["pulse"],
            weight=self.fixed["weight"],
            levels=self.levels,
            **decided,
        )


def predict(
    group: Group, values: Mapping[str, Patients], derive: Derive = "none"
) -> dict[str, Patients]:
    """Return relative BMD and markers of every arm of a group, `(arm, visit, patient)` each.

    Args:
        group: stacked arms.
        values: value by parameter name; traced ones give derivatives.
        derive: as in `solve.history.live`.
    """

    def lived(own, first_day):
        person = make_person(values, own["eta"], own["life"], own["conditions"])
        return live(person, own["age"] + first_day / DAYS_PER_YEAR, own["noise"], derive)

    def treated(own, state, steps, numbers):
        person = make_person(values, own["eta"], own["life"], own["conditions"])
        person = add_drug_parameters(person, numbers)
        drawn = own["age"], own["noise"], steps, numbers
        seen, _ = treat(state, person, *drawn, group.visits, derive=derive)
        return {column: seen[column] for column in COLUMNS}

    states = jax.vmap(lived)(group.studies, group.first_day)
    own, state = jax.tree.map(lambda x: x[group.study_of_arm], (group.studies, states))
    return jax.vmap(treated)(own, state, group.steps, group.drugs.numbers(values))


def make_groups(lanes: Sequence[Lane]) -> list[Group]:
    """Stack arms of like kind and length.

    Grids are padded with empty steps, and visits with none.
    """
    kinds: dict[tuple[bool, int], list[Lane]] = {}
    for lane in lanes:
        real = int(np.count_nonzero(lane.plan.grid.length)) + 1
        rung = next(rung for rung in LADDER if rung >= real)
        kinds.setdefault((_is_plain(lane), rung), []).append(lane)
    return [_stack(members, plain) for (plain, _), members in sorted(kinds.items())]


def _is_plain(lane: Lane) -> bool:
    """Whether neither men, nor conditions, nor hormones beyond bone's own take part."""
    women = not np.any(lane.tile["life"].get("male", 0.0))
    levels = {name for name, _ in lane.plan.drugs.levels}
    return bool(women and not lane.tile["conditions"] and LOCAL.issuperset(levels))


def _stack(lanes: list[Lane], plain: bool) -> Group:
    steps = max(int(np.count_nonzero(lane.plan.grid.length)) + 1 for lane in lanes)
    names = list(dict.fromkeys(_study(lane) for lane in lanes))
    first = {name: next(lane for lane in lanes if _study(lane) == name) for name in names}
    levels = tuple(sorted({level for lane in lanes for level in lane.plan.drugs.levels}))
    drugs = _group_drugs(lanes, levels)
    rows = [_steps(lane, steps, drugs) for lane in lanes]
    return Group(
        tuple(lanes),
        _studies(list(first.values()), plain),
        jnp.asarray([lane.plan.grid.start[0] for lane in first.values()], float),
        np.array([names.index(_study(lane)) for lane in lanes]),
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows),
        drugs,
        max(len(lane.months) for lane in lanes),
    )


def _study(lane: Lane) -> tuple[str, int]:
    """Name whose persons a lane has; arms that share them share one tile."""
    return lane.trial, id(lane.tile)


def _studies(lanes: Sequence[Lane], plain: bool) -> dict:
    nodes = max(lane.noise.shape[0] for lane in lanes)
    names = sorted({name for lane in lanes for name in lane.tile["conditions"]})
    tiles = [_with_conditions(lane.tile, names) for lane in lanes]
    if plain:
        tiles = [tile | {"life": _without_men(tile["life"])} for tile in tiles]
    arrays = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves), float), *tiles)
    arrays["noise"] = jnp.asarray(np.stack([_pad(lane.noise, nodes) for lane in lanes]), float)
    return arrays


def _without_men(life: Mapping) -> dict:
    return {name: value for name, value in life.items() if name != "male"}


def _with_conditions(tile: Mapping, names: Sequence[str]) -> dict:
    """Give a tile every condition of the group, neutral where nobody of it has one."""
    age = tile["age"]
    own = {name: (np.full_like(age, neutral_amount(name)), age) for name in names}
    return {**tile, "conditions": own | tile["conditions"]}


def _pad(values: np.ndarray, length: int) -> np.ndarray:
    """Lengthen the first axis by repeating its last row."""
    extra = length - values.shape[0]
    return np.concatenate([values, np.repeat(values[-1:], extra, axis=0)])


def _group_drugs(lanes: Sequence[Lane], levels: tuple[tuple[str, bool], ...]) -> GroupDrugs:
    given = [lane.plan.drugs for lane in lanes]
    onto_bone = [[d.therapies[name].parameters for name in d.bisphosphonates] for d in given]
    pulsed = [[d.therapies[pulse.therapy].parameters for pulse in d.pulses] for d in given]
    rows = [drug_numbers(drugs, dict.fromkeys(PARAMETERS, jnp.ones(()))) for drugs in given]
    kinds = max(len(own) for own in pulsed)

    def widened(field: str) -> Patients:
        own = [np.asarray(getattr(row, field), float) for row in rows]
        return jnp.asarray([np.pad(x, ((0, kinds - len(x)), (0, 0))) for x in own], float)

    fixed = {field: widened(field) for field in ("pulse", "weight")}
    fixed["antibody"] = jnp.asarray([np.asarray(row.antibody) for row in rows], float)
    roles = {"release": onto_bone, "potency": onto_bone}
    roles |= {"anabolic": pulsed, "catabolic": pulsed}
    return GroupDrugs(
        fixed, {field: _places(own, _ROLES[field]) for field, own in roles.items()}, levels
    )


_ROLES = {
    "release": "release",
    "potency": "potency",
    "anabolic": "anabolic_ratio",
    "catabolic": "catabolic_ratio",
}


def _places(of_arms: Sequence[Sequence[Mapping[str, str]]], role: str) -> np.ndarray:
    """Return the places of the parameters that have a role, `(arm, slot)`; 0 stands for one."""
    order = {name: 1 + index for index, name in enumerate(PARAMETERS)}
    places = np.zeros((len(of_arms), max(len(own) for own in of_arms)), int)
    for arm, own in enumerate(of_arms):
        places[arm, : len(own)] = [order.get(parameters[role], 0) for parameters in own]
    return places


def _steps(lane: Lane, count: int, drugs: GroupDrugs) -> Steps:
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
    columns = [drugs.levels.index(level) for level in lane.plan.drugs.levels]

    def spread(rows: np.ndarray) -> Patients:
        """Put the lane's levels among the group's."""
        wide = np.zeros((count, len(drugs.levels)))
        wide[:, columns] = _pad(rows[:real], count)
        return jnp.asarray(wide, float)

    return Steps(
        jnp.asarray(start, float),
        fit(grid.length),
        jnp.asarray(node, float),
        jnp.asarray(visit),
        StepForcing(
            fit(forcing.antibody),
            fit(forcing.bisphosphonate, drugs.places["release"].shape[1]),
            fit(forcing.pulses, drugs.places["anabolic"].shape[1]),
            spread(forcing.level_start),
            spread(forcing.level_end),
        ),
    )
