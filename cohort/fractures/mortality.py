"""Death from any cause, by a life table of sex and single years of age.

Within a year of age the hazard is constant, `-ln(1 - q)`, so that the cumulative hazard is a broken
line by age and the age at death is where it has grown by a unit exponential draw. It depends on
nothing that a trial changes: a person dies on the same day in every arm.

Where a study asks for it, a hip fracture raises the hazard by a share `s` of the published excess,

    h = h_0(age) [1 + s (R(t) - 1)],    t: time since the last hip fracture,

with `R` by sex of `hip_mortality.csv` (Haentjens 2010, 10.7326/0003-4819-152-6-201003160-00008);
the draw stays the same, so that a fracture which a treatment prevents can only put a death off.
"""

from __future__ import annotations

import csv
from functools import cache

import numpy as np

from cohort.resources import data_root

Reals = np.ndarray


@cache
def cumulative_mortality() -> tuple[Reals, Reals, Reals]:
    """Return ages and the cumulative hazard of death since birth, in women and in men."""
    path = data_root() / "fractures" / "life_table.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ages = np.arange(len(rows) + 1, dtype=np.float64)
    grown = [
        np.concatenate(([0.0], np.cumsum([-np.log1p(-float(row[sex])) for row in rows])))
        for sex in ("female", "male")
    ]
    return ages, grown[0], grown[1]


def months_to_death(age: Reals, male: Reals, exponential: Reals) -> Reals:
    """Return months from entry to death, infinite for who outlives the table.

    Args:
        age: years at entry.
        male: 1 in men.
        exponential: a unit exponential draw of each person's own.
    """
    ages, women, men = cumulative_mortality()
    found = np.empty(len(age))
    for is_male, grown in ((False, women), (True, men)):
        who = (np.asarray(male) > 0) == is_male
        entry = np.asarray(age, np.float64)[who]
        target = np.interp(entry, ages, grown) + exponential[who]
        # Beyond the table's last age nobody is left to be followed.
        died = np.interp(target, grown, ages, right=np.inf)
        found[who] = 12.0 * (died - entry)
    return found


@cache
def hip_mortality() -> dict[bool, tuple[tuple[float, float, float], ...]]:
    """Return relative hazards after a hip fracture, by whether men: months from and to, hazard."""
    path = data_root() / "fractures" / "hip_mortality.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        male: tuple(
            (
                float(row["from_month"]),
                float(row["to_month"] or np.inf),
                float(row["relative_hazard"]),
            )
            for row in rows
            if row["sex"] == ("male" if male else "female")
        )
        for male in (False, True)
    }


def months_to_death_with_hips(
    age: Reals, male: Reals, exponential: Reals, person: np.ndarray, month: Reals, share: float
) -> Reals:
    """Return months from entry to death of persons some of whom break a hip before it.

    Args:
        age: years at entry.
        male: 1 in men.
        exponential: a unit exponential draw of each person's own.
        person: index of the person of each hip fracture, in the order of persons.
        month: when, of one person in the order of time.
        share: of the excess that is counted.
    """
    found = months_to_death(age, male, exponential)
    ages, women, men = cumulative_mortality()
    for is_male, grown in ((False, women), (True, men)):
        own = (np.asarray(male)[person] > 0) == is_male
        who, place, counts = np.unique(person[own], return_inverse=True, return_counts=True)
        if not who.size:
            continue
        number = np.arange(place.size) - (np.cumsum(counts) - counts)[place]
        hips = np.full((who.size, counts.max() + 1), np.inf)
        hips[place, number] = month[own]
        life = _Life(np.asarray(age, np.float64)[who], exponential[who], ages, grown)
        life.go_on(hips[:, 0], 1.0)
        for since, following in zip(hips.T[:-1], hips.T[1:], strict=True):
            for _, until, ratio in hip_mortality()[is_male]:
                life.go_on(np.minimum(since + until, following), 1.0 + share * (ratio - 1.0))
        found[who] = life.death
    return found


class _Life:
    """Persons who use up their exponential draws as time goes on.

    Attributes:
        death: month of death, infinite as long as they live.
    """

    def __init__(self, age: Reals, exponential: Reals, ages: Reals, grown: Reals) -> None:
        self._age, self._left = age, np.array(exponential, np.float64)
        self._ages, self._grown = ages, grown
        self._so_far = np.interp(age, ages, grown)
        self.death = np.full(len(age), np.inf)

    def go_on(self, until: Reals, rate: float) -> None:
        """Live until a month, at so many times the life table's hazard."""
        then = np.interp(self._age + until / 12.0, self._ages, self._grown)
        more = rate * np.maximum(then - self._so_far, 0.0)
        dies = np.isinf(self.death) & (self._left <= more)
        died = np.interp(self._so_far + self._left / rate, self._grown, self._ages)
        self.death = np.where(dies, 12.0 * (died - self._age), self.death)
        self._left = self._left - more
        self._so_far = np.maximum(then, self._so_far)
