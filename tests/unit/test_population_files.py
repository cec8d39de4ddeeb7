"""A population file that is wrong, or that of individual effects, is told in sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort.errors import BadInput
from cohort.patients.population import T_SCORES, load_population
from cohort.patients.variability import load_variability
from cohort.resources import bundled, data_root

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


def men(tmp_path: Path, more: str = "", *changes: tuple[str, str]) -> Path:
    """Write men into a file of the user's own, with more tables or changes in them."""
    text = bundled("populations")["adult_men"].read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "men.toml"
    path.write_text(text + more, encoding="utf-8")
    return path


SOURCED = 'source = "made up"\ncheck = "model"\n'


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            '[[conditions]]\nname = "hypogonadal"\namount = 0.5\nyears = 1\n' + SOURCED,
            "conditions.0: 'hypogonadal' is not a condition; allowed are hypogonadism, .*"
            "Did you mean 'hypogonadism'",
        ),
        (
            '[[conditions]]\nname = "calcium_deficiency"\namount = 1.5\nyears = 1\n' + SOURCED,
            "conditions.0: amount is 1.5; allowed is 0 to 1",
        ),
        (
            '[[conditions]]\nname = "hypogonadism"\namount = 0\nyears = 1\n' + SOURCED,
            "amount is 0; allowed is 0.001 to 1000",
        ),
        (
            '[[conditions]]\nname = "immobility"\namount = 0.5\nyears = -1\n' + SOURCED,
            "conditions.0.years",
        ),
        (
            ('[[conditions]]\nname = "immobility"\namount = 0.5\nyears = 1\n' + SOURCED) * 2,
            "conditions: 'immobility' stands there twice",
        ),
        (
            '[[treatments]]\ntherapy = "prednisolon"\nregimen = "5 mg daily"\n' + SOURCED,
            "treatments.0: .*prednisolon.*Did you mean",
        ),
        (
            '[[ranges]]\nvariable = "years_since_menopause"\nmin = 1\n' + SOURCED,
            "years_since_menopause: men have no menopause",
        ),
        (
            "[lh]\nyears_since_menopause = [0, 1]\nmedian = [5, 30]\n" + SOURCED,
            "lh: men have no menopause",
        ),
        ("[lh]\nmedian = [5, 30]\n" + SOURCED, "lh: give either age or years_since_menopause"),
        ('[menopause]\nwhen = "never"\n', "menopause: Input should be 'natural' or 'surgical'"),
    ],
)
def test_what_men_cannot_have_is_bad_input(tmp_path: Path, more: str, words: str):
    with pytest.raises(BadInput, match=words):
        load_population(men(tmp_path, more))


def test_women_need_an_age_at_menopause(tmp_path: Path):
    path = men(tmp_path, "", ('background = "men"', 'background = "men"\nsex = "female"'))
    with pytest.raises(BadInput, match="age_at_menopause: Field required in women"):
        load_population(path)


def test_a_range_of_the_file_replaces_that_of_its_background(tmp_path: Path):
    own = men(tmp_path, '[[ranges]]\nvariable = "bmi"\nmin = 30\n' + SOURCED)
    (population,) = (stratum.population for stratum in load_population(own).strata)
    (bmi,) = (rule for rule in population.ranges if rule.variable == "bmi")
    assert (bmi.min, bmi.max) == (30, None)
    assert {rule.variable for rule in population.ranges} == {"bmi", *T_SCORES}


def mixed(tmp_path: Path, *parts: tuple[str, float]) -> Path:
    path = tmp_path / "mixed.toml"
    head = 'name = "mixed"\ntitle = "Mixed"\ndescription = "For a test."\n'
    strata = (f'[[strata]]\npopulation = "{n}"\nshare = {share}\n{SOURCED}' for n, share in parts)
    path.write_text(head + "".join(strata), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((("adult_men", 0.5), ("adult_women", 0.4)), "the shares add up to 0.9"),
        ((("adult_men", 1.0),), "strata: .*at least 2 items"),
        ((("adult_men", -0.5), ("adult_women", 1.5)), "strata.0.share"),
        (
            (("adult_man", 0.5), ("adult_women", 0.5)),
            "mixed.toml: strata.0.population: population 'adult_man' is unknown.*'adult_men'",
        ),
        ((("adults", 0.5), ("adult_women", 0.5)), "strata.0.population: 'adults' is mixed itself"),
        (
            (("men_on_androgen_deprivation", 0.5), ("adult_women", 0.5)),
            "strata: their treatments differ",
        ),
        ((("missing.toml", 0.5), ("adult_women", 0.5)), "missing.toml: cannot be read"),
    ],
)
def test_a_wrong_mixture_is_bad_input(tmp_path: Path, parts: tuple, words: str):
    with pytest.raises(BadInput, match=words):
        load_population(mixed(tmp_path, *parts))


def test_strata_may_be_files_beside_the_mixed_one(tmp_path: Path):
    men(tmp_path, "", ('"adult_men"', '"mine"'))
    population = load_population(mixed(tmp_path, ("men.toml", 0.25), ("adult_women", 0.75)))
    assert [s.population.name for s in population.strata] == ["mine", "adult_women"]
    assert [s.share for s in population.strata] == [0.25, 0.75]
    assert population.treatments == ()
