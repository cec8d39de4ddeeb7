"""A bad sensitivity job is told in one sentence a problem, before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort.cli import main
from cohort.errors import BadInput
from cohort.levers.load import load_job

GOOD = """\
study = "freedom"

[[outputs]]
arm = "denosumab"
against = "placebo"
outcomes = ["bmd_total_hip_change"]
months = [36]

[[factors]]
parameters = ["etaPi", "psi"]
group = "osteoclasts"

[[factors]]
covariates = ["age"]
low = -5
high = 5

[[factors]]
pk = ["denosumab.elimination_rate"]

[method]
name = "sobol"
samples = 64
"""

PAIR = '\n[[correlations]]\nbetween = ["etaPi", "{}"]\nvalue = 0.5\n'

CASES = {
    "unknown study": ('"freedom"', '"fredom"', ["'fredom' is neither", "Did you mean 'freedom'?"]),
    "unknown arm": (
        'arm = "denosumab"',
        'arm = "denosumb"',
        ["outputs.0.arm", "allowed is denosumab, placebo", "Did you mean 'denosumab'?"],
    ),
    "arm against itself": ('"placebo"', '"denosumab"', ["against itself"]),
    "unknown outcome": (
        '"bmd_total_hip_change"',
        '"bmd_hip_change"',
        ["'bmd_hip_change' is no outcome", "Did you mean 'bmd_total_hip_change'?"],
    ),
    "measured outcome": (
        '"bmd_total_hip_change"',
        '"measured_bmd_total_hip_change"',
        ["random error", "use 'bmd_total_hip_change'"],
    ),
    "no visit then": ("[36]", "[35]", ["month 35 is no visit", "36"]),
    "baseline": ("[36]", "[0]", ["month 0 is no visit of freedom after entry"]),
    "unknown parameter": ('"psi"]', '"psy"]', ["factors.0.parameters", "'psy'", "'psi'"]),
    "named twice": ('"psi"]', '"Osteoclast lineage"]', ["etaPi is varied 2 times"]),
    "unknown covariate": ('["age"]', '["weight"]', ["'weight' is no covariate", "bmi"]),
    "unknown PK": ("elimination_rate", "clearance", ["'denosumab.clearance' is no PK number"]),
    "drug of no arm": ("denosumab.elimination_rate", "romosozumab", ["'romosozumab' is no PK"]),
    "two kinds in a table": (
        'covariates = ["age"]',
        'covariates = ["age"]\nparameters = ["rT"]',
        ["names parameters and covariates"],
    ),
    "covariate without a range": ("low = -5\nhigh = 5", "", ["low and high are needed"]),
    "half a range": ("low = -5\n", "", ["low and high go together"]),
    "range upside down": ("low = -5", "low = 15", ["low must be below high"]),
    "range of the wrong kind": ("low = -5\nhigh = 5", "fold = 2", ["pk factors only"]),
    "value beyond the bounds": (
        'parameters = ["etaPi", "psi"]',
        'parameters = ["etaPi"]\nlow = 0.1\nhigh = 1e6',
        ["high of etaPi is 1e+06", "allowed is"],
    ),
    "no power of 2": ("samples = 64", "samples = 100", ["found 100", "powers of 2"]),
    "unknown method": ('"sobol"', '"sobel"', ["allowed is local or morris or sobol or prcc"]),
    "odd levels": ("samples = 64", "levels = 5", ["found 5; an even number"]),
    "groups that nobody names": (
        'group = "osteoclasts"\n',
        "",
        ["'groups', but no factor names a group"],
        ['method.by="groups"'],
    ),
    "an index by groups where there is none": (
        'name = "sobol"',
        'name = "prcc"\nby = "kinds"',
        ["'kinds' is for morris and sobol"],
    ),
    "unknown key": ("samples = 64", "sample = 64", ["the key is unknown", "'samples'"]),
    "correlated for sobol": (
        "samples = 64\n",
        "samples = 64\n" + PAIR.format("psi"),
        ["etaPi and psi are correlated", "independent inputs", "prcc", "one group"],
    ),
    "correlated across groups": (
        "samples = 64\n",
        'samples = 64\nby = "groups"\n' + PAIR.format("age"),
        ["etaPi and age are correlated"],
    ),
    "correlated for derivatives": (
        'name = "sobol"\nsamples = 64\n',
        'name = "local"\n' + PAIR.format("psi"),
        ["know no distribution"],
    ),
    "correlated with what is not varied": (
        "samples = 64\n",
        "samples = 64\n" + PAIR.format("rT"),
        ["'rT' is not varied"],
    ),
}


def job_file(folder: Path, text: str) -> Path:
    path = folder / "job.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", CASES)
def test_one_slip_is_one_sentence(tmp_path: Path, name: str) -> None:
    old, new, words, *config = CASES[name]
    assert GOOD.count(old) == 1, "the slip must change one place"
    path = job_file(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BadInput) as caught:
        load_job(path, *config)
    assert len(caught.value.problems) == 1, caught.value.problems
    sentence = caught.value.problems[0]
    for word in words:
        assert word in sentence
    assert "Traceback" not in sentence


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("[36]", "[35]").replace('"psi"', '"psy"').replace("low = -5\n", "")
    with pytest.raises(BadInput) as caught:
        load_job(job_file(tmp_path, text))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("method", "pair"), [('name = "prcc"', "age"), ('name = "sobol"\nby = "groups"', "psi")]
)
def test_correlations_are_taken_where_the_method_bears_them(
    tmp_path: Path, method: str, pair: str
) -> None:
    text = GOOD.replace('name = "sobol"', method) + PAIR.format(pair)
    assert load_job(job_file(tmp_path, text)).job.correlations


def test_the_command_refuses_with_code_2_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = job_file(tmp_path, GOOD.replace("[36]", "[35]"))
    assert main(["sensitivity", str(path), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_job_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sensitivity", "screning"]) == 2
    assert "Did you mean 'screening'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["screening", "variance"])
def test_bundled_jobs_are_valid_and_tell_their_size(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sensitivity", name, "--dry-run"]) == 0
    told = capsys.readouterr().out
    evaluations = {"screening": "400 evaluations", "variance": "22,528 evaluations"}[name]
    assert evaluations in told
    assert "denosumab.elimination_rate" in told
