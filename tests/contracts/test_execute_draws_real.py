"""Draws of the parameters in the real simulator: a draw is a run with those values."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import jax
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cohort import stored
from cohort.api.runs import simulate
from cohort.api.studies import drawn_parameters, load_study
from cohort.model.parameters import parameter_set, set_file
from cohort.results.reader import open_results

STUDY = {
    "name": "draws",
    "patients": 40,
    "population": {"name": "postmenopausal_osteoporosis"},
    "arms": [
        {"name": "untreated", "role": "control"},
        {
            "name": "denosumab",
            "treatments": [{"therapy": "denosumab", "regimen": "60 mg sc every 6 months"}],
        },
        {
            "name": "alendronate",
            "treatments": [{"therapy": "alendronate", "regimen": "70 mg oral weekly"}],
        },
    ],
    "visits": {"months": [0, 3]},
}
# A coupling, a receptor's affinity, a drug's potency: of bone and of the drugs' numbers.
FREE = ("bE", "KD", "Ealn")
FACTORS = (0.9, 1.2)
"""Values of each draw, over the set's own."""


def draw(number: int) -> dict[str, float]:
    """Return the free parameters' values in a draw."""
    values = parameter_set().values
    return {name: values[name] * FACTORS[number] for name in FREE}


@pytest.fixture
def own_set(tmp_path: Path) -> Path:
    """A parameter set in a file of its own, with draws beside it."""
    path = tmp_path / "own.toml"
    path.write_text(set_file("default").read_text(encoding="utf-8"), encoding="utf-8")
    numbers = range(len(FACTORS))
    columns = {name: pa.array([draw(i)[name] for i in numbers]) for name in FREE}
    table = pa.table({"draw": pa.array(numbers, pa.int32()), **columns})
    metadata = {"parameter_set_hash": parameter_set(str(path)).hash, "method": "made up"}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "own.draws.parquet")
    return path


def tables(
    out: Path, *, draws: int | None = None, kernel: str = "auto", **parameters: Any
) -> list[pd.DataFrame]:
    """Run the study; return its visits and its patients."""
    own = {"outputs": {"knockout": parameters.pop("knockout", ())}, "parameters": parameters}
    study = load_study(STUDY | own | {"engine": {"accuracy": "draft", "kernel": kernel}})
    simulate(study, out, drawn=drawn_parameters(study, draws), device="cpu")
    results = open_results(out)
    return [results.visits(), results.patients()]


@pytest.mark.parametrize(
    ("held", "moved"),
    [
        ({}, {"untreated", "denosumab", "alendronate"}),
        ({"override": {"KD": 0.06}, "knockout": ["estrogen_on_rankl"]}, {"alendronate"}),
    ],
    ids=["alone", "under an override and a knockout"],
)
def test_a_draw_is_a_run_with_its_values(
    tmp_path: Path, own_set: Path, held: dict[str, Any], moved: set[str]
) -> None:
    """Bit for bit, and what the study itself fixes holds under every draw."""
    drawn = tables(tmp_path / "drawn", set=str(own_set), draws=2, **held)
    for number in range(2):
        values = draw(number) | held.get("override", {})
        alone = tables(tmp_path / f"run-{number}", set=str(own_set), **held | {"override": values})
        for many, one in zip(drawn, alone, strict=True):
            rows = many.query("draw == @number").drop(columns="draw").reset_index(drop=True)
            pd.testing.assert_frame_equal(rows, one, check_exact=True)
    rows = pq.read_table(tmp_path / "drawn/summary.parquet").to_pylist()
    ctx = {r["arm"]: r["mean_sd"] for r in rows if (r["outcome"], r["month"]) == ("ctx", 3)}
    assert {arm for arm, spread in ctx.items() if spread > 0} == moved


@pytest.mark.parametrize(
    ("kernel", "once"),
    [("fused", ["begin_arm", "begin_history"]), ("xla", ["run_arm", "run_history"])],
)
def test_no_draw_is_compiled_anew(
    kernel: str,
    once: list[str],
    tmp_path: Path,
    own_set: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored, "_folder", None)  # nothing comes from a run of before
    monkeypatch.setattr(stored, "keep_in", lambda folder: None)
    jax.clear_caches()  # whatever other tests have compiled in this process
    with caplog.at_level(logging.DEBUG, logger="jax"):  # which also tells of other threads
        tables(tmp_path / "out", draws=2, kernel=kernel, set=str(own_set))
    told = r"XLA compilation of jit\(((?:run|begin)_(?:arm|history)|report_arm)\)"
    compiled = re.findall(told, caplog.text)
    assert sorted(compiled) == sorted([*once, "report_arm"])
