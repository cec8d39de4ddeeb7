"""Every bad job of the table is refused in its sentences, before any compute; nothing is left."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from bad_job_case import JOB, BadJobCase, arrange
from bad_jobs import BAD_JOBS

from calibration.job.load import load_job, parse
from calibration.job.selection import select
from calibration.job.settle import settle
from cohort.errors import BadInput

Run = Callable[..., tuple[int, str, str]]
GOOD = BadJobCase("good", ())


@pytest.mark.parametrize("case", BAD_JOBS, ids=lambda case: case.id)
def test_bad_job_is_told_and_nothing_is_written(
    case: BadJobCase, cohort: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, overrides = arrange(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    code, out, err = cohort("calibrate", job, *(f"--config={text}" for text in overrides))
    assert code == 2, err
    assert out == ""
    assert not [fragment for fragment in case.says if fragment not in err], err
    lines = err.splitlines()
    assert lines
    assert all(line.startswith("error: ") and line.endswith((".", "?")) for line in lines), err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_names_of_the_table_differ() -> None:
    assert len({case.id for case in BAD_JOBS}) == len(BAD_JOBS)


def test_good_job_is_accepted_and_its_words_are_no_zeros(tmp_path: Path) -> None:
    job = load_job(arrange(GOOD, tmp_path)[0])
    mine = [row for row in select(job).rows if row.trial == "mine"]
    assert [(row.row_id, row.value) for row in mine] == [("m-1", 5.5), ("m-2", -75.0)]


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    case = BadJobCase(
        "many",
        (),
        job={
            "starts = 2": "start = 2",
            '"freedom", "mine"': '"fredom", "mine"',
            "sd = 0.3": "sd = 0",
            "persons = 8": "persons = 0",
            'split = "calibration"': 'split = "validation"',
        },
        outcomes={",5.5,": ",inf,"},
    )
    named, _ = arrange(case, tmp_path)
    with pytest.raises(BadInput) as caught:
        load_job(named, ["fit.optimizer=adm", "targets.endpoints=['LSS']"])
    message = str(caught.value)
    told = ("start.start:", "'fredom'", "sd is 0", "persons: found 0", "'validation'", "'inf'")
    for fragment in (*told, "'adm'", "'LSS'"):
        assert fragment in message, message
    # A slip is one problem: what was set aside for another check is not told twice.
    assert len(caught.value.problems) == 8, message


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["calibrate"], "missing argument"),
        (["calibrate", "quick", "--sed", "1"], "Did you mean '--seed'?"),
        (["calibrate", "quick", "--seed", "-1"], "--seed: found -1"),
        (["calibrate", "quick", "--into", "."], "--into is where --freeze writes"),
        (["calibrat", "quick"], "Did you mean 'calibrate'?"),
        (["calibrate", "nowhere", "--freeze", "mine"], "not a results folder"),
        (["list", "job"], "Did you mean 'jobs'?"),
        (["show", "natural_histori"], "Did you mean 'natural_history'?"),
    ],
)
def test_mistakes_on_the_command_line(
    words: list[str], sentence: str, cohort: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cohort(*words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_dry_run_tells_targets_and_writes_nothing(
    cohort: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cohort("calibrate", "quick", "--dry-run", "--seed", "4")
    assert (code, err) == (0, "")
    assert "results/quick-4" in out
    told = json.loads(cohort("calibrate", "quick", "--dry-run", "--json")[1])
    assert told["valid"] is True
    assert sum(sum(counts.values()) for counts in told["targets"].values()) == told["rows"]
    assert list(tmp_path.iterdir()) == []


LOADED = """
import sys
from cohort.cli import main
code = main(["calibrate", "full", "--dry-run"])
print("|".join([str(code), *(m for m in ("jax", "pandas", "matplotlib") if m in sys.modules)]))
"""


def test_a_job_is_checked_without_jax(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "0"


def test_jobs_are_listed_and_shown(cohort: Run) -> None:
    listed = json.loads(cohort("list", "jobs", "--json")[1])
    assert {"full", "quick", "men", "natural_history"} <= {row["name"] for row in listed}
    assert all(row["title"] for row in listed)
    code, out, _ = cohort("show", "quick")
    assert code == 0
    assert "job quick" in out


JUNK = [-1, math.nan, 10**400, "\x00.toml", [None], {"a": {"b": 1}}, date(2020, 1, 1)]


def places(value: object, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if here:
        yield here
    inner = value.items() if isinstance(value, dict) else ()
    for key, member in enumerate(value) if isinstance(value, list) else inner:
        yield from places(member, (*here, key))


def test_junk_anywhere_is_told_and_never_a_traceback(tmp_path: Path) -> None:
    arrange(GOOD, tmp_path)
    good = tomllib.loads(JOB.replace("[parameters]", '[parameters]\ntable = "priors.csv"'))
    for number, place in enumerate(places(good)):
        # Each place has another kind of junk; all kinds everywhere would take a minute.
        job = copy.deepcopy(good)
        table: Any = job
        for step in place[:-1]:
            table = table[step]
        table[place[-1]] = JUNK[number % len(JUNK)]
        problems = settle(job, tmp_path)
        checked, found = parse(job)
        assert checked is not None
        assert problems or found, place
