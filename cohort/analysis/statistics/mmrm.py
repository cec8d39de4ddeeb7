"""Mixed model for repeated measures: all visits at once, with an unstructured covariance.

    y_i = (I (x) x_i') b + e_i,    e_i ~ N(0, S),    S any covariance between visits

x_i holds the intercept, the arms, baseline and strata, each with its own effect at every visit (the
saturated model of Mallinckrodt et al. 2008, 10.1177/009286150804200402). S is found by restricted
maximum likelihood, by Fisher scoring over its elements theta_j, with E_j = dS/dtheta_j:

    P = V^-1 - V^-1 X F X' V^-1                F = (X' V^-1 X)^-1
    score_j = -1/2 [tr(P E_j) - y' P E_j P y]
    information_jk = 1/2 tr(P E_j P E_k)

Degrees of freedom of a contrast c are Satterthwaite's, 2 (c'Fc)^2 / (g' information^-1 g) with
g_j = d(c'Fc)/dtheta_j = c'F A_j F c, A_j = X' V^-1 E_j V^-1 X. Standard errors are the model's own
(no Kenward-Roger inflation). Values that are missing are left out, which is right under missing at
random. On complete data estimate, standard error and degrees of freedom are those of an analysis of
covariance at the visit.

People with the same visits share S's inverse, so that the work grows with the number of patterns of
visits, not with that of people: W_p is the inverse of S over the visits of pattern p, zero
elsewhere, and X' V^-1 X is the sum over patterns of W_p (x) G_p with G_p = sum x x'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cohort.analysis.statistics.ancova import contrast
from cohort.analysis.statistics.effect import Effect
from cohort.analysis.statistics.least_squares import design
from cohort.analysis.statistics.trial import Comparison, Trial

Reals = npt.NDArray[np.float64]

_STEPS = 60
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class _Sums:
    """Sums over the people of each pattern of visits, `(pattern, ...)`.

    Attributes:
        count: people.
        seen: 1 for the visits they have, `(pattern, visit)`.
        xx: sum x x', `(pattern, q, q)`.
        xy: sum x y', `(pattern, q, visit)`.
        yy: sum y y', `(pattern, visit, visit)`.
    """

    count: Reals
    seen: Reals
    xx: Reals
    xy: Reals
    yy: Reals


@dataclass(frozen=True)
class RepeatedMeasures:
    """A fitted model.

    Attributes:
        beta: coefficients by visit, `(visit, q)`.
        covariance: S, `(visit, visit)`.
        precision: F, the covariance of the coefficients in the order visit, q.
        slopes: A_j by element of S, `(element, visit q, visit q)`.
        information: of the elements of S, `(element, element)`.
        converged: whether scoring came to rest.
    """

    beta: Reals
    covariance: Reals
    precision: Reals
    slopes: Reals
    information: Reals
    converged: bool

    def effect(self, visit: int, comparison: Comparison) -> tuple[float, float, float]:
        """Return estimate, standard error and degrees of freedom of a comparison at a visit."""
        visits, q = self.beta.shape
        vector = np.zeros((visits, q))
        vector[visit] = contrast(comparison, q)
        spread = self.precision @ vector.ravel()
        variance = float(vector.ravel() @ spread)
        gradient = np.einsum("a,jab,b->j", spread, self.slopes, spread)
        of_variance = float(gradient @ np.linalg.solve(self.information, gradient))
        estimate = float((vector * self.beta).sum())
        return estimate, variance**0.5, 2 * variance**2 / of_variance


def mmrm(trial: Trial, comparisons: Sequence[Comparison]) -> Effect:
    """Compare arms at the last visit, each replicate by a model of its own.

    Args:
        trial: one trial or many.
        comparisons: which arms are compared.

    Returns:
        Effects `(replicate, comparison)`; NaN where a model cannot be fitted.
    """
    rows = []
    for number in range(trial.arm.shape[0]):
        one = trial.one(number)
        fit = fit_repeated_measures(one)
        last = one.months.size - 1
        if fit is None or not fit.converged:
            rows.append([(np.nan, np.nan, np.nan)] * len(comparisons))
        else:
            rows.append([fit.effect(last, pair) for pair in comparisons])
    found = np.array(rows, dtype=float)
    used = np.isfinite(trial.values).any(axis=-1)
    size = [
        (used & ((trial.arm == c.treated) | (trial.arm == c.control))).sum(axis=-1)
        for c in comparisons
    ]
    n = np.stack(size, axis=-1).astype(float)
    return Effect(found[..., 0], found[..., 1], found[..., 2], n)


def fit_repeated_measures(trial: Trial) -> RepeatedMeasures | None:
    """Fit the model to one trial.

    Args:
        trial: one replicate; who lacks a covariate or has no value is left out.

    Returns:
        The fit, or None where the data do not determine it.
    """
    values, covariates = trial.values[0], trial.covariates[0]
    used = np.isfinite(values).any(axis=-1) & np.isfinite(covariates).all(axis=-1)
    x = design(trial.arm[0], trial.arms, covariates, used.astype(float))
    x, values = x[used], values[used]
    start = _start(x, values)
    if start is None:
        return None
    covariance, centre = start
    sums = _sums(x, values - centre)
    elements = _elements(values.shape[1])
    converged = False
    for _ in range(_STEPS):
        score, fit = _scored(sums, covariance, elements, centre)
        try:
            step = np.linalg.solve(fit.information, score).astype(float)
        except np.linalg.LinAlgError:
            return None
        if _small(step, covariance, elements):
            converged = True
            break
        covariance = _stepped(covariance, np.einsum("j,jab->ab", step, elements))
    _, fit = _scored(sums, covariance, elements, centre)
    return RepeatedMeasures(
        fit.beta, covariance, fit.precision, fit.slopes, fit.information, converged
    )


def _start(x: Reals, values: Reals) -> tuple[Reals, Reals] | None:
    """Return a first covariance from regressions visit by visit, and the visits' means."""
    residuals = np.full_like(values, np.nan)
    for visit in range(values.shape[1]):
        there = np.isfinite(values[:, visit])
        if there.sum() <= x.shape[1] or np.linalg.matrix_rank(x[there]) < x.shape[1]:
            return None
        beta = np.linalg.lstsq(x[there], values[there, visit], rcond=None)[0]
        residuals[there, visit] = values[there, visit] - x[there] @ beta
    filled = np.where(np.isfinite(residuals), residuals, 0.0)
    pairs = np.isfinite(residuals).astype(float)
    shared = pairs.T @ pairs
    covariance = filled.T @ filled / np.maximum(shared, 1.0)
    diagonal = np.diag(np.diag(covariance))
    if not (np.diag(covariance) > 0).all():
        return None
    # Sums over different people need not make a covariance: it is shrunk until it is one.
    shrink = 0.0
    while not _positive(covariance * (1 - shrink) + diagonal * shrink):
        shrink = shrink + 0.1
    return covariance * (1 - shrink) + diagonal * shrink, np.nanmean(values, axis=0)


def _positive(covariance: Reals) -> bool:
    scale = np.sqrt(np.diag(covariance))
    if not np.isfinite(scale).all() or not (scale > 0).all():
        return False
    return bool(np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0] > 1e-8)


def _sums(x: Reals, values: Reals) -> _Sums:
    seen = np.isfinite(values)
    patterns, member = np.unique(seen, axis=0, return_inverse=True)
    filled = np.where(seen, values, 0.0)
    groups = [np.flatnonzero(member.ravel() == p) for p in range(len(patterns))]
    return _Sums(
        np.array([float(len(g)) for g in groups]),
        patterns.astype(float),
        np.stack([x[g].T @ x[g] for g in groups]),
        np.stack([x[g].T @ filled[g] for g in groups]),
        np.stack([filled[g].T @ filled[g] for g in groups]),
    )


def _elements(visits: int) -> Reals:
    """Return dS/dtheta_j for the elements of the lower triangle, `(element, visit, visit)`."""
    rows, columns = np.tril_indices(visits)
    found = np.zeros((rows.size, visits, visits))
    found[np.arange(rows.size), rows, columns] = 1.0
    found[np.arange(rows.size), columns, rows] = 1.0
    return found


def _inverses(seen: Reals, covariance: Reals) -> Reals:
    """Return W_p, `(pattern, visit, visit)`."""
    both = seen[:, :, None] * seen[:, None, :]
    identity = np.eye(covariance.shape[0])
    # Absent visits get a row of the identity, so that one call inverts all patterns.
    return np.linalg.inv(covariance * both + identity * (1 - both)) * both


def _scored(
    sums: _Sums, covariance: Reals, elements: Reals, centre: Reals
) -> tuple[Reals, RepeatedMeasures]:
    """Return the score of every element of S, and the model as it stands at this S."""
    w = _inverses(sums.seen, covariance)
    visits, q = covariance.shape[0], sums.xx.shape[-1]
    gram = np.einsum("pst,pkl->sktl", w, sums.xx).reshape(visits * q, visits * q)
    moment = np.einsum("pst,pkt->sk", w, sums.xy)
    precision = np.linalg.inv(gram)
    beta = (precision @ moment.ravel()).reshape(visits, q)
    we = w[:, None] @ elements
    wew = we @ w[:, None]
    slopes = np.einsum("pjst,pkl->jsktl", wew, sums.xx).reshape(-1, visits * q, visits * q)
    bend = precision @ slopes
    # h_p[t, s] = sum over covariates of F times G_p: traces over people become traces over visits.
    h = np.einsum("sktl,plk->pst", precision.reshape(visits, q, visits, q), sums.xx)
    fitted = np.einsum("sk,pkt->pst", beta, sums.xy)
    residual = sums.yy - fitted - np.swapaxes(fitted, -1, -2)
    residual = residual + np.einsum("sk,pkl,tl->pst", beta, sums.xx, beta)
    trace = np.einsum("p,pst,jts->j", sums.count, w, elements)
    trace = trace - np.einsum("pst,pjts->j", h, wew)
    score = -0.5 * (trace - np.einsum("pjst,pts->j", wew, residual))
    # Traces of products of two are products of them as vectors, over patterns and visits together.
    information = _traces(sums.count[:, None, None, None] * we, we)
    information = information - 2 * _traces(h[:, None] @ we, np.swapaxes(wew, -1, -2))
    information = information + np.einsum("jab,kba->jk", bend, bend)
    shifted = beta.copy()
    shifted[:, 0] += centre
    return score, RepeatedMeasures(shifted, covariance, precision, slopes, information / 2, False)


def _traces(left: Reals, right: Reals) -> Reals:
    """Return the sums over p of tr(left_pj right_pk), `(j, k)`; `(p, element, visit, visit)`."""
    one = np.moveaxis(left, 1, 0).reshape(left.shape[1], -1)
    other = np.moveaxis(np.swapaxes(right, -1, -2), 1, 0).reshape(right.shape[1], -1)
    return one @ other.T


def _small(step: Reals, covariance: Reals, elements: Reals) -> bool:
    """Whether a step changes no element by more than the tolerance, relative to its scale."""
    scale = np.sqrt(np.diag(covariance))
    change = np.einsum("j,jab->ab", step, elements) / np.outer(scale, scale)
    return bool(np.abs(change).max() < _TOLERANCE)


def _stepped(covariance: Reals, step: Reals) -> Reals:
    """Take a step, shortened until the result is a covariance."""
    share = 1.0
    while not _positive(covariance + share * step):
        share = share / 2
        if share < 1e-6:
            return covariance
    return covariance + share * step
