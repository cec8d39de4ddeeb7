"""Natural history as targets: a woman through the menopause, a woman and a man from 36 to 76 years.

All are untreated and typical, and their rows (`data/natural_history/targets.csv`) carry their own
standard errors. They hold estrogen's and age's effects where no trial's arms do.
"""

from __future__ import annotations

import csv
import math
from typing import NamedTuple

import numpy as np

from calibration.cohorts import Lane
from calibration.targets import Target
from cohort.patients.sampling import MENOPAUSE_WIDTH
from cohort.patients.variability import EFFECTS
from cohort.resources import data_root
from cohort.results.published import PublishedRow
from cohort.solve.plan import make_plan
from cohort.solve.trial import noise_nodes
from cohort.trial.schema import Study
from cohort.trial.study import parse_study

NAME = "natural_history"


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
            "name": NAME,
            "arms": [{"name": arm, "role": "control"}],
            "visits": {"months": months},
            "engine": {"accuracy": "draft"},
        },
        label=NAME,
    )


def lanes() -> list[Lane]:
    """Return the persons as arms of one each."""
    return [_lane(arm) for arm in PERSONS]


def _lane(arm: str) -> Lane:
    plan = make_plan(study(arm))
    life = PERSONS[arm]
    eta = {name: np.array([float(not name.endswith("_offset"))]) for name in EFFECTS}
    tile = {
        "age": np.array([life.age]),
        "life": {
            "age_at_menopause": np.array([life.menopause]),
            "menopause_width": np.array([MENOPAUSE_WIDTH["natural"]]),
            "male": np.array([float(life.male)]),
        },
        "conditions": {},
        "eta": eta | {"adherence": np.ones(1)},
    }
    nodes = noise_nodes(plan.grid.start[0], plan.grid.end[-1])
    return Lane(NAME, arm, plan.months, plan, tile, np.zeros((nodes, 2, 1)))


def targets() -> list[Target]:
    """Return the rows of natural history."""
    path = data_root() / "natural_history" / "targets.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [_target(record) for record in csv.DictReader(file)]


def _target(record: dict[str, str]) -> Target:
    error = float(record["standard_error"])
    row = PublishedRow(
        trial=NAME,
        row_id=record["row_id"],
        arm=record["arm"],
        endpoint=record["endpoint"],
        site=record["site"],
        month=float(record["month"]),
        statistic="mean",
        value=float(record["value"]),
        unit="percent change",
        versus=record["versus"],
        verification="checked",
        split="calibration",
        primary=True,
        low=math.nan,
        high=math.nan,
        standard_error=error,
        citation=record["source"],
        note=record["note"],
    )
    return Target(row, error)
