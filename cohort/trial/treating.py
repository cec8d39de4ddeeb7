"""The tables of a study file that say what its participants are given."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cohort.trial.fields import ArmName, Flag, Number, Positive, Share, Table, Whole, is_none
from cohort.trial.randomisation import Randomisation


class Treatment(Table):
    """A therapy and its regimen."""

    therapy: str = Field(
        description="A bundled therapy's name or synonym (`cohort list therapies`), or the path of "
        "a therapy file, relative to the study file."
    )
    regimen: str = Field(
        description="The regimen as a sentence, such as `60 mg sc every 6 months from 0 to 36`: "
        "AMOUNT UNIT [ROUTE] FREQUENCY [from M] [to M | for D] [x N]; months before entry are "
        "negative; without an end it lasts until the last visit."
    )
    overlap: Flag = Field(
        False,
        description="Whether this course may overlap another of the same therapy in the arm "
        "(a loading dose); otherwise an overlap is refused as a slip.",
    )


class Event(Table):
    """A dose, or a row of equal ones, named as in NONMEM, in days and the therapy's dose unit."""

    therapy: str = Field(description="The therapy given.")
    route: str = Field(description="Its route.")
    time: Number = Field(description="Day of the (first) dose since entry.")
    amt: Positive = Field(description="Amount, in the therapy's dose unit.")
    ii: Annotated[Number, Field(ge=0)] = Field(0.0, description="Days between doses.")
    addl: Annotated[Whole, Field(ge=0)] = Field(0, description="Further doses after the first.")


_STOP = Field((), description="Therapies that end there, by the names that the study gives them.")
_START = Field(
    (), description="What is given from there on; the months of these regimens count from there."
)


class TreatmentRule(Table):
    """A change of treatment decided at visits, by what was measured; made at most once a person."""

    name: ArmName = Field(description="Short name in results, lower-case words joined by `_`.")
    when: str = Field(
        description="The outcome that decides, as measured, such as `bmd_lumbar_spine_change`."
    )
    below: Number | None = Field(None, description="Change where the outcome lies below this.")
    above: Number | None = Field(None, description="Change where the outcome lies above this.")
    months: tuple[Number, ...] = Field(
        description="The visits at which it is decided, by their months."
    )
    after: str | None = Field(
        None,
        description="Only for whom this rule or phase of the arm has changed at an earlier visit.",
    )
    stop: tuple[str, ...] = _STOP
    start: tuple[Treatment, ...] = _START


class Phase(Table):
    """One of the treatments among which participants are randomised again."""

    name: ArmName = Field(description="Short name in results, lower-case words joined by `_`.")
    ratio: Annotated[Whole, Field(ge=1, le=100)] = Field(
        1, description="Share relative to the other phases."
    )
    stop: tuple[str, ...] = _STOP
    start: tuple[Treatment, ...] = _START


class Rerandomisation(Table):
    """A crossover or extension: at a visit the arm's participants are randomised again."""

    month: Number = Field(description="The visit, by its month.")
    to: tuple[Phase, ...] = Field(
        description="What they are randomised to; a phase without `stop` and `start` goes on."
    )
    randomisation: Randomisation | None = Field(
        None,
        description="How, among those who are still there; left out, each apart.",
        exclude_if=is_none,
    )

    @property
    def in_blocks(self) -> bool:
        """Whether who gets what depends on the participants before."""
        return self.randomisation is not None and self.randomisation.method == "blocked"


class LateDose(Table):
    """A dose that some of the participants get late."""

    therapy: str = Field(description="The therapy, by the name that the study gives it.")
    month: Number = Field(description="When the dose is due.")
    by: Positive = Field(description="How many months late it comes.")
    share: Share = Field(description="Share of the participants whose dose is late.")
    later: Literal["shifted", "kept"] = Field(
        "shifted",
        description="Whether the doses after it keep their distance from it, or their own months.",
    )
    source: str = Field("", description="Where the share was published.")
