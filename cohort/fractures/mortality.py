"""Death from any cause, by a life table of sex and single years of age.

Within a year of age the hazard is constant, `-ln(1 - q)`, so that the cumulative hazard is a broken
line by age and the age at death is where it has grown by a unit exponential draw. It depends on
nothing that a trial changes: a person dies on the same day in every arm. That a hip fracture is
often followed by death is left to who uses the tables.
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
