"""Every bundled protocol: its study loads, says what is extrapolated, and is found by its name."""

import pytest

from cohort.cli import catalog
from cohort.patients.population import load_population
from cohort.resources import bundled, bundled_studies
from cohort.results.published import published_of
from cohort.therapy import load_therapy
from cohort.trial.evidence import evidence_sentences
from cohort.trial.study import Study, arm_courses, load_study, resolved

PROTOCOLS = bundled("protocols")
PROMISED = {
    "anabolic_first",
    "androgen_deprivation_and_protection",
    "estradiol_progesterone_testosterone",
    "glucocorticoid_and_protection",
    "growth_hormone_deficiency_replacement",
    "hormones_with_bone_drugs_men",
    "hormones_with_bone_drugs_women",
    "late_perimenopause_start",
    "primary_hyperparathyroidism_surgery",
    "testosterone_gonadorelin_anastrozole",
}

every_protocol = pytest.mark.parametrize("name", PROTOCOLS)


def given(study: Study) -> dict[str, set[str]]:
    """Therapies of every arm, background left out."""
    return {arm.name: {t.therapy for t in arm.treatments} for arm in study.arms}


def test_the_protocols_that_are_promised_are_bundled():
    assert set(PROTOCOLS) == PROMISED
    assert not set(PROTOCOLS) & set(bundled("trials"))


@every_protocol
def test_protocol_loads(name: str):
    study = load_study(name)
    assert study.name == name
    assert study.title
    assert not study.citation
    assert not published_of(name)
    assert study.visits.months[0] == 0
    assert [arm.name for arm in study.arms if arm.role == "control"] == [study.arms[0].name]
    for arm, courses in arm_courses(study).items():
        assert study.arm(arm).title
        assert all(course.start_day < study.last_month * 30.4375 for course in courses)


@every_protocol
def test_what_is_extrapolated_is_said(name: str):
    study = load_study(name)
    note = study.evidence_note or ""
    assert "extrapolated" in note or not evidence_sentences(resolved(study))
    for therapy in set().union(*given(study).values()):
        if load_therapy(therapy).evidence == "extrapolated":
            # The last word of a name is what people call it (micronised_progesterone).
            assert therapy.split("_")[-1] in note.lower(), therapy


@every_protocol
def test_treatments_are_fit_for_the_participants(name: str):
    """Women's and men's own hormones are not mixed up."""
    study = load_study(name)
    sexes = {s.population.sex for s in load_population(study.population.name).strata}
    therapies = set().union(*given(study).values())
    if "male" in sexes:
        assert not therapies & {"tibolone", "raloxifene", "micronised_progesterone"}
    if "female" in sexes:
        assert not therapies & {"testosterone_cypionate", "gonadorelin", "leuprolide"}


@pytest.mark.parametrize(
    "name", ["testosterone_gonadorelin_anastrozole", "estradiol_progesterone_testosterone"]
)
def test_secretagogues_come_on_top_of_all_three(name: str):
    arms = given(load_study(name))
    whole = arms[name]
    assert len(whole) == 3
    assert arms["with_sermorelin"] == {*whole, "sermorelin"}
    assert arms["with_cjc_1295_ipamorelin"] == {*whole, "cjc_1295", "ipamorelin"}


@pytest.mark.parametrize("name", ["hormones_with_bone_drugs_women", "hormones_with_bone_drugs_men"])
def test_every_bone_drug_is_given_alone_and_with_hormones(name: str):
    arms = given(load_study(name))
    for drug in ("alendronate", "denosumab", "teriparatide", "romosozumab"):
        assert arms[drug] == {drug}
        assert arms[f"hormones_{drug}"] == {*arms["hormones"], drug}


def test_sequences_come_in_both_orders():
    arms = given(load_study("anabolic_first"))
    for first in ("teriparatide", "romosozumab"):
        for then in ("alendronate", "denosumab"):
            assert arms[f"{first}_{then}"] == arms[f"{then}_{first}"] == {first, then}


def test_listing_tells_protocols_from_replicas():
    kinds = {row["name"]: row["kind"] for row in catalog.studies()}
    assert kinds.keys() == bundled_studies().keys()
    assert {name for name, kind in kinds.items() if kind == "protocol"} == PROMISED
    assert kinds["freedom"] == "replica"
    published = {row["name"]: row["published"] for row in catalog.studies()}
    assert published["anabolic_first"] == 0
    assert published["freedom"] > 0


def test_a_protocol_is_shown_with_what_it_extrapolates():
    ((kind, shown),) = catalog.find("anabolic_first")
    assert kind == "study"
    assert "extrapolated" in shown["evidence_note"]
    assert shown["published"] == []
