"""The bones' courses of fracture trials, simulated once, and what they give under a law."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from cohort.fractures.events import Events, Person
from cohort.fractures.hazard import Course, log_hazards
from cohort.fractures.history import Prevalence, vertebral_at_entry
from cohort.fractures.law import Law
from cohort.fractures.risk import cumulative_hazard
from cohort.patients.randomness import uniforms
from cohort.solve.fractures import ENTRY_STREAM, bone_course, stated_prevalence
from cohort.solve.plan import load_reference
from cohort.solve.simulate import make_simulator
from cohort.trial.study import load_study

NOBODY = Events(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
"""No drawn fractures: an expected incidence hardly changes with those of other kinds."""

Place = tuple[str, str]
"""A trial and one of its arms."""


@dataclass(frozen=True)
class ArmCourse:
    """One arm's persons: their bones, and the draws of what they bring.

    Attributes:
        course: their bones.
        draws: uniform draws behind fractures at entry, `(patient,)`.
        stated: fractures at entry as the trial published them.
        background: the trial whose background the persons have.
        hip_change: percent change of total hip density at each visit, `(patient, visit)`.
    """

    course: Course
    draws: np.ndarray
    stated: Prevalence | None
    background: str | None
    hip_change: np.ndarray

    def hazard(self, law: Law, shares: Mapping[str, float]) -> np.ndarray:
        """Return the cumulative hazard of a first fracture at each visit, at mean frailty.

        Args:
            law: the coefficients; a trial without a background in it has none.
            shares: which share of each of `risk.OUTCOMES` counts.

        Returns:
            `(patient, visit)`.
        """
        age, months = self.course.age, self.course.months
        person = Person(
            vertebral=vertebral_at_entry(law, age, self.draws, self.stated),
            frailty=np.ones(len(age)),
            exit_month=np.full(len(age), months[-1]),
        )
        own = law.background.get(self.background or "")
        hazards = log_hazards(law, self.course, 0.0 if own is None else own.value)
        found = np.zeros((len(age), len(months)))
        for outcome, share in shares.items():
            found += share * cumulative_hazard(law, hazards, months, person, NOBODY, outcome)
        return found

    def incidence(self, law: Law, shares: Mapping[str, float], month: float) -> float:
        """Return the expected share of persons with a first fracture by a month.

        Over a gamma frailty of variance v it is `1 - (1 + v H)^(-1/v)` for each person.

        Args:
            law: the coefficients.
            shares: which share of each of `risk.OUTCOMES` counts.
            month: a visit.
        """
        variance = law.common.frailty_variance.value
        grown = self.hazard(law, shares)[:, self.visit(month)]
        return float(np.mean(-np.expm1(-np.log1p(variance * grown) / variance)))

    def visit(self, month: float) -> int:
        """Return the index of the visit nearest to a month."""
        return int(np.argmin(np.abs(self.course.months - month)))


def simulate_arms(wanted: Iterable[Place], persons: int) -> Mapping[Place, ArmCourse]:
    """Simulate arms of bundled trials.

    Args:
        wanted: trials and arms.
        persons: persons of each.
    """
    by_trial: dict[str, list[str]] = {}
    for trial, arm in dict.fromkeys(wanted):
        by_trial.setdefault(trial, []).append(arm)
    found: dict[Place, ArmCourse] = {}
    for trial, arms in by_trial.items():
        found |= _trial_arms(trial, tuple(arms), persons)
    return found


def _trial_arms(trial: str, arms: tuple[str, ...], persons: int) -> dict[Place, ArmCourse]:
    # Without events: they need the very coefficients that are to be fitted.
    study = load_study(trial, ["outputs.fractures=false", 'outputs.extra=["fall_rate"]'])
    slots = np.arange(persons, dtype=np.int64)
    block = make_simulator(study).block(slots, arms)
    reference = load_reference(study)
    draws = np.asarray(uniforms(study.seed, ENTRY_STREAM, slots, 3), np.float64)[0]
    found = {}
    for arm in arms:
        ok = np.asarray(block.result_code[arm]) == 0
        seen = {name: values[ok] for name, values in block.visits[arm].items()}
        age, male = block.patients["age"][ok], block.patients["sex"][ok] == "male"
        found[trial, arm] = ArmCourse(
            course=bone_course(seen, reference, block.months, age, male.astype(np.float64)),
            draws=draws[ok],
            stated=stated_prevalence(study),
            background=study.population.fracture_background,
            hip_change=seen["bmd_total_hip_change"],
        )
    return found
