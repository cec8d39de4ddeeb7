"""Predicted against published: one prediction for each published row, and the errors.

With `a` the arm's published statistic (mean or median) of percent changes from baseline, and `p`
that of the arm it is compared with,

    baseline      a
    BMD           a - p                                       (versus placebo or another arm)
    marker        100 [(1 + a/100) / (1 + p/100) - 1]         (versus placebo or another arm)
    month N       statistic over persons of 100 (x_m / x_N - 1)

Errors are predicted minus published, in percentage points. The root mean square error of a BMD
site is over rows; that of a marker counts each trial once, sqrt(mean over trials of the trial's
mean square), because one trial holds most marker rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cohort.results.published import MARKERS, SITES, PublishedRow

PARTICIPANTS = ("women", "men", "mixed")
"""Whom a trial recruits."""

_MONTH = re.compile(r"month (\d+(?:\.\d+)?)$")


class Trajectories(Protocol):
    """Where predictions come from: statistics over the persons of one arm."""

    def center(
        self, arm: str, column: str, month: float, statistic: str, since: float | None = None
    ) -> float | None:
        """Return the mean or median percent change at a visit, or None without such a visit.

        Args:
            arm: name of the arm.
            column: a `_change` column of `visits`.
            month: nominal month; the nearest visit within half a month is taken.
            statistic: `mean` or `median`.
            since: month from which the change is counted; None for baseline.
        """
        ...


@dataclass(frozen=True)
class ArmFacts:
    """What a comparison must know of an arm: its role and its therapies, background left out."""

    name: str
    title: str
    role: str
    therapies: tuple[str, ...]


@dataclass(frozen=True)
class Prediction:
    """A published row with what the cohort gives for it.

    Attributes:
        row: the published row.
        predicted: in the row's unit; NaN where it cannot be predicted, for the `reason`.
        therapy: therapies of the row's arm, joined by ` + `; `none` without any.
        reason: why there is no prediction, or an empty string.
    """

    row: PublishedRow
    predicted: float
    therapy: str
    reason: str = ""

    @property
    def observed(self) -> float:
        """As published, in percent."""
        return self.row.value

    @property
    def unit(self) -> str:
        """Unit of what is published and predicted: `%`."""
        return "%"

    @property
    def standard_error(self) -> float:
        """Of what is published, in percent; NaN where the source gives none."""
        return self.row.standard_error

    @property
    def difference(self) -> float:
        """Predicted minus published."""
        return self.predicted - self.row.value

    @property
    def kind(self) -> str:
        """`scored`, `unchecked` or `shown`: in which table of errors the row counts."""
        if self.reason:
            return "shown"
        if self.row.scored:
            return "scored"
        return "unchecked" if self.row.unchecked else "shown"


@dataclass(frozen=True)
class Errors:
    """Errors over a group of rows, in percentage points."""

    group: str
    rows: int
    trials: int
    rmse: float
    bias: float


def given(arm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Everything that an arm of a resolved study is given: treatments, then doses in rows."""
    return [*(arm.get("treatments") or ()), *(arm.get("event_rows") or ())]


def arms_of(study: Mapping[str, Any]) -> dict[str, ArmFacts]:
    """Read the arms from a resolved study, as a results folder's manifest holds it."""
    facts = {}
    for arm in study.get("arms", ()):
        therapies = dict.fromkeys(t["therapy"] for t in given(arm))
        facts[arm["name"]] = ArmFacts(
            name=arm["name"],
            title=arm.get("title") or arm["name"].replace("_", " "),
            role=arm.get("role", "active"),
            therapies=tuple(therapies),
        )
    return facts


def published_predictions(
    rows: Iterable[PublishedRow], arms: Mapping[str, ArmFacts], trajectories: Trajectories
) -> list[Prediction]:
    """Predict every published change of BMD or of a marker of one trial.

    Args:
        rows: published rows; those that no column predicts are left out.
        arms: arms of the study that was run, by name.
        trajectories: statistics over its persons.

    Returns:
        One prediction a comparable row, in order; those without a number carry the reason.
    """
    predictions = []
    for row in rows:
        if not row.comparable:
            continue
        value, reason = _predict(row, arms, trajectories)
        predictions.append(Prediction(row, value, therapy_of(row, arms), reason))
    return predictions


def therapy_of(row: PublishedRow, arms: Mapping[str, ArmFacts]) -> str:
    """Name what a row's arm is given, background left out; `none` where it is given nothing."""
    facts = arms.get(row.arm)
    return " + ".join(facts.therapies) if facts and facts.therapies else "none"


def _predict(
    row: PublishedRow, arms: Mapping[str, ArmFacts], trajectories: Trajectories
) -> tuple[float, str]:
    """Return the prediction of one row, or NaN and why there is none."""
    column, statistic = row.column, row.center
    assert column is not None  # held by `comparable`
    assert statistic is not None
    if row.arm not in arms:
        return math.nan, f"no arm '{row.arm}' in the study"

    def center(arm: str, since: float | None = None) -> float | None:
        return trajectories.center(arm, column, row.month, statistic, since)

    missing = math.nan, f"no visit within half a month of month {row.month:g}"
    reference = reference_of(row, arms)
    if reference is None:
        return math.nan, f"'{row.versus}' is no arm of the study"
    if reference.arm is None:
        value = center(row.arm, reference.month)
        return missing if value is None else (value, "")
    a, p = center(row.arm), center(reference.arm)
    if a is None or p is None:
        return missing
    if row.is_marker:
        return 100.0 * ((1.0 + a / 100.0) / (1.0 + p / 100.0) - 1.0), ""
    return a - p, ""


@dataclass(frozen=True)
class Reference:
    """What a row is a change from: baseline, another month, or another arm."""

    month: float | None = None
    arm: str | None = None


def reference_of(row: PublishedRow, arms: Mapping[str, ArmFacts]) -> Reference | None:
    """Return what a row is compared with, or None where that is no arm of the study."""
    versus = row.versus.lower().removesuffix("(assumed)").strip()
    if versus == "baseline":
        return Reference()
    if since := _MONTH.match(versus):
        return Reference(month=float(since.group(1)))
    other = _other_arm(row, versus, arms)
    return Reference(arm=other) if other else None


def _other_arm(row: PublishedRow, versus: str, arms: Mapping[str, ArmFacts]) -> str | None:
    """Name of the arm that a row is compared with."""
    folded = {name.casefold(): name for name in arms}
    if versus.startswith("active:"):
        return folded.get(versus.removeprefix("active:").strip().casefold())
    if versus in folded:
        return folded[versus]
    if versus not in ("placebo", "control"):
        return None
    controls = [a.name for a in arms.values() if a.role == "control" and a.name != row.arm]
    return controls[0] if len(controls) == 1 else None


def errors(
    predictions: Iterable[Prediction],
    group: Callable[[Prediction], str],
    *,
    each_trial_once: bool = False,
) -> list[Errors]:
    """Root mean square error and bias by group, groups in order of appearance.

    Args:
        predictions: those without a number are left out.
        group: name of the group of a prediction.
        each_trial_once: average within trials before averaging over them.
    """
    by_group: dict[str, dict[str, list[float]]] = {}
    for prediction in predictions:
        if math.isfinite(prediction.difference):
            trials = by_group.setdefault(group(prediction), {})
            trials.setdefault(prediction.row.trial, []).append(prediction.difference)
    result = []
    for name, trials in by_group.items():
        every = [d for trial in trials.values() for d in trial]
        pools = list(trials.values()) if each_trial_once else [every]
        square = _mean([_mean([d * d for d in pool]) for pool in pools])
        bias = _mean([_mean(pool) for pool in pools])
        result.append(Errors(name, len(every), len(trials), math.sqrt(square), bias))
    return result


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def errors_by_quantity(predictions: Iterable[Prediction]) -> list[Errors]:
    """Errors by BMD site (over rows) and by marker (each trial once), in the usual order."""
    kept = list(predictions)
    sites = [p for p in kept if not p.row.is_marker]
    markers = [p for p in kept if p.row.is_marker]

    def quantity(prediction: Prediction) -> str:
        return prediction.row.quantity

    found = errors(sites, quantity) + errors(markers, quantity, each_trial_once=True)
    order = SITES + MARKERS
    return sorted(found, key=lambda e: order.index(e.group))


def errors_by_participants(
    predictions: Iterable[Prediction], participants: Mapping[str, str]
) -> dict[str, list[Errors]]:
    """Errors by site and marker, apart for trials in women, in men, and in both together.

    Args:
        predictions: those without a number are left out.
        participants: one of `PARTICIPANTS` by trial.
    """
    kept = list(predictions)
    groups = {who: [p for p in kept if participants[p.row.trial] == who] for who in PARTICIPANTS}
    return {who: errors_by_quantity(rows) for who, rows in groups.items() if rows}


def in_reading_order(predictions: Iterable[Prediction]) -> list[Prediction]:
    """Sort by arm as first met, then site or marker, then what it is against, then month."""
    kept = list(predictions)
    arms = list(dict.fromkeys(p.row.arm for p in kept))
    order = SITES + MARKERS
    return sorted(
        kept,
        key=lambda p: (
            arms.index(p.row.arm),
            order.index(p.row.quantity),
            p.row.versus != "baseline",
            p.row.versus,
            p.row.month,
        ),
    )


def rows_by_therapy(predictions: Iterable[Prediction]) -> dict[str, int]:
    """Number of predicted rows for each therapy or combination, most rows first."""
    counts: dict[str, int] = {}
    for prediction in predictions:
        if not prediction.reason:
            counts[prediction.therapy] = counts.get(prediction.therapy, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
