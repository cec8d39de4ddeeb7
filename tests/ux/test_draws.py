"""`cohort run --draws K`: what it asks of the file of draws, and what it tells of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bad_input_case import BASE
from pretend_simulator import Run

import cohort as package
from cohort.model.parameters import PARAMETERS, parameter_set, set_file
from cohort.parameter_draws import load_draws

DRAWS = 4
SET = "parameters.set=mine.toml"
OWN = ("run", "own.toml", "--patients", "30", "--config", SET)
FREEDOM = ("run", "freedom", "--patients", "30", "--config", SET)


@pytest.fixture(autouse=True)
def _files(pretended: Path) -> None:
    """Every test here has a study and a set beside it."""
    (pretended / "own.toml").write_text(BASE)
    (pretended / "mine.toml").write_text(set_file("default").read_text(encoding="utf-8"))


def columns() -> dict[str, Any]:
    """Return columns of good draws: of the two that differ, the values themselves."""
    spread = np.linspace(0.9, 1.1, DRAWS)
    values = {name: parameter_set().values[name] * spread for name in ("bE", "KD")}
    return {"draw": np.arange(DRAWS, dtype=np.int32), **values}


def write_draws(changes: Mapping[str, Any] | None = None, set_hash: str | None = None) -> Path:
    """Write draws beside `mine.toml`; a change to None leaves a column out."""
    kept = {k: v for k, v in (columns() | dict(changes or {})).items() if v is not None}
    metadata = {"method": "made up", "parameter_set_hash": set_hash or parameter_set().hash}
    path = Path("mine.draws.parquet")
    pq.write_table(pa.table(kept).replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"Ezoll": np.ones(DRAWS)},
            "column Ezoll is not a parameter of the model. Did you mean 'Ezol'?",
        ),
        ({"bE": [0.6, np.nan, 0.6, 0.6]}, "bE in draw 1 is nan; a finite number is needed."),
        ({"bE": pa.array([0.6, 0.6, None, 0.6])}, "bE in draw 2 is nan"),
        ({"KD": [0.06, 0.06, 0.06, 1e6]}, "KD in draw 3 is 1e+06 ug/mL; allowed is"),
        ({"KD": [0.06, np.inf, 0.06, 0.06]}, "KD in draw 1 is inf; a finite number is needed."),
        ({"KD": ["a", "b", "c", "d"]}, "column KD holds string; double is needed."),
        ({"draw": None}, "column draw is missing."),
        ({"draw": [1, 2, 3, 4]}, "column draw must count the rows"),
        ({"bE": None, "KD": None}, "has no parameter's column"),
    ],
)
def test_bad_draws_get_their_sentence(
    changes: Mapping[str, Any], sentence: str, cohort: Run
) -> None:
    write_draws(changes)
    before = sorted(Path().iterdir())
    code, out, err = cohort(*OWN, "--draws", "2")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert f"error: {Path('mine.draws.parquet').resolve()}: {sentence}" in err
    assert sorted(Path().iterdir()) == before


def test_draws_of_another_set_are_refused(cohort: Run) -> None:
    write_draws(set_hash="feedfacecafe0000")
    code, _, err = cohort(*OWN, "--draws", "2")
    assert code == 2
    assert f"hash feedfacecafe; that of 'mine' is {parameter_set().hash[:12]}." in err
    table = pq.read_table(write_draws()).replace_schema_metadata({"method": "made up"})
    pq.write_table(table, "mine.draws.parquet")
    assert "lacks the metadata 'parameter_set_hash'" in cohort(*OWN, "--draws", "2")[2]


def test_all_problems_come_at_once(cohort: Run) -> None:
    write_draws({"bE": [0.6, 0.6, -1.0, 0.6], "kQQ": np.ones(DRAWS)}, set_hash="feed")
    _, _, err = cohort(*OWN, "--draws", "9")
    assert len(err.splitlines()) == 4
    assert re.search(r"error: --draws is 9; \S+mine\.draws\.parquet has 4 draws\.", err)


def test_a_set_without_draws_tells_where_they_are_looked_for(cohort: Run) -> None:
    code, _, err = cohort(*OWN, "--draws", "2")
    assert (code, len(err.splitlines())) == (2, 1)
    assert str(Path("mine.draws.parquet").resolve()) in err
    assert "`cohort calibrate` writes it" in err


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing"])
def test_a_file_that_is_no_parquet_is_refused(content: bytes, cohort: Run) -> None:
    Path("mine.draws.parquet").write_bytes(content)
    code, _, err = cohort(*OWN, "--draws", "2")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "cannot be read as posterior draws" in err


@pytest.mark.parametrize("count", ["0", "-3"])
def test_at_least_one_draw_is_needed(count: str, cohort: Run) -> None:
    write_draws()
    code, _, err = cohort(*OWN, "--draws", count)
    assert (code, err) == (2, f"error: --draws is {count}; it must be at least 1.\n")


def test_the_first_draws_are_taken(cohort: Run) -> None:
    found = load_draws(write_draws(), parameter_set(), PARAMETERS, 3)
    expected = columns()
    assert [row["bE"] for row in found.rows] == list(expected["bE"][:3])
    assert [set(row) for row in found.rows] == [{"bE", "KD"}] * 3


def test_own_study_ends_in_intervals_over_draws(cohort: Run) -> None:
    write_draws()
    code, out, err = cohort(*OWN, "--draws", "3", "--out", "r")
    assert (code, err) == (0, "")
    assert "90 % over parameter draws" in out
    assert "180 patients under 3 parameter draws, 0 without result" in out
    summary = package.open_results("r").summary()
    row = summary.query("arm == 'denosumab' and outcome == 'ctx_change' and month == 24").iloc[0]
    interval = rf"denosumab\s+ctx\s+24\s+{row['mean']:+.2f}\s+{row['mean_low']:+.2f} to "
    assert re.search(interval, out)
    # The pretended response grows by a tenth of the first draw's from one draw to the next.
    assert row["mean_low"] / row["mean_high"] == pytest.approx(1.19 / 1.01)


def test_report_tells_the_uncertainties_apart(cohort: Run) -> None:
    write_draws()
    assert cohort(*FREEDOM, "--draws", "3", "--out", "r", "--quiet")[0] == 0
    words = " ".join(Path("r/report.html").read_text(encoding="utf-8").split())
    for told in (
        "<b>3</b> parameter draws",
        "live under each of 3 draws from the posterior",
        "which is parameter uncertainty alone",
        "5th to 95th percentile of persons and draws together",
        "under the first parameter draw",
        "n = 30<",
        "<td>Posterior draws of it</td><td>3</td>",
    ):
        assert told in words, told
    Path("r/report.html").unlink()
    assert cohort("report", "r", "--quiet")[0] == 0
    again = " ".join(Path("r/report.html").read_text(encoding="utf-8").split())
    assert again == words


def test_a_report_without_draws_tells_nothing_of_them(cohort: Run) -> None:
    assert cohort(*FREEDOM, "--out", "r", "--quiet")[0] == 0
    assert "parameter draw" not in Path("r/report.html").read_text(encoding="utf-8")


def test_json_and_dry_run_count_draws(cohort: Run) -> None:
    write_draws()
    told = json.loads(cohort(*OWN, "--draws", "2", "--dry-run", "--json")[1])
    assert (told["draws"], told["patients"]) == (2, 120)
    assert "(60 under each of 2 parameter draws)" in cohort(*OWN, "--draws", "2", "--dry-run")[1]
    told = json.loads(cohort(*OWN, "--draws", "2", "--out", "r", "--json")[1])
    assert (told["draws"], told["counts"]["patients"]) == (2, 120)


def test_shards_are_resumed_under_the_same_draws(cohort: Run) -> None:
    path = write_draws()
    words = (*OWN, "--draws", "3", "--out", "r", "--quiet")
    for share in ("1/2", "2/2"):
        assert cohort(*words, "--shard", share)[0] == 0
    good = path.read_bytes()
    write_draws({"bE": columns()["bE"] * 1.01})
    code, _, err = cohort("resume", "r")
    assert code == 2
    assert "draws with hash" in err
    path.write_bytes(good)
    assert cohort("resume", "r", "--quiet")[0] == 0
    visits = package.open_results("r").visits(["ctx"])
    assert list(visits.columns) == ["arm", "draw", "patient_id", "month", "ctx"]
    assert set(visits["draw"]) == {0, 1, 2}


def test_python_takes_draws_too(cohort: Run) -> None:
    write_draws()
    results = package.run("freedom", patients=20, config=[SET], draws=2, out="r")
    assert results.manifest["draws"] == 2
    assert len(results.patients()) == 80
