"""Men, mixed populations and conditions: who is drawn, with which hormones, and who is not."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
from asked import Limit, Published

from cohort.errors import BadInput
from cohort.patients.covariates import COVARIATES, HORMONES
from cohort.patients.population import Population, load_population
from cohort.patients.recruitment import recruit
from cohort.patients.sampling import Patients, sample
from cohort.patients.variability import load_variability
from cohort.resources import bundled
from cohort.tile import TILE

VARIABILITY = load_variability()
NMOL_TESTOSTERONE = 28.842  # ng/dL in 1 nmol/L
PMOL_TESTOSTERONE = 0.28842  # pg/mL in 1 pmol/L
PMOL_ESTRADIOL = 0.27238  # pg/mL in 1 pmol/L


def draw(
    population: str,
    slots: Any = range(2 * TILE),
    baseline: Mapping[str, Published] | None = None,
    rules: tuple[Limit, ...] = (),
    male_reference: bool = False,
) -> Patients:
    where = load_population(population, male_reference)
    return sample(where, VARIABILITY, baseline, rules, 0, np.array(slots, np.int64))


def of_one_sex(name: str, male_reference: bool = False) -> Population:
    population = load_population(name, male_reference)
    assert isinstance(population, Population)
    return population


def everything(patients: Patients) -> dict[str, np.ndarray]:
    conditions = {
        f"{name} {part}": column
        for name, pair in patients.conditions.items()
        for part, column in zip(("amount", "years"), pair, strict=True)
    }
    return {**patients.covariates, **patients.eta, **conditions}


@cache
def decade(first: int) -> Mapping[str, np.ndarray]:
    """Men whose age is in a decade."""
    rules = (Limit("age", first, first + 10),)
    return draw("adult_men", range(4 * TILE), rules=rules).covariates


# Total testosterone (nmol/L), SHBG (nmol/L), free testosterone (pmol/L): mean and SD by decade, of
# the European Male Ageing Study (Wu 2008, 10.1210/jc.2007-1972).
EMAS = {
    40: ((17.5, 6.2), (34.6, 15.5), (335, 96)),
    50: ((16.4, 6.0), (40.0, 17.1), (294, 83)),
    60: ((16.1, 5.8), (46.4, 18.9), (268, 79)),
    70: ((15.7, 6.2), (52.0, 21.0), (243, 79)),
}


@pytest.mark.parametrize("first", EMAS)
def test_men_have_the_testosterone_of_their_decade(first: int):
    men, (total, shbg, free) = decade(first), EMAS[first]
    for name, unit, published, within in (
        ("testosterone_free", PMOL_TESTOSTERONE, free, 0.03),
        ("shbg", 1.0, shbg, 0.03),
        ("testosterone", NMOL_TESTOSTERONE, total, 0.08),  # mass action misses by 6 %
    ):
        values = np.asarray(men[name], np.float64) / unit
        error = 4 / np.sqrt(values.size)
        assert values.mean() == pytest.approx(published[0], rel=within + error * 0.45), name
        # One spread serves all decades; the published ones differ by 10 %.
        assert values.std() == pytest.approx(published[1], rel=0.12), name


def test_mens_estradiol_is_that_of_the_survey_at_any_age():
    for first in EMAS:
        values = np.asarray(decade(first)["estradiol"], np.float64) / PMOL_ESTRADIOL
        assert values.mean() == pytest.approx(74, rel=0.03)
        assert values.std() == pytest.approx(24, rel=0.08)


def test_mens_estradiol_follows_their_testosterone():
    men = draw("adult_men")
    population, own = of_one_sex("adult_men"), men.covariates
    table = {
        name: np.interp(
            own["age"], getattr(population, name).knots, getattr(population, name).median
        )
        for name in ("estradiol", "testosterone_free")
    }
    made = 0.1 + 0.9 * own["testosterone_free"] / table["testosterone_free"]
    expected = table["estradiol"] * made * men.eta["aromatisation"]
    np.testing.assert_allclose(own["estradiol"], expected, rtol=2e-5)


def test_one_to_three_percent_of_mens_testosterone_is_free():
    own = draw("adult_men").covariates
    share = own["testosterone_free"] / (own["testosterone"] * 10)  # pg/mL over ng/dL
    low, middle, high = np.quantile(share, [0.01, 0.5, 0.99])
    assert 0.008 < low < high < 0.04
    assert middle == pytest.approx(0.018, abs=0.002)


def test_men_have_no_menopause_and_all_else():
    men = draw("older_men")
    for name in COVARIATES:
        absent = name in ("age_at_menopause", "years_since_menopause")
        assert np.isnan(men.covariates[name]).all() == absent, name
        assert absent or np.isfinite(men.covariates[name]).all(), name
    assert (men.covariates["male"] == 1).all()
    assert all(np.isfinite(effect).all() for effect in men.eta.values())


@pytest.mark.parametrize(
    ("name", "width"), [("surgical_menopause", 0.03), ("late_perimenopausal", 0.55)]
)
def test_menopause_is_slow_unless_surgical(name: str, width: float):
    women = draw(name, range(100)).covariates
    assert (women["menopause_width"] == np.float32(width)).all()
    assert (women["male"] == 0).all()


class TestMixed:
    def test_shares_are_the_declared(self):
        for name in ("adults", "primary_hyperparathyroidism", "growth_hormone_deficiency"):
            men = sum(s.share for s in load_population(name).strata if s.population.sex == "male")
            found = draw(name).covariates["male"].mean()
            assert found == pytest.approx(men, abs=4 * np.sqrt(0.25 / (2 * TILE))), name

    def test_a_member_is_the_one_that_her_stratum_has_in_that_slot(self):
        mixed = everything(draw("adults", range(300)))
        alone = {
            sex: everything(draw(f"adult_{who}", range(300)))
            for sex, who in ((0.0, "women"), (1.0, "men"))
        }
        for name, values in mixed.items():
            expected = np.where(mixed["male"] > 0, alone[1.0][name], alone[0.0][name])
            np.testing.assert_array_equal(values, expected, err_msg=name)

    @pytest.mark.parametrize(
        "slots",
        [range(2 * TILE - 1, -1, -1), range(100, 100 + TILE), [5, 4095, 0, 2047], [17]],
        ids=["reversed", "shifted tile", "scattered", "alone"],
    )
    @pytest.mark.parametrize("name", ["adults", "growth_hormone_deficiency"])
    def test_a_patient_is_the_same_in_any_block(self, name: str, slots: Any):
        whole, part = everything(draw(name)), everything(draw(name, slots))
        for column, values in part.items():
            np.testing.assert_array_equal(values, whole[column][list(slots)], err_msg=column)

    def test_counts_add_up(self):
        mixed = draw("glucocorticoid_users", range(1000))
        assert mixed.screened == 1000 + sum(mixed.rejected.values())
        parts = [draw("glucocorticoid_users", slots) for slots in (range(300), range(300, 1000))]
        assert sum(part.screened for part in parts) == mixed.screened

    def test_nobody_is_nobody(self):
        assert draw("adults", []).covariates["age"].shape == (0,)

    def test_a_target_or_rule_of_one_sex_leaves_the_other_alone(self):
        rules = (Limit("years_since_menopause", 5), Limit("age", 50, 80))
        baseline = {"years_since_menopause": Published(17.0)}
        low = {"testosterone": Published(300.0, 80.0)}
        mixed = draw("adults", baseline=baseline | low, rules=rules).covariates
        women, men = mixed["male"] == 0, mixed["male"] == 1
        assert men.sum() > 1000
        assert mixed["years_since_menopause"][women].min() >= 5
        assert mixed["years_since_menopause"][women].mean() == pytest.approx(17.0, abs=0.6)
        assert mixed["testosterone"][men].mean() == pytest.approx(300, rel=0.02)
        others = draw("adults", baseline=baseline, rules=rules).covariates
        for name in COVARIATES:
            np.testing.assert_array_equal(mixed[name][women], others[name][women])

    def test_a_target_of_both_moves_each_stratum(self):
        baseline = {"age": Published(60.0, 8.0), "igf1": Published(90.0, 25.0)}
        mixed = draw("growth_hormone_deficiency", baseline=baseline).covariates
        for sex in (0, 1):
            part = mixed["male"] == sex
            assert mixed["age"][part].mean() == pytest.approx(60, abs=0.8)
            assert mixed["igf1"][part].mean() == pytest.approx(90, abs=3)

    def test_a_baseline_that_cannot_be_says_in_which_stratum(self):
        strata = recruit(
            load_population("adults"),
            VARIABILITY,
            {"age": Published(50.0)},
            (Limit("age", min=60),),
        )
        sentences = [sentence for stratum in strata for sentence in stratum.missed]
        assert len(sentences) == 2
        assert "eligibility of population 'adult_women' does not allow it" in sentences[0]


def test_a_low_testosterone_baseline_is_reached():
    """The Testosterone Trials, total testosterone 234 (65) ng/dL: men's own production is low."""
    baseline = {"age": Published(72.3, 6.0), "testosterone": Published(234.0, 65.0)}
    rules = (Limit("age", 65), Limit("testosterone", max=345))
    men = draw("hypogonadal_men", baseline=baseline, rules=rules)
    total = men.covariates["testosterone"]
    assert total.mean() == pytest.approx(234, abs=5)
    assert total.std() == pytest.approx(65, rel=0.12)
    assert total.max() <= 345
    assert men.covariates["age"].mean() == pytest.approx(72.3, abs=0.4)


class TestConditions:
    def test_lower_or_raise_the_own_hormone(self):
        for name, hormone, factor in (
            ("growth_hormone_deficiency_men", "igf1", 0.5),
            ("primary_hyperparathyroidism_women", "pth", 2.4),
            ("hypogonadal_men", "testosterone_free", 0.7),
        ):
            ill, population = draw(name), of_one_sex(name)
            table = getattr(population, hormone)
            healthy = np.interp(ill.covariates["age"], table.knots, table.median)
            effect = ill.eta["testosterone" if hormone == "testosterone_free" else hormone]
            np.testing.assert_allclose(
                ill.covariates[hormone], factor * healthy * effect, rtol=2e-5, err_msg=name
            )
            (condition,) = population.conditions
            amount, years = ill.conditions[condition.name]
            assert (amount == np.float32(factor)).all()
            assert (years == np.float32(condition.years)).all()

    def test_who_cannot_have_a_condition_has_its_neutral_amount(self, tmp_path: Any):
        path = tmp_path / "mixed.toml"
        parts = {"adult_women": 0.3, "hypogonadal_men": 0.3, "weak.toml": 0.4}
        path.write_text(
            'name = "mixed"\ntitle = "Mixed"\ndescription = "For a test."\n'
            + "".join(
                f'[[strata]]\npopulation = "{name}"\nshare = {share}\n'
                'source = "made up"\ncheck = "model"\n'
                for name, share in parts.items()
            )
        )
        weak = bundled("populations")["adult_women"].read_text(encoding="utf-8") + "".join(
            f'[[conditions]]\nname = "{name}"\namount = 0.5\nyears = 2\n'
            'source = "made up"\ncheck = "model"\n'
            for name in ("calcium_deficiency", "immobility")
        )
        (tmp_path / "weak.toml").write_text(weak)
        mixed = draw(str(path), range(1000))
        assert set(mixed.conditions) == {"calcium_deficiency", "hypogonadism", "immobility"}
        men = mixed.covariates["male"] == 1
        amount, years = mixed.conditions["hypogonadism"]
        np.testing.assert_array_equal(amount, np.where(men, np.float32(0.7), 1))
        np.testing.assert_array_equal(years, np.where(men, 5, 0))
        lacking, _ = mixed.conditions["calcium_deficiency"]
        still, _ = mixed.conditions["immobility"]
        np.testing.assert_array_equal(still, np.where(lacking > 0, 0.5, 1))
        raised = np.log(mixed.covariates["pth"] / mixed.eta["pth"])
        table = of_one_sex("adult_women").pth
        healthy = np.log(np.interp(mixed.covariates["age"], table.knots, table.median))
        np.testing.assert_allclose((raised - healthy)[~men], 0.35 * lacking[~men], atol=1e-5)


def test_all_populations_share_one_compiled_function():
    names = ("premenopausal", "adults", "hypogonadal_men", "surgical_menopause")
    shapes = {
        str(jax.tree.map(lambda x: (x.shape, x.dtype), stratum.spec))
        for name in names
        for stratum in recruit(load_population(name), VARIABILITY, None, ())
    }
    assert len(shapes) == 1


class TestMaleReference:
    def test_moves_mens_tables_to_young_men(self):
        women_units, own_units = (of_one_sex("older_men", flag) for flag in (False, True))
        young = {"lumbar_spine": (1.057, 0.110), "total_hip": (1.041, 0.144)}
        reference = {"lumbar_spine": (1.047, 0.110), "total_hip": (0.942, 0.122)}
        for site, (mean, sd) in young.items():
            old = getattr(women_units, f"t_score_{site}")
            new = getattr(own_units, f"t_score_{site}")
            old_mean, old_sd = reference[site]
            bmd = old_mean + old_sd * np.array(old.mean)
            np.testing.assert_allclose(mean + sd * np.array(new.mean), bmd, atol=1e-6)
            np.testing.assert_allclose(sd * np.array(new.sd), old_sd * np.array(old.sd), atol=1e-6)

    def test_is_the_unit_of_rules_and_baselines(self):
        baseline = {"t_score_total_hip": Published(-1.4)}
        men = draw("osteoporotic_men", baseline=baseline, male_reference=True).covariates
        assert men["t_score_total_hip"].mean() == pytest.approx(-1.4, abs=0.06)

    def test_leaves_women_as_they_are(self):
        assert load_population("adult_women", True) == load_population("adult_women")


@pytest.mark.parametrize(
    ("population", "baseline", "rules", "words"),
    [
        (
            "older_men",
            {"years_since_menopause": Published(10)},
            (),
            "cannot move population 'older_men', only one of women",
        ),
        (
            "adult_women",
            {"testosterone": Published(20)},
            (),
            "cannot move population 'adult_women', only one of men",
        ),
        ("older_men", {}, (Limit("age_at_menopause", 45),), "nobody in population 'older_men' has"),
        (
            "adults",
            {"shbg": Published(40)},
            (),
            "baseline.shbg: it cannot be moved; allowed are age",
        ),
        ("adults", {}, (Limit("height", 150),), "'height' is not a covariate"),
    ],
)
def test_what_nobody_has_is_bad_input(population: str, baseline: Any, rules: Any, words: str):
    with pytest.raises(BadInput, match=words):
        draw(population, range(10), baseline, rules)


def test_eligibility_may_look_at_every_hormone():
    rules = tuple(Limit(name, 1e-3, 1e4) for name in (*HORMONES, "testosterone"))
    assert draw("adults", range(10), rules=rules).screened >= 10
