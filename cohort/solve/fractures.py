"""Fractures and deaths of a block: the persons' draws, and the events along their bones' course.

Runs on what the visits hold, after the solver, in numpy: a few milliseconds a block, and nothing
for studies that do not ask for fractures. Every draw is addressed by person and stream, the same in
each arm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cohort.fractures.events import Events, Person, counts_by_visit, draw_events
from cohort.fractures.hazard import Course, log_hazards
from cohort.fractures.history import Prevalence, frailty, vertebral_at_entry
from cohort.fractures.law import KINDS, load_law
from cohort.fractures.mortality import months_to_death, months_to_death_with_hips
from cohort.fractures.risk import OUTCOMES, cumulative_hazard
from cohort.patients.randomness import uniforms
from cohort.results.block import FractureEvents
from cohort.results.outcomes import FRACTURE, FRACTURE_RISK, SITES
from cohort.solve.plan import Reference
from cohort.trial.schema import Study

Reals = np.ndarray

NEEDED = ("fall_rate",)
"""Outcomes on request that the hazards read, whether or not the study asks for them."""

ENTRY_STREAM = "fractures at entry"
"""The stream of what a person enters with: prevalent fractures, frailty, death."""

_AT_ONCE = 4


def stated_prevalence(study: Study) -> Prevalence | None:
    """Return the fractures at entry that a study states, or None."""
    stated = study.population.prevalent_fracture
    return None if stated is None else Prevalence(stated.vertebral, stated.several)


def bone_course(
    seen: Mapping[str, Reals], reference: Reference, months: Reals, age: Reals, male: Reals
) -> Course:
    """Return what the hazards need of an arm's visits.

    Args:
        seen: the arm's columns, with those of `NEEDED`, `(patient, visit)`.
        reference: T-scores refer to its young women, in both sexes.
        months: of the visits.
        age: years at entry, `(patient,)`.
        male: 1 in men.
    """
    scores = {}
    for site in SITES.values():
        mean, sd = reference.bmd[site, "female"]
        scores[site] = (np.asarray(seen[f"bmd_{site}"], np.float64) - mean) / sd
    return Course(months, age, male, scores, seen["ctx"], seen["p1np"], seen["fall_rate"])


def exponential(uniform: Reals) -> Reals:
    """Return unit exponential draws from uniform ones on [0, 1)."""
    return -np.log1p(-np.asarray(uniform, np.float64))


class Clocks:
    """Unit exponential draws of persons, by kind of fracture and its number; any number there is.

    The k-th draw of a person depends on seed, kind, k and person alone; draws are made a few
    numbers at a time, when somebody needs them.
    """

    def __init__(self, seed: int, slots: np.ndarray) -> None:
        """Take the seed of the run and the persons' numbers; nothing is drawn yet."""
        self._seed, self._slots = seed, slots
        self._drawn: dict[tuple[str, int], Reals] = {}

    def __call__(self, kind: str, number: int) -> Reals:
        """Return the draws of all persons for the `number`-th fracture of a kind, from 0."""
        chunk, place = divmod(number, _AT_ONCE)
        if (kind, chunk) not in self._drawn:
            stream = f"fracture {kind} {chunk}"
            drawn = np.asarray(uniforms(self._seed, stream, self._slots, _AT_ONCE))
            self._drawn[kind, chunk] = exponential(drawn)
        return self._drawn[kind, chunk][place]


@dataclass(frozen=True)
class Entered:
    """The persons of a block as they enter, with their draws.

    Attributes:
        person: fractures at entry, frailty, and the month of leaving.
        age: years.
        male: 1 in men.
        clock: the draws of their fractures.
        death_month: NaN for who is alive when last seen.
        lifetime: unit exponential draws of their deaths.
    """

    person: Person
    age: Reals
    male: Reals
    clock: Clocks
    death_month: Reals
    lifetime: Reals

    def with_hips(self, events: Events, share: float) -> Entered:
        """Return these persons, of whom some die earlier after a hip fracture.

        Args:
            events: their fractures.
            share: of the published excess mortality that is counted.
        """
        hips = events.kind == KINDS.index("hip")
        if share == 0 or not hips.any():
            return self
        death = months_to_death_with_hips(
            self.age, self.male, self.lifetime, events.person[hips], events.month[hips], share
        )
        earlier = death < self.person.exit_month
        person = replace(self.person, exit_month=np.where(earlier, death, self.person.exit_month))
        death_month = np.where(earlier, death, self.death_month)
        return replace(self, person=person, death_month=death_month)

    def until(self, last_month: Reals) -> Entered:
        """Return these persons, of whom some leave before they would otherwise.

        Args:
            last_month: when they leave, if they live.
        """
        death = self.person.exit_month
        person = replace(self.person, exit_month=np.minimum(last_month, death))
        return replace(self, person=person, death_month=np.where(death < last_month, death, np.nan))

    def columns(self) -> dict[str, Reals]:
        """Return what `patients.parquet` gets."""
        return {
            "vertebral_fractures": self.person.vertebral.astype(np.float32),
            "fracture_frailty": self.person.frailty.astype(np.float32),
            "death_month": self.death_month.astype(np.float32),
        }


class Followed(NamedTuple):
    """What an arm of a block came to.

    Attributes:
        last_month: when each person was last seen.
        columns: of `patients`.
        events: fractures and deaths.
    """

    last_month: Reals
    columns: dict[str, Reals]
    events: FractureEvents


class FractureSimulator:
    """Draws fractures and deaths of one study's persons."""

    def __init__(self, study: Study, reference: Reference, months: Reals) -> None:
        """Take the study.

        Args:
            study: the validated study.
            reference: its reference values; T-scores here refer to young women in both sexes.
            months: of the visits.
        """
        self._seed = study.seed
        self._months = np.asarray(months, np.float64)
        self._reference = reference
        self._stated = stated_prevalence(study)
        self._excess = study.outputs.hip_fracture_mortality
        self._law = load_law()
        self._background = self._law.vertebral_background(study.population.fracture_background)

    def block(
        self,
        slots: np.ndarray,
        covariates: Mapping[str, ArrayLike],
        last_month: Mapping[str, Reals],
        visits: Mapping[str, dict[str, Reals]],
    ) -> dict[str, Followed]:
        """Add fractures to the visits of every arm of a block.

        Args:
            slots: person numbers, `(patient,)`.
            covariates: of the persons; `age` and `male` are read.
            last_month: by arm, when they leave, if they live.
            visits: columns by arm, with those of `NEEDED`; those of the fractures are put in.
        """
        age, male = (np.asarray(covariates[name], np.float64) for name in ("age", "male"))
        entered = self.enter(slots, age, male, np.full(len(slots), np.inf))
        followed = {}
        for arm, columns in visits.items():
            own, found, events = self.arm(entered.until(last_month[arm]), columns)
            columns.update(found)
            last = own.person.exit_month.astype(np.float32)
            followed[arm] = Followed(last, own.columns(), events)
        return followed

    def enter(self, slots: np.ndarray, age: Reals, male: Reals, last_month: Reals) -> Entered:
        """Return the persons of a block with their draws.

        Args:
            slots: person numbers, `(patient,)`.
            age: years at entry.
            male: 1 in men.
            last_month: when they leave, if they live.
        """
        draws = np.asarray(uniforms(self._seed, ENTRY_STREAM, slots, 3), np.float64)
        death = months_to_death(age, male, exponential(draws[2]))
        person = Person(
            vertebral=vertebral_at_entry(self._law, age, draws[0], self._stated),
            frailty=frailty(self._law, draws[1]),
            exit_month=np.minimum(last_month, death),
        )
        death_month = np.where(death < last_month, death, np.nan)
        clocks, lifetime = Clocks(self._seed, slots), exponential(draws[2])
        return Entered(person, age, male, clocks, death_month, lifetime)

    def arm(
        self, entered: Entered, seen: Mapping[str, Reals]
    ) -> tuple[Entered, dict[str, Reals], FractureEvents]:
        """Return an arm's persons as they ended, its columns of fractures and its events.

        Args:
            entered: the persons.
            seen: the arm's columns, with those of `NEEDED`.
        """
        # A failed person's numbers may be anything; hers are not reported.
        with np.errstate(all="ignore"):
            course = bone_course(seen, self._reference, self._months, entered.age, entered.male)
            hazards = log_hazards(self._law, course, self._background)
            events = draw_events(self._law, hazards, self._months, entered.person, entered.clock)
            ended = entered.with_hips(events, self._excess)
            events = events.until(ended.person.exit_month)
            columns = self._columns(hazards, events, ended.person)
        return ended, columns, _with_deaths(events, ended.death_month)

    def _columns(
        self, hazards: Mapping[str, Reals], events: Events, person: Person
    ) -> dict[str, Reals]:
        found, persons = {}, len(person.frailty)
        for outcome, kinds in OUTCOMES.items():
            found[FRACTURE + outcome] = counts_by_visit(events, kinds, self._months, persons)
            grown = cumulative_hazard(self._law, hazards, self._months, person, events, outcome)
            found[FRACTURE_RISK + outcome] = (-100.0 * np.expm1(-grown)).astype(np.float32)
        return found


def _with_deaths(events: Events, death_month: Reals) -> FractureEvents:
    """Return fractures and deaths as rows, by person and then by time."""
    dead = np.flatnonzero(np.isfinite(death_month))
    person = np.concatenate([events.person, dead])
    month = np.concatenate([events.month, death_month[dead]])
    kind = np.concatenate([events.kind, np.full(len(dead), len(KINDS))])
    order = np.lexsort((kind, month, person))
    return FractureEvents(person[order], month[order].astype(np.float32), kind[order])
