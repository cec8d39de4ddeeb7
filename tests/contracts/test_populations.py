"""Every population, and the file of individual effects, holds to one contract."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cohort.errors import BadInput
from cohort.patients.population import (
    COVARIATES,
    T_SCORES,
    UNITS,
    EligibilityRule,
    load_population,
)
from cohort.patients.preview import population_table
from cohort.patients.recruitment import TARGETS, recruit
from cohort.patients.variability import EFFECTS, load_variability
from cohort.resources import bundled, data_root
from cohort.trial.study import load_study

POPULATIONS = sorted(bundled("populations"))
FILES = [
    *sorted((data_root() / "populations").rglob("*.toml")),
    *sorted((data_root() / "variability").glob("*.toml")),
]
CHECKS = {"checked", "unchecked", "approximate", "model"}


def tables(content: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table of a file that holds a number itself."""
    if isinstance(content, list):
        for index, item in enumerate(content):
            yield from tables(item, f"{path}[{index}]")
    if not isinstance(content, dict):
        return
    values = [x for v in content.values() for x in (v if isinstance(v, list) else [v])]
    if any(isinstance(v, (int, float)) for v in values):
        yield path, content
    for key, value in content.items():
        yield from tables(value, f"{path}.{key}" if path else key)


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.stem)
def test_every_number_has_a_source(file: Path):
    found = list(tables(tomllib.loads(file.read_text(encoding="utf-8"))))
    assert found
    for path, table in found:
        assert len(table.get("source", "")) > 2, path
        assert table.get("check") in CHECKS, path


def test_the_populations_that_the_product_promises_are_bundled():
    assert POPULATIONS == [
        "early_postmenopausal",
        "perimenopause_through_80",
        "postmenopausal_osteoporosis",
        "premenopausal",
    ]


@pytest.mark.parametrize("name", POPULATIONS)
class TestPopulation:
    def test_is_called_as_its_file(self, name: str):
        population = load_population(name)
        assert population.name == name
        assert population.title
        assert population.description

    def test_keeps_its_own_limits(self, name: str):
        table, population = population_table(name, 1000), load_population(name)
        since = table.patients["age"] - table.patients["age_at_menopause"]
        values = table.patients.assign(years_since_menopause=since)
        met: dict[str, np.ndarray] = {}
        for number, rule in enumerate(population.screening((), ())):
            label, inside = rule.any_of or str(number), within(values[rule.variable], rule)
            met[label] = met.get(label, np.zeros(len(values), bool)) | inside
        assert all(each.all() for each in met.values())

    def test_patients_are_complete_and_finite(self, name: str):
        table = population_table(name, 1000).patients
        assert list(table) == ["patient_id", *COVARIATES, *(f"theta_{e}" for e in EFFECTS)]
        assert np.isfinite(table.drop(columns="years_since_menopause").to_numpy()).all()
        before = table["age"] < table["age_at_menopause"]
        np.testing.assert_array_equal(table["years_since_menopause"].isna(), before)
        positive = [f"theta_{e}" for e in EFFECTS if not e.endswith("_offset")]
        assert table[[*positive, "bmi", "estradiol", "pth", "igf1"]].to_numpy().min() > 0

    def test_counts_add_up(self, name: str):
        table = population_table(name, 500)
        assert table.screened == 500 + sum(table.rejected.values())

    def test_has_a_summary(self, name: str):
        table = population_table(name, 500)
        summary = table.summary()
        assert list(summary) == ["count", "mean", "sd", "5%", "25%", "median", "75%", "95%"]
        assert summary.loc["age", "mean"] == pytest.approx(table.patients["age"].mean())
        assert table.correlations().loc["age", "age"] == pytest.approx(1)


def within(values: Any, rule: EligibilityRule) -> np.ndarray:
    low = -np.inf if rule.min is None else rule.min
    high = np.inf if rule.max is None else rule.max
    slack = 1e-5 * max(abs(low) if np.isfinite(low) else 0, abs(high) if np.isfinite(high) else 0)
    return ((values >= low - slack) & (values <= high + slack)).to_numpy()


def test_premenopausal_women_have_young_hormones_and_others_do_not():
    young = population_table("premenopausal", 2000).patients
    old = population_table("postmenopausal_osteoporosis", 2000).patients

    def median(table: pd.DataFrame, name: str) -> float:
        return float(np.median(table[name].to_numpy()))

    assert median(young, "estradiol") == pytest.approx(90, rel=0.05)  # pg/mL, cycle mean
    assert median(old, "estradiol") == pytest.approx(4.8, rel=0.1)  # ULTRA, 60-80 years
    assert median(old, "pth") > median(young, "pth")
    assert median(old, "igf1") < median(young, "igf1")


def rows(path: str) -> list[dict[str, str]]:
    with (data_root() / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("site", "code", "survey"),
    [
        ("lumbar_spine", "LS", "NHANES reference values"),
        ("total_hip", "TH", "NHANES III Looker 1998"),
    ],
)
def test_t_scores_by_age_are_the_surveys(site: str, code: str, survey: str):
    reference = next(
        r for r in rows("reference/t_score.csv") if (r["site"], r["sex"]) == (site, "female")
    )
    mean, sd = float(reference["mean"]), float(reference["sd"])
    table = getattr(load_population("premenopausal"), f"t_score_{site}")
    published = [
        row
        for row in rows("natural_history/bmd_by_age.csv")
        if row["source"].startswith(survey)
        and (row["sex"], row["site"], row["quantity"]) == ("F", code, "BMD")
    ]
    assert len(published) == len(table.age)
    for row, t, spread in zip(published, table.mean, table.sd, strict=True):
        assert t == pytest.approx((float(row["mean"]) - mean) / sd, abs=0.006)
        assert spread == pytest.approx(float(row["sd"]) / sd, abs=0.006)


def test_every_covariate_has_a_unit():
    assert set(UNITS) == set(COVARIATES)


BROKEN = {
    "no such population": ("postmenopausal_osteoporsis", "Did you mean 'postmenopausal_ost"),
    "no file": ("missing.toml", "missing.toml: cannot be read"),
}


@pytest.mark.parametrize(("name", "words"), BROKEN.values(), ids=BROKEN)
def test_an_unknown_population_is_bad_input(name: str, words: str):
    with pytest.raises(BadInput, match=words):
        load_population(name)


def test_every_problem_of_a_population_file_is_told(tmp_path: Path):
    path = tmp_path / "mine.toml"
    text = bundled("populations")["premenopausal"].read_text(encoding="utf-8")
    text = text.replace('shape = "uniform"', 'shape = "flat"').replace("max = -3", 'max = "low"')
    path.write_text(text.replace("sd = 0.20", "sd = -0.2") + "\n[colour]\nvalue = 1\n")
    with pytest.raises(BadInput) as raised:
        load_population(path)
    told = "\n".join(raised.value.problems)
    assert len(raised.value.problems) == 4
    for key in ("age.shape", "ranges.0.max", "bmi.sd", "colour"):
        assert f"{path}: {key}: " in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('background = "women"', 'background = "woman"'), "Did you mean 'women'"),
        (('background = "women"', ""), "estradiol: Field required"),
        (("name = ", "name : "), "cannot be read as a TOML file"),
    ],
)
def test_a_wrong_population_file_is_bad_input(tmp_path: Path, change: tuple[str, str], words: str):
    path = tmp_path / "mine.toml"
    text = bundled("populations")["premenopausal"].read_text(encoding="utf-8")
    path.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(BadInput, match=words):
        load_population(path)


def test_impossible_correlations_are_bad_input(tmp_path: Path):
    path = tmp_path / "mine.toml"
    text = bundled("populations")["premenopausal"].read_text(encoding="utf-8")
    for site, value in zip(T_SCORES[1:], (0.99, -0.99), strict=True):
        text += f'[[correlations]]\nbetween = ["t_score_lumbar_spine", "{site}"]\n'
        text += f'value = {value}\nsource = "made up"\ncheck = "model"\n'
    text += '[[correlations]]\nbetween = ["t_score_total_hip", "t_score_femoral_neck"]\n'
    path.write_text(text + 'value = 0.99\nsource = "made up"\ncheck = "model"\n')
    with pytest.raises(BadInput, match="impossible"):
        load_population(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("omega = 0.30", "omega = -0.30", "effects.lnL_offset.omega"),
        ('["lnL_offset", "bE"]', '["lnL_ofset", "bE"]', "Did you mean 'lnL_offset'"),
        ('["lnL_offset", "bE"]', '["igf1", "pth"]', "igf1 and pth are drawn apart"),
        ("value = 0.3\n", "value = 1.3\n", "correlations.1.value"),
        ("[effects.KD]", "[effects.KE]", "effects.KD: Field required"),
        ("[noise.sP]", "[noise", "cannot be read as a TOML file"),
    ],
)
def test_a_wrong_variability_file_is_bad_input(tmp_path: Path, old: str, new: str, words: str):
    path = tmp_path / "individual.toml"
    text = (data_root() / "variability/individual.toml").read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput, match=words):
        load_variability(path)


def test_every_bundled_trial_can_enrol_women_with_its_published_baseline():
    variability, problems = load_variability(), []
    for name in bundled("trials"):
        study = load_study(name, [])
        published = {k: getattr(study.population.baseline, k) for k in TARGETS}
        made = recruit(
            load_population(study.population.name),
            variability,
            {k: v for k, v in published.items() if v is not None},
            study.eligibility,
        )
        problems += [f"{name}: {sentence}" for sentence in made.missed]
        problems += [f"{name}: enrols {made.acceptance:.3f}"] * (made.acceptance < 0.005)
    assert problems == []
