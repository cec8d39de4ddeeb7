"""The analyses of one trial, a row each: estimate, interval, p value, n, estimand, true effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.estimands import Estimand, Missing, estimand_of
from cohort.analysis.statistics.margins import Hypothesis
from cohort.analysis.statistics.methods import Method, Name, estimate
from cohort.analysis.statistics.multiplicity import Procedure, adjusted
from cohort.analysis.statistics.subgroups import subgroup_effects
from cohort.analysis.statistics.survival import cox, first_events, kaplan_meier, risks
from cohort.analysis.statistics.trial import Comparison, Trial
from cohort.planning.observed import Observed, subgroup_levels
from cohort.planning.summary import table_of
from cohort.planning.tables import ANALYSIS

FULL, PROTOCOL = "full analysis", "per protocol"
PRIMARY: tuple[Name, Missing] = ("ancova", "observed")
_CONTINUOUS: tuple[tuple[Name, Missing], ...] = (
    PRIMARY,
    ("mmrm", "observed"),
    ("ancova", "imputed"),
    ("ancova", "copy_reference"),
    ("ancova", "carried_forward"),
)
_RESPONSE: tuple[tuple[Name, Missing], ...] = (
    ("responders", "non_response"),
    ("responders", "observed"),
    ("responders", "imputed"),
)


@dataclass(frozen=True)
class Request:
    """What is analysed, and how.

    Attributes:
        comparisons: which arms are compared, in testing order.
        labels: words for each.
        hypothesis: what is to be shown.
        alpha: two-sided; intervals have confidence 1 - alpha.
        procedure: how comparisons share alpha.
        imputations: of multiple imputation.
        threshold: value of the outcome from which a participant has responded, or None.
        subgroups: where variables are cut, by variable.
        unit: of the outcome's differences.
    """

    comparisons: tuple[Comparison, ...]
    labels: tuple[str, ...]
    hypothesis: Hypothesis = field(default_factory=Hypothesis)
    alpha: float = 0.05
    procedure: Procedure = "holm"
    imputations: int = 20
    threshold: float | None = None
    subgroups: Mapping[str, Sequence[float]] = field(default_factory=dict)
    unit: str = ""


def analyses(observed: Observed, request: Request) -> pa.Table:
    """Analyse a trial of a measured outcome.

    Args:
        observed: the trial.
        request: what is analysed.

    Returns:
        Rows of `analysis.parquet`.
    """
    lines = list(_continuous(observed, request))
    if request.threshold is not None:
        lines += _responders(observed, request, request.threshold)
    lines += _subgroups(observed, request)
    return table_of(lines, ANALYSIS)


def _continuous(observed: Observed, request: Request) -> Iterator[dict[str, Any]]:
    truth = [observed.true_effect(pair) for pair in request.comparisons]
    for name, missing in _CONTINUOUS:
        method = Method(name, missing, request.imputations)
        if missing == "copy_reference" and len({c.control for c in request.comparisons}) > 1:
            continue  # it needs one reference
        known = {"set": FULL, "true_effect": truth, "unit": request.unit}
        # Once people have left, the true treatment-policy effect is not among what was simulated.
        if estimand_of(missing) != "hypothetical" and not observed.completed.all():
            known["true_effect"] = [np.nan] * len(truth)
        yield from _lines(observed.trial, method, request, known)
    known = {"set": PROTOCOL, "true_effect": truth, "unit": request.unit}
    inside = restricted(observed.trial, per_protocol(observed))
    yield from _lines(inside, Method(*PRIMARY), request, known)


def per_protocol(observed: Observed) -> np.ndarray:
    """Who kept to the protocol: stayed to the endpoint and, where known, took 80 % of the doses."""
    inside = observed.completed
    if "adherence" in observed.patients:
        inside = inside & (observed.patients["adherence"].astype(float) >= 0.8)
    return inside


def restricted(trial: Trial, inside: np.ndarray) -> Trial:
    """Return the trial of some of its participants."""
    return replace(
        trial,
        arm=trial.arm[:, inside],
        values=trial.values[:, inside],
        covariates=trial.covariates[:, inside],
    )


def _responders(observed: Observed, request: Request, threshold: float) -> Iterator[dict[str, Any]]:
    superior = replace(request, hypothesis=replace(request.hypothesis, margin=0.0))
    if request.hypothesis.claim == "non_inferiority":  # a margin of the outcome is none of a share
        superior = replace(request, hypothesis=Hypothesis())
    for name, missing in _RESPONSE:
        higher = request.hypothesis.higher_is_better
        method = Method(name, missing, request.imputations, threshold, higher)
        known = {"set": FULL, "unit": "1", "note": f"response: {threshold:.3g} or beyond"}
        yield from _lines(observed.trial, method, superior, known)


def _lines(
    trial: Trial, method: Method, request: Request, known: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Return a row a comparison."""
    effect = estimate(trial, method, request.comparisons)
    p_value = request.hypothesis.p_value(effect)[0]
    shared = adjusted(np.where(np.isfinite(p_value), p_value, 1.0), request.procedure)
    truth = known.get("true_effect", [np.nan] * len(request.comparisons))
    for number, label in enumerate(request.labels):
        line = _effect_line(effect, (0, number), request.alpha)
        yield (
            dict(known)
            | line
            | {
                "comparison": label,
                "analysis": method.name,
                "missing": method.missing,
                "estimand": _estimand(method),
                "p_value": p_value[number],
                "p_adjusted": shared[number],
                "true_effect": truth[number],
            }
        )


def _estimand(method: Method) -> Estimand:
    return estimand_of(method.missing)


def _effect_line(effect: Effect, where: Any, alpha: float) -> dict[str, Any]:
    low, high = effect.interval(alpha)
    return {
        "n": effect.n[where],
        "estimate": effect.estimate[where],
        "se": effect.se[where],
        "df": np.broadcast_to(effect.df, effect.estimate.shape)[where],
        "ci_low": low[where],
        "ci_high": high[where],
    }


def _subgroups(observed: Observed, request: Request) -> Iterator[dict[str, Any]]:
    trial = observed.trial
    for name, (level, words) in subgroup_levels(observed.patients, request.subgroups).items():
        for pair, label in zip(request.comparisons, request.labels, strict=True):
            arm = trial.arm[0]
            inside = (arm == pair.treated) | (arm == pair.control)
            present = np.unique(level[inside])
            found = subgroup_effects(
                trial.endpoint[0, inside],
                arm[inside] == pair.treated,
                np.searchsorted(present, level[inside]),
                trial.covariates[0, inside],
            )
            p_value = found.effects.two_sided()
            for row, place in enumerate(present):
                yield _effect_line(found.effects, row, request.alpha) | {
                    "comparison": label,
                    "analysis": "ancova",
                    "missing": "observed",
                    "estimand": "hypothetical",
                    "set": FULL,
                    "unit": request.unit,
                    "subgroup": f"{name}: {words[place]}",
                    "p_value": p_value[row],
                    "p_interaction": found.interaction,
                }


def event_analyses(observed: Observed, request: Request) -> pa.Table:
    """Analyse a trial of an outcome that counts events: log-rank, Cox, risks, number to treat.

    Args:
        observed: the trial.
        request: what is analysed.

    Returns:
        Rows of `analysis.parquet`.
    """
    trial = observed.trial
    lines = list(
        _lines(
            trial,
            Method("log_rank"),
            replace(request, hypothesis=Hypothesis()),
            {
                "set": FULL,
                "unit": "ln hazard ratio",
            },
        )
    )
    times = first_events(trial.months, trial.values[0])
    arm, end = trial.arm[0], float(trial.months[-1])
    for pair, label in zip(request.comparisons, request.labels, strict=True):
        known: dict[str, Any] = {"comparison": label, "set": FULL, "missing": "observed"}
        known |= {"estimand": "hypothetical"}
        inside = (arm == pair.treated) | (arm == pair.control)
        part = type(times)(times.month[inside], times.event[inside])
        known["n"] = float(np.isfinite(part.month).sum())
        if _both_have_events(times.event, arm, pair):
            effect = cox(part, arm[inside] == pair.treated, None)
            low, high = effect.interval(request.alpha)
            lines.append(
                known
                | {
                    "analysis": "cox",
                    "unit": "hazard ratio",
                    "estimate": np.exp(effect.estimate),
                    "ci_low": np.exp(low),
                    "ci_high": np.exp(high),
                    "p_value": effect.two_sided(),
                }
            )
        curves = [
            kaplan_meier(type(times)(times.month[arm == a], times.event[arm == a]))
            for a in (pair.treated, pair.control)
        ]
        found = risks(curves[0], curves[1], end, request.alpha)
        treated, control = _true_risks(observed, pair)
        for name, unit, interval, truth in (
            ("risk, treated", "1", found.treated, treated),
            ("risk, control", "1", found.control, control),
            ("absolute risk reduction", "1", found.reduction, control - treated),
            ("relative risk", "1", found.relative, _over(treated, control)),
            (
                "number needed to treat",
                "participants",
                found.number_needed,
                _over(1.0, control - treated),
            ),
        ):
            lines.append(
                known
                | {
                    "analysis": name,
                    "unit": unit,
                    "estimate": interval.estimate,
                    "true_effect": truth,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                }
            )
    return table_of(lines, ANALYSIS)


def _true_risks(observed: Observed, pair: Comparison) -> tuple[float, float]:
    """Return the probabilities of an event that the simulation holds; NaN where it holds none."""
    if observed.true_is_risk:
        percent = observed.true_means[[pair.treated, pair.control]]
        return float(percent[0]) / 100, float(percent[1]) / 100
    return np.nan, np.nan


def _over(above: float, below: float) -> float:
    return above / below if below != 0 else np.nan


def _both_have_events(event: np.ndarray, arm: np.ndarray, pair: Comparison) -> bool:
    """Whether a hazard ratio is finite."""
    return bool(event[arm == pair.treated].any() and event[arm == pair.control].any())
