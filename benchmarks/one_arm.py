"""One arm of a trial as functions of the parameters, for what differentiates or lowers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients, State
from cohort.model.person import Person
from cohort.solve import fused
from cohort.solve.backward import Derive
from cohort.solve.compiled import tile_person
from cohort.solve.exposures import (
    DrugNumbers,
    StepForcing,
    add_drug_parameters,
    drug_numbers,
)
from cohort.solve.history import DAYS_PER_YEAR, LATE_NODES, NODES_PER_YEAR, live
from cohort.solve.plan import make_plan, study_variability
from cohort.solve.simulate import StudySimulator
from cohort.solve.trial import Steps, treat
from cohort.trial.schema import Study

Values = Mapping[str, Patients]


class Entry(NamedTuple):
    """Persons on the first day of a study.

    Attributes:
        person: their parameters.
        numbers: of the drugs.
        age: years at entry, `(patient,)`.
        noise: slow noise at its nodes, `(node, 2, patient)`.
        state: of the model.
    """

    person: Person
    numbers: DrugNumbers
    age: Patients
    noise: Patients
    state: State


class OneArm:
    """The first arm of a study, for its first patients.

    Attributes:
        plan: the study's layout.
        values: value by parameter name.
        steps: its grid and inputs.
    """

    def __init__(self, study: Study, patients: int) -> None:
        """Draw the patients and lay out the arm.

        Args:
            study: the study, whose precision holds.
            patients: how many, at most a tile.
        """
        self.plan = make_plan(study)
        dtype = jnp.dtype(study.engine.precision)
        made = StudySimulator(study, self.plan, study_variability(study))
        tile, noise = made.persons(np.arange(patients, dtype=np.int64))
        self._tile, self._noise = jax.tree.map(lambda x: x[..., :patients], (tile, noise))
        self.values = {name: jnp.asarray(v, dtype) for name, v in self.plan.values.items()}
        grid, forcing = self.plan.grid, next(iter(self.plan.forcing.values()))
        node = LATE_NODES + (grid.start - grid.start[0]) * NODES_PER_YEAR / DAYS_PER_YEAR
        used = np.flatnonzero((grid.length > 0) | (grid.visit >= 0))[-1] + 1
        rows = StepForcing(
            **{name: jnp.asarray(getattr(forcing, name)[:used], dtype) for name in _INPUTS}
        )
        start, length, node = (
            jnp.asarray(x[:used], dtype) for x in (grid.start, grid.length, node)
        )
        self.steps = Steps(start, length, node, jnp.asarray(grid.visit[:used]), rows)

    @property
    def years(self) -> float:
        """Length of the arm in years."""
        return self.plan.months[-1] / 12.0

    def entry(self, values: Values, derive: Derive = "none") -> Entry:
        """Return the persons as their history leaves them.

        Args:
            values: value by parameter name; traced ones give derivatives.
            derive: as in `solve.history.live`.
        """
        numbers = drug_numbers(self.plan.drugs, values)
        person = add_drug_parameters(tile_person(values, self._tile), numbers)
        age, past = self._tile["age"], self._noise[: LATE_NODES + 1]
        first = age + float(self.plan.grid.start[0]) / DAYS_PER_YEAR
        return Entry(person, numbers, age, self._noise, live(person, first, past, derive))

    def seen(self, entry: Entry, steps: Steps, derive: Derive = "none") -> State:
        """Return the arm's outputs, `(visit, patient)` each.

        Args:
            entry: of `entry`.
            steps: grid and inputs.
            derive: as in `entry`.
        """
        person, numbers, age, noise, state = entry
        visits = len(self.plan.months)
        return treat(state, person, age, noise, steps, numbers, visits, derive=derive)[0]

    def seen_by_kernel(self, entry: Entry) -> State:
        """Return what `seen` does, all steps in one kernel."""
        count, visits = jnp.asarray(len(self.steps.length)), len(self.plan.months)
        _, numbers, _, noise, state = entry
        given = state, self.values, self._tile, numbers, noise, self.steps, count, visits, False
        return fused.run_arm(*given)[0]

    def gain(self, names: Sequence[str], derive: Derive) -> Callable[[Patients, Steps], Patients]:
        """Return the mean percent change of BMD and of CTX at the last visit, added up.

        Args:
            names: of the parameters that are its argument, in units of their own values.
            derive: as in `seen`.
        """

        def function(scale: Patients, steps: Steps) -> Patients:
            moved = {name: self.values[name] * scale[i] for i, name in enumerate(names)}
            seen = self.seen(self.entry({**self.values, **moved}, derive), steps, derive)
            changes = [seen[k][-1] / seen[k][0] - 1.0 for k in ("bmd_lumbar_spine", "ctx")]
            return 100.0 * jnp.mean(sum(changes, jnp.zeros(())))

        return function


_INPUTS = ("antibody", "bisphosphonate", "pulses", "level_start", "level_end")


def finer(steps: Steps, times: int) -> Steps:
    """Return the same arm in so many times as many steps."""

    def each(x: Patients) -> Patients:
        return jnp.repeat(x, times, axis=0)

    length = each(steps.length) / times
    part = jnp.tile(jnp.arange(times), len(steps.start))
    last = part == times - 1
    return replace(
        jax.tree.map(each, steps),
        start=each(steps.start) + part * length,
        length=length,
        node=each(steps.node) + part * length * (NODES_PER_YEAR / DAYS_PER_YEAR),
        visit=jnp.where(last, each(steps.visit), -1),
    )
