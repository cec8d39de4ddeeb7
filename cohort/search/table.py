"""Candidates as a table: what each gave, its rank, and which none beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from cohort.results.schema import MANIFEST_KEY, canonical_json
from cohort.search.outcome import mean_and_error, per_person, unit, words
from cohort.search.space import Candidate, Space

Kind = TypeVar("Kind", bound=Candidate)

NO_RESULT = "nobody could be computed"


@dataclass(frozen=True)
class Ranked:
    """All candidates that were looked at, the best first, then those that are not allowed.

    Attributes:
        rows: columns of `candidates.parquet` by name, a row a candidate.
        failed: persons that could not be computed, over all candidates.
        simulated: candidates that were simulated.
    """

    rows: Sequence[Mapping[str, Any]]
    failed: int
    simulated: int


def ranked(space: Space, codes: Sequence[Kind], values: Mapping[Kind, np.ndarray]) -> Ranked:
    """Rank candidates.

    Args:
        space: all candidates.
        codes: those that were looked at.
        values: outcomes by person of those that were simulated, `(patient,)`.
    """
    objective = space.search.objective
    done = [code for code in codes if code in values]
    whole = np.stack([values[code] for code in done]) if done else np.empty((0, 1))
    persons = per_person(whole, objective)
    mean, se = mean_and_error(persons)
    sign = -1.0 if objective.goal == "maximise" else 1.0
    burden = np.array([_burden(space, code) for code in done])
    order = [int(i) for i in np.lexsort((burden, sign * mean)) if np.isfinite(mean[i])]
    away, away_se = mean_and_error(persons - persons[order[0]] if order else persons)
    front = _front([(burden[i], sign * mean[i]) for i in order])
    rows = []
    for rank, i in enumerate(order, start=1):
        numbers = {"mean": mean[i], "se": se[i], "difference": away[i], "difference_se": away_se[i]}
        n = int(np.isfinite(persons[i]).sum())
        rows.append(
            _row(space, done[i])
            | {"rank": rank, "n": n, "feasible": True, "reason": "", "front": rank - 1 in front}
            | {name: float(x) if np.isfinite(x) else None for name, x in numbers.items()}
        )
    ranked_codes = {done[i] for i in order}
    for code in codes:
        if code not in ranked_codes:
            reason = "; ".join(space.broken(code)) or NO_RESULT
            nothing = dict.fromkeys(("rank", "mean", "se", "difference", "difference_se"))
            told = {"n": 0, "feasible": False, "reason": reason, "front": False}
            rows.append(_row(space, code) | nothing | told)
    return Ranked(rows, int((~np.isfinite(whole)).sum()) if done else 0, len(done))


def _burden(space: Space, code: Candidate) -> float:
    cost = space.search.objective.against == "cost"
    return space.cost(code) if cost else space.treated_months(code)


def _front(points: Sequence[tuple[float, float]]) -> set[int]:
    """Return which of the points (burden, loss) none beats in both; of equal ones the first."""
    order = sorted(range(len(points)), key=lambda i: (*points[i], i))
    kept: set[int] = set()
    least = np.inf
    for i in order:
        if points[i][1] < least:
            kept.add(i)
            least = points[i][1]
    return kept


def _row(space: Space, code: Candidate) -> dict[str, Any]:
    row: dict[str, Any] = {"sequence": space.words(code)}
    for number, course in enumerate(space.courses(code), start=1):
        row[f"slot_{number}"] = course.option.name
        row[f"months_{number}"] = course.months
        if space.search.method.name == "gradient":
            row[f"dose_{number}"] = course.dose
    burden = {"treated_months": space.treated_months(code), "cost": space.cost(code)}
    return row | burden | {"schedule": space.key(code)}


def candidates_schema(space: Space, identity: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of `candidates.parquet` and `front.parquet`.

    Args:
        space: all candidates.
        identity: the part of the manifest that is the same on every machine.
    """
    objective = space.search.objective
    what, its_unit = words(objective), unit(objective)
    text, real = pa.string(), pa.float64()
    fields: list[tuple[str, pa.DataType, str, str]] = [
        ("rank", pa.int32(), "", "Place among those allowed, 1 is the best; null where not allowed")
    ]
    fields.append(("sequence", text, "", "Courses in order, each with its months"))
    for number in range(1, len(space.slots) + 1):
        fields.append((f"slot_{number}", text, "", f"Option of course {number}"))
        fields.append((f"months_{number}", pa.float32(), "month", f"Length of course {number}"))
        if space.search.method.name == "gradient":
            told = f"What the doses of course {number} are multiplied by"
            fields.append((f"dose_{number}", real, "1", told))
    fields += [
        ("n", pa.int32(), "1", "Persons with a value"),
        ("mean", real, its_unit, f"{what}: {'share' if objective.is_share else 'mean'} of persons"),
        ("se", real, its_unit, "Standard error of the mean, from sampling persons"),
        ("difference", real, its_unit, "Mean difference from the best, person by person"),
        ("difference_se", real, its_unit, "Standard error of that difference"),
        ("treated_months", real, "month", "Months in which anything is given"),
        ("cost", real, "search file's", "Total cost"),
        ("feasible", pa.bool_(), "", "Whether it breaks no rule, and could be computed"),
        ("reason", text, "", "Why it is not feasible"),
        ("front", pa.bool_(), "", f"Whether none is better without more of {objective.against}"),
        ("schedule", text, "", "SHA-256 of all doses: equal schedules share it"),
    ]
    return pa.schema(
        [
            pa.field(name, kind, metadata={"unit": of, "description": told})
            for name, kind, of, told in fields
        ],
        metadata={MANIFEST_KEY: canonical_json(identity).encode()},
    )
