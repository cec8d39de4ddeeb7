"""Published spreads of changes between persons, each with what its number is uncertain by.

`data/variability/published_sd.csv` holds two kinds of number, told apart by their unit: standard
deviations of percent changes of BMD (`percentage points`), and, of markers, whose changes are far
from normal, the distance between quartiles of the logarithm of the ratio to baseline over that of
a standard normal (`ln ratio`).
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.job.schema import Job
from cohort.resources import data_root
from cohort.results.outcomes import SITES

BETWEEN_TRIALS = 0.1  # of the logarithm of a standard deviation
QUARTILES = 1.17  # error of ln(distance between quartiles) of normal numbers, times sqrt(n)
LN_RATIO = "ln ratio"


@dataclass(frozen=True)
class SpreadRow:
    """A published spread that an arm of a bundled trial answers.

    Attributes:
        study: as published.
        trial: the bundled trial.
        arm: its arm.
        quantity: `LS`, `TH`, `FN`, or a marker.
        month: of the change from month 0.
        sd: the spread, in `unit`.
        unit: `percentage points` or `ln ratio`; see the module's text.
        n: persons behind it, or None where the source gives no number.
        sex: of the persons: `female` or `male`.
        split: `calibration` rows are fitted, `validation` rows only predicted.
        check: how far the number was checked.
    """

    study: str
    trial: str
    arm: str
    quantity: str
    month: float
    sd: float
    unit: str
    n: int | None
    sex: str
    split: str
    check: str

    @property
    def column(self) -> str:
        """Output of the model that changes."""
        site = SITES.get(self.quantity)
        return self.quantity.lower() if site is None else f"bmd_{site}"

    @property
    def series(self) -> tuple[str, str, str]:
        """What is looked at again in the same persons."""
        return self.trial, self.arm, self.quantity


def load_rows(path: Path | None = None) -> tuple[SpreadRow, ...]:
    """Read the published spreads that have an arm to answer them."""
    path = path or data_root() / "variability" / "published_sd.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_row(cells) for cells in csv.DictReader(file) if cells["trial"])


def _row(cells: dict[str, str]) -> SpreadRow:
    return SpreadRow(
        study=cells["study"],
        trial=cells["trial"],
        arm=cells["arm"],
        quantity=cells["site"],
        month=float(cells["month"]),
        sd=float(cells["sd"]),
        unit=cells["unit"],
        n=int(cells["n"]) if cells["n"] else None,
        sex=cells["sex"],
        split=cells["split"],
        check=cells["check"],
    )


def chosen_rows(rows: Sequence[SpreadRow], trials: Sequence[str], job: Job) -> list[SpreadRow]:
    """Return the rows that a job may see: of its trials, endpoints, sex and degree of checking."""
    asked = job.targets
    return [
        row
        for row in rows
        if row.trial in trials
        and row.quantity in asked.endpoints
        and row.check in asked.verification
        and asked.sex in (None, row.sex)
    ]


def errors(rows: Sequence[SpreadRow], job: Job) -> np.ndarray:
    """Return the standard errors of the logarithms of the spreads, `(row,)`.

    They hold sampling (n imputed by the median where none is published), what like trials differ
    by, and the job's factors for rows that were not read in their source and for long series.
    """
    known = [row.n for row in rows if row.n is not None]
    usual = float(np.median(known)) if known else math.nan
    looks = Counter(row.series for row in rows)
    return np.array(
        [
            math.hypot(_sampling(row, usual), BETWEEN_TRIALS)
            * math.sqrt(max(1.0, looks[row.series] / job.noise.series))
            * (job.noise.unchecked if row.check == "unchecked" else 1.0)
            for row in rows
        ]
    )


def _sampling(row: SpreadRow, usual: float) -> float:
    n = usual if row.n is None else row.n
    return QUARTILES / math.sqrt(n) if row.unit == LN_RATIO else 1.0 / math.sqrt(2.0 * n)
