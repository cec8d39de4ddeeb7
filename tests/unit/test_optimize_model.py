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
