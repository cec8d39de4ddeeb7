"""A study's schedule and drug numbers under moved pharmacokinetics.

Absorption and linear losses are solved once an arm, in float64, before any person is computed
(`solve.schedule`), so a PK number enters as other inputs and not as a traced value. Evaluations
that share their PK numbers share the schedule; courses of drugs whose numbers stay are laid once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from cohort.solve.exposures import StepForcing, drug_numbers
from cohort.solve.plan import Plan
from cohort.solve.schedule import Drugs, Forcing, arm_forcing
from cohort.therapy import Therapy
from cohort.trial.regimen import DoseCourse

_RELATIVE_STEP = 3e-3


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Given:
    """What is given, and the drug numbers that PK decides.

    Attributes:
        antibody: as in `solve.exposures.DrugNumbers`.
        pulse: the same.
        weight: the same.
        forcing: inputs of every schedule, `(schedule, step, ...)` each.
    """

    antibody: np.ndarray
    pulse: np.ndarray
    weight: np.ndarray
    forcing: StepForcing


@dataclass(frozen=True)
class Kinetics:
    """How PK numbers become schedules.

    Attributes:
        plan: the study's layout.
        arms: courses of doses of every schedule of every arm that is simulated, by its name.
        names: what is moved: `therapy.number`.
        steps: how many of the grid's steps are made.
    """

    plan: Plan
    arms: Mapping[str, Sequence[DoseCourse]]
    names: tuple[str, ...]
    steps: int

    def at(self, rows: np.ndarray) -> Given:
        """Return what is given at PK numbers, a first axis more than in `Given`.

        Args:
            rows: PK numbers in the order of `names`, `(evaluation, number)`.
        """
        different, whose = np.unique(rows, axis=0, return_inverse=True)
        made = [self.one(row) for row in different]
        return jax.tree.map(lambda *leaves: np.stack(leaves)[whose.reshape(-1)], *made)

    def one(self, numbers: Sequence[float] | np.ndarray) -> Given:
        """Return what is given under one set of PK numbers."""
        drugs = self._drugs(numbers)
        rows = [
            _sum(self._kept[arm], arm_forcing(self._moved_courses(arm), drugs, self.plan.grid))
            for arm in self.arms
        ]
        found = drug_numbers(drugs, self._roles)
        return Given(
            np.asarray(found.antibody),
            np.asarray(found.pulse),
            np.asarray(found.weight),
            jax.tree.map(lambda *leaves: np.stack(leaves)[:, : self.steps], *map(_rows, rows)),
        )

    def slope(self, numbers: Sequence[float], place: int) -> Given:
        """Return the derivative of what is given by one PK number: a central difference."""
        step = _RELATIVE_STEP * numbers[place]
        below, above = list(numbers), list(numbers)
        below[place], above[place] = numbers[place] - step, numbers[place] + step
        return jax.tree.map(
            lambda low, high: (high - low) / (2.0 * step), self.one(below), self.one(above)
        )

    @cached_property
    def _roles(self) -> dict[str, Any]:
        """Values of the parameters that drugs name, floats; the others would only take time."""
        named = {
            name for drug in self.plan.drugs.therapies.values() for name in drug.parameters.values()
        }
        found = {name: self.plan.values[name] for name in named if name in self.plan.values}
        return found or dict(list(self.plan.values.items())[:1])

    @cached_property
    def _moved_drugs(self) -> frozenset[str]:
        return frozenset(name.rsplit(".", 1)[0] for name in self.names)

    def _moved_courses(self, arm: str) -> list[DoseCourse]:
        return [course for course in self.arms[arm] if course.therapy in self._moved_drugs]

    @cached_property
    def _kept(self) -> dict[str, Forcing]:
        """Inputs of the courses that no PK number moves."""
        kept = {
            arm: [course for course in courses if course.therapy not in self._moved_drugs]
            for arm, courses in self.arms.items()
        }
        return {
            arm: arm_forcing(courses, self.plan.drugs, self.plan.grid)
            for arm, courses in kept.items()
        }

    def _drugs(self, numbers: Sequence[float] | np.ndarray) -> Drugs:
        drugs = self.plan.drugs
        therapies = dict(drugs.therapies)
        for name, value in zip(self.names, numbers, strict=True):
            therapy, key = name.rsplit(".", 1)
            therapies[therapy] = _with(therapies[therapy], key, float(value))
        antibodies = {target: therapies[own.name] for target, own in drugs.antibodies.items()}
        return replace(drugs, therapies=therapies, antibodies=antibodies)


def _with(therapy: Therapy, key: str, value: float) -> Therapy:
    return replace(therapy, pk={**therapy.pk, key: replace(therapy.pk[key], value=value)})


def _sum(first: Forcing, second: Forcing) -> Forcing:
    """Add the inputs of two lists of courses: every input is a sum over courses."""
    return Forcing(
        first.antibody + second.antibody,
        first.bisphosphonate + second.bisphosphonate,
        first.pulses + second.pulses,
        first.level_start + second.level_start,
        first.level_end + second.level_end,
    )


def _rows(forcing: Forcing) -> StepForcing:
    inputs: dict[str, Any] = {field.name: getattr(forcing, field.name) for field in fields(forcing)}
    return StepForcing(**inputs)
