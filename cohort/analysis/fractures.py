"""Fractures predicted beside fractures published: incidence of an arm, relative risk of two.

An incidence is the expected share of persons with a first fracture, from each one's probability, so
that no play of chance is in it. A relative risk is the ratio of two. Where a trial prints no
interval of its own, one is made from counts (Katz 1978, 10.2307/2530610; Wilson 1927): with x of n
and y of m,

    ln RR +- 1.96 sqrt((1 - x/n) / x + (1 - y/m) / y).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from cohort.analysis.compare import ArmFacts, reference_of
from cohort.analysis.trajectories import WITHIN
from cohort.fractures.law import Law
from cohort.resources import data_root
from cohort.results.outcomes import FRACTURE_RISK
from cohort.results.published import PublishedRow

Z95 = 1.959963984540054
INCIDENCE, RATIO = "incidence", "relative risk"


@dataclass(frozen=True)
class Endpoint:
    """What a published endpoint counts: kinds of fracture, and which share of each.

    Attributes:
        parts: outcomes (of `risk.OUTCOMES`) with the name of a share in the law's common table; an
            empty name is all of them.
    """

    parts: tuple[tuple[str, str], ...]

    def shares(self, law: Law) -> dict[str, float]:
        """Return the share of each outcome that counts."""
        common = law.common.model_dump()
        return {outcome: common[name]["value"] if name else 1.0 for outcome, name in self.parts}


_VERTEBRAL = Endpoint((("vertebral", ""),))
_NONVERTEBRAL = Endpoint((("nonvertebral", ""),))
_CLINICAL = Endpoint((("nonvertebral", ""), ("vertebral", "clinical_share")))

ENDPOINTS: Mapping[str, Endpoint] = {
    "vertebral_fracture_incidence": _VERTEBRAL,
    "new_vertebral_fracture": _VERTEBRAL,
    "new_morphometric_vertebral_fracture": _VERTEBRAL,
    "clinical_vertebral_fracture_incidence": Endpoint((("vertebral", "clinical_share"),)),
    "hip_fracture_incidence": Endpoint((("hip", ""),)),
    "nonvertebral_fracture_incidence": _NONVERTEBRAL,
    "nonvertebral_fracture": _NONVERTEBRAL,
    "nonvertebral_fragility_fracture_incidence": Endpoint((("nonvertebral", "fragility_share"),)),
    "clinical_fracture_incidence": _CLINICAL,
    "any_clinical_fracture_incidence": _CLINICAL,
    "clinical_fracture": _CLINICAL,
    "fracture_total": _CLINICAL,
}
"""Endpoints of published tables that the fractures predict."""


@dataclass(frozen=True)
class FracturePrediction:
    """A published number of fractures with what the cohort gives for it.

    Attributes:
        row: the published row; of a relative risk made from two incidences, that of the drug.
        measure: `incidence` (%) or `relative risk`.
        versus: the arm that a relative risk is against, else an empty string.
        observed: as published, or made from two published incidences.
        low: lower end of its 95 % interval, NaN where nothing is known of it.
        high: upper end.
        predicted: NaN where it cannot be predicted, for the `reason`.
        reason: why there is no prediction, or an empty string.
    """

    row: PublishedRow
    measure: str
    versus: str
    observed: float
    low: float
    high: float
    predicted: float
    reason: str = ""

    @property
    def inside(self) -> bool | None:
        """Whether the prediction lies in the published interval; None where there is none."""
        if not all(map(math.isfinite, (self.low, self.high, self.predicted))):
            return None
        return self.low <= self.predicted <= self.high


class FolderRisks:
    """Expected incidences of one results folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; probabilities are read when they are asked for."""
        self._folder = folder
        self._column = lru_cache(maxsize=8)(self._read)

    def incidence(
        self, arm: str, shares: Mapping[str, float], month: float, since: float = 0.0
    ) -> float | None:
        """Return the expected share of an arm's persons with a first fracture since a month.

        Args:
            arm: the arm.
            shares: which share of each outcome's fractures counts.
            month: a published month; the nearest visit within half a month is taken.
            since: month from which fractures are counted.

        Returns:
            None where the study did not simulate fractures, or has no such visit.
        """
        grown: pd.Series | None = None
        for outcome, share in shares.items():
            found = self._cumulative(arm, outcome, month, since)
            if found is None:
                return None
            grown = share * found if grown is None else grown.add(share * found)
        return None if grown is None else float(-np.expm1(-grown.dropna()).mean())

    def _cumulative(self, arm: str, outcome: str, month: float, since: float) -> pd.Series | None:
        """Return each person's cumulative hazard between two visits, who is there at the later."""
        column = FRACTURE_RISK + outcome
        table = self._column(arm, column)
        if table is None:
            return None
        months = table.columns.to_numpy()
        places = [int(np.argmin(np.abs(months - m))) for m in (month, since)]
        if any(abs(months[i] - m) > WITHIN for i, m in zip(places, (month, since), strict=True)):
            return None
        # A probability of one in float32 would be an infinite hazard.
        risk = (table.iloc[:, place].clip(upper=100.0 * (1.0 - 1e-7)) / 100.0 for place in places)
        later, earlier = (pd.Series(-np.log1p(-share.to_numpy()), table.index) for share in risk)
        return later - earlier

    def _read(self, arm: str, column: str) -> pd.DataFrame | None:
        """Return one column of an arm, a row a person (and draw), a column a month."""
        frames = []
        for part in sorted((self._folder / "visits" / f"arm={arm}").glob("part-*.parquet")):
            file = pq.ParquetFile(part)
            if column not in file.schema_arrow.names:
                return None
            keys = [name for name in ("draw", "patient_id") if name in file.schema_arrow.names]
            frame = file.read(columns=[*keys, "month", column]).to_pandas()
            frames.append(frame.pivot(index=keys, columns="month", values=column))
        return pd.concat(frames) if frames else None


def fracture_predictions(
    rows: Iterable[PublishedRow],
    arms: Mapping[str, ArmFacts],
    risks: FolderRisks,
    law: Law,
) -> list[FracturePrediction]:
    """Predict every published incidence and relative risk of fracture of one trial.

    Args:
        rows: its published rows; those of other endpoints are left out.
        arms: arms of the study that was run, by name.
        risks: expected incidences of its persons.
        law: the shares that come to clinical attention.
    """
    known = [r for r in rows if r.endpoint in ENDPOINTS and r.primary and math.isfinite(r.value)]
    counted = [row for row in known if row.unit != "ratio"]
    printed = [row for row in known if row.unit == "ratio"]

    def incidence(row: PublishedRow, arm: str) -> float | None:
        reference = reference_of(row, arms)
        since = 0.0 if reference is None else reference.month or 0.0
        return risks.incidence(arm, ENDPOINTS[row.endpoint].shares(law), row.month, since)

    found = [_incidence(row, incidence) for row in counted]
    found += [_printed(row, arms, counted, incidence) for row in printed]
    done = {(row.arm, row.endpoint) for row in printed}
    found += [
        _from_counts(row, other, incidence)
        for row in counted
        if (row.arm, row.endpoint) not in done and (other := _partner(row, arms, counted))
    ]
    return found


_Incidence = Callable[[PublishedRow, str], float | None]


def _incidence(row: PublishedRow, incidence: _Incidence) -> FracturePrediction:
    share, persons = row.value / 100.0, participants().get(row.row_id)
    low, high = (math.nan, math.nan) if persons is None else wilson(share, persons)
    predicted = incidence(row, row.arm)
    return FracturePrediction(
        row, INCIDENCE, "", row.value, 100 * low, 100 * high, _percent(predicted), _why(predicted)
    )


def _printed(
    row: PublishedRow,
    arms: Mapping[str, ArmFacts],
    counted: list[PublishedRow],
    incidence: _Incidence,
) -> FracturePrediction:
    """Predict a relative risk that the trial printed."""
    reference = reference_of(row, arms)
    other = None if reference is None else reference.arm
    low, high = row.low, row.high
    if not math.isfinite(low):
        own = next((r for r in counted if _like(r, row) and r.arm == row.arm), None)
        against = next((r for r in counted if _like(r, row) and r.arm == other), None)
        if own is not None and against is not None:
            low, high = _counted_interval(own, against)
    a, b = (incidence(row, row.arm), incidence(row, other)) if other else (None, None)
    ratio = math.nan if a is None or not b else a / b
    return FracturePrediction(row, RATIO, other or "", row.value, low, high, ratio, _why(a))


def _from_counts(
    row: PublishedRow, other: PublishedRow, incidence: _Incidence
) -> FracturePrediction:
    """Predict the relative risk of two published incidences."""
    low, high = _counted_interval(row, other)
    a, b = incidence(row, row.arm), incidence(other, other.arm)
    ratio = math.nan if a is None or not b else a / b
    observed = row.value / other.value
    return FracturePrediction(row, RATIO, other.arm, observed, low, high, ratio, _why(a))


def _partner(
    row: PublishedRow, arms: Mapping[str, ArmFacts], counted: list[PublishedRow]
) -> PublishedRow | None:
    """Return the row of the control arm, or of the last arm where none is a control."""
    controls = [arm.name for arm in arms.values() if arm.role == "control"] or list(arms)[-1:]
    like = (r for r in counted if _like(r, row) and r.month == row.month and r.arm in controls)
    return None if row.arm in controls else next(like, None)


def _like(one: PublishedRow, other: PublishedRow) -> bool:
    return ENDPOINTS[one.endpoint] == ENDPOINTS[other.endpoint]


def _counted_interval(row: PublishedRow, other: PublishedRow) -> tuple[float, float]:
    n, m = participants().get(row.row_id), participants().get(other.row_id)
    if n is None or m is None:
        return math.nan, math.nan
    return ratio_interval(row.value / 100.0, n, other.value / 100.0, m)


def ratio_interval(share: float, persons: int, other: float, others: int) -> tuple[float, float]:
    """Return the 95 % interval of a relative risk.

    Args:
        share: with a fracture, in one arm.
        persons: in that arm.
        other: with a fracture, in the arm that it is against.
        others: in that arm.
    """
    se = math.sqrt((1 - share) / (share * persons) + (1 - other) / (other * others))
    ratio = math.log(share / other)
    return math.exp(ratio - Z95 * se), math.exp(ratio + Z95 * se)


def wilson(share: float, persons: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion."""
    from scipy.stats import binomtest

    limits = binomtest(round(share * persons), persons).proportion_ci(method="wilson")
    return float(limits.low), float(limits.high)


@cache
def participants() -> Mapping[str, int]:
    """Return how many persons stand behind a published incidence, by `row_id`."""
    path = data_root() / "fractures" / "participants.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {row["row_id"]: int(row["participants"]) for row in csv.DictReader(file)}


def _percent(share: float | None) -> float:
    return math.nan if share is None else 100.0 * share


def _why(predicted: float | None) -> str:
    return "" if predicted is not None else "fractures were not simulated, or no visit is near"
