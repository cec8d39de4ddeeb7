"""From points and what was computed at them to sensitivity indices.

Morris and Sobol by SALib, with bootstrap intervals. The partial rank correlation of factor `i` is
that of its ranks and the output's with the ranks of all other factors held (Marino et al. 2008,
10.1016/j.jtbi.2008.04.011): from `P`, the inverse of the correlations of all ranks,

    r_i = -P_iy / sqrt(P_ii P_yy)

with Fisher's interval, `tanh(atanh r -+ z / sqrt(n - k - 2))` for `n` points and `k` factors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cohort.levers.design import Design


class Index(NamedTuple):
    """One index of one lever for one output; NaN where it is not defined or has no interval.

    Attributes:
        lever: a factor, or a group of them.
        name: which index.
        value: its value.
        low: low end of its confidence interval.
        high: high end.
    """

    lever: str
    name: str
    value: float
    low: float
    high: float


MAIN = {"sobol": "total", "morris": "mu_star", "prcc": "prcc", "local": "swing"}
"""The index of each method by which levers are ranked."""

MEANING = {
    "first": "Share of the output's variance that the lever explains alone",
    "total": "Share of the output's variance that goes with the lever, interactions included",
    "mu": "Mean change of the output over the lever's whole range",
    "mu_star": "Mean size of the change of the output over the lever's whole range",
    "sigma": "Standard deviation of that change: interactions and bends",
    "prcc": "Partial rank correlation of lever and output, the others held",
    "derivative": "Change of the output per unit of the factor",
    "elasticity": "Relative change of the output over relative change of the factor",
    "swing": "Change of the output from the low to the high end of the range, by the derivative",
}
"""What each index says."""

_NAN = float("nan")


def indices(design: Design, points: np.ndarray, output: np.ndarray) -> Iterator[Index]:
    """Yield the indices of every lever for one output.

    Base samples and trajectories with an evaluation that is not finite are left out whole, which
    keeps the estimators unbiased.

    Args:
        design: where the output was computed.
        points: of the unit cube, `(evaluation, factor)`.
        output: what was computed there, `(evaluation,)`.
    """
    each = design.rows_a_sample
    whole = np.isfinite(output).reshape(-1, each).all(axis=1)
    kept = np.repeat(whole, each)
    points, output = points[kept], np.asarray(output, float)[kept]
    if len(output) < 2 * each or np.ptp(output) == 0.0:
        yield from _undefined(design)
    else:
        by_method = {"sobol": _sobol, "morris": _morris, "prcc": _prcc}
        yield from by_method[design.method.name](design, points, output)


def _undefined(design: Design) -> Iterator[Index]:
    """An output that nothing moves has no variance to share out."""
    names = {"sobol": ("first", "total"), "morris": ("mu", "mu_star", "sigma"), "prcc": ("prcc",)}
    for lever in design.levers:
        for name in names[design.method.name]:
            yield Index(lever, name, _NAN, _NAN, _NAN)


def _sobol(design: Design, points: np.ndarray, output: np.ndarray) -> Iterator[Index]:
    from SALib.analyze import sobol

    found = sobol.analyze(
        design.problem(),
        output,
        calc_second_order=False,
        num_resamples=design.method.resamples,
        conf_level=design.method.confidence,
        seed=design.seed + 1,  # SALib takes a seed of 0 for none
    )
    for place, lever in enumerate(design.levers):
        for name, key in (("first", "S1"), ("total", "ST")):
            value, half = float(found[key][place]), float(found[f"{key}_conf"][place])
            yield Index(lever, name, value, value - half, value + half)


def _morris(design: Design, points: np.ndarray, output: np.ndarray) -> Iterator[Index]:
    from SALib.analyze import morris

    found = morris.analyze(
        design.problem(),
        points,
        output,
        num_resamples=design.method.resamples,
        conf_level=design.method.confidence,
        num_levels=design.method.levels,
        seed=design.seed + 1,
    )
    for place, lever in enumerate(found["names"]):
        star, half = float(found["mu_star"][place]), float(found["mu_star_conf"][place])
        if design.method.by == "factors":  # of a group, factors of opposite sign cancel
            yield Index(lever, "mu", float(found["mu"][place]), _NAN, _NAN)
        yield Index(lever, "mu_star", star, star - half, star + half)
        if design.method.by == "factors":
            yield Index(lever, "sigma", float(found["sigma"][place]), _NAN, _NAN)


def _prcc(design: Design, points: np.ndarray, output: np.ndarray) -> Iterator[Index]:
    from scipy.stats import norm, rankdata

    values = design.values(points)
    ranks = rankdata(np.column_stack([values, output]), axis=0)
    precision = np.linalg.inv(np.corrcoef(ranks, rowvar=False))
    scale = np.sqrt(np.diag(precision))
    found = -precision[:-1, -1] / (scale[:-1] * scale[-1])
    count, others = values.shape
    half = norm.ppf(0.5 + 0.5 * design.method.confidence) / np.sqrt(count - others - 2)
    for lever, value in zip(design.levers, found, strict=True):
        score = np.arctanh(np.clip(value, -1.0 + 1e-15, 1.0 - 1e-15))
        yield Index(
            lever, "prcc", float(value), float(np.tanh(score - half)), float(np.tanh(score + half))
        )
