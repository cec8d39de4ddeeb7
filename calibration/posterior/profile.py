"""Profile likelihood: the lowest loss at every fixed value of one parameter.

The deviance `2 (loss - lowest loss)` of a profile follows the chi-square distribution with one
degree of freedom where the loss is near its parabola; the 95 % interval ends where it reaches 3.84
(Venzon and Moolgavkar, Appl. Stat. 37:87, 1988; Kreutz et al., FEBS J. 280:2564, 2013). Its root is
a straight line for a Gaussian, so ends are interpolated in the root. A side on which the deviance
stays below the cut has no end: it is open, either at the parameter's bound or at the end of the
grid. The loss holds the prior, so a parameter that the data say nothing of shows its prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.stats import chi2

from calibration.posterior.conditional import Conditional, Point
from calibration.posterior.laplace import Laplace
from calibration.posterior.samples import natural
from cohort.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from calibration.objective import Coordinates, Objective

End = Literal["crossed", "bound", "grid"]
REACH = 3.0  # posterior standard deviations either way


@dataclass(frozen=True)
class Profile:
    """The profile of one parameter.

    Attributes:
        name: the parameter.
        x: the points, all coordinates, in the order of the parameter's value, `(point, dim)`.
        loss: lowest loss at each, `(point,)`.
        converged: whether the others settled there, `(point,)`.
    """

    name: str
    x: np.ndarray
    loss: np.ndarray
    converged: np.ndarray

    @property
    def deviance(self) -> np.ndarray:
        """Twice the loss above the lowest of the profile, `(point,)`."""
        return 2.0 * (self.loss - self.loss.min())


@dataclass(frozen=True)
class Interval:
    """An interval on the prior's scale; an open side holds the last value that was tried."""

    low: float
    high: float
    low_end: End
    high_end: End


def profiles(
    objective: Objective,
    laplace: Laplace,
    names: Sequence[str],
    *,
    side: int = 6,
    tolerance: float = 1e-4,
    steps: int = 20,
) -> list[Profile]:
    """Profile parameters, each outwards from the optimum, every point starting from the last.

    Args:
        objective: what was minimised.
        laplace: the approximation at its optimum, for grid and first curvature.
        names: free parameters to profile.
        side: points on each side of the optimum.
        tolerance: gain in loss below which the other parameters are settled.
        steps: evaluations of the loss at each point at most.

    Raises:
        BadInput: a name is not a free parameter.
    """
    allowed = laplace.free.names
    problems = [
        f"posterior.profile names '{name}', which is not a free parameter of this job."
        + did_you_mean(name, allowed)
        for name in names
        if name not in allowed
    ]
    if problems:
        raise BadInput(problems)
    solver = Conditional(objective, tolerance, steps)
    start = solver.at(laplace.centre, laplace.precision)
    return [_profile(solver, laplace, start, allowed.index(name), side) for name in names]


def interval(
    profile: Profile, values: np.ndarray, bounds: tuple[float, float], level: float = 0.95
) -> Interval:
    """Return where the deviance crosses the chi-square cut on either side of the lowest point.

    Args:
        profile: the profile.
        values: of the parameter at its points, increasing, `(point,)`.
        bounds: of the parameter.
        level: of the interval.
    """
    cut = float(np.sqrt(chi2.ppf(level, 1)))
    root = np.sqrt(profile.deviance)
    lowest = int(np.argmin(root))
    high = _crossing(values[lowest:], root[lowest:], cut)
    low = _crossing(values[lowest::-1], root[lowest::-1], cut)

    def end(found: float | None, last: float, bound: float) -> tuple[float, End]:
        if found is not None:
            return found, "crossed"
        return last, "bound" if last == bound else "grid"

    (left, left_end), (right, right_end) = (
        end(low, float(values[0]), bounds[0]),
        end(high, float(values[-1]), bounds[1]),
    )
    return Interval(left, right, left_end, right_end)


def points_table(free: Coordinates, found: Sequence[Profile]) -> pd.DataFrame:
    """Return all points: `parameter`, `value` (natural), `x`, `loss`, `deviance`, `converged`."""
    parts = [
        pd.DataFrame(
            {
                "parameter": profile.name,
                "value": natural(free, profile.x)[profile.name],
                "x": profile.x[:, free.names.index(profile.name)],
                "loss": profile.loss,
                "deviance": profile.deviance,
                "converged": profile.converged,
            }
        )
        for profile in found
    ]
    return pd.concat(parts, ignore_index=True)


def interval_table(
    free: Coordinates, found: Sequence[Profile], level: float = 0.95
) -> pd.DataFrame:
    """Return the intervals, natural units.

    Returns:
        A row a parameter: `parameter`, `estimate`, `low`, `high`, `low_end` and `high_end`
        (`crossed`, or open at the parameter's `bound` or the end of the `grid`), `level`.
    """
    rows = []
    for profile in found:
        j = free.names.index(profile.name)
        bounds = float(free.low[j]), float(free.high[j])
        ends = interval(profile, profile.x[:, j], bounds, level)
        points = np.repeat(profile.x[[np.argmin(profile.loss)]], 3, axis=0)
        points[1:, j] = ends.low, ends.high
        estimate, low, high = natural(free, points)[profile.name]
        row = {"parameter": profile.name, "estimate": estimate, "low": low, "high": high}
        rows.append(row | {"low_end": ends.low_end, "high_end": ends.high_end, "level": level})
    return pd.DataFrame(rows)


def _profile(solver: Conditional, laplace: Laplace, start: Point, held: int, side: int) -> Profile:
    grid = laplace.sd[held] * np.linspace(0.0, REACH, side + 1)[1:]
    middle = solver.minimise(start, held)
    value, low, high = middle.x[held], laplace.free.low[held], laplace.free.high[held]
    left = np.unique(np.maximum(value - grid, low))[::-1]
    right = np.unique(np.minimum(value + grid, high))
    down = _walk(solver, middle, held, left[left < value])
    up = _walk(solver, middle, held, right[right > value])
    points = [*down[::-1], middle, *up]
    return Profile(
        laplace.free.names[held],
        np.array([point.x for point in points]),
        np.array([point.loss for point in points]),
        np.array([point.converged for point in points]),
    )


def _walk(solver: Conditional, start: Point, held: int, values: np.ndarray) -> list[Point]:
    points, point = [], start
    for value in values:
        moved = solver.at(solver.move(point, held, value), point.curvature)
        point = solver.minimise(moved, held)
        points.append(point)
    return points


def _crossing(values: np.ndarray, root: np.ndarray, cut: float) -> float | None:
    """Return the first value, going outwards, at which the root of the deviance meets the cut."""
    above = np.flatnonzero(root >= cut)
    if not len(above):
        return None
    after = int(above[0])
    share = (cut - root[after - 1]) / (root[after] - root[after - 1])
    return float(values[after - 1] + share * (values[after] - values[after - 1]))
