"""Natural history as targets: a woman through the menopause, a woman and a man from 36 to 76 years.

All are untreated and typical, and their rows (`data/natural_history/targets.csv`) carry their own
standard errors. They hold estrogen's and age's effects where no trial's arms do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from calibration.job.selection import NATURAL_HISTORY
from calibration.lanes import Lane
from cohort.patients.sampling import MENOPAUSE_WIDTH
from cohort.patients.variability import EFFECTS
from cohort.solve.grid import Grid
from cohort.solve.plan import Plan, make_plan
from cohort.solve.schedule import arm_forcing
from cohort.solve.trial import noise_nodes
from cohort.trial.schema import Study
from cohort.trial.study import parse_study
from cohort.units import DAYS_PER_MONTH


class Life(NamedTuple):
    """A typical person's life as far as it is read.

    Attributes:
        age: years at month 0.
        months: of the visits.
        male: whether he is a man.
        menopause: age at the final menstrual period.
    """

    age: float
    months: tuple[int, ...]
    male: bool = False
    menopause: float = 50.0


PERSONS = {
    "transition": Life(45.0, (0, 36, 48, 60, 84, 120, 144)),
    "ageing": Life(36.0, (0, 72, 120, 240, 336, 360, 480)),
    "ageing_men": Life(36.0, (0, 120, 240, 348, 360, 432, 480), male=True),
}


def study(arm: str) -> Study:
    """Return the untreated study of one of `PERSONS`."""
    months = [float(month) for month in PERSONS[arm].months]
    return parse_study(
        {
            "name": NATURAL_HISTORY,
            "arms": [{"name": arm, "role": "control"}],
            "visits": {"months": months},
            "engine": {"accuracy": "draft"},
        },
        label=NATURAL_HISTORY,
    )


def lanes(arms: Sequence[str], persons: int) -> list[Lane]:
    """Return lives as arms of `persons` like persons, so that they stack with other arms."""
    return [_lane(arm, persons) for arm in arms]


def _lane(arm: str, persons: int) -> Lane:
    plan = _coarse(make_plan(study(arm)), arm)
    life = PERSONS[arm]
    eta = {name: np.full(persons, float(not name.endswith("_offset"))) for name in EFFECTS}
    tile = {
        "age": np.full(persons, life.age),
        "life": {
            "age_at_menopause": np.full(persons, life.menopause),
            "menopause_width": np.full(persons, MENOPAUSE_WIDTH["natural"]),
            "male": np.full(persons, float(life.male)),
        },
        "conditions": {},
        "eta": eta | {"adherence": np.ones(persons)},
    }
    nodes = noise_nodes(plan.grid.start[0], plan.grid.end[-1])
    return Lane(NATURAL_HISTORY, arm, plan.months, plan, tile, np.zeros((nodes, 2, persons)))


def _coarse(plan: Plan, arm: str) -> Plan:
    """Return a life's plan on a grid of months: where nothing is given, nothing is quick."""
    visits = np.array(plan.months) * DAYS_PER_MONTH
    ends = np.union1d(visits, np.arange(0.0, visits[-1], DAYS_PER_MONTH))
    length = np.diff(ends, prepend=0.0)
    visit = np.full(len(ends), -1, np.int32)
    visit[np.searchsorted(ends, visits)] = np.arange(len(visits))
    grid = Grid(ends - length, length, visit)
    return replace(plan, grid=grid, forcing={arm: arm_forcing((), plan.drugs, grid)})
