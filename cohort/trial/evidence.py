"""What stands behind a study's therapies where no trial has measured bone mineral density."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cohort.patients.population import load_population
from cohort.therapy import load_therapy

EVIDENCE_WORDS = {
    "marker": "known from bone turnover markers in people, not from their bone mineral density",
    "extrapolated": "extrapolated: no bone mineral density outcome in people stands behind it",
}
"""Levels of evidence below `trial`, in words."""


def evidence_sentences(study: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each therapy whose effect on BMD no trial has shown.

    Therapies that the population is on already count; conditions are no therapies.

    Args:
        study: a resolved study, as a manifest holds it.
    """
    given = {therapy.name: therapy for therapy in map(load_therapy, _therapies(study))}
    return [
        f"The effect of {_within_a_sentence(therapy.title)} is {EVIDENCE_WORDS[therapy.evidence]}."
        for therapy in given.values()
        if therapy.evidence in EVIDENCE_WORDS
    ]


def _therapies(study: Mapping[str, Any]) -> Iterator[str]:
    """Yield every therapy that somebody gets: the arms', the background, the population's own."""
    arms = study.get("arms") or ()
    groups = [arm.get(key) for arm in arms for key in ("treatments", "event_rows")]
    rules = [rule for arm in arms for rule in arm.get("rules") or ()]
    again = [phase for arm in arms for g in arm.get("rerandomise") or () for phase in g["to"]]
    groups += [answer.get("start") for answer in (*rules, *again)]
    for group in (*groups, study.get("background")):
        yield from (treatment["therapy"] for treatment in group or ())
    if population := study.get("population"):
        yield from (t.therapy for t in load_population(population["name"]).treatments)


def _within_a_sentence(title: str) -> str:
    """Begin a title with a small letter, unless it begins with an abbreviation."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title
