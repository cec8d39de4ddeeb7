"""Who is there to be randomised again at a visit, and to what, where it is done in blocks.

Participants are taken in the order of their numbers, a tile of an arm at a time, so that neither
the size of blocks of persons nor the number of workers changes who gets what. Who has left or died
by then takes no place in a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cohort.patients.sampling import Patients as Sampled
from cohort.solve.conduct import Conduct, leaving
from cohort.solve.fractures import FractureSimulator
from cohort.trial.courses import Decision
from cohort.trial.randomisation import allocated, classes, generator_at
from cohort.trial.schema import Study
from cohort.trial.treating import Rerandomisation


@dataclass(frozen=True)
class Arrivals:
    """The participants of an arm in a tile.

    Attributes:
        study: the study.
        arm: the arm's name.
        slots: person numbers, `(patient,)`.
        covariates: what is known at enrolment, `(patient,)` each.
        behaviour: how they behave.
        death_month: when they die by the life table; infinite where the study has no deaths.
    """

    study: Study
    arm: str
    slots: np.ndarray
    covariates: Mapping[str, np.ndarray]
    behaviour: Conduct
    death_month: np.ndarray

    def placed(
        self, decision: Decision, otherwise: np.ndarray, seen: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        """Return the phase that each is randomised to, `(patient,)`.

        Args:
            decision: randomisation in blocks.
            otherwise: phases of those who are no longer there.
            seen: the arm's columns until then, `(patient, visit)` each.
        """
        again = decision.source
        assert isinstance(again, Rerandomisation)
        assert again.randomisation is not None
        left = leaving(self.study, self.arm, self.behaviour, seen)
        # Who stays to the end leaves with the last visit, which no randomisation follows.
        there = np.flatnonzero(np.minimum(left, self.death_month) > decision.month)
        columns = {name: values[there] for name, values in self._columns().items()}
        stratum = classes(columns, again.randomisation.strata, len(there))

        def of_stratum(number: int) -> np.random.Generator:
            first = self.slots[0]
            return generator_at(self.study.seed, "again", f"{decision.month:g}", first, number)

        ratios = [phase.ratio for phase in again.to]
        phase = otherwise.copy()
        phase[there] = allocated(stratum, ratios, again.randomisation, of_stratum)
        return phase

    def _columns(self) -> dict[str, np.ndarray]:
        found = {name: np.asarray(values) for name, values in self.covariates.items()}
        return found | {"sex": np.where(found["male"] > 0, "male", "female")}


def arrivals(
    study: Study,
    arm: str,
    sampled: Sampled,
    behaviour: Conduct,
    fractures: FractureSimulator | None,
    where: slice,
) -> Arrivals | None:
    """Return the participants of a tile, or None where the arm randomises nobody again in blocks.

    Args:
        study: the study.
        arm: the arm's name.
        sampled: the persons of a block.
        behaviour: of these persons.
        fractures: what draws their deaths; None where there are none.
        where: the tile's persons.
    """
    if not any(again.in_blocks for again in study.arm(arm).rerandomise):
        return None
    slots = sampled.ids[where]
    known = {name: np.asarray(values)[where] for name, values in sampled.covariates.items()}
    death = np.full(len(slots), np.inf)
    if fractures:
        age, male = (known[name].astype(np.float64) for name in ("age", "male"))
        death = fractures.enter(slots, age, male, death).person.exit_month
    own = Conduct(*(values[where] for values in behaviour))
    return Arrivals(study, arm, slots, known, own, death)
