"""Whoever reads a result is told which of its therapies no trial of bone density stands behind."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pretend_simulator import Run

from cohort.api import runs
from cohort.resources import bundled, bundled_studies
from cohort.therapy import Therapy, load_therapy, therapies
from cohort.trial.evidence import EVIDENCE_WORDS, evidence_sentences
from cohort.trial.study import arm_courses, load_study, parse_study, resolved

Answer = Callable[..., str]


@pytest.fixture
def answer(cohort: Run) -> Answer:
    """Run a command that ends well; return stdout."""

    def run(*words: str) -> str:
        code, out, _ = cohort(*words)
        assert code == 0
        return out

    return run


def is_told(therapy: Therapy, text: str) -> bool:
    """Whether a text names a therapy and says in words what its effect rests on."""
    return any(
        f"{title} is {EVIDENCE_WORDS[therapy.evidence]}." in text
        for title in (therapy.title, therapy.title[:1].lower() + therapy.title[1:])
    )


def weak(names: set[str]) -> list[Therapy]:
    found = [load_therapy(name) for name in sorted(names)]
    return [therapy for therapy in found if therapy.evidence != "trial"]


@pytest.mark.parametrize("name", therapies())
def test_show_tells_what_a_therapy_rests_on(answer: Answer, name: str) -> None:
    evidence, told = load_therapy(name).evidence, answer("show", name)
    assert f"  evidence: {evidence}\n" in told
    assert (EVIDENCE_WORDS.get(evidence, "evidence_in_words") in told) == (evidence != "trial")


@pytest.mark.parametrize("name", bundled_studies())
def test_every_study_tells_its_weak_therapies_and_no_others(name: str) -> None:
    study = load_study(name)
    given = {course.therapy for courses in arm_courses(study).values() for course in courses}
    sentences = evidence_sentences(resolved(study))
    assert len(sentences) == len(weak(given))
    assert all(is_told(therapy, " ".join(sentences)) for therapy in weak(given))


def test_show_tells_what_a_study_rests_on(answer: Answer) -> None:
    told = answer("show", "teichman2006")
    assert is_told(load_therapy("cjc_1295"), told)
    assert "stands behind it" not in answer("show", "freedom")


def taken_already(folder: Path) -> Path:
    """Write a population with a condition, whose members are on an extrapolated therapy."""
    text = bundled("populations")["women_on_aromatase_inhibitor"].read_text(encoding="utf-8")
    text = text.replace('therapy = "anastrozole"', 'therapy = "exemestane"')
    text = text.replace('regimen = "1 mg oral daily from -6"', 'regimen = "25 mg oral daily"')
    text += '\n[[conditions]]\nname = "inflammation"\namount = 0.5\nyears = 2\n'
    text += 'source = "made up"\ncheck = "model"\n'
    path = folder / "women.toml"
    path.write_text(text, encoding="utf-8")
    return path


def study_of(population: str) -> dict:
    treatment = {"therapy": "ibutamoren", "regimen": "25 mg oral daily"}
    return {
        "name": "made_up",
        "population": {"name": population},
        "arms": [
            {"name": "untreated", "role": "control"},
            {"name": "ibutamoren", "treatments": [treatment]},
        ],
        "background": [{"therapy": "micronised_progesterone", "regimen": "100 mg oral daily"}],
        "visits": {"months": [0, 12]},
    }


def test_manifest_report_and_terminal_tell_it(answer: Answer, pretended: Path) -> None:
    """Of the arms, of the background, and of what the population was on already."""
    runs.run(study_of(str(taken_already(pretended))), out="run", patients=20)
    manifest = json.loads(Path("run/manifest.json").read_text(encoding="utf-8"))
    page = html.unescape(Path("run/report.html").read_text(encoding="utf-8"))
    told = answer("resume", "run")
    expected = weak({"ibutamoren", "micronised_progesterone", "exemestane"})
    assert len(expected) == len(manifest["evidence"]) == 3
    for therapy in expected:
        for text in (" ".join(manifest["evidence"]), page, told):
            assert is_told(therapy, text), therapy.name


def test_conditions_are_no_therapies() -> None:
    study = {
        "name": "made_up",
        "population": {"name": "growth_hormone_deficiency"},
        "arms": [{"name": "untreated"}],
        "visits": {"months": [0, 12]},
    }
    assert evidence_sentences(resolved(parse_study(study))) == []
