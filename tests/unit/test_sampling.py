"""Patients by address: the same in any block, selected by eligibility, moved to a baseline."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from asked import Limit, Published
from scipy import stats

from cohort.errors import BadInput
from cohort.patients import recruitment
from cohort.patients.covariates import (
    COVARIATES,
    DRIVEN,
    HORMONE_EFFECTS,
    HORMONES,
    SHARED_NORMALS,
    T_SCORES,
)
from cohort.patients.population import Population, load_population
from cohort.patients.randomness import id_words, standard_normals, stream_key, uniforms
from cohort.patients.recruitment import Recruitment
from cohort.patients.sampling import Patients, sample
from cohort.patients.variability import EFFECTS, KNOWN, NEW, load_variability
from cohort.tile import TILE

VARIABILITY = load_variability()


RULES = (
    Limit("age", 60, 90),
    Limit("t_score_lumbar_spine", max=-2.5, any_of="low T-score"),
    Limit("t_score_total_hip", max=-2.5, any_of="low T-score"),
    Limit("t_score_lumbar_spine", -4),
    Limit("t_score_total_hip", -4),
)
BASELINE = {
    "age": Published(72.3, 5.2),
    "years_since_menopause": Published(24.2, 7.4),
    "bmi": Published(26.0, 4.1),
    "t_score_lumbar_spine": Published(-2.82, 0.70),
    "t_score_total_hip": Published(-1.89, 0.81),
    "t_score_femoral_neck": Published(-2.16, 0.72),
}


def draw(
    slots: Any,
    seed: int = 0,
    population: str = "postmenopausal_osteoporosis",
    baseline: dict[str, Published] | None = None,
    rules: tuple[Limit, ...] = (),
) -> Patients:
    return sample(load_population(population), VARIABILITY, baseline, rules, seed, np.array(slots))


def women(name: str) -> Population:
    population = load_population(name)
    assert isinstance(population, Population)
    return population


def recruit(population: Population, baseline: Any, rules: tuple[Limit, ...]) -> Recruitment:
    (only,) = recruitment.recruit(population, VARIABILITY, baseline, rules)
    return only


def columns(patients: Patients) -> np.ndarray:
    own = [patients.covariates[name] for name in COVARIATES]
    return np.array([*own, *patients.eta.values()])


@pytest.fixture(scope="module")
def trial() -> Patients:
    return draw(range(3 * TILE), baseline=BASELINE, rules=RULES)


@pytest.fixture(scope="module")
def unselected() -> Patients:
    return draw(range(8 * TILE), population="perimenopause_through_80")


@pytest.mark.parametrize(
    "slots",
    [
        range(3 * TILE - 1, -1, -1),
        range(100, 100 + TILE),
        [5, 4099, 0, 2047, 2048, 6143],
        [17],
    ],
    ids=["reversed", "shifted tile", "scattered", "alone"],
)
def test_a_patient_is_the_same_in_any_block(trial, slots):
    np.testing.assert_array_equal(
        columns(draw(slots, baseline=BASELINE, rules=RULES)), columns(trial)[:, list(slots)]
    )


def test_counts_of_blocks_add_up_to_the_whole(trial):
    parts = [draw(s, baseline=BASELINE, rules=RULES) for s in (range(1000), range(1000, 3 * TILE))]
    assert sum(p.screened for p in parts) == trial.screened
    for reason, count in trial.rejected.items():
        assert sum(p.rejected.get(reason, 0) for p in parts) == count


def test_both_precisions_enrol_the_same_people():
    slots = range(200)
    single = draw(slots, baseline=BASELINE, rules=RULES)
    recruitment._recruit.cache_clear()
    with jax.enable_x64(True):
        double = draw(slots, baseline=BASELINE, rules=RULES)
    np.testing.assert_array_equal(columns(single), columns(double))
    assert columns(double).dtype == np.float32


def test_ids_beyond_32_bits_are_persons_of_their_own():
    ids = [7, 7 + 2**32, 7 + 2**40]
    assert len(np.unique(columns(draw(ids)), axis=1).T) == 3


def test_seeds_give_different_people_and_zero_is_a_seed():
    zero, again, one = (columns(draw(range(50), seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(zero, again)
    assert not np.any(zero == one)


def test_no_slots_give_no_patients():
    nobody = draw(np.zeros(0, np.int64))
    assert nobody.screened == 0
    assert set(nobody.covariates) == {*COVARIATES, "male", "menopause_width"}
    assert columns(nobody).shape == (len(COVARIATES) + len(EFFECTS), 0)


def test_everybody_enrolled_is_eligible(trial):
    value = {name: np.asarray(column) for name, column in trial.covariates.items()}
    assert np.all((value["age"] >= 60) & (value["age"] <= 90))
    spine, hip = value["t_score_lumbar_spine"], value["t_score_total_hip"]
    assert np.all((spine <= -2.5) | (hip <= -2.5))
    assert np.any(spine > -2.5)
    assert np.any(hip > -2.5)
    assert np.all((spine >= -4) & (hip >= -4))


def test_the_rejected_are_counted_by_reason(trial):
    assert trial.screened == trial.ids.size + sum(trial.rejected.values())
    assert trial.rejected["low T-score"] > trial.rejected["60 <= age <= 90"] > 0
    expected = recruit(women("postmenopausal_osteoporosis"), BASELINE, RULES).acceptance
    assert trial.ids.size / trial.screened == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("name", sorted(BASELINE))
def test_the_cohort_has_the_published_baseline(trial, name):
    values, published = np.asarray(trial.covariates[name]), BASELINE[name]
    assert published.sd is not None
    standard_error = published.sd / np.sqrt(values.size)
    assert values.mean() == pytest.approx(published.mean, abs=4 * standard_error)
    assert values.std() == pytest.approx(published.sd, rel=0.06)


def test_a_site_that_was_not_published_follows_the_one_that_was():
    population = women("postmenopausal_osteoporosis")
    lower = {"t_score_lumbar_spine": Published(-3.0)}
    higher = {"t_score_lumbar_spine": Published(-2.0)}
    hips = [
        recruit(population, target, ()).achieved["t_score_total_hip"][0]
        for target in (lower, higher)
    ]
    # Regression of one site on the other: correlation times the ratio of SDs, about 0.65 x 0.8.
    assert hips[1] - hips[0] == pytest.approx(0.52, abs=0.08)


def test_a_baseline_that_eligibility_forbids_is_told():
    population = women("postmenopausal_osteoporosis")
    made = recruit(population, {"age": Published(50.0)}, (Limit("age", min=60),))
    assert len(made.missed) == 1
    assert "published mean 50, reached 6" in made.missed[0]


def test_correlations_are_the_declared(unselected):
    population = women("perimenopause_through_80")
    value = {k: np.asarray(v, np.float64) for k, v in unselected.covariates.items()}
    z = [(value["age"] - 62.5) / 17.5, value["age_at_menopause"], np.log(value["bmi"])]
    for name in T_SCORES:
        table = getattr(population, name)
        mean = np.interp(value["age"], table.age, table.mean)
        z.append((value[name] - mean) / np.interp(value["age"], table.age, table.sd))
    error = np.corrcoef(z) - population.correlation_matrix()
    # Four standard errors, and a little for the limits of plausibility, which cut 2 %.
    assert np.abs(error).max() < 4 / np.sqrt(unselected.ids.size) + 0.01
    assert len(z) == len(DRIVEN)


def test_effects_have_the_declared_spread_and_correlations(unselected):
    value = {k: np.asarray(v, np.float64) for k, v in unselected.covariates.items()}
    n = unselected.ids.size
    off = value["bmi"] - VARIABILITY.reference_bmi["female"]
    ln_bmi = np.log(value["bmi"] / VARIABILITY.reference_bmi["female"])
    u = {}
    for name in EFFECTS:
        effect, eta = VARIABILITY[name], np.asarray(unselected.eta[name], np.float64)
        logarithm = eta if effect.kind == "offset" else np.log(eta)
        logarithm -= effect.bmi_power * ln_bmi + effect.bmi_slope * off
        u[name] = logarithm / effect.omega
        assert abs(u[name].mean()) < 4 / np.sqrt(n) + 0.02, name
        assert u[name].std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * n)), name
    table = women("perimenopause_through_80").t_score_lumbar_spine
    mean, sd = (np.interp(value["age"], table.age, y) for y in (table.mean, table.sd))
    u["bmd_residual"] = (value["t_score_lumbar_spine"] - mean) / sd
    found = np.corrcoef([u[name] for name in (*KNOWN, *NEW)])
    error = np.abs(found - VARIABILITY.correlation_matrix())
    assert error.max() < 4.5 / np.sqrt(n) + 0.005
    for name, other in SHARED_NORMALS.items():
        np.testing.assert_allclose(u[name], u[other], atol=1e-4)


def test_hormones_move_with_the_effect_of_the_same_name(unselected):
    value = {k: np.asarray(v, np.float64) for k, v in unselected.covariates.items()}
    population = women("perimenopause_through_80")
    for name in HORMONES:
        table = getattr(population, name)
        clock = "years_since_menopause" if table.by_menopause else "age"
        median = np.interp(value[clock], table.knots, table.median)
        effect = unselected.eta[HORMONE_EFFECTS[name]]
        np.testing.assert_allclose(value[name], median * effect, rtol=2e-5)


def test_low_bone_density_goes_with_high_turnover(trial, unselected):
    shift = float(np.mean(np.asarray(trial.eta["lnL_offset"])))
    assert 0.05 < shift - float(np.mean(np.asarray(unselected.eta["lnL_offset"]))) < 0.15


@pytest.mark.parametrize(
    ("baseline", "rules", "words"),
    [
        (
            {"height": Published(160)},
            (),
            ["baseline.height: it cannot be moved", "allowed are age"],
        ),
        ({}, (Limit("sunshine", 1),), ["'sunshine' is not a covariate", "allowed are age"]),
        ({}, (Limit("age", 20, 21),), ["excludes nearly all", "'20 <= age <= 21'"]),
        (
            {},
            (Limit("bmi", max=20), Limit("t_score_total_hip", min=3)),
            ["excludes nearly all", "'3 <= t_score_total_hip'"],
        ),
    ],
)
def test_what_cannot_be_recruited_is_bad_input(baseline, rules, words):
    with pytest.raises(BadInput) as raised:
        draw(range(10), baseline=baseline, rules=rules)
    for word in words:
        assert word in str(raised.value)


def test_a_study_that_speaks_of_t_scores_replaces_the_populations_selection():
    own = draw(range(500))
    rules = (Limit("t_score_lumbar_spine", -2.5, -1.0),)
    other = draw(range(500), rules=rules)
    assert "osteoporosis by T-score" in own.rejected
    assert "osteoporosis by T-score" not in other.rejected
    assert "50 <= age <= 90" in other.rejected


def test_normals_are_standard_and_streams_independent():
    ids = np.arange(20_000)
    noise = np.asarray(standard_normals(0, "noise", ids, 2), np.float64)
    other = np.asarray(standard_normals(0, "other", ids, 1), np.float64)
    for row in (*noise, *other):
        assert stats.kstest(row, "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef([*noise, *other])[np.triu_indices(3, 1)]).max() < 4 / np.sqrt(20_000)
    flat = np.asarray(uniforms(3, "noise", ids, 1), np.float64)[0]
    assert stats.kstest(flat, "uniform").pvalue > 1e-3


def test_normals_do_not_depend_on_the_block():
    whole = np.asarray(standard_normals(5, "dxa", np.arange(5000), 7))
    some = np.array([4999, 3, 2500])
    np.testing.assert_array_equal(standard_normals(5, "dxa", some, 7), whole[:, some])
    assert standard_normals(5, "dxa", some[:0], 7).shape == (7, 0)


def test_streams_and_ids_are_addressed_by_their_whole_value():
    keys = {
        tuple(stream_key(seed, name)) for seed in (0, 1, 2**32, -1) for name in ("dxa", "noise")
    }
    assert len(keys) == 8
    high, low = id_words(np.array([3, 2**32 + 3]))
    assert high.tolist() == [0, 1]
    assert low.tolist() == [3, 3]
