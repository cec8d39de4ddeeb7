"""Candidates on the model itself: they are arms of the engine, and the search is their enumeration.

The other path to a sequence's numbers is a study with that sequence as an arm.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sequence_world import REGIMEN, document

from cohort.api.device import configure
from cohort.execute.progress import silent
from cohort.search.load import Prepared, parse_search
from cohort.search.run import run_search
from cohort.search.space import Space
from cohort.trial.study import parse_study

DRUGS = ("alendronate", "denosumab", "romosozumab", "teriparatide")
PERSONS = 12
OUTCOME = "bmd_total_hip_change"


def search(**tables) -> Prepared:
    given = {
        "patients": PERSONS,
        "seed": 3,
        "adherence": {"mean": 0.8, "sd": 0.1},
        "background": [{"therapy": "calcium_vitamin_d", "regimen": "1 dose oral daily"}],
        "engine": {"accuracy": "draft"},
    }
    return parse_search(document(*DRUGS, **(given | tables)))


@pytest.fixture(scope="module")
def tried() -> dict[tuple[int, ...], np.ndarray]:
    """Outcomes of all 64 candidates by person."""
    prepared = search()
    configure("cpu")
    from cohort.search.evaluate import Evaluator

    space = Space(prepared.search)
    evaluator = Evaluator(space, prepared.study)
    evaluator.prepare()
    codes = list(space.codes())
    found = dict(zip(codes, evaluator.values(codes), strict=True))
    # A candidate's numbers do not depend on what is computed beside it, to the last bit.
    shuffled = [codes[i] for i in np.random.default_rng(0).permutation(64)][:20]
    for code, values in zip(shuffled, evaluator.values(shuffled), strict=True):
        np.testing.assert_array_equal(values, found[code])
    return found


def test_candidates_are_arms_of_a_study(tried: dict[tuple[int, ...], np.ndarray]) -> None:
    """A Latin square of four arms has every dose of the 64, hence the same grid."""
    from cohort.solve.simulate import make_simulator

    prepared, square = search(), [(0, 1, 2), (1, 2, 3), (2, 3, 0), (3, 0, 1)]
    arms = []
    for code in square:
        treatments = [
            {"therapy": DRUGS[k], "regimen": f"{REGIMEN[DRUGS[k]]} from {12 * i} to {12 * i + 12}"}
            for i, k in enumerate(code)
        ]
        arms.append({"name": f"arm_{''.join(map(str, code))}", "treatments": treatments})
    study = parse_study(
        {
            "name": "square",
            "seed": 3,
            "patients": PERSONS,
            "arms": arms,
            "visits": {"months": [0, 36]},
            "adherence": {"mean": 0.8, "sd": 0.1},
            "background": prepared.search.model_dump(mode="json")["background"],
            "engine": {"accuracy": "draft"},
            "measurement": {"enabled": False},
        }
    )
    names = tuple(arm["name"] for arm in arms)
    block = make_simulator(study).block(np.arange(PERSONS), names)
    for name, code in zip(names, square, strict=True):
        np.testing.assert_allclose(tried[code], block.visits[name][OUTCOME][:, -1], atol=2e-3)
    between = np.std([tried[code].mean() for code in square])
    assert between > 0.5  # the tolerance is small against what tells sequences apart


class LookedUp:
    """Hands out what the fixture has computed."""

    device = "looked up"
    batch = 16

    def __init__(self, table: dict[tuple[int, ...], np.ndarray]) -> None:
        self._table = table

    def prepare(self) -> None:
        """Nothing to prepare."""

    def values(self, codes):
        return (self._table[tuple(code)] for code in codes)


@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("method", ["enumerate", "evolve"])
def test_search_gives_what_the_enumeration_by_hand_gives(
    method: str, repeats: bool, tried: dict[tuple[int, ...], np.ndarray], tmp_path: Path
) -> None:
    """All 64 orders of three courses, or the 24 without repeats."""
    import pandas as pd

    if method == "evolve":
        pytest.importorskip("pymoo")
    rules = {} if repeats else {"max_uses": dict.fromkeys(DRUGS, 1)}
    prepared = search(constraints=rules, method={"name": method, "evaluations": 64})
    run_search(prepared, tmp_path, lambda space: LookedUp(tried), progress=silent)
    by_hand = {
        " > ".join(f"{DRUGS[k]} 12" for k in code): float(values.astype(float).mean())
        for code, values in tried.items()
        if repeats or len(set(code)) == 3
    }
    table = pd.read_parquet(tmp_path / "candidates.parquet").query("feasible")
    assert len(by_hand) == (64 if repeats else 24)
    assert table["sequence"].iloc[0] == max(by_hand, key=lambda words: by_hand[words])
    for words, mean in zip(table["sequence"], table["mean"], strict=True):
        assert mean == pytest.approx(by_hand[words], rel=1e-12)
    if method == "enumerate":
        assert table["sequence"].tolist() == sorted(by_hand, key=lambda w: -by_hand[w])


def test_derivatives_by_dose_are_those_of_differences_and_find_the_best_of_a_grid() -> None:
    configure("cpu")
    from cohort.search.climb import best_doses
    from cohort.search.doses import Climb
    from cohort.search.evaluate import Evaluator

    raw = document("denosumab", "alendronate", slots=2)
    for option in raw["options"]:
        option |= {"dose": [0.05, 2.0], "monthly_cost": 1 / 12}
    prepared = parse_search(
        raw
        | {
            "patients": 4,
            "objective": {"month": 24.0, "against": "cost"},
            "method": {"name": "gradient", "prices": [0.8]},
            "engine": {"accuracy": "draft"},
        }
    )
    space = Space(prepared.search)
    evaluator = Evaluator(space, prepared.study)
    evaluator.prepare()

    def means(doses: list[tuple[float, float]]) -> np.ndarray:
        codes = [tuple(enumerate(pair)) for pair in doses]
        return np.stack(list(evaluator.values(codes))).astype(np.float64).mean(axis=1)

    def slopes_at(first: float, second: float) -> np.ndarray:
        return evaluator.slopes(((0, first), (1, second)))[1]

    # Outcomes are continuous in the doses and have kinks where a step's RANK occupancy passes that
    # at baseline: there slopes jump by some percent, but what they add up to is the difference.
    low, high, nodes = 0.3, 0.5, np.linspace(0.3, 0.5, 21)
    grid = [(a, b) for a in np.linspace(0.05, 2.0, 11) for b in np.linspace(0.05, 2.0, 11)]
    tried = means([(0.4, 0.7), (high, 0.7), (low, 0.7), (0.4, high), (0.4, low), *grid])
    along = ([slopes_at(x, 0.7)[0] for x in nodes], [slopes_at(0.4, x)[1] for x in nodes])
    differences = tried[[1, 3]] - tried[[2, 4]]
    np.testing.assert_allclose(np.trapezoid(along, nodes), differences, rtol=0.01)
    value, slopes = evaluator.slopes(((0, 0.4), (1, 0.7)))
    assert value == pytest.approx(tried[0], rel=1e-5)
    assert (slopes > 0).all()
    found = best_doses(space, evaluator.slopes, Climb((0, 1), 0.8))
    best = float((tried[5:] - 0.8 * np.sum(grid, axis=1)).max())
    reached = float(means([(found[0], found[1])])[0]) - 0.8 * found.sum()
    assert best - 1e-5 <= reached < best + 0.03
    assert ((found > 0.05) & (found < 2.0)).any()
