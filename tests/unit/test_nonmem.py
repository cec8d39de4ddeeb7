"""Event tables: in, out, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort.errors import BadInput
from cohort.trial.nonmem import COLUMNS, from_nonmem, read_events, to_nonmem
from cohort.trial.regimen import DoseCourse

DENOSUMAB = DoseCourse("denosumab", "sc", 60.0, 0.0, 182.625, 6)
TERIPARATIDE = DoseCourse("teriparatide", "sc", 20.0, -30.4375, 1.0, 100)
ZOLEDRONATE = DoseCourse("zoledronate", "iv", 5.0, 365.25, 0.0, 1)


def test_courses_survive_a_round_trip() -> None:
    courses = (TERIPARATIDE, DENOSUMAB, ZOLEDRONATE)
    rows = to_nonmem(courses, person=7)
    assert from_nonmem(rows) == courses
    assert all(tuple(row) == COLUMNS and row["ID"] == 7 for row in rows)
    assert [row["TIME"] for row in rows] == sorted(row["TIME"] for row in rows)


def test_columns_are_nonmems() -> None:
    (row,) = to_nonmem([DENOSUMAB])
    assert (row["AMT"], row["II"], row["ADDL"], row["EVID"]) == (60.0, 182.625, 5, 1)
    assert (row["CMT"], row["RATE"], row["SS"]) == (1, 0, 0)
    assert to_nonmem([ZOLEDRONATE])[0]["CMT"] == 3


def test_file_in_any_case_and_order_with_dots_for_missing(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(
        "time, amt, evid, addl, ii, therapy, route, unit\n"
        "0, 0.06, 1, 5, 182.625, prolia, subcutaneous, g\n"
        "10, ., 0, ., ., ., ., .\n"
        "365.25, 5, ., ., ., zoledronate, ., .\n"
    )
    assert read_events(path) == (DENOSUMAB, ZOLEDRONATE)


def test_therapy_may_be_that_of_the_table() -> None:
    rows = [{"TIME": 0, "AMT": 60, "II": 182.625, "ADDL": 5}]
    assert from_nonmem(rows, default_therapy="denosumab") == (DENOSUMAB,)
    with pytest.raises(BadInput, match="column THERAPY is missing"):
        from_nonmem(rows)


@pytest.mark.parametrize(("compartment", "route"), [(1, "sc"), (2, "iv")])
def test_compartment_chooses_the_route(compartment: int, route: str) -> None:
    rows = [{"TIME": 0, "AMT": 60, "CMT": compartment}]
    assert from_nonmem(rows, default_therapy="denosumab")[0].route == route


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"CMT": 2, "ROUTE": "sc"}, "enters compartment 1"),
        ({"CMT": 9}, "CMT is 9; denosumab enters 1 or 2"),
        ({"EVID": 3}, "EVID is 3"),
        ({"ADDL": 1.5, "II": 3}, "ADDL is 1.5"),
        ({"ADDL": 2, "II": -1}, "II is -1"),
        ({"AMT": 0}, "AMT is 0"),
        ({"AMT": "nan"}, "AMT is 'nan'"),
        ({"AMT": None}, "AMT is missing"),
        ({"TIME": "inf"}, "TIME is 'inf'"),
        ({"UNIT": "mL"}, "'mL' does not measure"),
        ({"THERAPY": "denosumap"}, "Did you mean 'denosumab'?"),
        ({"RATE": -2}, "RATE is -2"),
        ({"SS": 1}, "SS is 1"),
    ],
)
def test_row_that_is_no_dose_is_refused(change: dict[str, object], says: str) -> None:
    row = {"TIME": 0, "AMT": 60, "THERAPY": "denosumab"} | change
    with pytest.raises(BadInput) as caught:
        from_nonmem([row])
    assert says in str(caught.value)


def test_all_rows_are_read_before_complaining() -> None:
    rows = [{"TIME": 0, "AMT": -1, "THERAPY": "denosumab"}, {"TIME": "x", "AMT": 1, "THERAPY": "y"}]
    with pytest.raises(BadInput) as caught:
        from_nonmem(rows)
    assert len(caught.value.problems) == 3


def test_table_of_observations_only_is_refused() -> None:
    with pytest.raises(BadInput, match="no row is a dose"):
        from_nonmem([{"TIME": 0, "AMT": 0, "EVID": 0}], default_therapy="denosumab")
