"""Visits on days of their own: who comes how many days early or late, and what is measured then.

All persons share one grid, so nobody's visit is a step of her own. The outputs are kept at every
grid point of a visit's window instead, and a person's are taken between them, linear in time: the
grid is at most some days wide, and finer after a dose. What is due on the day of a visit is given
at the visit, after the measurement. Where anything of the study is due on it, or decided at it, a
late visit therefore sees the course before it go on: the parabola through the window's beginning,
its middle and its planned day, the same in every arm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients, State
from cohort.patients.randomness import uniforms
from cohort.solve.grid import Grid
from cohort.trial.courses import Doses
from cohort.trial.schema import Study
from cohort.trial.steady import is_continuous
from cohort.units import DAYS_PER_MONTH

_SAME = 1e-6
POINTS = 3
"""Nodes from which a value is taken."""


@dataclass(frozen=True)
class Windows:
    """The windows of a study's visits on its grid.

    Attributes:
        day: planned day of each visit, `(visit,)`.
        half: days to either side; 0 for visits at and before entry, `(visit,)`.
        waits: whether something is due on the planned day, `(visit,)`.
        step_node: number of the node at the end of each step, or -1, `(step,)`.
        node_day: day of each node, rising, `(node,)`.
        grid: the steps, with every node among their ends.
    """

    day: np.ndarray
    half: np.ndarray
    waits: np.ndarray
    step_node: np.ndarray
    node_day: np.ndarray
    grid: Grid

    def places(self, shift: np.ndarray, room: int) -> dict[str, np.ndarray]:
        """Return from which nodes, by which weights, persons' values are taken.

        Args:
            shift: days by which each comes late, `(patient, visit)`.
            room: visits to which to fill up.

        Returns:
            `planned`, the node of each visit, `(visit,)`; `node` and `weight`,
            `(point, visit, patient)`.
        """
        count, persons = len(self.day), len(shift)
        planned = np.zeros(room, np.int32)
        node = np.zeros((POINTS, room, persons), np.int32)
        weight = np.zeros((POINTS, room, persons))
        for visit in range(count):
            planned[visit] = self._nearest(self.day[visit])
            own = self._places(visit, self.day[visit] + shift[:, visit].astype(float))
            node[:, visit], weight[:, visit] = own
        return {"planned": planned, "node": node, "weight": weight}

    def _nearest(self, day: float) -> int:
        return int(np.argmin(np.abs(self.node_day - day)))

    def _places(self, visit: int, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return nodes and weights of one visit, `(point, patient)` each."""
        planned, half = self.day[visit], self.half[visit]
        here = self._nearest(planned)
        node = np.full((POINTS, len(day)), here, np.int32)
        weight = np.zeros((POINTS, len(day)))
        weight[0] = 1.0
        moved = np.abs(day - planned) > _SAME
        below = np.searchsorted(self.node_day, day[moved] + _SAME, side="right") - 1
        below = np.clip(below, 0, len(self.node_day) - 2)
        start, end = self.node_day[below], self.node_day[below + 1]
        part = np.clip((day[moved] - start) / (end - start), 0.0, 1.0)
        node[0, moved], node[1, moved] = below, below + 1
        weight[0, moved], weight[1, moved] = 1.0 - part, part
        if self.waits[visit]:
            late = day > planned + _SAME
            node[:, late] = np.array([[self._nearest(d)] for d in _before(planned, half)])
            weight[:, late] = _parabola((day[late] - planned) / half)
        return node, weight


def _before(planned: float, half: float) -> tuple[float, float, float]:
    """Return the three days that tell how a course goes on, the planned one first."""
    return planned, planned - 0.5 * half, planned - half


def _parabola(at: np.ndarray) -> np.ndarray:
    """Return the weights of values at 0, -1/2 and -1 in the parabola through them, `(3, ...)`."""
    return np.stack([(2.0 * at + 1.0) * (at + 1.0), -4.0 * at * (at + 1.0), at * (2.0 * at + 1.0)])


def window_points(study: Study, due: Iterable[float]) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Return what windows ask of a study's grid.

    Args:
        study: the study.
        due: days on which a dose is given, or a treatment starts or stops, in any arm.

    Returns:
        Half width and `waits` of each visit, as in `Windows`, and the days of further grid points.
    """
    months = np.array(study.visits.months)
    half = np.where(months > 0, float(study.visits.window_days), 0.0)
    days = np.array(sorted(due))
    decided = study.months_of_changes
    waits = np.array(
        [m in decided or bool(np.any(np.abs(days - m * DAYS_PER_MONTH) < 0.5)) for m in months]
    )
    points: list[float] = []
    for day, width, waiting in zip(months * DAYS_PER_MONTH, half, waits, strict=True):
        if width:
            points += _before(day, width)[1:]
            points += [] if waiting else [day + width]
    return half, waits, points


def taken_until_seen(doses: Doses, end_day: float, days: int) -> Doses:
    """Return doses of which those taken every day or week up to the last visit go on to its end.

    Args:
        doses: as planned.
        end_day: planned day of the last visit.
        days: half width of its window.
    """
    found = []
    for course in doses:
        extra = 0
        if days and is_continuous(course) and course.end_day > end_day - _SAME:
            extra = math.ceil(days / course.interval_days) + 1
        found.append(replace(course, doses=course.doses + extra))
    return tuple(found)


def windows_on(grid: Grid, visits: Sequence[float], half: np.ndarray, waits: np.ndarray) -> Windows:
    """Return the windows on a grid that holds their points.

    Args:
        grid: laid with the visits and the further points as visits.
        visits: planned days of the visits.
        half: of `window_points`.
        waits: of `window_points`.
    """
    day, end = np.array(visits), grid.end
    real = (grid.length > 0) | (grid.visit >= 0)
    after = np.where(waits, 0.0, half)
    inside = (end[:, None] >= day - half - _SAME) & (end[:, None] <= day + after + _SAME)
    steps = np.flatnonzero(inside.any(axis=1) & real)
    step_node = np.full(len(end), -1, np.int32)
    step_node[steps] = np.arange(len(steps))
    visit = np.full(len(end), -1, np.int32)
    for number, planned in enumerate(day):
        visit[steps[np.argmin(np.abs(end[steps] - planned))]] = number
    return Windows(day, half, waits, step_node, end[steps], replace(grid, visit=visit))


def visit_shifts(study: Study, slots: np.ndarray, attended: np.ndarray) -> np.ndarray:
    """Return by how many days each person comes late to each visit, whole ones, early below 0.

    A draw depends on the seed, the person and the visit's month, and is the same in every arm.

    Args:
        study: the study.
        slots: person numbers, `(patient,)`.
        attended: whether a person comes to a visit, `(patient, visit)`; 0 where not.
    """
    shift, width = np.zeros(attended.shape, np.float32), study.visits.window_days
    for visit, month in enumerate(study.visits.months):
        if width and month > 0:
            drawn = np.asarray(uniforms(study.seed, f"day of visit {month:g}", slots, 1))[0]
            days = np.floor(drawn * (2 * width + 1)) - width
            shift[:, visit] = np.where(attended[:, visit], days, 0.0)
    return shift


def on_their_days(seen: State, places: Mapping[str, Patients]) -> State:
    """Return outputs on the days on which persons came, `(visit, patient)` each.

    Args:
        seen: outputs at the nodes, `(node, patient)` each.
        places: of `Windows.places`.
    """
    node, weight = places["node"], places["weight"]
    person = jnp.arange(node.shape[-1])

    def taken(values: Patients) -> Patients:
        at_nodes = values[node, person]
        # A weight of 0 takes nothing, be the value what it may.
        return jnp.sum(jnp.where(weight == 0, 0.0, at_nodes * weight), axis=0)

    return {name: taken(values) for name, values in seen.items()}
