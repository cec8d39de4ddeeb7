"""Evaluations of arms that decide: those of a run, whatever the levers do to the decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cohort.api.device import configure
from cohort.levers.compute.cohorts import Cohorts
from cohort.levers.load import Prepared, load_job
from cohort.results.block import BlockResult
from cohort.solve.simulate import make_simulator

PERSONS = 24
STUDY = """
name = "decided"

[[arms]]
name = "markers"
treatments = [{ therapy = "denosumab", regimen = "60 mg sc every 6 months" }]
late_doses = [{ therapy = "denosumab", month = 6, by = 2, share = 0.4 }]

[[arms.rules]]
name = "enough"
when = "ctx_change"
above = -75
months = [3]
stop = ["denosumab"]

[[arms]]
name = "density"
treatments = [{ therapy = "denosumab", regimen = "60 mg sc every 6 months" }]

[[arms.rerandomise]]
month = 3
to = [{ name = "on", ratio = 2 }, { name = "off", stop = ["denosumab"] }]

[[arms.rules]]
name = "more"
when = "bmd_lumbar_spine_change"
below = 3
months = [6]
start = [{ therapy = "denosumab", regimen = "60 mg sc once" }]
stop = ["denosumab"]

[visits]
months = [0, 3, 6, 12]

[measurement.dxa_drift.lumbar_spine]
step_percent = 1
step_month = 6
"""
OUTPUTS = (("markers", "ctx_change"), ("density", "bmd_lumbar_spine_change"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    path = tmp_path_factory.mktemp("study") / "decided.toml"
    path.write_text(STUDY, encoding="utf-8")
    job: dict[str, Any] = {
        "study": str(path),
        "outputs": [{"arm": a, "outcomes": [name], "months": [12]} for a, name in OUTPUTS],
        "factors": [{"parameters": ["etaPi", "rT"]}],
        "method": {"name": "morris"},
        "cohort": {"persons": PERSONS},
    }
    return load_job(job)


def run_under(prepared: Prepared, draw: dict[str, float]) -> BlockResult:
    arms = tuple(arm for arm, _ in OUTPUTS)
    simulator = make_simulator(prepared.study, [draw] if draw else ())
    return simulator.block(np.arange(PERSONS, dtype=np.int64), arms)


def test_an_evaluation_is_the_mean_of_a_run_with_its_decisions(prepared: Prepared) -> None:
    configure("cpu")
    own = np.array([factor.base for factor in prepared.factors])
    other = own * (2.0, 0.6)
    found = Cohorts(prepared).evaluate(np.stack([own, other]))
    draws: list[dict[str, float]] = [{}, {"etaPi": float(other[0]), "rT": float(other[1])}]
    on = []
    for row, draw in zip(found, draws, strict=True):
        block = run_under(prepared, draw)
        means = [float(block.visits[arm][name][:, -1].mean()) for arm, name in OUTPUTS]
        np.testing.assert_allclose(row, means, rtol=3e-5)
        on.append({arm: own.number[:, -1] for arm, own in block.courses.items()})
    for arm in on[0]:
        assert len({number for one in on for number in one[arm].tolist()}) > 2
    # Moved levers bring some across a rule's limit, so that the test sees decisions move.
    assert any((on[0][arm] != on[1][arm]).any() for arm in on[0])
