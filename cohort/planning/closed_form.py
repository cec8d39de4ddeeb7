"""The textbook power of a comparison of two means given covariates, to set beside the simulation.

    ncp = (effect - null) / (sigma sqrt((1/n_t + 1/n_c) f)),  df = N - arms - k
    power = P(|T| > t_{1 - alpha/2, df}),  T noncentral t      (one tail for non-inferiority)

sigma is the cohort's own residual standard deviation of the measured outcome given arm and k
covariates (Borm, Fransen & Lemmens 2007, 10.1016/j.jclinepi.2007.02.006), and
f = (N - arms - 1) / (N - arms - k - 1) what chance imbalance of normal covariates costs on average
(Shieh 2020, 10.1007/s11336-019-09692-3). It applies to ANCOVA and MMRM of complete data, without
interim looks and for one comparison at full alpha.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.least_squares import design as model_matrix
from cohort.analysis.statistics.least_squares import least_squares
from cohort.analysis.statistics.trial import Comparison
from cohort.planning.designs import Design
from cohort.planning.people import People
from cohort.planning.plan import Plan
from cohort.trial.randomisation import classes

Reals = npt.NDArray[np.float64]


def applies(plan: Plan, design: Design, draws: int) -> bool:
    """Whether the formula describes this design."""
    return (
        plan.method.name in ("ancova", "mmrm")
        and not any(design.dropout)
        and not design.null
        and len(plan.looks.shares) == 1
        and (plan.procedure == "none" or len(plan.comparisons) == 1)
        and draws == 1
    )


def closed_form_power(people: People, plan: Plan, design: Design) -> Reals:
    """Return the power of every comparison, `(comparison,)`."""
    visit = people.visits([design.month])[0]
    arms = len(plan.arms)
    base = people.measured[0][list(plan.references), :, visit].astype(float)
    values = base + design.effect * (people.measured[0, :, :, visit] - base)
    sigma, covariates = _residual_sd(people, plan, design, values)
    share = np.asarray(design.allocation) / np.sum(design.allocation)
    size = design.participants * share
    df = design.participants - arms - covariates
    cost = (design.participants - arms - 1) / max(df - 1, 1)
    weight = people.weight / people.weight.sum()
    means = values @ weight
    return np.array(
        [
            _power(plan, means[c.treated] - means[c.control], sigma * cost**0.5, size, df, c)
            for c in plan.comparisons
        ]
    )


def _residual_sd(people: People, plan: Plan, design: Design, values: Reals) -> tuple[float, int]:
    """Return the residual standard deviation, and the number of covariates."""
    arms, persons = values.shape
    strata = plan.randomisation.strata
    stratum = classes(people.covariates, strata, people.patient_id.size)
    columns = [people.baseline[0]] if "baseline" in plan.covariates else []
    columns += [people.covariates[n].astype(float) for n in plan.covariates if n != "baseline"]
    columns += [(stratum == s).astype(float) for s in range(1, int(stratum.max()) + 1)]
    each = np.stack(columns, axis=-1) if columns else np.empty((persons, 0))
    share = np.asarray(design.allocation) / np.sum(design.allocation)
    # Every person in every arm, each row weighing as the design and the sampling say.
    root = np.sqrt(np.outer(share, people.weight / people.weight.mean()).ravel())
    arm = np.repeat(np.arange(arms), persons)
    x = model_matrix(arm, arms, np.tile(each, (arms, 1)), np.ones(arm.size))
    # Rows times the root of their weight: the normal equations are then the weighted ones.
    fit = least_squares(x, values.ravel(), root)
    residual = values.ravel() - x @ fit.beta
    return float(np.sqrt((root**2 * residual**2).sum() / (root**2).sum())), each.shape[1]


def _power(
    plan: Plan, effect: float, sigma: float, size: Reals, df: float, pair: Comparison
) -> float:
    from scipy.stats import nct, t

    se = sigma * np.sqrt(1 / size[pair.treated] + 1 / size[pair.control])
    ncp = (effect - plan.hypothesis.null) / se
    critical = t.ppf(1 - plan.alpha / 2, df)
    if plan.hypothesis.claim == "superiority":
        return float(nct.sf(critical, df, ncp) + nct.cdf(-critical, df, ncp))
    toward = ncp if plan.hypothesis.higher_is_better else -ncp
    return float(nct.sf(critical, df, toward))
