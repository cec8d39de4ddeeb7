"""Doses sought by derivatives: against optima worked out by hand, and what a folder keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sequence_world import document

from cohort.errors import BadInput
from cohort.execute.progress import silent
from cohort.search.climb import best_doses
from cohort.search.doses import Climb
from cohort.search.load import Prepared, parse_search
from cohort.search.run import run_search
from cohort.search.space import Candidate, Space, course_doses

STRENGTH = {"alendronate": 2.0, "denosumab": 3.0, "pause": 0.0}


class Roots:
    """A world in which a course gives its strength times the root of its dose, more when later."""

    device = "pretended"

    def __init__(self, space: Space, breaks_after: int | None = None) -> None:
        self._space, self._left = space, breaks_after
        self.asked = 0

    @property
    def batch(self) -> int:
        return 4

    def prepare(self) -> None:
        """Nothing to prepare."""

    def _parts(self, code: Candidate) -> tuple[np.ndarray, np.ndarray]:
        courses = self._space.courses(code)
        weight = [STRENGTH[c.option.name] * (1 + n) for n, c in enumerate(courses)]
        return np.array(weight), np.array([c.dose for c in courses])

    def values(self, codes: Sequence[Candidate]) -> Iterator[np.ndarray]:
        factor = 1.0 + 0.1 * np.linspace(-1.0, 1.0, self._space.search.patients)
        for code in codes:
            weight, dose = self._parts(code)
            yield (float(weight @ np.sqrt(dose)) * factor).astype(np.float32)

    def slopes(self, code: Candidate) -> tuple[float, np.ndarray]:
        self.asked += 1
        if self._left is not None and self.asked > self._left:
            raise KeyboardInterrupt
        weight, dose = self._parts(code)
        return float(weight @ np.sqrt(dose)), weight / (2 * np.sqrt(dose))


def search(slots: int = 2, dose: tuple[float, float] = (0.1, 4.0), **tables: Any) -> Prepared:
    """Two courses; a month of either drug costs 1/12, so that a year of its label dose costs 1."""
    raw = document("alendronate", "denosumab", "pause", slots=slots)
    for option in raw["options"][:2]:
        option |= {"dose": list(dose), "monthly_cost": 1 / 12}
    raw["method"] = {"name": "gradient", "prices": [1.5]}
    raw["objective"]["against"] = "cost"
    return parse_search(raw | tables)


def test_a_price_finds_where_the_derivative_is_the_price() -> None:
    """max w sqrt(d) - p d at d = (w / 2p)^2, within the bounds: w is 2 and 2 * 3 here."""
    space = Space(search().search)
    for price, expected in ((1.5, [(2 / 3) ** 2, 4.0]), (20.0, [0.1, 0.1]), (4.0, [0.1, 0.75**2])):
        found = best_doses(space, Roots(space).slopes, Climb((0, 1), price))
        np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_a_budget_is_split_by_the_squares_of_the_strengths() -> None:
    """max sum w_k sqrt(d_k) under sum d_k <= b: Lagrange gives d_k in proportion to w_k^2."""
    limits = {"constraints": {"max_cost": 2.0}, "method": {"name": "gradient"}}
    space = Space(search(**limits).search)
    found = best_doses(space, Roots(space).slopes, Climb((0, 1), 0.0))
    weight = np.array([2.0, 6.0])
    np.testing.assert_allclose(found, 2.0 * weight**2 / (weight**2).sum(), rtol=2e-3)
    assert found.sum() <= 2.0 + 1e-9


def test_the_folder_holds_doses_and_their_front(tmp_path: Path) -> None:
    prices = [0.5, 1.0, 2.0, 4.0]
    prepared = search(slots=1, method={"name": "gradient", "prices": prices})
    run_search(prepared, tmp_path / "out", Roots, progress=silent)
    table = pq.read_table(tmp_path / "out" / "candidates.parquet").to_pandas()
    best = table[table["slot_1"] == "denosumab"].sort_values("cost")
    # (w / 2p)^2 with w = 3: 9, above the bound of 4, then 2.25, 0.5625, 0.1406.
    expected = [(3 / (2 * price)) ** 2 for price in (4.0, 2.0, 1.0)] + [4.0]
    np.testing.assert_allclose(best["dose_1"], expected, rtol=2e-3)
    np.testing.assert_allclose(best["mean"], 3 * np.sqrt(best["dose_1"]), rtol=1e-5)
    np.testing.assert_allclose(best["cost"], best["dose_1"], rtol=1e-6)
    assert best["sequence"].iloc[-1] == "denosumab 12 (dose x 4)"
    front = pq.read_table(tmp_path / "out" / "front.parquet").to_pandas()
    assert front["slot_1"].tolist() == ["pause", "alendronate", *["denosumab"] * 4]


def test_a_search_that_is_killed_climbs_on_from_there(tmp_path: Path) -> None:
    prepared = search()
    run_search(prepared, tmp_path / "whole", Roots, progress=silent)
    stopped: list[Roots] = []

    def breaking(space: Space) -> Roots:
        stopped.append(Roots(space, breaks_after=40))
        return stopped[-1]

    with pytest.raises(KeyboardInterrupt):
        run_search(prepared, tmp_path / "cut", breaking, progress=silent)
    kept = len(list((tmp_path / "cut" / ".evaluations").glob("climb-*.json")))
    assert 0 < kept < 9
    manifest = json.loads((tmp_path / "cut" / "manifest.json").read_text())
    assert manifest["status"] == "interrupted"
    run_search(prepared, tmp_path / "cut", Roots, progress=silent)
    whole, cut = (pq.read_table(tmp_path / n / "candidates.parquet") for n in ("whole", "cut"))
    assert whole.equals(cut)
    (tmp_path / "cut" / "front.parquet").unlink()
    run_search(prepared, tmp_path / "cut", Roots, progress=silent)
    assert (tmp_path / "cut" / "front.parquet").is_file()


def test_doses_multiply_every_amount_and_every_cost() -> None:
    space = Space(search().search)
    plain, half = space.courses((1, 2)), space.courses(((1, 0.5), (2, 1.0)))
    doses, halved = course_doses(plain[0])[0], course_doses(half[0])[0]
    assert halved.amount == 0.5 * doses.amount == 30.0
    assert (halved.start_day, halved.doses) == (doses.start_day, doses.doses)
    assert space.cost(((1, 0.5), (2, 1.0))) == pytest.approx(0.5)
    assert space.key(((1, 1.0), (2, 1.0))) == space.key((1, 2))
    assert space.key(((1, 0.5), (2, 1.0))) != space.key((1, 2))


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"method": {"name": "enumerate"}}, "only the method 'gradient' seeks doses"),
        ({"method": {"name": "gradient", "prices": []}}, r"method\.prices: is empty"),
        ({"constraints": {"max_cost": 1e-4}}, None),
        ({"constraints": {"max_cost": 1e-4, "forbidden": [["pause", "pause"]]}}, "no candidate"),
    ],
)
def test_what_cannot_be_sought(tables: dict[str, Any], says: str | None) -> None:
    if says is None:
        search(**tables)  # two pauses cost nothing
        return
    with pytest.raises(BadInput, match=says):
        search(**tables)


def test_more_that_cannot_be_sought() -> None:
    raw = document("teriparatide", "alendronate", slots=1)
    raw["options"][0]["dose"] = [0.5, 2.0]
    raw["options"][1]["dose"] = [2.0, 0.5]
    raw["method"] = {"name": "gradient"}
    raw["objective"]["at_least"] = 3.0
    with pytest.raises(BadInput) as caught:
        parse_search(raw)
    told = "\n".join(caught.value.problems)
    assert "PTH analogue does is not in proportion" in told
    assert "options.1.dose: found [2.0, 0.5]; allowed is the least, then the most." in told
    assert "no derivative of a share of persons" in told
    assert len(caught.value.problems) == 3
