"""The best doses of every candidate, by derivatives: gain less price times cost, within bounds.

    maximise  mean(d) - price sum_k c_k d_k     l_k <= d_k <= u_k,  sum_k c_k d_k <= max_cost

over what the doses `d_k` of the courses are multiplied by, `c_k` their costs: sequential quadratic
programming (`scipy`'s SLSQP, Kraft 1988) from two starts, of which the better end counts. Every
candidate climbs once a price; ends are kept on disk as they are reached.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from cohort.execute.guard import guarded
from cohort.results.writer import write_json
from cohort.search.doses import Climb, bounds, climbs, dosed
from cohort.search.evaluations import Evaluations
from cohort.search.space import Candidate, Space

STARTS = (0.25, 0.75)
"""Where climbs begin, between the least and the most dose."""
STEPS = 40
"""Most steps of a climb."""
_CLOSE = 1e-7

Slopes = Callable[[Candidate], tuple[float, np.ndarray]]
"""Gives the mean outcome of a candidate and its derivatives by the courses' doses."""


@runtime_checkable
class Differentiates(Protocol):
    """What tries candidates and gives their derivatives too (`evaluate.Evaluator`)."""

    def slopes(self, code: Candidate) -> tuple[float, np.ndarray]:
        """Return the mean outcome of a candidate and its derivatives by the courses' doses."""
        ...


def climbed(
    space: Space, slopes: Slopes, evaluations: Evaluations, folder: Path
) -> list[Candidate]:
    """Climb from every candidate; return where the climbs end, each end once.

    Args:
        space: the candidates.
        slopes: gives gain and derivatives.
        evaluations: of the ends.
        folder: where ends are kept.
    """
    found: dict[Candidate, None] = {}
    for number, climb in enumerate(climbs(space)):
        path = folder / f"climb-{number:05d}.json"
        if not path.exists():
            doses = guarded(lambda climb=climb: best_doses(space, slopes, climb))
            write_json(path, {"doses": doses.tolist()})
        end = dosed(climb.code, json.loads(path.read_text(encoding="utf-8"))["doses"])
        evaluations.of([end])
        found[end] = None
    return list(found)


def best_doses(space: Space, slopes: Slopes, climb: Climb) -> np.ndarray:
    """Return the doses at which a climb ends, `(course,)`.

    Args:
        space: the candidates.
        slopes: gives gain and derivatives.
        climb: the candidate and the price.
    """
    from scipy.optimize import LinearConstraint, minimize

    low, high = bounds(space, climb.code)
    cost = np.array([course.cost for course in space.courses(dosed(climb.code, np.ones(len(low))))])
    sign = -1.0 if space.search.objective.goal == "maximise" else 1.0

    def loss(doses: np.ndarray) -> tuple[float, np.ndarray]:
        gain, slope = slopes(dosed(climb.code, doses))
        return sign * gain + climb.price * float(cost @ doses), sign * slope + climb.price * cost

    most = space.search.constraints.max_cost
    limits = [] if most is None else [LinearConstraint(cost[None], -np.inf, most)]
    ends = [
        minimize(
            loss,
            _affordable(low + share * (high - low), low, cost, most),
            jac=True,
            bounds=list(zip(low, high, strict=True)),
            constraints=limits,
            method="SLSQP",
            options={"maxiter": STEPS, "ftol": _CLOSE},
        )
        for share in STARTS
    ]
    best = min(ends, key=lambda end: end.fun).x
    return _affordable(np.clip(best, low, high), low, cost, most)


def _affordable(
    doses: np.ndarray, low: np.ndarray, cost: np.ndarray, most: float | None
) -> np.ndarray:
    """Return doses, drawn towards the least ones as far as a limit of cost asks for."""
    over = 0.0 if most is None else float(cost @ doses) - most
    if over <= 0.0:
        return doses
    return doses - (doses - low) * over / float(cost @ (doses - low))
