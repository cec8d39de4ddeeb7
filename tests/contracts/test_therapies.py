"""Every therapy file: it loads, every number has a source, its regimens can be read."""

import math
import re
import tomllib

import pytest

from cohort.errors import BadInput
from cohort.resources import bundled
from cohort.therapy import ACTIONS, CHECKS, EVIDENCE, Therapy, load_therapy, therapies
from cohort.trial.regimen import parse_sentence

NEEDED = {
    "abaloparatide",
    "alendronate",
    "calcium_vitamin_d",
    "conjugated_estrogens",
    "denosumab",
    "estradiol",
    "ibandronate",
    "medroxyprogesterone_acetate",
    "micronised_progesterone",
    "norethisterone_acetate",
    "pth_1_84",
    "raloxifene",
    "risedronate",
    "romosozumab",
    "teriparatide",
    "zoledronate",
}

every_therapy = pytest.mark.parametrize("therapy", therapies().values(), ids=lambda t: t.name)


def peak_time(absorption: float, elimination: float) -> float:
    """Time of the peak of one compartment with first-order absorption."""
    return math.log(absorption / elimination) / (absorption - elimination)


def test_all_are_there():
    assert therapies().keys() >= NEEDED


@every_therapy
def test_declaration(therapy: Therapy):
    assert bundled("therapies")[therapy.name].stem == therapy.name
    assert therapy.evidence in EVIDENCE
    assert therapy.pk.keys() == ACTIONS[therapy.action].pk.keys()
    assert therapy.usual_route in therapy.routes
    assert therapy.reference_rate > 0
    for number in (*therapy.pk.values(), *therapy.routes.values()):
        assert len(number.source) > 8
        assert number.check in CHECKS


@every_therapy
def test_every_synonym_finds_it(therapy: Therapy):
    for word in (therapy.name, *therapy.synonyms):
        assert load_therapy(word) is therapy
        assert load_therapy(word.upper()) is therapy


@every_therapy
def test_labelled_regimens_can_be_read(therapy: Therapy):
    assert therapy.regimens
    for regimen in therapy.regimens:
        course = parse_sentence(regimen.sentence, therapy, until_day=365.25)
        assert course.amount > 0
        assert course.route in therapy.routes
        assert regimen.source


def test_synonyms_are_unique():
    words = [word for t in therapies().values() for word in (t.name, *t.synonyms)]
    assert len(words) == len(set(words))


def test_label_regimen_gives_the_reference_rate():
    for therapy in therapies().values():
        label = parse_sentence(therapy.regimens[0].sentence, therapy, until_day=3652.5)
        rate = label.amount / label.interval_days
        assert rate == pytest.approx(therapy.reference_rate, rel=1e-6), therapy.name


@pytest.mark.parametrize("name", ["alendronate", "risedronate", "ibandronate", "zoledronate"])
def test_systemic_rate_is_label_dose_times_fraction(name: str):
    therapy = load_therapy(name)
    rate = therapy.reference_rate * therapy.route().fraction
    assert therapy.pk["reference_systemic_rate"].value == pytest.approx(rate, rel=1e-3)


def test_ibandronate_label_routes_are_equivalent():
    """150 mg a month by mouth and 3 mg a quarter by vein have the same systemic dose (10 %)."""
    therapy = load_therapy("ibandronate")
    oral = 150 / 30.4375 * therapy.route("oral").fraction
    vein = 3 / (3 * 30.4375) * therapy.route("iv").fraction
    assert vein == pytest.approx(oral, rel=0.1)


@pytest.mark.parametrize(
    ("name", "peak_h"), [("teriparatide", 0.5), ("abaloparatide", 0.51), ("pth_1_84", 1.5)]
)
def test_injections_peak_when_published(name: str, peak_h: float):
    pk = load_therapy(name).pk
    found = peak_time(
        math.log(2) / pk["absorption_half_life"].value,
        math.log(2) / pk["elimination_half_life"].value,
    )
    assert found == pytest.approx(peak_h, rel=0.01)


def test_raloxifene_peaks_at_six_hours():
    pk = load_therapy("raloxifene").pk
    found = peak_time(pk["absorption_rate"].value, pk["elimination_rate"].value)
    assert found * 24 == pytest.approx(6, rel=0.02)


def test_denosumab_half_life_near_the_label():
    """26 to 30 days at label concentrations, about 10 days when little is left."""
    pk = {key: number.value for key, number in load_therapy("denosumab").pk.items()}

    def half_life(concentration: float) -> float:
        saturable = pk["saturable_rate"] / (pk["saturable_constant"] + concentration)
        return math.log(2) / (pk["elimination_rate"] + saturable)

    assert 25 < half_life(2.0) < 30
    assert 8 < half_life(0.01) < 12


def test_estrogen_doses_of_equal_potency():
    """Exposure 1: oral estradiol 1 mg, a patch of 50 ug a day, conjugated estrogens 0.625 mg."""
    estradiol = load_therapy("estradiol")
    for amount, route in ((1.0, "oral"), (0.050, "transdermal")):
        exposure = amount * estradiol.route(route).fraction / estradiol.reference_rate
        assert exposure == pytest.approx(1.0)
    patch = 0.014 * estradiol.route("transdermal").fraction / estradiol.reference_rate
    assert 0.2 <= patch <= 0.28 + 1e-9
    assert load_therapy("conjugated_estrogens").reference_rate == pytest.approx(0.625)


def test_implant_releases_slowly():
    estradiol = load_therapy("estradiol")
    assert estradiol.absorption_rate("implant") < 0.02 < estradiol.absorption_rate("oral")


def test_unknown_names_suggest():
    with pytest.raises(BadInput, match="Did you mean 'denosumab'"):
        load_therapy("denosumap")
    with pytest.raises(BadInput, match="allowed: sc, iv"):
        load_therapy("denosumab").route("transdermal")
    with pytest.raises(BadInput, match="cannot be read"):
        load_therapy("nowhere/none.toml")


def test_all_problems_at_once(tmp_path):
    text = bundled("therapies")["denosumab"].read_text(encoding="utf-8")
    text = text.replace('unit = "L"', 'unit = "mL"').replace("value = 0.022", "value = -1")
    text = text.replace('evidence = "trial"', 'evidence = "trail"')
    path = tmp_path / "mine.toml"
    path.write_text(text + "\n[extra]\na = 1\n", encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_therapy(path)
    problems = "\n".join(caught.value.problems)
    for part in ("'L'", "positive number", "Did you mean 'trial'", "unknown key 'extra'"):
        assert part in problems
    assert len(caught.value.problems) == 4


def test_own_therapy_from_a_file(tmp_path):
    text = bundled("therapies")["denosumab"].read_text(encoding="utf-8")
    path = tmp_path / "biosimilar.toml"
    path.write_text(re.sub('name = "denosumab"', 'name = "biosimilar"', text, count=1))
    assert load_therapy(path).name == "biosimilar"
    path.write_text(text.replace('"rankl_antibody"', '"rankl_antibodi"'), encoding="utf-8")
    with pytest.raises(BadInput, match="Did you mean 'rankl_antibody'"):
        load_therapy(str(path))


@every_therapy
def test_files_are_plain_toml(therapy: Therapy):
    """Nothing in a file is lost on reading: every key is one that the reader knows."""
    table = tomllib.loads(bundled("therapies")[therapy.name].read_text(encoding="utf-8"))
    assert set(table["pk"]) == set(therapy.pk)
    assert set(table["routes"]) == set(therapy.routes)
    assert len(table["regimens"]) == len(therapy.regimens)
