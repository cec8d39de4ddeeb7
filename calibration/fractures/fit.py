"""The fit: coefficients as near to the literature as placebo arms and the meta-regression allow.

Minimised over the coefficients of `priors.toml` that carry an `sd` is the sum of squares of

    ln(predicted / published) / 0.12          incidence of each placebo arm of the calibration split
    (ln RR line at d - ln(1 - RRR)) / 0.03    the meta-regression at d percent of hip density
    ln(predicted / published RR) / its se     of arms in which formation rises, calibration split
    (coefficient - prior) / sd                what the literature says of each
    background / 0.25                         how far placebo arms differ beyond what the law knows

where the line is that through the predicted relative risks of the same trials' drugs, drawn as the
meta-regression drew it: ln RR against the difference of total hip density. Nothing of the
validation split enters, and no drug has a coefficient of its own: antiresorptives are predicted
from the meta-regression, anabolics with one coefficient more, shared by all of them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from calibration.fractures.arms import ArmCourse, simulate_arms
from cohort.analysis.fractures import ENDPOINTS, Z95, participants, ratio_interval
from cohort.fractures.hazard import formation_effect
from cohort.fractures.law import Law
from cohort.resources import bundled, data_root
from cohort.results.published import PublishedRow, published_of
from cohort.trial.study import load_study

INCIDENCE_SD = 0.12
RELATION_SD = 0.03
BACKGROUND_SD = 0.25
LEAST_VARIANCE = 0.02
RISEN = 0.1
"""Rise of formation from which an arm is taken to be one of an anabolic drug."""

Arms = Mapping[tuple[str, str], ArmCourse]


@dataclass(frozen=True)
class Pair:
    """A drug against its control: what a meta-regression has one point of."""

    active: tuple[str, str]
    control: tuple[str, str]
    month: float


@dataclass(frozen=True)
class Relation:
    """One published point of the meta-regression."""

    outcome: str
    difference: float
    log_ratio: float


@dataclass(frozen=True)
class Problem:
    """What the coefficients are fitted to, with the bones' courses behind it."""

    rows: tuple[PublishedRow, ...]
    ratios: tuple[tuple[PublishedRow, PublishedRow], ...]
    pairs: tuple[Pair, ...]
    relations: tuple[Relation, ...]
    arms: Arms


def make_problem(persons: int) -> Problem:
    """Gather placebo arms and pairs of the calibration split and simulate their bones.

    Args:
        persons: of each arm.
    """
    rows, ratios, pairs = [], [], []
    for trial in bundled("trials"):
        found = [row for row in published_of(trial) if _usable(row)]
        study = load_study(trial)
        controls = [arm.name for arm in study.arms if arm.role == "control"]
        if not found or len(controls) != 1:
            continue
        placebo = [row for row in found if row.arm == controls[0]]
        rows += placebo
        ratios += [
            (row, against)
            for row in found
            for against in placebo
            if row.arm != controls[0] and _answers(row, against)
        ]
        month = max(row.month for row in found)
        drugs = [arm.name for arm in study.arms if arm.role != "control"]
        pairs += [Pair((trial, drug), (trial, controls[0]), month) for drug in drugs]
    wanted = [(row.trial, row.arm) for row in rows]
    wanted += [place for pair in pairs for place in (pair.active, pair.control)]
    arms = simulate_arms(wanted, persons)
    built = tuple(pair for pair in ratios if _builds(arms[pair[0].trial, pair[0].arm]))
    return Problem(tuple(rows), built, tuple(pairs), _relations(), arms)


def _answers(row: PublishedRow, against: PublishedRow) -> bool:
    return (row.endpoint, row.month) == (against.endpoint, against.month)


def _builds(arm: ArmCourse) -> bool:
    """Whether formation rises in an arm."""
    return float(formation_effect(arm.course).mean(axis=0).max()) > RISEN


def _usable(row: PublishedRow) -> bool:
    primary = row.primary and row.from_baseline and row.unit != "ratio"
    return primary and row.split == "calibration" and row.endpoint in ENDPOINTS


def _relations() -> tuple[Relation, ...]:
    with (data_root() / "fractures" / "relations.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Relation(
                row["fracture"],
                float(row["bmd_difference"]),
                float(np.log1p(-float(row["relative_risk_reduction"]) / 100.0)),
            )
            for row in csv.DictReader(file)
        )


def fit(priors: Law, problem: Problem, told: Callable[[str], None] = print) -> Law:
    """Return the law with its open coefficients moved to where they fit best.

    Args:
        priors: the coefficients as published.
        problem: what they are fitted to.
        told: takes a line for a person about how it ended.
    """
    names = tuple(n for n in priors.names() if priors.coefficient(n).sd is not None)
    trials = tuple(dict.fromkeys(row.trial for row in problem.rows))
    start = np.array([priors.coefficient(name).value for name in names])
    sd = np.array([priors.coefficient(name).sd for name in names], np.float64)

    def law_at(moved: np.ndarray) -> Law:
        values = dict(zip(names, start + sd * moved[: len(names)], strict=True))
        own = dict(zip(trials, BACKGROUND_SD * moved[len(names) :], strict=True))
        return _fitted(priors, values, own)

    def residuals(moved: np.ndarray) -> np.ndarray:
        law = law_at(moved)
        placebo = incidence_errors(law, problem) / INCIDENCE_SD
        lines = relation_errors(law, problem) / RELATION_SD
        return np.concatenate([placebo, lines, ratio_errors(law, problem), moved])

    # A frailty without variance is the edge of what is allowed; logarithms have none.
    edge = np.full(len(names) + len(trials), -6.0)
    at = names.index("common.frailty_variance")
    edge[at] = (LEAST_VARIANCE - start[at]) / sd[at]
    found = least_squares(residuals, np.zeros(len(edge)), bounds=(edge, 6.0), diff_step=1e-4)
    told(f"{found.message} {found.nfev} evaluations, sum of squares {2 * found.cost:.1f}")
    return law_at(found.x)


def _fitted(priors: Law, values: Mapping[str, float], background: Mapping[str, float]) -> Law:
    """Return the law with fitted values in place, each beside its prior."""
    document = priors.model_dump()
    for dotted, value in values.items():
        table, name = dotted.split(".")
        own = document[table][name]
        own |= {"found": "fitted", "prior": own["value"], "value": float(value)}
    document["background"] = {
        trial: {
            "value": float(value),
            "unit": "ln",
            "meaning": "Vertebral hazard of its participants over that of people alike",
            "source": f"the placebo arm of {trial}, calibration split",
            "check": "model",
            "found": "fitted",
            "prior": 0.0,
            "sd": BACKGROUND_SD,
        }
        for trial, value in background.items()
    }
    return Law.model_validate(document)


def incidence_errors(law: Law, problem: Problem) -> np.ndarray:
    """Return ln(predicted / published) of the placebo arms' incidences."""
    errors = []
    for row in problem.rows:
        arm = problem.arms[row.trial, row.arm]
        predicted = arm.incidence(law, ENDPOINTS[row.endpoint].shares(law), row.month)
        errors.append(np.log(100.0 * predicted / row.value))
    return np.array(errors)


def ratio_errors(law: Law, problem: Problem) -> np.ndarray:
    """Return ln(predicted / published) of the ratios, in standard errors of the published."""
    errors = []
    for row, against in problem.ratios:
        shares = ENDPOINTS[row.endpoint].shares(law)
        risk = [
            problem.arms[place.trial, place.arm].incidence(law, shares, row.month)
            for place in (row, against)
        ]
        persons = (participants()[place.row_id] for place in (row, against))
        low, high = ratio_interval(
            row.value / 100, next(persons), against.value / 100, next(persons)
        )
        se = np.log(high / low) / (2 * Z95)
        errors.append(np.log(risk[0] / risk[1] / (row.value / against.value)) / se)
    return np.array(errors)


def relation_errors(law: Law, problem: Problem) -> np.ndarray:
    """Return the predicted line's ln RR minus the meta-regression's, at its published points."""
    lines = {r.outcome: line(law, problem, r.outcome) for r in problem.relations}
    return np.array(
        [float(np.polyval(lines[r.outcome], r.difference)) - r.log_ratio for r in problem.relations]
    )


def line(law: Law, problem: Problem, outcome: str) -> np.ndarray:
    """Return slope and intercept of ln RR by the difference of total hip density, in percent."""
    ratios, differences = [], []
    for pair in problem.pairs:
        active, control = problem.arms[pair.active], problem.arms[pair.control]
        risk = [arm.incidence(law, {outcome: 1.0}, pair.month) for arm in (active, control)]
        ratios.append(np.log(risk[0] / risk[1]))
        gained = [arm.hip_change[:, arm.visit(pair.month)].mean() for arm in (active, control)]
        differences.append(gained[0] - gained[1])
    return np.polyfit(differences, ratios, 1)
