"""A block's rows: made empty, filled tile by tile, and told as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cohort.patients.sampling import Patients as Sampled
from cohort.results.block import ResultCode, Taken
from cohort.results.outcomes import PLANNED, SITES
from cohort.results.schema import THETA
from cohort.solve.measurement import MEASURABLE
from cohort.solve.realise import draw_chances
from cohort.trial.courses import Courses


@dataclass(frozen=True)
class Rows:
    """An arm of a block.

    Attributes:
        columns: what is seen by name, `(patient, visit)` each.
        bad_day: day at which the state stopped being finite, infinite for none, `(patient,)`.
        courses: of the arm; None where it decides nothing.
        course: number of each person's course, `(patient, visit)`.
        chance: of `draw_chances`, `(decision, patient)`.
    """

    columns: dict[str, np.ndarray]
    bad_day: np.ndarray
    courses: Courses | None
    course: np.ndarray
    chance: np.ndarray

    @property
    def finite(self) -> np.ndarray:
        """Whose numbers are all finite."""
        return np.isinf(self.bad_day)

    @property
    def result_code(self) -> np.ndarray:
        """A `ResultCode` for every person."""
        return np.where(self.finite, ResultCode.OK, ResultCode.NOT_FINITE).astype(np.int8)

    @property
    def first_bad_day(self) -> np.ndarray:
        """The first day on which a number was not finite, NaN for who has none."""
        return np.where(self.finite, np.nan, self.bad_day).astype(np.float32)

    @property
    def taken(self) -> Taken:
        """Who was on which course; on the planned one where the arm decides nothing."""
        if self.courses is None:
            return Taken((PLANNED,), np.array([np.nan]), self.course)
        courses = self.courses.courses
        labels = tuple(course.label for course in courses)
        return Taken(labels, np.array([course.month for course in courses]), self.course)


def empty_rows(
    columns: Sequence[str], visits: int, courses: Courses | None, seed: int, slots: np.ndarray
) -> Rows:
    """Return room for an arm of a block.

    Args:
        columns: what is seen.
        visits: how many.
        courses: of the arm; None where it decides nothing.
        seed: of the run.
        slots: person numbers.
    """
    shape = len(slots), visits
    return Rows(
        columns={name: np.empty(shape, np.float32) for name in columns},
        bad_day=np.empty(len(slots)),
        courses=courses,
        course=np.zeros(shape, np.int32),
        chance=np.empty(0) if courses is None else draw_chances(courses, seed, slots),
    )


def patient_columns(
    sampled: Sampled, seen: Mapping[str, np.ndarray], entry: int
) -> dict[str, np.ndarray]:
    """Return the columns of `patients` that do not depend on the arm.

    Args:
        sampled: the persons of a block.
        seen: what is seen of them in any arm.
        entry: index of the visit at month 0.
    """
    own = {name: np.asarray(value) for name, value in sampled.covariates.items()}
    since = own["years_since_menopause"]
    columns = {
        "sex": np.where(own["male"] > 0, "male", "female").astype(object),
        "age": own["age"],
        "years_since_menopause": np.where(since >= 0, since, np.nan),
        "age_at_menopause": own["age_at_menopause"],
        "bmi": own["bmi"],
        "weight": np.ones(len(sampled.ids), np.float32),
    }
    for name in (*MEASURABLE, *(f"t_score_{site}" for site in SITES.values())):
        columns[name] = seen[name][:, entry]
    return columns | {THETA + name: np.asarray(value) for name, value in sampled.eta.items()}
