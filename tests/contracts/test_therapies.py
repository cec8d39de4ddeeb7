"""Every therapy file: it loads, every number has a source, its regimens can be read."""

import csv
import re
import tomllib
from collections.abc import Iterator

import pytest

from cohort.cli import catalog
from cohort.errors import BadInput
from cohort.resources import bundled, data_root
from cohort.therapy import (
    ACTIONS,
    CHECKS,
    EVIDENCE,
    LEVELS,
    Therapy,
    load_therapy,
    normal_route,
    therapies,
)
from cohort.trial.regimen import parse_sentence

NEEDED = """
abaloparatide alendronate anastrozole calcium_vitamin_d cinacalcet cjc_1295 cjc_1295_no_dac
conjugated_estrogens degarelix denosumab estradiol exemestane gonadorelin goserelin ibandronate
ibutamoren ipamorelin letrozole leuprolide mecasermin medroxyprogesterone_acetate
micronised_progesterone nafarelin norethisterone_acetate parathyroidectomy prednisolone pth_1_84
raloxifene risedronate romosozumab sermorelin somatropin tamoxifen teriparatide tesamorelin
testosterone testosterone_cypionate testosterone_enanthate tibolone zoledronate
""".split()

# Bone density is published, but no replica's arm holds it: what the population or every arm takes,
# and publications that pool arms, by the words of their citation.
PUBLISHED_OTHERWISE = {
    "calcium_vitamin_d": "Cummings SR, N Engl J Med, 2009",
    "mecasermin": "Grinspoon S et al. J Clin Endocrinol Metab 2002",
    "prednisolone": "Saag KG et al. N Engl J Med 1998",
    "testosterone_cypionate": "Tracz MJ et al. J Clin Endocrinol Metab 2006",
}
# Bone density only beside alendronate, from memory (Murphy 2001); markers alone (Murphy 1999).
CONFOUNDED = {"ibutamoren"}
MARKERS = {"ibutamoren": "murphy1999", "letrozole": "falahati_nini2000"}

CLINIC = {
    "alendronate": {"iv"},
    "degarelix": {"sc"},
    "denosumab": {"sc", "iv"},
    "estradiol": {"implant"},
    "gonadorelin": {"iv"},
    "goserelin": {"sc"},
    "ibandronate": {"iv"},
    "leuprolide": {"im"},
    "parathyroidectomy": {"surgery"},
    "risedronate": {"iv"},
    "romosozumab": {"sc", "iv"},
    "testosterone": {"implant"},
    "zoledronate": {"iv"},
}

every_therapy = pytest.mark.parametrize("therapy", therapies().values(), ids=lambda t: t.name)


def trials() -> Iterator[tuple[str, dict[str, set[str]], list[dict[str, str]]]]:
    """Yield each replica's name, therapies by arm, and published rows."""
    for name, path in bundled("trials").items():
        study = tomllib.loads(path.read_text(encoding="utf-8"))
        given = {
            arm["name"]: {load_therapy(t["therapy"]).name for t in arm.get("treatments", ())}
            for arm in study["arms"]
        }
        with path.with_name("outcomes.csv").open(encoding="utf-8") as file:
            yield name, given, list(csv.DictReader(file))


def citations() -> str:
    """Every citation of the published rows, with or without a replica."""
    with (data_root() / "not_replicated.csv").open(encoding="utf-8") as file:
        found = {row["citation"] for row in csv.DictReader(file)}
    return "\n".join(found | {row["citation"] for _, _, rows in trials() for row in rows})


def test_all_are_there():
    assert therapies().keys() >= set(NEEDED)


@every_therapy
def test_declaration(therapy: Therapy):
    assert bundled("therapies")[therapy.name].stem == therapy.name
    assert therapy.evidence in EVIDENCE
    absorbed = any(route.to != "central" for route in therapy.routes.values())
    needed = ACTIONS[therapy.action].pk.keys() - (set() if absorbed else {"absorption_rate"})
    assert therapy.pk.keys() == needed
    assert bool(therapy.levels) == (therapy.action == "levels")
    assert therapy.levels.keys() <= LEVELS.keys()
    assert therapy.usual_route in therapy.routes
    assert therapy.reference_rate > 0
    numbers = (*therapy.pk.values(), *therapy.routes.values(), *therapy.levels.values())
    for number in numbers:
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
        if label.doses == 1:
            continue
        rate = label.amount / label.interval_days
        assert rate == pytest.approx(therapy.reference_rate, rel=1e-6), therapy.name


def test_routes_given_at_a_clinic():
    found = {
        therapy.name: {route.name for route in therapy.routes.values() if route.clinic}
        for therapy in therapies().values()
    }
    assert {name: routes for name, routes in found.items() if routes} == CLINIC


def test_evidence_is_what_the_data_hold():
    """Trials with a number on bone density, then markers alone; the rest is extrapolated."""
    measured = {
        therapy
        for _, given, rows in trials()
        for row in rows
        if row["endpoint"] == "BMD" and row["value"] and row["arm"] in given
        for therapy in given[row["arm"]]
    }
    assert measured >= CONFOUNDED
    published = citations()
    assert [t for t, words in PUBLISHED_OTHERWISE.items() if words not in published] == []
    marker = {
        t
        for name, given, _ in trials()
        for t in set().union(*given.values())
        if MARKERS.get(t) == name
    }
    assert marker == MARKERS.keys()
    expected = dict.fromkeys(therapies(), "extrapolated") | dict.fromkeys(MARKERS, "marker")
    expected |= dict.fromkeys((measured - CONFOUNDED) | PUBLISHED_OTHERWISE.keys(), "trial")
    assert {name: therapy.evidence for name, therapy in therapies().items()} == expected


def test_extrapolation_is_told_in_words():
    for name, therapy in therapies().items():
        told = dict(catalog.find(name))["therapy"]
        words = told.get("evidence_in_words", "")
        extrapolated = "no bone mineral density outcome in people stands behind it" in words
        assert extrapolated == (therapy.evidence == "extrapolated")
        assert all(told["levels"][level]["meaning"] for level in therapy.levels)


@pytest.mark.parametrize(
    ("word", "route"),
    [
        ("patch", "transdermal"),
        ("pellet", "implant"),
        ("p.o.", "oral"),
        ("S.C.", "sc"),
        ("intramuscularly", "im"),
        ("nasal", "intranasal"),
        ("gel", "gel"),
        ("surgery", "surgery"),
    ],
)
def test_words_for_routes(word: str, route: str):
    assert normal_route(word) == route


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
    for name, level in therapy.levels.items():
        assert level.amount == table["levels"][name]["amount"]


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ("[levels.serm]", "[levels.serms]", "unknown key 'levels.serms'. Did you mean 'serm'?"),
        ("amount = 1.0", "amount = -1.0", "'levels.serm.amount' is -1.0; it must be a positive"),
        ("amount = 1.0", "amount = nan", "'levels.serm.amount' is nan; it must be a positive"),
        ("amount = 1.0", "amount = 1.0\nunit = 1", "unknown key 'levels.serm.unit'"),
        (
            "amount = 1.0",
            'amount = 1.0\nroutes = ["orall"]',
            "'levels.serm.routes' is 'orall'; allowed: oral. Did you mean 'oral'?",
        ),
        (
            "amount = 1.0",
            'amount = 1.0\nroutes = "oral"',
            "'levels.serm.routes' must be a list of words.",
        ),
        ("fraction = 1.0", "fraction = 1.0\nclinic = 1", "'routes.oral.clinic' is 1; it must be"),
        ('"levels"', '"level"', "'action' is 'level'; allowed: rankl_antibody"),
        (
            '"levels"',
            '"pth_analogue"',
            "'levels' is only read with the action 'levels', not 'pth_analogue'.",
        ),
        ("[pk.absorption_rate]", "[pk.absorption]", "'pk.absorption_rate' is missing"),
    ],
)
def test_bad_levels_are_told(tmp_path, was: str, becomes: str, sentence: str):
    text = bundled("therapies")["raloxifene"].read_text(encoding="utf-8")
    assert was in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(was, becomes), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_therapy(path)
    assert any(problem.startswith(f"mine.toml: {sentence}") for problem in caught.value.problems)


def test_levels_must_be_there(tmp_path):
    text = bundled("therapies")["raloxifene"].read_text(encoding="utf-8")
    block = text[text.index("[levels.serm]") : text.index("[pk.absorption_rate]")]
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(block, ""), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_therapy(path)
    assert caught.value.problems == ["mine.toml: 'levels' is missing or is not a table."]
