"""Published fractures beside predicted ones, as a table: `Comparison.fracture_frame`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from published_rows import row

from cohort.analysis.agreement import write_agreement
from cohort.analysis.compare import Prediction
from cohort.analysis.fracture_table import write_fractures
from cohort.analysis.fractures import INCIDENCE, RATIO, FracturePrediction
from cohort.api.comparison import Comparison

HIP = row(endpoint="hip_fracture_incidence", row_id="outcomes-7", month=36.0, split="validation")
ROWS = (
    FracturePrediction(HIP, INCIDENCE, "", 1.2, 0.9, 1.6, 1.5),
    FracturePrediction(HIP, RATIO, "placebo", 0.60, 0.37, 0.97, 1.10),
    FracturePrediction(HIP, RATIO, "placebo", 0.60, math.nan, math.nan, 0.7),
    FracturePrediction(HIP, RATIO, "placebo", 0.60, 0.37, 0.97, math.nan, "no visit is near"),
)


def frame() -> Any:
    return Comparison((), (), {}, None, (), ROWS).fracture_frame()


def test_a_row_holds_what_was_published_and_what_was_predicted() -> None:
    found = frame()
    assert len(found) == len(ROWS)
    first = found.iloc[0]
    told = (first.row_id, first.arm, first.endpoint, first.month, first.measure, first.split)
    expected = ("outcomes-7", "drug", "hip_fracture_incidence", 36.0, "incidence", "validation")
    assert told == expected
    assert first[["observed", "low", "high", "predicted"]].tolist() == [1.2, 0.9, 1.6, 1.5]
    assert found.versus.tolist() == ["", "placebo", "placebo", "placebo"]


def test_inside_is_known_only_with_an_interval_and_a_prediction() -> None:
    # 1.5 lies in 0.9 to 1.6, 1.10 outside 0.37 to 0.97; then no interval; then no prediction.
    assert [None if pd.isna(x) else x for x in frame().inside] == [True, False, None, None]
    assert frame()[["low", "high"]].isna().any(axis=1).tolist() == [False, False, True, False]
    assert frame().predicted.isna().tolist() == [False, False, False, True]
    assert frame().reason.tolist() == ["", "", "", "no visit is near"]


def test_it_is_what_the_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "fractures.parquet"
    write_fractures(ROWS, path)
    pd.testing.assert_frame_equal(pq.read_table(path).to_pandas(), frame())
    schema = pq.read_schema(path)
    assert all((field.metadata or {}).get(b"description") for field in schema)
    assert (schema.field("month").metadata or {})[b"unit"] == b"month"


def test_without_fractures_it_has_its_columns_and_no_row() -> None:
    empty = Comparison((), (), {}, None, ()).fracture_frame()
    assert list(empty.columns) == list(frame().columns)
    assert empty.empty


@pytest.mark.parametrize("column", ["observed", "low", "high", "predicted"])
def test_units_say_which_measure_has_which(tmp_path: Path, column: str) -> None:
    path = tmp_path / "fractures.parquet"
    write_fractures(ROWS, path)
    unit = (pq.read_schema(path).field(column).metadata or {})[b"unit"].decode()
    assert unit == "% for incidence, 1 for relative risk"


def test_predicted_against_published_is_drawn_with_units(tmp_path: Path) -> None:
    changes = [Prediction(row(site=site), 4.0, "denosumab") for site in ("LS", "TH")]
    changes.append(Prediction(row(endpoint="CTX", site="serum"), -60.0, "denosumab"))
    assert write_agreement(changes, ROWS, tmp_path) == ["compare", "fractures"]
    drawn = (tmp_path / "compare.svg").read_text()
    assert all(words in drawn for words in ("Lumbar spine BMD", "Total hip BMD", "CTX"))
    assert "P1NP" not in drawn
    assert drawn.count("Published change (%)") == drawn.count("Predicted change (%)") == 3
    drawn = (tmp_path / "fractures.svg").read_text()
    assert "Published incidence (%)" in drawn
    assert "Predicted relative risk (1)" in drawn
    assert (tmp_path / "fractures.png").is_file()
    assert write_agreement(changes, (), tmp_path / "bone") == ["compare"]
