"""Does a tenth of the evaluations find what full enumeration finds, and what does each take?

The bundled search `five_courses` (6 options in 5 slots, 7,776 sequences) is enumerated once on few
persons and once searched with a tenth of the evaluations, both timed; then, from the numbers that
the enumeration has given, searched again under many seeds: how often the best is found, and how far
the front lies below the true one at the worst.

    python benchmarks/optimize.py            the above
    python benchmarks/optimize.py --doses    the bundled search `denosumab_dose` against a fine grid
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cohort
from cohort.search.evaluations import Evaluations
from cohort.search.evolve import evolve
from cohort.search.load import load_search
from cohort.search.space import Candidate, Space

SEARCH = "five_courses"


class Looked:
    """Hands out what the enumeration found."""

    batch = 64

    def __init__(self, space: Space, means: dict[str, float]) -> None:
        """Keep the numbers, mean by schedule."""
        self._space, self._means = space, means

    def values(self, codes: Sequence[Candidate]) -> Iterator[np.ndarray]:
        """Yield two persons for each candidate, both at the mean."""
        return (np.full(2, self._means[self._space.key(code)], np.float64) for code in codes)


def timed(method: str, persons: int, evaluations: int, outcome: str, out: Path) -> dict[str, Any]:
    """Run the search by a method; return its candidates and the seconds that it took."""
    config = [
        f"method.name={method}",
        f"method.evaluations={evaluations}",
        f"objective.outcome={outcome}",
    ]
    start = time.perf_counter()
    found = cohort.optimize(SEARCH, patients=persons, config=config, out=out / method)
    seconds = time.perf_counter() - start
    return {
        "candidates": found.candidates().query("feasible"),
        "seconds": seconds,
        "compiling": found.manifest["seconds"]["compile"],
        "schedules": found.manifest["counts"]["schedules"],
    }


def best_within(table: pd.DataFrame) -> dict[float, float]:
    """Return the best gain at no more than each burden."""
    months, means = table["treated_months"].to_numpy(float), table["mean"].to_numpy(float)
    return {float(most): float(means[months <= most].max()) for most in np.unique(months)}


def searched(space: Space, means: dict[str, float], evaluations: int) -> pd.DataFrame:
    """Search among known numbers; return what was looked at and is allowed."""
    with tempfile.TemporaryDirectory() as folder:
        looked = Looked(space, means)
        evaluations_of = Evaluations(space, looked, Path(folder), evaluations, 2)
        codes = [c for c in evolve(space, evaluations_of) if not space.broken(c)]
        assert len(evaluations_of.asked) <= evaluations
    rows = [{"treated_months": space.treated_months(c), "mean": means[space.key(c)]} for c in codes]
    return pd.DataFrame(rows)


def doses(persons: int) -> dict[str, Any]:
    """Set the doses that derivatives find beside the best of a grid of 41 x 41, for each price."""
    from cohort.api.device import configure
    from cohort.search.climb import best_doses
    from cohort.search.doses import Climb
    from cohort.search.space import course_doses

    prepared = load_search("denosumab_dose", patients=persons)
    configure("auto", prepared.study.engine.precision)
    from cohort.search.evaluate import Evaluator

    space = Space(prepared.search)
    evaluator = Evaluator(space, prepared.study)
    evaluator.prepare()
    (code,) = space.codes()
    bounds = [course.option.dose or (1.0, 1.0) for course in space.courses(code)]
    axes = [np.linspace(*pair, 41) for pair in bounds]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    codes = [tuple(at_doses(code, pair)) for pair in grid]
    start = time.perf_counter()
    means = np.stack(list(evaluator.values(codes))).astype(np.float64).mean(axis=1)
    seconds = time.perf_counter() - start
    costs = np.array([space.cost(one) for one in codes])
    found = []
    for price in prepared.search.method.prices:
        start = time.perf_counter()
        ends = best_doses(space, evaluator.slopes, Climb(code, price))
        climbing = time.perf_counter() - start
        end = tuple(at_doses(code, ends))
        mean = float(next(evaluator.values([end])).astype(np.float64).mean())
        best = int(np.argmax(means - price * costs))
        amounts = [d.amount for c in space.courses(end) for d in course_doses(c)]
        found.append(
            {
                "price": price,
                "amounts": [round(amount, 1) for amount in amounts],
                "gain_less_cost": round(mean - price * space.cost(end), 4),
                "of_grid": round(float(means[best] - price * costs[best]), 4),
                "seconds": round(climbing, 1),
            }
        )
    return {"search": "denosumab_dose", "grid_seconds": round(seconds, 1), "prices": found}


def at_doses(
    code: Sequence[Any], pair: Sequence[float] | np.ndarray
) -> Iterator[tuple[int, float]]:
    """Yield the choice of each slot with its dose."""
    return ((int(taken), float(dose)) for taken, dose in zip(code, pair, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--outcome", default="bmd_total_hip_change")
    parser.add_argument("--doses", action="store_true", help="doses by derivatives instead")
    chosen = parser.parse_args()
    if chosen.doses:
        print(json.dumps(doses(chosen.patients), indent=2))
        return
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        whole = timed("enumerate", chosen.patients, 2, chosen.outcome, scratch)
        table = whole["candidates"]
        tenth = whole["schedules"] // 10
        part = timed("evolve", chosen.patients, tenth, chosen.outcome, scratch)
    means = dict(zip(table["schedule"], table["mean"], strict=True))
    full = best_within(table)
    report: dict[str, Any] = {"search": SEARCH, "outcome": chosen.outcome}
    for name, run in (("enumerate", whole), ("evolve", part)):
        report[name] = {
            "schedules": run["schedules"],
            "best": run["candidates"]["sequence"].iloc[0],
            "gain": round(run["candidates"]["mean"].iloc[0], 4),
            "seconds": round(run["seconds"], 1),
            "of_which_compiling": round(run["compiling"], 1),
        }
    hits, behind = 0, []
    for seed in range(chosen.seeds):
        config = [f"method.evaluations={tenth}"]
        space = Space(load_search(SEARCH, config, seed=seed).search)
        found = best_within(searched(space, means, tenth))
        gaps = [full[b] - max(v for k, v in found.items() if k <= b) for b in full]
        hits += max(found.values()) >= max(full.values())
        behind.append(max(gaps))
    report["seeds"] = {
        "tried": chosen.seeds,
        "found_the_best": hits,
        "whole_front_found": sum(gap <= 0.0 for gap in behind),
        "largest_gap_of_front": round(max(behind), 4),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
