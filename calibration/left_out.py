"""Residuals that a fit would leave at a trial that it had not seen, to first order.

A fit bends towards each of its trials, most towards those that a job stresses, so that what is left
there says too little of a trial it will never see. With `f` the whitened residuals, drawn in as the
loss asks, `A` their derivatives and `H = A'A + diag(1 / sd^2)` the curvature at the optimum, to
leave trial `t` out moves the optimum by one step of Gauss and Newton,

    dx = (H - A_t' A_t)^-1 A_t' f_t

and its residuals by `J_t dx`; `diag(J_t (H - A_t' A_t)^-1 J_t')` of their squares is due to
parameters that the rest of the data know only so well. Exact where rows are linear in the
parameters (Cook and Weisberg 1982, Residuals and Influence in Regression).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from calibration.likelihood import drawn_in, drawn_in_slope
from calibration.problem import Problem


class LeftOut(NamedTuple):
    """Of every row, had its trial been left out of the fit.

    Attributes:
        residuals: predicted minus published, percent, `(row,)`.
        explained: variance of the prediction by the parameters, percent squared, `(row,)`.
    """

    residuals: np.ndarray
    explained: np.ndarray


def left_out(problem: Problem, x: np.ndarray, jacobian: np.ndarray) -> LeftOut:
    """Leave every trial out in turn.

    Args:
        problem: as fitted.
        x: its optimum, `(dim,)`.
        jacobian: derivatives of the rows there, `(row, dim)`.
    """
    free, huber = problem.free, problem.likelihood.huber
    residuals = problem.predicted(x) - problem.observed
    whitened = np.asarray(problem.whiten(residuals))
    bent = drawn_in(whitened, huber)
    slopes = drawn_in_slope(whitened, huber)[:, None] * np.asarray(problem.whiten(jacobian))
    # In units of the priors' sds the curvature of what is left is at least 1, hence well posed.
    slopes = slopes * free.sd
    curvature = slopes.T @ slopes + np.eye(len(x))
    moved, explained = residuals.copy(), np.zeros_like(residuals)
    trials = np.array([target.row.trial for target in problem.targets])
    for trial in dict.fromkeys(trials):
        rows = trials == trial
        covariance = np.linalg.inv(curvature - slopes[rows].T @ slopes[rows])
        there = x + free.sd * (covariance @ slopes[rows].T @ bent[rows])
        moved[rows] += jacobian[rows] @ (np.clip(there, free.low, free.high) - x)
        own = jacobian[rows] * free.sd
        explained[rows] = np.einsum("ri,ij,rj->r", own, covariance, own)
    return LeftOut(moved, explained)
