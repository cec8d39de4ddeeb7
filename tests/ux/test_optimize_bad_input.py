"""Bad searches are told in sentences, all at once, before any compute; nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cohort.cli import main
from cohort.search.load import load_search

GOOD = """\
name = "own_search"
patients = 16
background = [{ therapy = "calcium_vitamin_d", regimen = "1 dose oral daily" }]

[population]
name = "postmenopausal_osteoporosis"

[[options]]
name = "denosumab"
treatments = [{ therapy = "denosumab", regimen = "60 mg sc every 6 months" }]
cost = 1.0

[[options]]
name = "pause"

[[slots]]
options = ["denosumab", "pause"]
months = [12]
repeat = 2

[constraints]
max_uses = { denosumab = 2 }
forbidden = [["pause", "denosumab"]]

[objective]
outcome = "bmd_total_hip_change"
month = 24

[method]
name = "enumerate"
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def cohort(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str]:
        code = main(words)
        out, err = capsys.readouterr()
        assert out == ""
        return code, err

    return run


def test_the_good_search_is_good(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(GOOD)
    assert load_search(tmp_path / "own.toml").study.patients == 16


REGIMEN = '"60 mg sc every 6 months"'
BAD = [
    ('name = "denosumab"\n', 'name = "pause"\n', "options.1.name: 'pause' names two options"),
    (
        '"denosumab", regimen',
        '"denosumap", regimen',
        "options.0.treatments.0.therapy: unknown therapy 'denosumap'",
    ),
    (REGIMEN, '"60 mg sc sometimes"', "options.0.treatments.0.regimen: 'sometimes' is not a freq"),
    (REGIMEN, '"60 mg sc once from 14"', "its last dose at month 14 of a course of 12 months"),
    (REGIMEN, '"60 mg sc once from -2"', "starts at month -2 of the course"),
    ('"denosumab", regimen', '"calcium_vitamin_d", regimen', "is in the background too"),
    (
        '["denosumab", "pause"]\nmonths',
        '["denosumab", "pase"]\nmonths',
        "slots.0.options.1: 'pase' is no option; allowed is denosumab, pause. Did you mean 'pause'",
    ),
    ("[12]", "[12, 12]", "slots.0.months: holds 12.0 twice"),
    ("[12]", "[0]", "slots.0.months.0: found 0; allowed is above 0"),
    ("repeat = 2", "repeat = 0", "slots.0.repeat: found 0; allowed is 1 or more"),
    ("repeat = 2", "repeats = 2", "slots.0.repeats: the key is unknown"),
    ("{ denosumab = 2 }", "{ denosumap = 2 }", "constraints.max_uses.denosumap: no option gives"),
    ('[["pause", "denosumab"]]', '[["pause", "dono"]]', "'dono' is no option"),
    ("bmd_total_hip_change", "bmd_hip_change", "'bmd_hip_change' is not an outcome"),
    ("bmd_total_hip_change", "measured_bmd_total_hip", "a search looks at the true value"),
    ("bmd_total_hip_change", "fracture_hip", "about fractures, which a search does not simulate"),
    ("month = 24", "month = 24\nat_least = 1\nat_most = 2", "stands beside at_least"),
    ("month = 24", "month = 2000", "objective.month: found 2000; allowed is up to 960"),
    ("month = 24", 'month = "end"', "objective.month: found 'end'; allowed is a number"),
    ("month = 24\n", "", "objective.month: the key is missing"),
    ("month = 24", 'month = 24\ngoal = "maximize"', "allowed is maximise or minimise"),
    ("cost = 1.0", "cost = -1.0", "options.0.cost: found -1.0; allowed is 0 or more"),
    (
        "cost = 1.0\n\n[[options]]",
        '\n[objective]\nmonth = 24\nagainst = "cost"\n\n[[options]]',
        "is 'cost', but no option has a cost",
    ),
    ('[["pause", "denosumab"]]', '[["pause", "pause"]]\nmax_cost = 0.5', "leave none of the 4"),
    ("repeat = 2", "repeat = 40", "there are 1,099,511,627,776 candidates"),
    ('"enumerate"', '"anneal"', "method.name: found 'anneal'; allowed is enumerate or evolve"),
    ('name = "postmenopausal_osteoporosis"', 'name = "martians"', "population.name"),
    ('name = "own_search"', 'name = "own search"', "name: found 'own search'"),
    ('name = "own_search"', 'name = "own"\nstudy = "fredom"', "'fredom' is neither a bundled"),
    ("[method]", "[method", "is not valid TOML"),
]


@pytest.mark.parametrize(("old", "new", "says"), BAD, ids=[case[2][:40] for case in BAD])
def test_a_bad_search_is_told_and_nothing_is_written(
    old: str, new: str, says: str, cohort: Run, tmp_path: Path
) -> None:
    text = GOOD
    if "[objective]" in new:
        text = text[: text.index("[objective]")] + text[text.index("[method]") :]
    assert text.count(old) == 1
    (tmp_path / "own.toml").write_text(text.replace(old, new))
    code, err = cohort("optimize", "own.toml", "--out", "results")
    assert code == 2, err
    assert says in err
    assert "own.toml: " in err or "fredom" in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["own.toml"]


def test_all_problems_come_at_once(cohort: Run, tmp_path: Path) -> None:
    text = GOOD.replace("repeat = 2", "repeat = 0").replace("bmd_total_hip_change", "bone")
    text = text.replace('"postmenopausal_osteoporosis"', '"martians"').replace("sc every", "xx")
    (tmp_path / "own.toml").write_text(text)
    code, err = cohort("optimize", "own.toml", "--config", "objective.month=-3", "--seed=-1")
    assert code == 2
    lines = err.strip().splitlines()
    assert len(lines) >= 6, err
    for words in ("repeat", "bone", "martians", "--config: objective.month", "--seed: "):
        assert any(words in line for line in lines), (words, err)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["three_coursse"], "Did you mean 'three_courses'?"),
        (["missing/own.toml"], "there is no such file"),
        (["three_courses", "--patients", "1"], "--patients: found 1; allowed is 2 or more"),
        (["three_courses", "--config", "objective.mont=3"], "Did you mean 'month'?"),
        (["three_courses", "--accuracy", "fine"], "accuracy"),
    ],
)
def test_bad_words_on_the_command_line(words: list[str], says: str, cohort: Run) -> None:
    code, err = cohort("optimize", *words)
    assert code == 2
    assert says in err
    assert list(Path().iterdir()) == []


def test_a_folder_with_something_else_is_left_alone(cohort: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    code, err = cohort("optimize", "three_courses", "--out", "mine")
    assert code == 2
    assert "is not empty and holds no job" in err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_evolve_without_its_library_says_how_to_get_it(
    cohort: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, err = cohort("optimize", "five_courses")
    assert code == 2
    assert "pip install 'bone-cohort[optimize]'" in err
