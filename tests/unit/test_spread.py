"""The spread between persons: a parameter set's own, and the fit to published spreads."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from calibration.job.freeze import write_set
from calibration.job.parameters import start_variability
from calibration.job.schema import Job
from calibration.spread import fit_spread
from calibration.spread.cohort import SpreadCohort, log_width, percent_sd
from calibration.spread.rows import SpreadRow, errors, load_rows
from cohort.errors import BadInput
from cohort.model.parameters import PARAMETERS, parameter_set
from cohort.parameter import ParameterSet, load_parameter_set, spread_names
from cohort.patients.preview import population_table
from cohort.patients.variability import EFFECTS, load_variability, with_spread
from cohort.resources import bundled
from cohort.solve.simulate import make_simulator
from cohort.tile import TILE
from cohort.trial.study import load_study

VALUES = dict(parameter_set().values)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def job(**tables: object) -> Job:
    return Job.model_validate({"name": "spread"} | tables)


def write(path: Path, spread: dict[str, float]) -> ParameterSet:
    return write_set(path, VALUES, {"title": "mine"}, spread)


def test_every_standard_deviation_has_a_name():
    assert spread_names() == ("noise.lnL", "noise.sP", *(f"effects.{name}" for name in EFFECTS))


def test_the_simulators_persons_have_the_sets_spread(tmp_path):
    spread = {"effects.KD": 0.1, "noise.lnL": 0.2, "noise.sP": 0.0}
    write(tmp_path / "mine.toml", spread)
    asked = [f"parameters.set={tmp_path / 'mine.toml'}"]
    tile, noise = make_simulator(load_study("freedom", asked)).persons(np.arange(TILE))
    bundled_tile, _ = make_simulator(load_study("freedom")).persons(np.arange(TILE))
    # Three standard errors of an SD over a tile of persons.
    near = 3.0 / np.sqrt(2.0 * TILE)
    assert np.std(np.log(tile["eta"]["KD"])) == pytest.approx(0.1, rel=near)
    assert np.std(np.asarray(noise)[5, 0]) == pytest.approx(0.2, rel=near)
    assert not np.asarray(noise)[:, 1].any()
    same = with_spread(load_variability(), parameter_set().spread)["KD"].omega / 0.1
    np.testing.assert_allclose(
        np.log(bundled_tile["eta"]["KD"]), same * np.log(tile["eta"]["KD"]), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_array_equal(bundled_tile["eta"]["bE"], tile["eta"]["bE"])


def test_populations_and_jobs_have_the_sets_spread(tmp_path):
    write(tmp_path / "mine.toml", {"effects.KD": 0.1})
    persons = population_table("osteoporotic_men", 800, spread={"effects.KD": 0.1}).patients
    assert np.log(persons["theta_KD"]).std() == pytest.approx(0.1, rel=3.0 / np.sqrt(1600))
    own = start_variability(job(start={"set": str(tmp_path / "mine.toml")}))
    assert own["KD"].omega == 0.1
    assert own["bE"] == load_variability()["bE"]


def test_a_set_is_written_and_read_with_its_spread(tmp_path):
    spread = {"noise.lnL": 0.1 + 0.2, "effects.wnt": 0.0}
    assert write(tmp_path / "a.toml", spread).spread == spread
    nested = (tmp_path / "a.toml").read_text().split("[spread]")[0]
    nested += "[spread]\nnoise.lnL = 0.30000000000000004\n[spread.effects]\nwnt = 0\n"
    (tmp_path / "b.toml").write_text(nested)
    again = load_parameter_set(tmp_path / "b.toml", PARAMETERS)
    assert again.spread == spread
    assert again.hash == parameter_set(str(tmp_path / "a.toml")).hash


def test_the_spread_is_part_of_the_hash(tmp_path):
    none = write(tmp_path / "none.toml", {})
    own = write(tmp_path / "own.toml", dict(parameter_set().spread))
    wide = write(tmp_path / "wide.toml", {"noise.lnL": 0.6})
    narrow = write(tmp_path / "narrow.toml", {"noise.lnL": 0.3})
    assert own.hash == parameter_set().hash
    assert len({none.hash, wide.hash, narrow.hash}) == 3


def test_a_bad_spread_is_refused_with_all_its_problems(tmp_path):
    path = tmp_path / "bad.toml"
    write(path, {"noise.lnL": 0.5})
    bad = "effects.KDD = 0.1\nnoise.sP = -0.1\neffects.bE = inf\neffects.wnt = true\n"
    path.write_text(path.read_text() + bad)
    with pytest.raises(BadInput) as refused:
        load_parameter_set(path, PARAMETERS)
    assert list(refused.value.problems) == [
        f"{path}: spread.effects.KDD is not a standard deviation. Did you mean 'effects.KD'?",
        f"{path}: spread.effects.bE is inf; a finite number of at least 0 is needed.",
        f"{path}: spread.effects.wnt is True; a finite number of at least 0 is needed.",
        f"{path}: spread.noise.sP is -0.1; a finite number of at least 0 is needed.",
    ]


def test_measurement_adds_its_error():
    draws = np.random.default_rng(1).standard_normal((3, 400_000))
    ratio = 1.05 + 0.04 * draws[0]
    measured = ratio * (1.0 + 0.018 * draws[1]) / (1.0 + 0.018 * draws[2])
    assert percent_sd(ratio, 0.018) == pytest.approx(100.0 * np.std(measured), rel=5e-3)
    # Logarithms of SD 0.3 with two errors of 0.15: a normal of known quartiles.
    quantiles = (np.arange(2000) + 0.5) / 2000
    from scipy.special import ndtri

    logs = 0.3 * ndtri(quantiles) - 0.4
    assert log_width(np.exp(logs), 0.15) == pytest.approx(np.hypot(0.3, 0.15 * 2**0.5), rel=2e-3)
    assert log_width(np.full(9, 0.7), 0.15) == pytest.approx(0.15 * 2**0.5, rel=1e-9)


def row(quantity: str, sd: float = 1.0, **changes: object) -> SpreadRow:
    unit = "percentage points" if quantity in ("LS", "TH", "FN") else "ln ratio"
    made = SpreadRow(
        "Made up", "fact", "risedronate", quantity, 12.0, sd, unit, 800, "female", "calibration",
        "checked",
    )  # fmt: skip
    return replace(made, **changes)


def test_errors_hold_sampling_trials_and_looks():
    rows = [row("LS"), row("CTX"), row("TH", n=None), row("FN", check="unchecked")]
    rows += [row("P1NP", month=month) for month in (3.0, 6.0, 9.0, 12.0, 18.0, 24.0)]
    found = errors(rows, job(noise={"series": 3.0, "unchecked": 2.0}))
    sd = np.hypot(1 / 40, 0.1)  # 1 / sqrt(2 * 800)
    quartiles = np.hypot(1.17 / np.sqrt(800), 0.1)
    np.testing.assert_allclose(found[:4], [sd, quartiles, sd, 2.0 * sd])
    np.testing.assert_allclose(found[4:], quartiles * np.sqrt(6 / 3))


def test_a_known_spread_is_recovered(x64):
    """Spreads of other persons, simulated from a known spread, give it back."""
    true, persons = 0.75, 256
    rows = [row("LS"), row("CTX")]
    study = load_study("fact", ["engine.accuracy=draft"])
    others = {"fact": study.model_copy(update={"seed": study.seed + 1})}
    variability = with_spread(load_variability(), {"noise.lnL": true})
    spreads = SpreadCohort(rows, others, VALUES, persons).spreads(variability)
    made = [replace(r, sd=float(sd)) for r, sd in zip(rows, spreads, strict=True)]
    asked = job(targets={"trials": ["fact"]}, cohort={"correction": persons})
    found = fit_spread(asked, VALUES, free=("noise.lnL",), rows=made)
    assert found is not None
    error = float(found.free["error"].to_numpy()[0])
    assert error < 0.15  # half the prior's: the rows have told
    # The prior is centred on 0.5 and draws it in by error^2 / 0.3^2 of the way.
    drawn_in = np.log(true / 0.5) * (error / 0.3) ** 2
    sampling = 3.0 / np.sqrt(persons)  # three errors of an SD in either of the two cohorts
    assert abs(np.log(found.values["noise.lnL"] / true) + drawn_in) < sampling
    before, after, published = (found.table[c] for c in ("before", "after", "published"))
    assert np.abs(np.log(after / published)).max() < np.abs(np.log(before / published)).max()


def test_nothing_is_fitted_where_nothing_was_published(x64):
    assert fit_spread(job(targets={"trials": ["schnitzer"]}), VALUES) is None
    validation = [row("LS", split="validation")]
    assert fit_spread(job(targets={"trials": ["fact"]}), VALUES, rows=validation) is None


@pytest.mark.parametrize(
    "published", load_rows(), ids=lambda r: f"{r.study}-{r.quantity}-{r.month:g}"
)
def test_published_spreads_link_to_arms_and_splits(published):
    study = load_study(published.trial)
    assert published.arm in [arm.name for arm in study.arms]
    assert published.month in [round(month) for month in study.visits.months]
    assert published.sd > 0
    with (bundled("trials")[published.trial].parent / "outcomes.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["arm"] == published.arm]
    splits = {
        r["split"]
        for r in rows
        if published.quantity in (r["site"], r["endpoint"])
        and r["versus"] == "baseline"
        and abs(float(r["month"]) - published.month) < 0.51
    }
    assert published.split in splits or not splits
