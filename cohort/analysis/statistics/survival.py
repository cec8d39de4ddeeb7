"""Time to an event: Kaplan-Meier, Cox, log-rank, absolute and relative risk, number to treat.

    S(t) = prod over event times s <= t of 1 - d_s / n_s                  (Kaplan & Meier)
    log-rank: O - E and V sum d n_t/n and d n_t n_c (n - d) / (n^2 (n - 1)) over event times
    log hazard ratio = (O - E) / V, standard error 1 / sqrt(V)            (Peto's one step)
    risk = 1 - S, its variance Greenwood's; number needed to treat = 1 / (risk_c - risk_t)

Peto's estimate is what thousands of trials are analysed by; it is close to Cox's while the hazard
ratio is between about 0.5 and 2 (Yusuf et al. 1985, 10.1016/S0033-0620(85)80003-7) and few of those
at risk have an event between two visits; with many it is the log odds ratio. Kaplan-Meier
and Cox are those of statsmodels, ties by Efron's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.trial import Comparison

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Times:
    """When the first event happened, or until when there was none.

    Attributes:
        month: visit of the first event, or of the last observation, `(..., n)`; NaN without any.
        event: 1 for an event, 0 for none, `(..., n)`.
    """

    month: Reals
    event: Reals


def first_events(months: Reals, counts: Reals) -> Times:
    """Return times to the first event from counts by visit.

    Args:
        months: nominal months of the visits after baseline in rising order, `(visit,)`.
        counts: events since the visit before, `(..., n, visit)`; NaN where not observed.
    """
    happened = np.where(np.isfinite(counts), counts, 0.0) > 0
    event = happened.any(axis=-1)
    there = np.isfinite(counts)
    last = counts.shape[-1] - 1 - np.argmax(there[..., ::-1], axis=-1)
    place = np.where(event, np.argmax(happened, axis=-1), last)
    month = np.where(there.any(axis=-1), months[place], np.nan)
    return Times(month, event.astype(float))


def log_rank(times: Times, arm: npt.NDArray[np.int64], comparisons: Sequence[Comparison]) -> Effect:
    """Compare arms by the log-rank test.

    Args:
        times: of the first event, `(..., n)`.
        arm: number of each participant's arm, `(..., n)`.
        comparisons: which arms are compared.

    Returns:
        Log hazard ratios `(..., comparison)`, normal; their test is the log-rank test.
    """
    moments = np.unique(times.month[np.isfinite(times.month)])
    found = []
    for pair in comparisons:
        treated, control = (arm == pair.treated), (arm == pair.control)
        excess = np.zeros(arm.shape[:-1])
        variance = np.zeros(arm.shape[:-1])
        for moment in moments:
            at_risk = times.month >= moment
            now = (times.month == moment) & (times.event > 0)
            n_t, n_c = (at_risk & treated).sum(axis=-1), (at_risk & control).sum(axis=-1)
            d_t, d_c = (now & treated).sum(axis=-1), (now & control).sum(axis=-1)
            n, d = n_t + n_c, d_t + d_c
            safe = np.maximum(n, 2).astype(float)
            excess += np.where(n > 0, d_t - d * n_t / safe, 0.0)
            share = d * n_t * n_c * (n - d) / (safe**2 * (safe - 1))
            variance += np.where(n > 1, share, 0.0)
        seen = np.isfinite(times.month) & (treated | control)
        with np.errstate(divide="ignore", invalid="ignore"):
            known = np.where(variance > 0, variance, np.nan)
            row = excess / known, 1 / np.sqrt(known)
        size = seen.sum(axis=-1).astype(float)
        found.append((*row, np.full(size.shape, np.inf), size))
    return Effect(*(np.stack(part, axis=-1) for part in zip(*found, strict=True)))


def cox(times: Times, treated: npt.NDArray[np.bool_], covariates: Reals | None = None) -> Effect:
    """Return the log hazard ratio of Cox's model.

    Args:
        times: of one trial's participants in two arms, `(n,)`.
        treated: who was in the treated arm, `(n,)`.
        covariates: `(n, k)`, none by default.
    """
    from statsmodels.duration.hazard_regression import PHReg

    known = np.isfinite(times.month)
    columns = [treated[:, None].astype(float)]
    columns += [] if covariates is None else [covariates]
    x = np.concatenate(columns, axis=1)
    known = known & np.isfinite(x).all(axis=1)
    fit = PHReg(times.month[known], x[known], status=times.event[known], ties="efron").fit()
    log_ratio, se = np.asarray(fit.params)[0], np.asarray(fit.bse)[0]
    return Effect(np.array(log_ratio), np.array(se), np.array(np.inf), np.array(known.sum()))


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve.

    Attributes:
        month: event times in rising order.
        at_risk: participants at risk just before each.
        surviving: share without an event after each.
        se: Greenwood's standard error of it.
    """

    month: Reals
    at_risk: Reals
    surviving: Reals
    se: Reals

    def risk(self, month: float) -> tuple[float, float]:
        """Return the probability of an event until a month, and its standard error."""
        before = np.searchsorted(self.month, month, side="right") - 1
        if before < 0:
            return 0.0, 0.0
        return 1.0 - float(self.surviving[before]), float(self.se[before])


def kaplan_meier(times: Times) -> Curve:
    """Return the Kaplan-Meier curve of one group."""
    from statsmodels.duration.survfunc import SurvfuncRight

    known = np.isfinite(times.month)
    curve = SurvfuncRight(times.month[known], times.event[known])
    return Curve(
        np.asarray(curve.surv_times, float),
        np.asarray(curve.n_risk, float),
        np.asarray(curve.surv_prob, float),
        np.asarray(curve.surv_prob_se, float),
    )


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Risks:
    """What a treatment does to the risk of an event until a month.

    Attributes:
        treated: risk in the treated arm.
        control: risk in the control arm.
        reduction: absolute risk reduction, control minus treated.
        relative: relative risk, treated over control.
        number_needed: number needed to treat; limits are those of `reduction` turned over, the
            upper one infinite where the interval of the reduction reaches 0 (Altman 1998,
            10.1136/bmj.317.7168.1309).
    """

    treated: Interval
    control: Interval
    reduction: Interval
    relative: Interval
    number_needed: Interval


def risks(treated: Curve, control: Curve, month: float, alpha: float = 0.05) -> Risks:
    """Compare two arms' risks until a month.

    Args:
        treated: curve of the treated arm.
        control: curve of the control arm.
        month: until when.
        alpha: one minus the confidence.
    """
    from scipy.stats import norm

    z = float(norm.ppf(1 - alpha / 2))
    (p, se_p), (q, se_q) = treated.risk(month), control.risk(month)
    difference, spread = q - p, z * float(np.hypot(se_p, se_q))
    low, high = difference - spread, difference + spread
    ratio, log_se = np.nan, np.nan
    if p > 0 and q > 0:
        ratio, log_se = p / q, float(np.hypot(se_p / p, se_q / q))
    return Risks(
        Interval(p, p - z * se_p, p + z * se_p),
        Interval(q, q - z * se_q, q + z * se_q),
        Interval(difference, low, high),
        Interval(ratio, ratio * np.exp(-z * log_se), ratio * np.exp(z * log_se)),
        Interval(_inverse(difference), _inverse(high), _inverse(low) if low > 0 else np.inf),
    )


def _inverse(reduction: float) -> float:
    return 1 / reduction if reduction != 0 else np.inf
