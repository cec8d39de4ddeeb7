"""The work that is timed: two scenarios of the Peterson-Riggs model, and their patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cohort.peers import peterson_riggs as pr
from cohort.peers import pinned
from cohort.peers.grid import Grading, Grid
from cohort.peers.march import simulate
from cohort.peers.model import PeerModel
from cohort.peers.published import STEPS, peterson_riggs_grid, peterson_riggs_values
from cohort.peers.rosenbrock import RODAS4, Method

MONTH = 672.0  # hours: the model's 28 days
YEAR = 8766.0
SPREAD = {"DENCL": 0.3, "kdenosl": 0.3, "TERICL": 0.3, "koutL": 0.2}
SEED = 0
PUBLISHED_SOURCE = (
    "OpenBoneMin (commit 9dfb189) under mrgsolve: C++, LSODA, one patient at a time, its default "
    "tolerance of 1e-8; patient-years per second of one core, measured once, not in this run"
)


@dataclass(frozen=True)
class Work:
    """A scenario.

    Attributes:
        name: of it.
        title: in words.
        drug: `denosumab` (mg) or `teriparatide` (ug).
        amount: of a dose.
        every: hours between doses.
        months: of 28 days.
        site: whose bone density is compared.
        published: patient-years per CPU second of the model's published implementation (C++,
            LSODA, one patient at a time, its default tolerance).
        steps: of this engine, hours.
    """

    name: str
    title: str
    drug: str
    amount: float
    every: float
    months: int
    site: str
    published: float
    steps: Grading

    @property
    def years(self) -> float:
        """Length in years."""
        return self.months * MONTH / YEAR

    @property
    def visits(self) -> np.ndarray:
        """Hours that are reported: each month."""
        return MONTH * np.arange(self.months + 1)

    @property
    def dose_times(self) -> np.ndarray:
        """Hours of doses, none at the end."""
        return np.arange(0.0, self.months * MONTH, self.every)

    @property
    def columns(self) -> dict[str, str]:
        """What is compared: its name in the table -> its column."""
        return {"BMD": f"{self.site}_pctchg", "CTX": "CTX_pct", "BSAP": "BSAP_pct"}

    def constants(self, patients: int) -> dict[str, Any]:
        """Return what the rates use, for patients who differ; the first ones of any number."""
        values, start = peterson_riggs_values()
        normals = np.random.default_rng(SEED).standard_normal((5000, len(SPREAD)))[:patients]
        varied = {
            name: values[name] * np.exp(sd * normals[:, i])
            for i, (name, sd) in enumerate(SPREAD.items())
        }
        return pinned.constants(values | varied, start)

    def baseline(self) -> dict[str, float]:
        """Return the untreated state."""
        return pr.baseline(peterson_riggs_values()[1], denosumab=self.drug == "denosumab")

    def model(self) -> PeerModel:
        """Return the model with this drug."""
        return pr.peterson_riggs(
            teriparatide=self.drug == "teriparatide", denosumab=self.drug == "denosumab"
        )

    def grid(self, steps: Grading | None = None) -> Grid:
        """Return this engine's steps."""
        course = (self.drug, 0.0, self.every, len(self.dose_times), self.amount)
        return peterson_riggs_grid(peterson_riggs_values()[0], self.visits, [[course]], steps)


B = Work(
    "B",
    "denosumab 60 mg every 168 days, 36 months",
    "denosumab",
    60.0,
    4032.0,
    36,
    "BMDlsDEN",
    83.0,
    STEPS["denosumab 60 mg"],
)
A = Work(
    "A",
    "teriparatide 20 ug daily, 24 months",
    "teriparatide",
    20.0,
    24.0,
    24,
    "BMDls",
    1.6,
    STEPS["teriparatide"],
)
WORKS = (B, A)

# What errors are measured against: this engine's steps at their finest, for these many patients.
FINEST = {"B": Grading(0.05, 1.1, 4.0, 4.0), "A": Grading(0.01, 1.15, 0.5, 0.5)}
YARDSTICK = 64


def engine(
    work: Work,
    patients: int,
    precision: str,
    method: Method = RODAS4,
    steps: Grading | None = None,
    *,
    fused: bool = False,
) -> dict[str, np.ndarray]:
    """Return the compared columns, `(visit, patient)`, by this engine."""
    return simulate(
        work.model(),
        work.constants(patients),
        work.baseline(),
        work.grid(steps or work.steps),
        tuple(work.columns.values()),
        method,
        precision=precision,
        fused=fused,
    )


def errors(work: Work, seen: dict[str, Any], exact: dict[str, Any]) -> dict[str, float]:
    """Return the largest relative error of each compared quantity.

    Over the patients and visits that both have, the first ones of either.
    """
    worst = {}
    for name, column in work.columns.items():
        offset = 100.0 if column.endswith("_pctchg") else 0.0
        visits, patients = np.minimum(seen[column].shape, exact[column].shape)
        right = exact[column][:visits, :patients]
        gap = np.abs(seen[column][:visits, :patients] - right)
        worst[name] = float(np.max(gap / (right + offset)))
    return worst
