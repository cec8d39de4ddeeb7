"""Job files: what the bundled ones choose, and what a job resolves to."""

from __future__ import annotations

import csv
import io
import math
import sys
import tomllib
from pathlib import Path

import pytest
from own_job import OUTCOMES, OWN, own_job

from calibration.job.layout import KNOWN
from calibration.job.load import job_hash, job_text, load_job
from calibration.job.optimizers import FAMILIAR, optimizers
from calibration.job.parameters import followers, free_names, free_parameters, start_values
from calibration.job.schema import ENDPOINTS, VERIFICATIONS
from calibration.job.selection import select
from calibration.job.toml_text import toml_text
from calibration.progress import Stage, Step, silent
from calibration.terminal import progress_shown, words_for
from cohort.api.comparison import recruits
from cohort.model.parameters import PARAMETERS, parameter_set
from cohort.resources import bundled, data_root
from cohort.trial.schema import Study
from cohort.trial.study import load_study


def given(study: Study, arm: str) -> set[str]:
    return {treatment.therapy for treatment in study.arm(arm).treatments}


def test_every_bundled_job_is_valid_and_says_what_it_is() -> None:
    jobs = [load_job(name) for name in bundled("jobs")]
    assert {job.name for job in jobs} == {"full", "denosumab", "men", "natural_history", "quick"}
    assert all(job.about.title and job.about.description for job in jobs)


def test_the_full_job_fits_every_row_that_may_be_fitted() -> None:
    job = load_job("full")
    expected = set()
    for name, path in bundled("trials").items():
        with path.with_name("outcomes.csv").open(encoding="utf-8", newline="") as file:
            expected |= {
                (name, row["row_id"])
                for row in csv.DictReader(file)
                if row["split"] == "calibration"
                and row["primary_use"] != "0"
                and row["verification"] in VERIFICATIONS
                and row["unit"] == "percent change"
                and (row["site"] if row["endpoint"] == "BMD" else row["endpoint"]) in ENDPOINTS
                and (row["endpoint"] == "BMD" or row["site"] in ("serum", ""))
                and row["statistic"].startswith(("me", "fold"))  # means, medians, midpoints
                and row["value"] != ""
                and row["month"] != ""
            }
    selection = select(job)
    fitted = {(row.trial, row.row_id) for trial in selection.trials for row in trial.rows}
    assert fitted == expected
    with (data_root() / "natural_history" / "targets.csv").open(encoding="utf-8") as file:
        assert [row.row_id for row in selection.lives] == [
            r["row_id"] for r in csv.DictReader(file)
        ]
    assert free_names(job) == list(PARAMETERS)
    assert len(free_names(job)) >= 60
    assert job.start.starts == 8


def test_the_job_of_denosumab_knows_no_other_drug() -> None:
    selection = select(load_job("denosumab"))
    for trial in selection.trials:
        for row in trial.rows:
            assert given(trial.study, row.arm) <= {"denosumab"}, row.row_id
    assert selection.lives == ()
    # Every bundled trial of denosumab alone is in, if it has a row to fit.
    alone = {
        trial.source.name
        for trial in select(load_job("full")).trials
        if set().union(*(given(trial.study, arm.name) for arm in trial.study.arms)) == {"denosumab"}
    }
    assert alone <= {trial.source.name for trial in selection.trials}


def test_the_job_of_men_has_men_only() -> None:
    selection = select(load_job("men"))
    assert selection.trials
    assert {recruits(trial.study) for trial in selection.trials} == {"men"}
    assert {row.arm for row in selection.lives} == {"ageing_men"}
    men = {name for name in bundled("trials") if recruits(load_study(name)) == "men"}
    with_rows = {trial.source.name for trial in select(load_job("full")).trials}
    assert {trial.source.name for trial in selection.trials} == men & with_rows


def test_the_job_of_natural_history_has_no_trial() -> None:
    selection = select(load_job("natural_history"))
    assert selection.trials == ()
    assert selection.lives


@pytest.mark.parametrize(
    "table",
    [
        {"a": 1, "b": -2.5e-300, "c": True, "d": "x", "e": [1, 2], "f": []},
        {"text": 'quote " back \\ line\n tab\t unit µ \x7f \x01 emoji 🦴'},
        {"t": {"deep": {"deeper": {"x": 1}}, "y": 2}, "z": 3},
        {"rows": [{"n": ["a", "b"]}, {"n": [], "inner": {"k": 1.5}, "more": [{"q": 1}]}]},
        {"with space": {"a.b": 1, "": 2}},
    ],
)
def test_a_table_survives_its_text(table: dict) -> None:
    assert tomllib.loads(toml_text(table)) == table


def test_what_is_none_or_empty_is_left_out_of_the_text() -> None:
    assert tomllib.loads(toml_text({"a": None, "b": {}, "c": {"d": None}, "e": 1})) == {
        "c": {},
        "e": 1,
    }


@pytest.mark.parametrize("name", ["full", "denosumab"])
def test_a_resolved_job_is_the_same_job(name: str, tmp_path: Path) -> None:
    job = load_job(name, ["fit.steps=7"], seed=5)
    path = tmp_path / "resolved.toml"
    path.write_text(job_text(job), encoding="utf-8")
    again = load_job(path)
    assert again == job
    assert (again.fit.steps, again.seed, again.name) == (7, 5, name)
    assert job_hash(again) == job_hash(job)


def test_own_trial_is_found_beside_the_job_by_its_folder(tmp_path: Path) -> None:
    job = load_job(own_job(tmp_path))
    (trial,) = select(job).trials
    # Words only, validation rows and duplicates are no targets.
    assert [(row.trial, row.row_id) for row in trial.rows] == [("my_trial", "a")]
    assert trial.study.arms[0].name == "denosumab"
    assert trial.study.engine.accuracy == job.cohort.accuracy
    assert job.targets.trials == (str(tmp_path / "mine"),)
    assert math.isnan(trial.rows[0].standard_error)


def test_the_hash_follows_what_decides_the_numbers(tmp_path: Path) -> None:
    path = own_job(tmp_path)
    first = job_hash(load_job(path))
    assert job_hash(load_job(path, ["about.title=other words"])) == first
    assert job_hash(load_job(path, seed=1)) != first
    assert job_hash(load_job(path, ["noise.bmd_floor=0.7"])) != first
    table = tmp_path / "mine" / "outcomes.csv"
    table.write_text(OUTCOMES.replace("5.5", "5.6"))
    assert job_hash(load_job(path)) != first


def test_filters_narrow_the_rows() -> None:
    config = ["targets.trials=['dmab_ph2', 'freedom']", "targets.endpoints=['LS']"]
    arms = "targets.arms=['dmab_ph2.denosumab_60_q6m', 'freedom.denosumab']"
    rows = select(load_job("full", [*config, arms])).rows
    trials = {(row.trial, row.arm, row.quantity) for row in rows if row.trial != "natural_history"}
    assert trials == {
        ("dmab_ph2", "denosumab_60_q6m", "LS"),
        ("freedom", "denosumab", "LS"),
    }
    trusted = select(load_job("full", ["targets.verification=['checked']"])).rows
    assert {row.verification for row in trusted} == {"checked"}
    left = select(load_job("full", ["targets.exclude=['freedom']"]))
    assert "freedom" not in {trial.source.name for trial in left.trials}


PARAMETER_JOB = (
    OWN.replace('free = ["wLS", "wTH"]', 'free = ["Estrogen", "wLS", "wTH", "kC"]')
    + """\
fixed = ["sT"]
fix = { pRLX = 0.5 }
tied = [{ names = ["wLS", "wFN"] }]
[parameters.prior.kC]
centre = 0.05
low = 0.009
"""
)


def test_free_fixed_tied_and_priors(tmp_path: Path) -> None:
    job = load_job(own_job(tmp_path, PARAMETER_JOB), ["start.values={ wFN = 0.4 }"])
    estrogen = [p.name for p in PARAMETERS.values() if p.group == "Estrogen"]
    expected = {*estrogen, "wLS", "wTH", "kC"} - {"sT", "pRLX"}
    assert free_names(job) == [name for name in PARAMETERS if name in expected]
    assert followers(job) == {"wFN": "wLS"}
    free = {parameter.name: parameter for parameter in free_parameters(job)}
    declared = PARAMETERS["kC"]
    assert (free["kC"].centre, free["kC"].low) == (0.05, 0.009)
    assert (free["kC"].sd, free["kC"].high) == (declared.sd, declared.bounds[1])
    assert free["wTH"].centre == PARAMETERS["wTH"].prior
    values = start_values(job)
    assert (values["pRLX"], values["wFN"]) == (0.5, 0.4)
    assert values["kC"] == parameter_set().values["kC"]
    assert set(values) == set(PARAMETERS)


def test_a_csv_of_priors_says_the_same_as_the_job_itself(tmp_path: Path) -> None:
    said = OWN + "[parameters.prior.wLS]\ncentre = 0.55\nsd = 0.1\nlow = 0.4\nhigh = 0.7\n"
    job = load_job(own_job(tmp_path, said))
    (tmp_path / "priors.csv").write_text("name,prior,sd,low,high\nwLS,0.55,0.1,0.4,0.7\nwTH,,,,\n")
    table = OWN + 'table = "priors.csv"\n'
    assert free_parameters(load_job(own_job(tmp_path, table))) == free_parameters(job)
    # What the job says itself goes before the table.
    both = load_job(own_job(tmp_path, table + "[parameters.prior.wLS]\nsd = 0.2\n"))
    assert {p.name: (p.centre, p.sd) for p in free_parameters(both)}["wLS"] == (0.55, 0.2)


def test_declarations_are_themselves_a_table_of_priors(tmp_path: Path) -> None:
    source = data_root() / "parameters" / "declarations.csv"
    (tmp_path / "all.csv").write_bytes(source.read_bytes())
    plain = load_job(own_job(tmp_path))
    tabled = load_job(own_job(tmp_path, OWN + 'table = "all.csv"\n'))
    assert free_parameters(tabled) == free_parameters(plain)


def test_familiar_optimizers_are_of_optax() -> None:
    every = optimizers()
    assert {*FAMILIAR, "nadam", "yogi"} <= set(every)
    assert not {"apply_updates", "GradientTransformation", "scale_by_learning_rate"} & set(every)


def test_words_of_progress() -> None:
    assert words_for(Stage("fitting", 2, 7)) == "fitting (2 of 7)"
    step = Step(2, "fit", 40, 100, 812.34, 3.14159, {"LS": 1.024, "CTX": 11.3})
    assert words_for(step) == (
        "fit, start 3 · step 40/100 · loss 812.34 · gradient 3.1 · LS 1.02 CTX 11.30"
    )


def test_nothing_is_shown_when_piped_or_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    with progress_shown("own") as progress:
        assert progress is silent
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_shown("own", quiet=True) as progress:
        assert progress is silent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_loss_gradient_and_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_shown("own") as progress:
        progress(Stage("fitting", 2, 7))
        progress(Step(0, "polish", 3, 20, 512.5, 0.25, {"TH": 0.71}))
    shown = terminal.getvalue()
    for words in ("own", "step 3/20", "loss 512.5", "gradient 0.25", "TH 0.71"):
        assert words in shown


def test_layout_names_differ() -> None:
    assert len(set(KNOWN)) == len(KNOWN)
