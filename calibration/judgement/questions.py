"""What a published row asks of the model, read off the treatments of its trial's study file.

    untreated     no therapy was begun before the row's month
    dose          another arm is on the same therapy then, by another regimen
    switch        one therapy had ended and a different one had begun after it
    combination   two therapies overlapped, at least one of which acts on bone itself (the parts of
                  one hormonal regimen, such as an estrogen with a progestin, are one therapy)
    stopping      a therapy had ended and nothing had begun after it
    restart       a therapy had ended and the same one had begun again
    hormone       a therapy acts through the levels of hormones or their receptors
    long term     a therapy had been given for more than `LONG` months
    one drug      none of these: one therapy that acts on bone itself
    secondary     everybody has a disease, or a treatment of one, that moves bone
    men           everybody is a man

A row may ask several questions and counts in each. A difference between two arms asks what either
arm asks. Background that every arm is given plays no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from calibration.judgement.spells import SLACK, Spell, arm_spells
from cohort.analysis.compare import ArmFacts, arms_of, reference_of
from cohort.api.comparison import recruits
from cohort.patients.population import load_population
from cohort.results.published import PublishedRow
from cohort.therapy import load_therapy
from cohort.trial.schema import Study
from cohort.trial.study import resolved

QUESTIONS = (
    "untreated",
    "one drug",
    "dose",
    "switch",
    "combination",
    "stopping",
    "restart",
    "hormone",
    "long term",
    "secondary",
    "men",
)
SEPARATOR = ", "
"""Between the questions of one row in a table."""

LONG = 48.0
"""Months on a therapy beyond which a row is of long-term treatment."""

_SUPPLEMENT = {"calcium_vitamin_d"}


@dataclass(frozen=True)
class Design:
    """What the questions of a trial's rows depend on.

    Attributes:
        spells: therapies in time, by arm.
        arms: facts of the arms, by name.
        men: whether only men take part.
        secondary: whether everybody has a disease or takes a drug that moves bone.
    """

    spells: Mapping[str, tuple[Spell, ...]]
    arms: Mapping[str, ArmFacts]
    men: bool
    secondary: bool


def design_of(study: Study) -> Design:
    """Read a trial's design from its study."""
    strata = load_population(study.population.name).strata
    secondary = all(s.population.conditions or s.population.treatments for s in strata)
    men = recruits(study) == "men"
    return Design(arm_spells(study), arms_of(resolved(study)), men, secondary)


def questions(row: PublishedRow, design: Design) -> tuple[str, ...]:
    """Return the questions of a row, in the order of `QUESTIONS`."""
    found = _of_arm(row.arm, row.month, design)
    other = reference_of(row, design.arms)
    if other is not None and other.arm is not None:
        found |= _of_arm(other.arm, row.month, design) - {"untreated"}
    found = (found or {"one drug"}) if _given(row, design) else {"untreated", *found}
    if design.men:
        found.add("men")
    if design.secondary:
        found.add("secondary")
    return tuple(word for word in QUESTIONS if word in found)


def regimen_history(row: PublishedRow, design: Design) -> str:
    """Say what a row's arm had been given: `romosozumab, then alendronate`; `nothing`."""
    words = ""
    before: list[Spell] = []
    for spell in _given(row, design):
        together = any(s.end > spell.start + SLACK for s in before)
        words += (" + " if together else ", then ") * bool(before) + spell.therapy
        before.append(spell)
    return words or "nothing"


def phase(row: PublishedRow, design: Design) -> str:
    """Say what a row's arm was on up to the row's month: `teriparatide`; `nothing`."""
    on = [spell.therapy for spell in _given(row, design) if spell.on(row.month)]
    return " + ".join(sorted(on)) or "nothing"


def _given(row: PublishedRow, design: Design) -> list[Spell]:
    return [spell for spell in design.spells.get(row.arm, ()) if spell.begun(row.month)]


def _of_arm(arm: str, month: float, design: Design) -> set[str]:
    """Return what an arm's treatments up to a month ask."""
    begun = [spell for spell in design.spells.get(arm, ()) if spell.begun(month)]
    on = [spell for spell in begun if spell.on(month)]
    found = {_after(spell, begun) for spell in begun if spell.over(month)}
    if any(_combined(a, b, month) for a, b in combinations(begun, 2)):
        found.add("combination")
    if any(_has_other_dose(spell, arm, month, design) for spell in on):
        found.add("dose")
    if any(_hormonal(spell.therapy) for spell in begun):
        found.add("hormone")
    if any(month - spell.start > LONG for spell in on):
        found.add("long term")
    return found


def _after(ended: Spell, begun: Sequence[Spell]) -> str:
    """Name what followed a spell that is over."""
    later = [s.therapy for s in begun if s is not ended and s.start >= ended.end - SLACK]
    if any(therapy != ended.therapy for therapy in later):
        return "switch"
    return "restart" if later else "stopping"


def _combined(a: Spell, b: Spell, month: float) -> bool:
    """Whether two spells overlapped long enough to act together."""
    shared = min(a.end, b.end, month) - max(a.start, b.start)
    hormonal = _hormonal(a.therapy) and _hormonal(b.therapy)
    return a.therapy != b.therapy and shared > SLACK and not hormonal


def _has_other_dose(spell: Spell, arm: str, month: float, design: Design) -> bool:
    """Whether some other arm is on the same therapy by another regimen."""
    mine = spell.regimens(month)
    return any(
        other.therapy == spell.therapy and other.on(month) and other.regimens(month) != mine
        for name, others in design.spells.items()
        if name != arm
        for other in others
    )


def _hormonal(therapy: str) -> bool:
    return bool(set(load_therapy(therapy).levels) - _SUPPLEMENT)
