"""What is compiled: once for all arms and blocks, and for a GPU without one."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest

from cohort import stored
from cohort.patients.randomness import standard_normals, uniforms
from cohort.solve import compiled, fused, simulate
from cohort.solve.simulate import StudySimulator, make_simulator
from cohort.tile import TILE
from cohort.trial.study import parse_study

FUNCTIONS = ("run_history", "run_arm", "report_arm")
STORED = {name: getattr(compiled, name) for name in FUNCTIONS}
ARMS: Mapping[str, list[dict[str, str]]] = {
    "stopped": [{"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 0 to 6"}],
    "control": [],
    "double": [{"therapy": "denosumab", "regimen": "120 mg sc every 6 months from 0 to 12"}],
}


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program comes from a run of before."""
    monkeypatch.setattr(stored, "_folder", None)


def simulator(kernel: str, precision: str = "float32") -> StudySimulator:
    return make_simulator(
        parse_study(
            {
                "name": "compiled",
                "population": {"name": "postmenopausal_osteoporosis"},
                "arms": [{"name": name, "treatments": t} for name, t in ARMS.items()],
                "visits": {"months": [0.0, 6.0, 12.0]},
                "engine": {"precision": precision, "kernel": kernel},
            }
        )
    )


def traced(caplog: pytest.LogCaptureFixture, call: Any) -> list[str]:
    """What JAX says that it traced or compiled meanwhile."""
    caplog.clear()
    with jax.log_compiles(), caplog.at_level(logging.DEBUG, logger="jax"):
        call()
    lines = [record.getMessage() for record in caplog.records]
    return [line for line in lines if re.match(r"Finished (tracing|XLA compilation)", line)]


@pytest.mark.parametrize(
    ("kernel", "room", "of_steps"),
    [
        ("xla", compiled, ["run_history", "run_arm"]),
        ("fused", fused, ["begin_history", "begin_arm"]),
    ],
)
def test_arms_and_blocks_of_equal_shape_trace_nothing_anew(
    kernel: str, room: ModuleType, of_steps: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    made = simulator(kernel)
    jitted = {name: getattr(room, name).jitted for name in of_steps}
    jitted |= {name: getattr(compiled, name).jitted for name in ("draw_noise", "report_arm")}
    for function in jitted.values():
        function.clear_cache()
    before = " ".join(traced(caplog, made.compile))
    assert all(name in before for name in jitted)
    made.block(np.arange(TILE), ("stopped",))
    again = traced(caplog, lambda: made.block(np.arange(TILE, 2 * TILE), tuple(ARMS)))
    assert again == []
    # What `compile` called is what a block calls: no second version of any.
    sizes = {name: function._cache_size() for name, function in jitted.items()}
    assert sizes == dict.fromkeys(jitted, 1)


@pytest.mark.parametrize("draw", [uniforms, standard_normals])
def test_draws_do_not_depend_on_how_many_are_drawn(draw: Any) -> None:
    ids = np.arange(7)
    few, more = draw(3, "stream", ids, 3), draw(3, "stream", ids, 9)
    assert few.shape == (3, 7)
    np.testing.assert_array_equal(few, more[:3])
    assert len(np.unique(more)) == more.size


def lowered_for_gpu(precision: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The text of every compiled function as a GPU gets it; nothing is compiled or run."""
    texts: dict[str, str] = {}

    def spy(name: str) -> None:
        function = STORED[name]

        class Lowered:
            like = staticmethod(function.like)

            def __call__(self, *arguments: Any) -> Any:
                with jax.enable_x64(precision == "float64"):
                    traced = function.jitted.trace(*arguments)
                    texts[name] = traced.lower(lowering_platforms=("cuda",)).as_text()
                    return function.like(*arguments)

        place = simulate if name == "report_arm" else compiled
        monkeypatch.setattr(place, name, Lowered())

    for name in FUNCTIONS:
        spy(name)
    with jax.enable_x64(precision == "float64"):
        simulator("xla", precision).compile()
    return texts


def test_a_gpu_gets_no_callback_and_no_float64_unless_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = lowered_for_gpu("float32", monkeypatch)
    assert set(texts) == set(FUNCTIONS)
    for name, text in texts.items():
        assert "stablehlo.while" in text or name == "report_arm"
        assert not re.search(r"callback|infeed|outfeed", text), name
        assert "f64" not in text, name
    asked = lowered_for_gpu("float64", monkeypatch)
    assert all("f64" in text for text in asked.values())
