"""Re-centring a population on a trial's published baseline, eligibility included.

Eligibility cuts the distribution, so moving it by (published mean - population mean) would miss.
The shifts `m` and scales `s` of the driven normals `z` are fitted on a fixed set of Sobol points,
which knows nothing of the seed, so that the moments of the eligible come out as published. Each
stratum of a mixed population is moved to the whole baseline, as far as it concerns its sex. Their
derivatives need no differencing: for any statistic `g` of the eligible,

    d E[g] / d theta = Cov[g, score],  score = S^-1 (z - m) for m, z' score - 1 for ln s

with `S` the covariance of `z` before selection. The fit is Levenberg-Marquardt with a slight pull
to the population as it is. T-scores that were not published follow the others by regression.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import jax
import numpy as np
from scipy.special import ndtri

from cohort.errors import BadInput
from cohort.patients.candidates import Spec, judge, make_spec, normal_correlations
from cohort.patients.covariates import (
    COVARIATES,
    NORMALS,
    T_SCORES,
    EligibilityRule,
    Target,
    can_be_moved,
    has,
)
from cohort.patients.population import MixedPopulation, Population, recruitment_problems
from cohort.patients.sobol import sobol_points
from cohort.patients.variability import Variability
from cohort.tile import TILE

_POINTS = 8 * TILE
_ROUNDS = 40
_LEAST_ACCEPTED = 1e-3
_SD_WEIGHT = 0.3
_PULL = 0.02

_DRIVERS = {"years_since_menopause": "age_at_menopause", "testosterone": "testosterone_free"}

_Targets: TypeAlias = Sequence[tuple[str, float, float | None]]


@dataclass(frozen=True)
class Rule:
    """A rule in plain, hashable form."""

    variable: str
    min: float | None
    max: float | None
    any_of: str | None


@dataclass(frozen=True)
class Recruitment:
    """A population of one sex made ready for a study.

    Attributes:
        population: who is recruited.
        share: of the participants who come from it.
        spec: numbers of the compiled candidate.
        reasons: reasons for exclusion, in the order of `Judged.reason`.
        acceptance: share of candidates who are eligible.
        achieved: mean and SD of every covariate of this sex among the eligible.
        missed: sentences about published baselines that eligibility does not allow.
    """

    population: Population
    share: float
    spec: Spec
    reasons: tuple[str, ...]
    acceptance: float
    achieved: Mapping[str, tuple[float, float]]
    missed: tuple[str, ...]


def recruit(
    population: Population | MixedPopulation,
    variability: Variability,
    baseline: Mapping[str, Target] | None,
    rules: Sequence[EligibilityRule],
) -> tuple[Recruitment, ...]:
    """Move a population to a trial's baseline; the answer depends on the study only, and is kept.

    Args:
        population: where candidates come from.
        variability: spread of the hormones.
        baseline: published mean (and SD) by covariate, of `TARGETS`.
        rules: the study's eligibility.

    Returns:
        Every stratum made ready; a population that is not mixed is the only one.

    Raises:
        BadInput: a covariate is unknown or nobody here has it, or fewer than one in a thousand
            candidates is eligible.
    """
    targets = tuple((k, float(t.mean), t.sd) for k, t in sorted((baseline or {}).items()))
    plain = tuple(Rule(r.variable, r.min, r.max, r.any_of) for r in rules)
    wrong = recruitment_problems(
        population, [k for k, _, _ in targets], [r.variable for r in rules]
    )
    if wrong:
        raise BadInput(wrong)
    ready = []
    for stratum in population.strata:
        sex = stratum.population.sex
        own_targets = tuple(target for target in targets if can_be_moved(sex, target[0]))
        own_rules = tuple(rule for rule in plain if has(sex, rule.variable))
        members = stratum.population
        ready.append(_recruit(members, stratum.share, variability, own_targets, own_rules))
    return tuple(ready)


@lru_cache(maxsize=128)
def _recruit(
    population: Population,
    share: float,
    variability: Variability,
    targets: tuple[tuple[str, float, float | None], ...],
    rules: tuple[Rule, ...],
) -> Recruitment:
    screening = population.screening(rules, [name for name, _, _ in targets])
    shift, scale = np.zeros(len(NORMALS)), np.ones(len(NORMALS))
    spec, reasons = make_spec(population, variability, screening, shift, scale)
    best = _Pilot(spec)
    if targets:
        best = _Fit(spec, normal_correlations(population), targets).best()
    if best.acceptance < _LEAST_ACCEPTED:
        raise BadInput(_nobody(population, reasons, best))
    achieved = {name: best.moments(name) for name in COVARIATES if has(population.sex, name)}
    missed = _missed(best, targets, f" of population '{population.name}'" if share < 1 else "")
    return Recruitment(population, share, best.spec, reasons, best.acceptance, achieved, missed)


class _Pilot:
    """The fixed candidates under one choice of shifts and scales."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        numbers = jax.device_put(spec)
        judged = jax.device_get([judge(numbers, part) for part in _points()])
        self.z = np.concatenate([j.z for j in judged], axis=1).astype(np.float64)
        self.values = np.concatenate([j.values for j in judged], axis=1).astype(np.float64)
        self.reason = np.concatenate([j.reason for j in judged])
        self.acceptance = float((self.reason < 0).mean())
        self.chosen = self.reason < 0

    @property
    def too_few(self) -> bool:
        """Whether so few are eligible that their moments mean nothing."""
        return self.acceptance < 5 * _LEAST_ACCEPTED

    def covariate(self, name: str) -> np.ndarray:
        """Values of a covariate among the chosen."""
        return self.values[COVARIATES.index(name)][self.chosen]

    def moments(self, name: str) -> tuple[float, float]:
        """Mean and SD of a covariate among the chosen."""
        if not self.chosen.any():
            return float("nan"), float("nan")
        return float(self.covariate(name).mean()), float(self.covariate(name).std())


class _Fit:
    """Fit of shifts and scales to the published moments.

    Its unknowns `theta` are the shift of each target's normal and, where an SD is published, the
    logarithm of that normal's scale.
    """

    def __init__(self, spec: Spec, correlation: np.ndarray, targets: _Targets) -> None:
        self.spec, self.correlation, self.targets = spec, correlation, targets
        driver = [_driver(name) for name, _, _ in targets]
        self.follow = _followers(correlation, driver)
        self.scaled = [d for d, (_, _, sd) in zip(driver, targets, strict=True) if sd is not None]
        everybody = _Pilot(spec)
        everybody.chosen[:] = True
        self.unit = [sd or everybody.moments(name)[1] for name, _, sd in targets]

    def best(self) -> _Pilot:
        """Return the pilot whose eligible candidates come nearest to the targets."""
        start = np.zeros(self.follow.shape[1] + len(self.scaled))
        # First without eligibility, to come from a population in which hardly anyone is eligible.
        moved = self.descend(start, everybody=True)
        first = min((start, moved), key=lambda theta: self.cost(self.pilot(theta), theta))
        return self.pilot(self.descend(first, everybody=False))

    def descend(self, theta: np.ndarray, everybody: bool) -> np.ndarray:
        """Levenberg-Marquardt from `theta`."""
        damping = 1e-2
        pilot = self.pilot(theta, everybody)
        for _ in range(_ROUNDS):
            if pilot.too_few:
                break
            residual, slope = self.residual(pilot, theta), self.slope(pilot)
            curvature = slope.T @ slope
            ridge = damping * np.diag(np.diag(curvature))
            step = -np.linalg.solve(curvature + ridge, slope.T @ residual)
            tried = theta + np.clip(step, -1.0, 1.0)
            next_pilot = self.pilot(tried, everybody)
            if self.cost(next_pilot, tried) < self.cost(pilot, theta):
                theta, pilot, damping = tried, next_pilot, damping / 4
            else:
                damping *= 8
            if np.abs(step).max() < 1e-4 or damping > 1e6:
                break
        return theta

    def pilot(self, theta: np.ndarray, everybody: bool = False) -> _Pilot:
        """Return the candidates under `theta`; all of them chosen if asked for."""
        given = self.follow.shape[1]
        scale = np.ones(len(NORMALS))
        scale[self.scaled] = np.exp(theta[given:])
        shift = self.follow @ theta[:given]
        spec = self.spec._replace(shift=shift.astype(np.float32), scale=scale.astype(np.float32))
        pilot = _Pilot(spec)
        if everybody:
            pilot.acceptance = 1.0
            pilot.chosen[:] = True
        return pilot

    def cost(self, pilot: _Pilot, theta: np.ndarray) -> float:
        """Sum of squared residuals; infinite where hardly anyone is eligible."""
        return np.inf if pilot.too_few else float(np.sum(self.residual(pilot, theta) ** 2))

    def residual(self, pilot: _Pilot, theta: np.ndarray) -> np.ndarray:
        """Missed means in SDs, missed SDs as logarithms of a ratio, and the pull."""
        means, sds = [], []
        for (name, mean, sd), unit in zip(self.targets, self.unit, strict=True):
            reached, spread = pilot.moments(name)
            means.append((reached - mean) / unit)
            sds += [] if sd is None else [_SD_WEIGHT * np.log(spread / sd)]
        return np.array([*means, *sds, *(_PULL * theta)])

    def slope(self, pilot: _Pilot) -> np.ndarray:
        """Derivatives of `residual`, from covariances with the score."""
        scale = pilot.spec.scale.astype(np.float64)
        from_centre = pilot.z[:, pilot.chosen] - pilot.spec.shift[:, None]
        inverse = np.linalg.inv(self.correlation * np.outer(scale, scale))
        score = np.einsum("ij,jn->in", inverse, from_centre)
        by_scale = score[self.scaled] * from_centre[self.scaled]
        scores = np.concatenate([np.einsum("ij,in->jn", self.follow, score), by_scale])
        scores -= scores.mean(axis=1, keepdims=True)
        means, sds = [], []
        for (name, _, sd), unit in zip(self.targets, self.unit, strict=True):
            off = pilot.covariate(name) - pilot.moments(name)[0]
            means.append(_total(scores, off) / off.size / unit)
            if sd is not None:
                sds.append(_SD_WEIGHT * _total(scores, off**2) / np.sum(off**2) / 2)
        return np.array([*means, *sds, *(_PULL * np.eye(len(scores)))])


def _total(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over candidates in one order: that of a BLAS depends on the machine's threads."""
    return np.sum(scores * weights, axis=1)


def _driver(name: str) -> int:
    """Index of the normal that moves a covariate, such as age at menopause the years since it."""
    return NORMALS.index(_DRIVERS.get(name, name))


def _followers(correlation: np.ndarray, given: list[int]) -> np.ndarray:
    """Map shifts of the given normals to all: T-scores that are not given follow by regression."""
    sites = [NORMALS.index(name) for name in T_SCORES]
    known = [i for i in given if i in sites]
    follow = np.zeros((len(NORMALS), len(given)))
    follow[given, range(len(given))] = 1.0
    columns = [given.index(k) for k in known]
    between = np.linalg.inv(correlation[np.ix_(known, known)])
    for site in set(sites) - set(known):
        follow[site, columns] = correlation[site, known] @ between
    return follow


@lru_cache(maxsize=1)
def _points() -> tuple[jax.Array, ...]:
    """Standard normals of the fixed candidates, in tiles: a Sobol sequence, shifted off zero."""
    uniform = sobol_points(_POINTS, len(NORMALS)) + 0.5 / _POINTS
    points = ndtri(uniform).T.astype(np.float32)
    return tuple(jax.device_put(np.split(points, _POINTS // TILE, axis=1)))


def _missed(pilot: _Pilot, targets: _Targets, whose: str) -> tuple[str, ...]:
    """Say which published means the eligible candidates do not have."""
    sentences = []
    for name, mean, _ in targets:
        reached, sd = pilot.moments(name)
        if abs(reached - mean) > 0.05 * sd:
            sentences.append(
                f"population.baseline.{name}: published mean {mean:g}, reached {reached:.3g}; "
                f"eligibility{whose} does not allow it."
            )
    return tuple(sentences)


def _nobody(population: Population, reasons: Sequence[str], pilot: _Pilot) -> str:
    counts = Counter(pilot.reason[pilot.reason >= 0].tolist())
    most = ", ".join(
        f"'{reasons[i]}' {100 * n / pilot.reason.size:.0f} %" for i, n in counts.most_common(3)
    )
    return (
        f"eligibility excludes nearly all of population '{population.name}': fewer than 1 in "
        f"{1 / _LEAST_ACCEPTED:g} candidates is eligible. Most are excluded by {most}. "
        "Widen these rules, or name a baseline that lies inside them."
    )
