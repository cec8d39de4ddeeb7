"""The effect of each arm against the control at the last visit, by site and in subgroups.

Where every person is in every arm (`paired`) the effect is the mean of the differences within a
person, d, with Student's interval mean(d) -+ t sd(d) / sqrt(n); in a randomised run it is that of
an analysis of covariance adjusted for baseline. Who has no value at the last visit is left out. The
levels of a subgroup hold different persons, so that equality of their two effects is tested by

    z = (e1 - e2) / sqrt(se1^2 + se2^2)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cohort.analysis.persons import Persons, patients_of
from cohort.analysis.statistics.ancova import ancova
from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.trial import Comparison
from cohort.results.outcomes import CHANGE

FEWEST = 10
"""Persons that a level of a subgroup must have in each arm."""

_COLUMNS = ("sex", "age", "t_score_lumbar_spine", "vertebral_fractures")
Ids = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EffectRow:
    """An effect as a forest plot shows it.

    Attributes:
        arm: the arm that is compared with the control.
        group: the site, or the variable of the subgroup.
        level: the level of the variable; empty for everybody.
        n: persons analysed, both arms together; of a paired run, persons.
        estimate: treated minus control, percentage points.
        low: lower 95 % confidence limit.
        high: upper one.
        se: standard error.
        interaction: p value of equal effects in the variable's levels; NaN for everybody.
        true: the effect known to the simulation, where it is drawn beside the estimate, or NaN.
    """

    arm: str
    group: str
    level: str
    n: int
    estimate: float
    low: float
    high: float
    se: float
    interaction: float = math.nan
    true: float = math.nan


class Effects:
    """Effects of one run.

    Args:
        persons: persons of each arm.
        control: the arm that others are compared with.
        paired: whether every person is in every arm.
    """

    def __init__(self, persons: Mapping[str, Persons], control: str, paired: bool) -> None:
        """Take the persons; values are read when they are asked for."""
        self._persons, self._control, self._paired = persons, control, paired
        self.arms = tuple(arm for arm in persons if arm != control)
        self._ends = lru_cache(maxsize=16)(self._read)

    def whole(self, outcome: str, group: str) -> Iterator[EffectRow]:
        """Yield the effect of each arm on a percent change, in everybody.

        Args:
            outcome: column of `visits`; taken as measured where that was written.
            group: words for the site.
        """
        for arm in self.arms:
            yield self._row(arm, outcome, group, "", None)

    def by_subgroup(self, folder: Path, outcome: str) -> Iterator[EffectRow]:
        """Yield the effect of each arm by age, T-score, prevalent fracture and sex."""
        about = patients_of(folder, self._control, _COLUMNS)
        fewest = FEWEST * (1 if self._paired else 2)
        for arm in self.arms:
            yield self._row(arm, outcome, "Everybody", "", None)
            other = {} if self._paired else patients_of(folder, arm, _COLUMNS)
            for name, levels in _levels(about, other).items():
                rows = [self._row(arm, outcome, name, *level) for level in levels.items()]
                if all(row.n >= fewest for row in rows):
                    p = _interaction(rows)
                    yield from (replace(row, interaction=p) for row in rows)

    def _row(
        self, arm: str, outcome: str, group: str, level: str, members: Ids | None
    ) -> EffectRow:
        found = self._effect(arm, outcome, members)
        low, high = found.interval()
        numbers = (float(x[0]) for x in (found.estimate, low, high, found.se))
        return EffectRow(arm, group, level, int(found.n[0]), *numbers)

    def _effect(self, arm: str, outcome: str, members: Ids | None) -> Effect:
        treated = self._last(arm, outcome, members)
        control = self._last(self._control, outcome, members)
        if self._paired:
            _, one, other = np.intersect1d(treated.ids, control.ids, return_indices=True)
            return _of_differences(treated.end[one] - control.end[other])
        number = np.repeat([0, 1], [control.ids.size, treated.ids.size])
        end = np.concatenate([control.end, treated.end])
        start = np.concatenate([control.start, treated.start])[:, None]
        return ancova(end, number, 2, start, [Comparison(1, 0)])

    def _last(self, arm: str, outcome: str, members: Ids | None) -> _Ends:
        found = self._ends(arm, outcome)
        if members is None:
            return found
        own = np.isin(found.ids, members)
        return _Ends(found.ids[own], found.start[own], found.end[own])

    def _read(self, arm: str, outcome: str) -> _Ends:
        persons = self._persons[arm]
        start = persons.as_seen(outcome.removesuffix(CHANGE))[:, 0].astype(float)
        return _Ends(persons.ids, start, persons.as_seen(outcome)[:, -1].astype(float))


@dataclass(frozen=True)
class _Ends:
    """Who is in an arm, the level at baseline and the change at the last visit, `(person,)`."""

    ids: Ids
    start: Reals
    end: Reals


def _of_differences(differences: Reals) -> Effect:
    d = differences[np.isfinite(differences)]
    se = d.std(ddof=1) / math.sqrt(d.size) if d.size > 1 else math.nan
    mean = d.mean() if d.size else math.nan
    return Effect(*(np.array([x], float) for x in (mean, se, max(d.size - 1, 1), d.size)))


def _interaction(rows: list[EffectRow]) -> float:
    from scipy.stats import norm

    one, other = rows
    return float(2 * norm.sf(abs(one.estimate - other.estimate) / math.hypot(one.se, other.se)))


Columns = Mapping[str, npt.NDArray]


def _levels(control: Columns, treated: Columns) -> dict[str, dict[str, Ids]]:
    """Return the persons of each level of every variable that splits them, in two levels each.

    Args:
        control: columns of `patients` of one arm.
        treated: of the other, whose persons are different ones; empty where they are the same.
    """
    parts = [part for part in (control, treated) if part]
    people = {name: np.concatenate([part[name] for part in parts]) for name in control}
    ids = people["patient_id"]
    found: dict[str, dict[str, Ids]] = {}
    for column, name, step, unit in (
        ("age", "Age", 5.0, " years"),
        ("t_score_lumbar_spine", "T-score, lumbar spine", 0.5, " SD"),
    ):
        if column in people:
            values = people[column].astype(float)
            cut = float(np.round(np.nanmedian(values) / step) * step)
            words = f"{cut:g}{unit}".replace("-", "\u2212")
            found[name] = {
                f"below {words}": ids[values < cut],
                f"{words} or more": ids[values >= cut],
            }
    if "vertebral_fractures" in people:
        some = people["vertebral_fractures"] > 0
        found["Prevalent vertebral fracture"] = {"none": ids[~some], "one or more": ids[some]}
    if "sex" in people:
        women = people["sex"] == "female"
        found["Sex"] = {"women": ids[women], "men": ids[~women]}
    return found
