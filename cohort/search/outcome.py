"""What a search looks at, person by person and over the cohort."""

from __future__ import annotations

import numpy as np

from cohort.results.outcomes import BY_NAME
from cohort.search.schema import Objective


def per_person(values: np.ndarray, objective: Objective) -> np.ndarray:
    """Return what each person counts for: the value itself, or 100 for a responder and 0 else.

    Args:
        values: outcomes, `(candidate, patient)`; NaN where a person could not be computed.
        objective: what is wanted.
    """
    values = values.astype(np.float64)
    if objective.at_least is not None:
        counted = values >= objective.at_least
    elif objective.at_most is not None:
        counted = values <= objective.at_most
    else:
        return values
    return np.where(np.isfinite(values), 100.0 * counted, np.nan)


def mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error over persons, `(candidate,)` each; NaN where nobody is left.

    Args:
        values: by person, `(candidate, patient)`, NaN where there is none.
    """
    there = np.isfinite(values)
    n = there.sum(axis=1)
    total = np.where(there, values, 0.0).sum(axis=1)
    mean = np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)
    squares = np.where(there, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    variance = np.divide(squares, n - 1, out=np.full(len(n), np.nan), where=n > 1)
    return mean, np.sqrt(variance / np.maximum(n, 1))


def scores(values: np.ndarray, objective: Objective) -> np.ndarray:
    """Return how good candidates are, `(candidate,)`: the larger the better; worst where unknown.

    Args:
        values: outcomes, `(candidate, patient)`.
        objective: what is wanted.
    """
    mean = mean_and_error(per_person(values, objective))[0]
    sign = 1.0 if objective.goal == "maximise" else -1.0
    return np.where(np.isfinite(mean), sign * mean, -np.inf)


def unit(objective: Objective) -> str:
    """Return the unit of what is wanted."""
    return "%" if objective.is_share else BY_NAME[objective.outcome].unit


def words(objective: Objective) -> str:
    """Return what is wanted in words, its month included."""
    found = BY_NAME[objective.outcome]
    name = found.description.split(":")[0] + (", change" if found.is_change else "")
    if objective.is_share:
        bound = objective.at_most if objective.at_least is None else objective.at_least
        side = "at most" if objective.at_least is None else "at least"
        name = f"Persons with {name[:1].lower()}{name[1:]} {side} {bound:g} {found.unit}"
    return f"{name} at month {objective.month:g}"
