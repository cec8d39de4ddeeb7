"""The study file: what it means, how it is overridden, and what makes two studies the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cohort.errors import BadInput
from cohort.execute.spec import RunSpec
from cohort.resources import bundled
from cohort.therapy import load_therapy
from cohort.trial.regimen import DoseCourse
from cohort.trial.source import read_toml
from cohort.trial.study import (
    Study,
    arm_courses,
    json_schema,
    load_study,
    parse_study,
    resolved,
)
from cohort.trial.visits import rhythm

MONTH = 30.4375


def document(**changes: Any) -> dict[str, Any]:
    """Return a small study as a table."""
    return {
        "name": "small",
        "arms": [
            {
                "name": "denosumab",
                "treatments": [{"therapy": "prolia", "regimen": "60 mg sc every 6 months"}],
            },
            {"name": "placebo", "role": "control"},
        ],
        "background": [{"therapy": "calcium_vitamin_d", "regimen": "1 dose oral daily to 12"}],
        "visits": {"months": [0, 12, 24]},
    } | changes


def hashed(study: Study, **changes: Any) -> str:
    run: dict[str, Any] = {"parameter_hash": "p", "version": "1"}
    return RunSpec.from_study(study, parameter_set="default", **(run | changes)).hash


def test_every_arm_is_given_its_own_and_the_background() -> None:
    courses = arm_courses(parse_study(document()))
    calcium = DoseCourse("calcium_vitamin_d", "oral", 1.0, 0.0, 1.0, 366)
    assert courses == {
        "denosumab": (DoseCourse("denosumab", "sc", 60.0, 0.0, 6 * MONTH, 4), calcium),
        "placebo": (calcium,),
    }


def test_defaults() -> None:
    study = parse_study(document())
    assert (study.design, study.seed, study.patients) == ("paired", 0, 2000)
    assert study.population.name == "postmenopausal_osteoporosis"
    assert (study.engine.block_size, study.engine.precision) == (16384, "float32")
    assert study.measurement.enabled
    assert study.measurement.dxa_cv.lumbar_spine is None
    assert study.arm("placebo").role == "control"


def test_same_therapy_again_after_a_pause_is_no_overlap() -> None:
    sequence = [
        {"therapy": "alendronate", "regimen": "70 mg oral weekly from -36 to 0"},
        {"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 0 to 12"},
        {"therapy": "alendronate", "regimen": "70 mg oral weekly from 12 to 24"},
        {"therapy": "zoledronate", "regimen": "5 mg iv once from 0"},
        {"therapy": "zoledronate", "regimen": "5 mg iv once from 12"},
    ]
    study = parse_study(document(arms=[{"name": "sequence", "treatments": sequence}]))
    assert len(arm_courses(study)["sequence"]) == 6


def test_overlap_that_is_meant_is_allowed() -> None:
    doses = [
        {"therapy": "denosumab", "regimen": "60 mg sc every 6 months"},
        {"therapy": "denosumab", "regimen": "60 mg sc once from 1", "overlap": True},
    ]
    study = parse_study(document(arms=[{"name": "loading", "treatments": doses}]))
    assert len(arm_courses(study)["loading"]) == 3


def test_rhythm_of_visits_is_written_out() -> None:
    study = parse_study(document(visits={"every": "6 months", "until": 24, "extra": [1]}))
    assert study.visits.months == (0, 1, 6, 12, 18, 24)
    assert study.last_month == 24
    assert rhythm("5 months", 12) == (0, 5, 10, 12)


class TestOverrides:
    """`--config key=value`."""

    def test_values_of_every_kind(self) -> None:
        overrides = [
            "patients=500",
            "visits.months=[0, 6]",
            "engine.precision=float64",
            'title="A trial"',
            "measurement.enabled=false",
            "parameters.override.bE=1.5",
            "arms.placebo.ratio=2",
            "arms.0.ratio=3",
            "arms.denosumab.treatments.0.regimen=30 mg sc every 3 months",
            "arms.denosumab.title=Half = half",
        ]
        study = parse_study(document(), overrides=overrides)
        assert study.patients == 500
        assert study.visits.months == (0, 6)
        assert study.engine.precision == "float64"
        assert study.title == "A trial"
        assert not study.measurement.enabled
        assert study.parameters.override == {"bE": 1.5}
        assert [arm.ratio for arm in study.arms] == [3, 2]
        assert study.arms[0].title == "Half = half"
        assert arm_courses(study)["denosumab"][0].amount == 30

    def test_therapy_addresses_a_treatment(self) -> None:
        key = "arms.denosumab.treatments.prolia.regimen"
        study = parse_study(document(), overrides=[f"{key}=90 mg sc once"])
        assert arm_courses(study)["denosumab"][0].amount == 90

    def test_last_of_two_wins_and_the_document_is_left_alone(self) -> None:
        raw = document()
        assert parse_study(raw, overrides=["seed=1", "seed=2"]).seed == 2
        assert raw == document()

    @pytest.mark.parametrize(
        ("first", "then", "months"),
        [
            ({"months": [0, 12]}, ["visits.every=3 months", "visits.until=6"], (0, 3, 6)),
            ({"every": "3 months", "until": 6}, ["visits.months=[0, 12]"], (0, 12)),
        ],
    )
    def test_schedule_of_either_kind_replaces_the_other(
        self, first: dict[str, Any], then: list[str], months: tuple[float, ...]
    ) -> None:
        assert parse_study(document(visits=first), overrides=then).visits.months == months


class TestFiles:
    """Files that a study names lie beside it."""

    def test_events_are_read_in(self, tmp_path: Path) -> None:
        (tmp_path / "doses.csv").write_text("TIME,AMT,II,ADDL,THERAPY\n0,60,182.625,3,prolia\n")
        arms = [{"name": "denosumab", "events": "doses.csv"}]
        study = parse_study(document(arms=arms, background=[]), folder=tmp_path)
        expected = (DoseCourse("denosumab", "sc", 60.0, 0.0, 182.625, 4),)
        assert arm_courses(study) == {"denosumab": expected}
        (tmp_path / "doses.csv").unlink()
        again = parse_study(resolved(study), folder=tmp_path)
        assert again == study
        assert arm_courses(again) == {"denosumab": expected}

    def test_own_therapy_in_an_event_table(self, tmp_path: Path) -> None:
        text = Path(load_therapy("denosumab").path).read_text()
        (tmp_path / "mine.toml").write_text(text.replace('"denosumab"', '"mine"'))
        (tmp_path / "doses.csv").write_text("TIME,AMT,THERAPY\n0,60,mine.toml\n")
        arms = [{"name": "own", "events": "doses.csv"}]
        study = parse_study(document(arms=arms, background=[]), folder=tmp_path)
        (course,) = arm_courses(study)["own"]
        assert load_therapy(course.therapy).name == "mine"
        assert list(study.files) == [str(tmp_path / "mine.toml")]

    def test_own_therapy(self, tmp_path: Path) -> None:
        text = Path(load_therapy("denosumab").path).read_text()
        (tmp_path / "mine.toml").write_text(text.replace('"denosumab"', '"mine"'))
        given = [{"therapy": "mine.toml", "regimen": "60 mg sc once"}]
        raw = document(arms=[{"name": "own", "treatments": given}])
        study = parse_study(raw, folder=tmp_path)
        (course, _) = arm_courses(study)["own"]
        assert load_therapy(course.therapy).name == "mine"
        (tmp_path / "mine.toml").write_text(text.replace('"denosumab"', '"mine"') + "# new\n")
        assert hashed(parse_study(raw, folder=tmp_path)) != hashed(study)


class TestIdentity:
    """The hash of a run, and the study as its manifest holds it."""

    def test_manifest_gives_the_same_study(self) -> None:
        study = parse_study(document(visits={"every": "6 months", "until": 24}))
        text = json.dumps(resolved(study), allow_nan=False)
        again = parse_study(json.loads(text))
        assert again == study
        assert hashed(again) == hashed(study)

    @pytest.mark.parametrize("override", ["engine.block_size=2048", "engine.max_failed=0.5"])
    def test_what_changes_no_number_is_not_part_of_it(self, override: str) -> None:
        changed = parse_study(document(), overrides=[override])
        assert hashed(changed) == hashed(parse_study(document()))

    @pytest.mark.parametrize(
        "override",
        [
            "seed=9",
            "patients=5",
            "engine.precision=float64",
            "engine.accuracy=high",
            "design=randomised",
            "visits.months=[0, 12]",
            "dropout.annual_rate=0.1",
            "arms.denosumab.treatments.0.regimen=30 mg sc every 6 months",
        ],
    )
    def test_what_changes_numbers_is(self, override: str) -> None:
        changed = parse_study(document(), overrides=[override])
        assert hashed(changed) != hashed(parse_study(document()))

    @pytest.mark.parametrize("change", [{"parameter_hash": "q"}, {"version": "2"}])
    def test_run_is_part_of_it(self, change: dict[str, Any]) -> None:
        study = parse_study(document())
        assert hashed(study, **change) != hashed(study)


class TestJsonSchema:
    """The published schema."""

    def test_accepts_studies_as_written_and_as_resolved(self) -> None:
        schema = json_schema()
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(document(), schema)
        jsonschema.validate(resolved(parse_study(document())), schema)

    def test_refuses_an_unknown_key(self) -> None:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document(patient=3), json_schema())

    def test_every_key_says_what_it_means(self) -> None:
        schema = json_schema()
        for table in (schema, *schema["$defs"].values()):
            for key, field in table["properties"].items():
                assert field.get("description"), key


@pytest.mark.parametrize("name", bundled("trials"))
def test_bundled_study_is_valid(name: str) -> None:
    study = load_study(name)
    assert study.name == name
    assert study.path == bundled("trials")[name]
    assert arm_courses(study).keys() == {arm.name for arm in study.arms}
    jsonschema.validate(read_toml(bundled("trials")[name]), json_schema())


def test_unknown_study_names_the_near_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cohort.trial.source.bundled_studies", lambda: {"freedom": Path("x")})
    with pytest.raises(BadInput, match="Did you mean 'freedom'"):
        load_study("Fredom")
