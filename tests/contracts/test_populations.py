"""Every population, and the file of individual effects, holds to one contract."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cohort.patients.covariates import HORMONES, TARGETS
from cohort.patients.population import (
    CONDITIONS,
    COVARIATES,
    T_SCORES,
    UNITS,
    EligibilityRule,
    Population,
    load_population,
)
from cohort.patients.preview import PopulationTable, population_table
from cohort.patients.recruitment import recruit
from cohort.patients.variability import EFFECTS, load_variability
from cohort.resources import bundled, data_root
from cohort.therapy import load_therapy
from cohort.trial.regimen import parse_sentence
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
        "adult_men",
        "adult_women",
        "adults",
        "early_postmenopausal",
        "glucocorticoid_men",
        "glucocorticoid_users",
        "glucocorticoid_women",
        "growth_hormone_deficiency",
        "growth_hormone_deficiency_men",
        "growth_hormone_deficiency_women",
        "hypogonadal_men",
        "late_perimenopausal",
        "men_on_androgen_deprivation",
        "older_men",
        "osteoporotic_men",
        "perimenopause_through_80",
        "postmenopausal_osteoporosis",
        "premature_ovarian_insufficiency",
        "premenopausal",
        "primary_hyperparathyroidism",
        "primary_hyperparathyroidism_men",
        "primary_hyperparathyroidism_women",
        "surgical_menopause",
        "women_on_aromatase_inhibitor",
    ]


@cache
def drawn(name: str) -> PopulationTable:
    return population_table(name, 1000)


def only(name: str) -> Population:
    population = load_population(name)
    assert isinstance(population, Population)
    return population


@pytest.mark.parametrize("name", POPULATIONS)
class TestPopulation:
    def test_is_called_as_its_file(self, name: str):
        population = load_population(name)
        assert population.name == name
        assert population.title
        assert population.description

    def test_keeps_its_own_limits(self, name: str):
        patients = drawn(name).patients
        since = patients["age"] - patients["age_at_menopause"]
        patients = patients.assign(years_since_menopause=since)
        for stratum in load_population(name).strata:
            values = patients[patients["sex"] == stratum.population.sex]
            met: dict[str, np.ndarray] = {}
            for number, rule in enumerate(stratum.population.screening((), ())):
                label, inside = rule.any_of or str(number), within(values[rule.variable], rule)
                met[label] = met.get(label, np.zeros(len(values), bool)) | inside
            assert all(each.all() for each in met.values())

    def test_patients_are_complete_and_finite(self, name: str):
        table = drawn(name).patients
        assert list(table) == ["patient_id", "sex", *COVARIATES, *(f"theta_{e}" for e in EFFECTS)]
        womens = ["age_at_menopause", "years_since_menopause"]
        assert np.isfinite(table.drop(columns=["sex", *womens]).to_numpy()).all()
        men = table["sex"] == "male"
        np.testing.assert_array_equal(table["age_at_menopause"].isna(), men)
        after = table["age"] >= table["age_at_menopause"]
        np.testing.assert_array_equal(table["years_since_menopause"].notna(), after)
        positive = [f"theta_{e}" for e in EFFECTS if not e.endswith("_offset")]
        assert table[[*positive, "bmi", *HORMONES, "testosterone"]].to_numpy().min() > 0

    def test_counts_add_up(self, name: str):
        table = drawn(name)
        assert table.screened == 1000 + sum(table.rejected.values())

    def test_has_a_summary(self, name: str):
        table = drawn(name)
        for sex in table.sexes:
            summary = table.summary(sex)
            assert list(summary) == ["count", "mean", "sd", "5%", "25%", "median", "75%", "95%"]
            ages = table.patients["age"][table.patients["sex"] == sex]
            assert summary.loc["age", "mean"] == pytest.approx(ages.mean())
        assert table.summary().loc["age", "count"] == 1000
        assert table.correlations().loc["age", "age"] == pytest.approx(1)

    def test_what_its_members_take_can_be_given(self, name: str):
        for given in load_population(name).treatments:
            course = parse_sentence(given.regimen, load_therapy(given.therapy), until_day=365.0)
            assert course.start_day < 0
            assert course.end_day > 330

    def test_what_its_members_have_is_a_condition(self, name: str):
        for stratum in load_population(name).strata:
            for condition in stratum.population.conditions:
                assert condition.name in CONDITIONS
                assert condition.years >= 1


def within(values: Any, rule: EligibilityRule) -> np.ndarray:
    low = -np.inf if rule.min is None else rule.min
    high = np.inf if rule.max is None else rule.max
    slack = 1e-5 * max(abs(low) if np.isfinite(low) else 0, abs(high) if np.isfinite(high) else 0)
    return ((values >= low - slack) & (values <= high + slack)).to_numpy()


def test_premenopausal_women_have_young_hormones_and_others_do_not():
    young = drawn("premenopausal").patients
    old = drawn("postmenopausal_osteoporosis").patients

    def median(table: pd.DataFrame, name: str) -> float:
        return float(np.median(table[name].to_numpy()))

    assert median(young, "estradiol") == pytest.approx(90, rel=0.05)  # pg/mL, cycle mean
    assert median(old, "estradiol") == pytest.approx(4.8, rel=0.1)  # ULTRA, 60-80 years
    assert median(old, "pth") > median(young, "pth")
    assert median(old, "igf1") < median(young, "igf1")


def rows(path: str) -> list[dict[str, str]]:
    with (data_root() / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


LOOKER = "NHANES III Looker 1998"
NHANES = "NHANES reference values"


@pytest.mark.parametrize(
    ("sex", "site", "code", "survey"),
    [
        ("F", "lumbar_spine", "LS", NHANES),
        ("F", "total_hip", "TH", LOOKER),
        ("M", "lumbar_spine", "LS", NHANES),
        ("M", "total_hip", "TH", NHANES),
    ],
)
def test_t_scores_by_age_are_the_surveys(sex: str, site: str, code: str, survey: str):
    """Men's refer to young women too."""
    mean, sd = reference(site, "female")
    table = getattr(only("adult_women" if sex == "F" else "adult_men"), f"t_score_{site}")
    published = [
        row
        for row in rows("natural_history/bmd_by_age.csv")
        if row["source"].startswith(survey)
        and (row["sex"], row["site"], row["quantity"]) == (sex, code, "BMD")
    ]
    assert len(published) == len(table.age)
    for row, t, spread in zip(published, table.mean, table.sd, strict=True):
        assert t == pytest.approx((float(row["mean"]) - mean) / sd, abs=0.006)
        assert spread == pytest.approx(float(row["sd"]) / sd, abs=0.006)


def test_old_mens_femoral_necks_are_as_thin_as_nhanes_found():
    """Of men over 50, 30 % had osteopenia and 2 % osteoporosis there (10.1359/jbmr.090706)."""
    men = population_table("adult_men", 4000).patients
    old = (men["age"] >= 50) & (men["age"] <= 85)
    neck = men["t_score_femoral_neck"].to_numpy()[old.to_numpy()]
    assert (neck <= -2.5).mean() == pytest.approx(0.02, abs=0.02)
    assert ((neck > -2.5) & (neck <= -1)).mean() == pytest.approx(0.30, abs=0.06)


def reference(site: str, sex: str) -> tuple[float, float]:
    (row,) = (r for r in rows("reference/t_score.csv") if (r["site"], r["sex"]) == (site, sex))
    return float(row["mean"]), float(row["sd"])


def test_reference_tables_serve_both_sexes():
    for sex in ("female", "male"):
        assert all(reference(site.removeprefix("t_score_"), sex)[1] > 0 for site in T_SCORES)
    young = {(r["quantity"], r["sex"]): r["stage"] for r in reversed(rows("reference/markers.csv"))}
    for marker in ("ctx", "p1np", "bsap"):
        assert young[marker, "female"] == "premenopausal"
        assert young[marker, "male"] == "25-29 years"
    assayed = {row["quantity"] for row in rows("reference/measurement.csv")}
    assert assayed >= {*HORMONES, "testosterone", "calcium", "ctx", "p1np", "bsap"}
    for row in rows("reference/measurement.csv"):
        within_person, analytical = row["within_person_cv_percent"], row["analytical_cv_percent"]
        if within_person and analytical:
            root = np.hypot(float(within_person), float(analytical))
            assert float(row["cv_percent"]) == pytest.approx(root, abs=0.006), row["quantity"]
        assert row["check"] in CHECKS
        assert row["source"]


def test_every_covariate_has_a_unit():
    assert set(UNITS) == set(COVARIATES)


def test_every_bundled_trial_can_enrol_people_with_its_published_baseline():
    variability, problems = load_variability(), []
    for name in bundled("trials"):
        study = load_study(name, [])
        published = {k: getattr(study.population.baseline, k) for k in TARGETS}
        strata = recruit(
            load_population(study.population.name, study.outputs.male_t_score_reference),
            variability,
            {k: v for k, v in published.items() if v is not None},
            study.eligibility,
        )
        for made in strata:
            problems += [f"{name}: {sentence}" for sentence in made.missed]
            problems += [f"{name}: enrols {made.acceptance:.3f}"] * (made.acceptance < 0.005)
    assert problems == []
