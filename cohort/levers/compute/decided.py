"""Arms that decide about their treatment, as functions of the levers.

An arm's schedules of doses are all computed under every setting, as if everybody were on each; then
every person is put on her own by what was measured of her, with the errors that a run of the study
gives her, and by the draws that it makes. A lever so moves who is treated how, too. Nobody leaves
or misses a visit; who is randomised again is drawn person by person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from cohort.model.arrays import Patients, State
from cohort.patients.randomness import stream_key, stream_normals
from cohort.results.outcomes import BY_NAME, MEASURED
from cohort.solve.compiled import DRAWN_VISITS, room
from cohort.solve.measurement import (
    MEASURABLE,
    ON_REQUEST,
    machine_drift,
    measured,
    with_changes,
)
from cohort.solve.plan import load_reference
from cohort.solve.realise import draw_chances
from cohort.trial.courses import Courses, Decision
from cohort.trial.schema import Study
from cohort.trial.treating import Rerandomisation, TreatmentRule

_STREAMS = (("measurement", MEASURABLE), ("measurement on request", ON_REQUEST))
"""Streams of random numbers of a run's errors, and what each is for."""


class Errors(NamedTuple):
    """Errors of measurement of some quantities.

    Attributes:
        names: the quantities.
        normals: standard normal draws, `(month, name, patient)`.
        cv: coefficients of variation.
        drift: factor by which a machine strays at each month.
    """

    names: tuple[str, ...]
    normals: Patients
    cv: Mapping[str, Patients]
    drift: Mapping[str, Patients]


class Decided:
    """The decisions of a job's arms."""

    def __init__(
        self, study: Study, courses: Mapping[str, Courses], months: Sequence[float], tile: Mapping
    ) -> None:
        """Draw what is left to chance, and the errors by which rules go.

        Args:
            study: the study.
            courses: of the arms that are simulated.
            months: at which persons are seen; those of the decisions are among them.
            tile: the persons.
        """
        self._courses, self._months = courses, list(months)
        count = tile["age"].shape[-1]
        slots = np.arange(count, dtype=np.int64)
        self._chance = {
            arm: jnp.asarray(draw_chances(own, study.seed, slots)) for arm, own in courses.items()
        }
        asked = {BY_NAME[name].base_name.replace("t_score_", "bmd_") for name in self.outcomes}
        self._errors = tuple(
            _errors(study, stream, names, self._months, tile)
            for stream, names in _STREAMS
            if asked.intersection(names)
        )

    @property
    def outcomes(self) -> set[str]:
        """What rules go by, without `measured_`."""
        sources = (d.source for own in self._courses.values() for d in own.decisions)
        return {source.when for source in sources if isinstance(source, TreatmentRule)}

    def read(self, true: State, reference: Mapping, entry: Patients) -> State:
        """Return what rules go by, as measured, `(month, lane)` each.

        Args:
            true: absolute values, `(month, lane)` each.
            reference: the persons' own references.
            entry: index of month 0.
        """
        found: dict[str, Patients] = {}
        for own in self._errors:
            normals = jnp.tile(own.normals, reference["ctx"].shape[-1] // own.normals.shape[-1])
            normals = normals.astype(reference["ctx"].dtype)
            read = measured(true, own.names, normals, own.cv, own.drift)
            found |= with_changes(read, reference, entry)
        return {MEASURED + name: found[MEASURED + name] for name in self.outcomes}

    def realised(self, seen: Mapping[str, Patients]) -> dict[str, Patients]:
        """Return what is seen of each person on her own schedule, `(arm, month, lane)`.

        Args:
            seen: by schedule of the arms, one arm after another, `(schedule, month, lane)` each.
        """
        found: dict[str, list[Patients]] = {name: [] for name in seen}
        first = 0
        for arm, courses in self._courses.items():
            last = first + len(courses.schedules)
            own = {name: values[first:last] for name, values in seen.items()}
            place = self._schedules(arm, courses, own)
            for name, values in own.items():
                found[name].append(jnp.take_along_axis(values, place[None, None], axis=0)[0])
            first = last
        return {name: jnp.stack(parts) for name, parts in found.items()}

    def _schedules(self, arm: str, courses: Courses, seen: Mapping[str, Patients]) -> Patients:
        """Return the schedule that each person comes to be on, `(lane,)`."""
        lanes = next(iter(seen.values())).shape[-1]
        chance = jnp.tile(self._chance[arm], lanes // self._chance[arm].shape[-1])
        schedule_of = jnp.asarray(courses.schedule_of)
        number = jnp.zeros(lanes, jnp.int32)
        for decision, onward, drawn in zip(courses.decisions, courses.onward, chance, strict=True):
            answer = self._answer(decision, schedule_of[number], seen, drawn)
            number = jnp.asarray(onward, jnp.int32)[number, answer]
        return schedule_of[number]

    def _answer(
        self, decision: Decision, place: Patients, seen: Mapping[str, Patients], drawn: Patients
    ) -> Patients:
        source = decision.source
        if isinstance(source, Rerandomisation):
            edges = np.cumsum([phase.ratio for phase in source.to])
            return jnp.searchsorted(jnp.asarray(edges[:-1] / edges[-1]), drawn, side="right")
        if not isinstance(source, TreatmentRule):
            return (drawn < source.share).astype(jnp.int32)
        values = seen[MEASURED + source.when][:, self._months.index(decision.month)]
        value = jnp.take_along_axis(values, place[None], axis=0)[0]
        below = value < (-np.inf if source.below is None else source.below)
        above = value > (np.inf if source.above is None else source.above)
        return (below | above).astype(jnp.int32)


def _errors(
    study: Study, stream: str, names: tuple[str, ...], months: Sequence[float], tile: Mapping
) -> Errors:
    """Return the errors that a run of the study gives its first persons."""
    visits = room(len(study.visits.months), DRAWN_VISITS)
    key = jnp.asarray(stream_key(study.seed, stream))
    drawn = stream_normals(key, tile["high"], tile["low"], visits * len(names))
    rows = np.array([study.visits.months.index(month) for month in months])
    normals = drawn.reshape(visits, len(names), -1)[rows]
    drift = machine_drift(study.measurement.dxa_drift, np.array(months))
    cv = {name: jnp.asarray(value) for name, value in load_reference(study).cv.items()}
    return Errors(names, normals, cv, {name: jnp.asarray(value) for name, value in drift.items()})
