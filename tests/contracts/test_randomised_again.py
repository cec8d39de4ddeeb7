"""Randomised again in permuted blocks, within strata, among those who are still there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from cohort.errors import BadInput
from cohort.results.block import BlockResult
from cohort.solve.simulate import make_simulator
from cohort.tile import TILE
from cohort.trial.schema import Study
from cohort.trial.study import parse_study, resolved

MONTHS = [0.0, 12.0, 18.0]
PERSONS = np.arange(TILE + 400)
SIZE, SHORT = 3, 1
"""A block of one unit, ratio two to one: three places, one of them in the second phase."""
HOW: dict[str, Any] = {"block": 1, "strata": [{"variable": "age", "cuts": [70.0]}]}


def document(**again: Any) -> dict[str, Any]:
    phases = [{"name": "on", "ratio": 2}, {"name": "off", "stop": ["denosumab"]}]
    arm = {
        "name": "own",
        "treatments": [{"therapy": "denosumab", "regimen": "60 mg sc every 6 months"}],
        "rerandomise": [{"month": 12.0, "to": phases, **again}],
    }
    informative = {"outcome": "bmd_total_hip_change", "beta": -0.5, "sd": 2.0}
    return {
        "name": "again",
        "seed": 8,
        "arms": [arm],
        "visits": {"months": MONTHS, "missed": 0.1},
        "dropout": {"annual_rate": 0.3, "informative": informative},
        "outputs": {"fractures": True},
        "engine": {"accuracy": "draft"},
    }


def study(**again: Any) -> Study:
    return parse_study(document(**again))


@pytest.fixture(scope="module")
def block() -> BlockResult:
    return make_simulator(study(randomisation=HOW)).block(PERSONS, ("own",))


def off(result: BlockResult) -> np.ndarray:
    """Who was randomised to stop."""
    taken = result.courses["own"]
    return np.array(taken.labels)[taken.number[:, -1]] == "off@12"


def test_every_block_of_those_who_are_there_holds_the_ratio(block: BlockResult) -> None:
    there = block.last_month["own"] > 12.0
    assert 0.55 < there.mean() < 0.8  # nearly a third have left or died, and take no place
    old, tile = block.patients["age"] >= 70.0, PERSONS // TILE
    places = []
    for stratum in (old, ~old):
        for number in np.unique(tile):
            stopped = off(block)[there & stratum & (tile == number)]
            blocks = stopped[: len(stopped) // SIZE * SIZE].reshape(-1, SIZE)
            assert len(blocks) > 20
            assert (blocks.sum(axis=1) == SHORT).all()
            places.append(blocks.argmax(axis=1))
    counts = np.bincount(np.concatenate(places), minlength=SIZE)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_who_gets_what_does_not_depend_on_the_size_of_a_unit_of_work(block: BlockResult) -> None:
    simulator = make_simulator(study(randomisation=HOW))
    parts = [simulator.block(PERSONS[:TILE], ("own",)), simulator.block(PERSONS[TILE:], ("own",))]
    np.testing.assert_array_equal(np.concatenate([off(part) for part in parts]), off(block))


def test_left_out_each_is_randomised_apart(block: BlockResult) -> None:
    assert "randomisation" not in resolved(study())["arms"][0]["rerandomise"][0]
    simple = make_simulator(study(randomisation={"method": "simple"}))
    apart = make_simulator(study())
    few = PERSONS[7:300]
    one, other = (off(simulator.block(few, ("own",))) for simulator in (simple, apart))
    np.testing.assert_array_equal(one, other)
    assert (one != off(block)[few]).any()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (
            {"strata": [{"variable": "ages", "cuts": [70.0]}]},
            "arms.own.rerandomise.0.randomisation.strata.0.variable: found 'ages'; allowed is sex",
        ),
        ({"method": "simple", **HOW}, 'strata need `method = "blocked"`'),
        ({"block": 0}, "randomisation.block"),
    ],
)
def test_what_cannot_be_followed_is_told(how: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        study(randomisation=how)
    assert says in str(caught.value)
