"""The search file's shape: every key with its type, range, default and meaning.

A search says what may be given when (options in slots), what is not allowed, and what is wanted.
What one key alone cannot tell (does that therapy exist? can any sequence be made?) is in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cohort.trial.schema import (
    Adherence,
    ArmName,
    Engine,
    Number,
    ParameterChoice,
    PopulationChoice,
    Positive,
    Rule,
    StudyName,
    Table,
    Treatment,
    Whole,
)

Cost = Annotated[Number, Field(ge=0)]
Uses = Annotated[Whole, Field(ge=0, le=1000)]
Months = Annotated[Number, Field(ge=0)]
Burden = Literal["cost", "treated_months"]

STUDY_KEYS = ("population", "eligibility", "background", "adherence", "parameters", "engine")
"""Tables of a search file that replace those of the study that it names."""


class Given(Table):
    """A therapy and its regimen within a course."""

    therapy: str = Field(
        description="A bundled therapy's name or synonym (`cohort list therapies`), or the path of "
        "a therapy file, relative to the search file."
    )
    regimen: str = Field(
        description="The regimen as a sentence, such as `60 mg sc every 6 months`; months after "
        "`from` and `to` count from the start of the course; without an end it lasts as long as "
        "the course."
    )


class Option(Table):
    """What can be given for the length of one course: drugs together, or nothing."""

    name: ArmName = Field(description="Short name in results, lower-case words joined by `_`.")
    treatments: tuple[Given, ...] = Field(
        (), description="What is given; an option without any is a gap."
    )
    dose: tuple[Positive, Positive] | None = Field(
        None,
        description="Least and most that all doses of the option are multiplied by, for "
        "`gradient`; its costs are multiplied too.",
    )
    cost: Cost = Field(0.0, description="Cost of one course, whatever its length.")
    monthly_cost: Cost = Field(0.0, description="Cost of each month of a course.")


class Slot(Table):
    """A place in the sequence: one course, chosen among options and lengths."""

    options: tuple[str, ...] = Field(
        (), description="Names of the options allowed here; all of them where left out."
    )
    months: tuple[Positive, ...] = Field(description="Lengths that the course may have, months.")
    repeat: Annotated[Whole, Field(ge=1, le=50)] = Field(
        1, description="How many such slots follow one another."
    )


class Constraints(Table):
    """What is not allowed, beyond what the slots leave out."""

    max_uses: dict[str, Uses] = Field(
        default_factory=dict, description="Most courses that hold a therapy, by therapy."
    )
    max_months: dict[str, Months] = Field(
        default_factory=dict, description="Longest total exposure to a therapy, by therapy, months."
    )
    max_treated_months: Positive | None = Field(
        None, description="Longest total treatment, by anything, months."
    )
    max_cost: Positive | None = Field(None, description="Highest total cost.")
    forbidden: tuple[tuple[str, str], ...] = Field(
        (), description="Pairs of options of which the second must not follow the first at once."
    )


class Objective(Table):
    """What is wanted, and what it is weighed against."""

    outcome: str = Field(
        "bmd_total_hip_change", description="The outcome (`cohort list outcomes`), true value."
    )
    month: Positive = Field(
        description="Month since entry at which it counts; sequences that last longer are not "
        "allowed, after shorter ones nothing is given."
    )
    at_least: Number | None = Field(
        None, description="Count persons with this value or more, instead of the mean."
    )
    at_most: Number | None = Field(
        None, description="Count persons with this value or less, instead of the mean."
    )
    goal: Literal["maximise", "minimise"] = Field(
        "maximise", description="Whether more or less is better."
    )
    against: Burden = Field(
        "treated_months", description="What the gain is weighed against on the Pareto front."
    )

    @property
    def is_share(self) -> bool:
        """Whether persons are counted, instead of their values averaged."""
        return self.at_least is not None or self.at_most is not None


class Method(Table):
    """How candidates are chosen."""

    name: Literal["enumerate", "evolve", "gradient"] = Field(
        "enumerate",
        description="`enumerate`: every candidate; `evolve`: NSGA-II, which learns from those it "
        "has seen; `gradient`: the best doses of every candidate, between the bounds of its "
        "options, by derivatives.",
    )
    prices: tuple[Cost, ...] = Field(
        (0.0,),
        description="Of `gradient`: gain that a unit of cost has to be worth. Each price gives "
        "every candidate its doses, those with the largest gain less price times cost.",
    )
    evaluations: Annotated[Whole, Field(ge=2, le=1_000_000)] = Field(
        500, description="Most schedules that `evolve` simulates."
    )
    generation: Annotated[Whole, Field(ge=4, le=10_000)] = Field(
        40, description="Candidates of a generation of `evolve`."
    )


def _default(table: type[Table], words: str) -> Any:
    return Field(default_factory=lambda: table.model_validate({}), description=words)


class Search(Table):
    """A search: who is treated, what may be given when, what is wanted."""

    name: StudyName = Field(description="Short name; the results folder is named after it.")
    title: str = Field("", description="Full name, for listings.")
    description: str = Field("", description="What it is for, and what a reader must know.")
    study: str | None = Field(
        None,
        description="A study whose participants, background, adherence, outputs and parameters are "
        "taken: a bundled study's name, or a path relative to the search file.",
    )
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of every random draw; `--seed` replaces it."
    )
    patients: Annotated[Whole, Field(ge=2, le=100_000)] = Field(
        256, description="Persons on whom each candidate is tried; `--patients` replaces it."
    )
    population: PopulationChoice = _default(PopulationChoice, "Where the persons come from.")
    eligibility: tuple[Rule, ...] = Field((), description="Rules that every person meets.")
    background: tuple[Treatment, ...] = Field((), description="What everybody is given besides.")
    adherence: Adherence = _default(Adherence, "Doses really taken.")
    parameters: ParameterChoice = _default(ParameterChoice, "Parameter values of the model.")
    engine: Engine = _default(Engine, "Computation.")
    options: tuple[Option, ...] = Field(description="What a course may hold; at least one.")
    slots: tuple[Slot, ...] = Field(description="The courses, one after another; at least one.")
    constraints: Constraints = _default(Constraints, "What is not allowed.")
    objective: Objective = Field(description="What is wanted.")
    method: Method = _default(Method, "How candidates are chosen, and how many.")
    files: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 of every file that the search names; filled in when it is read.",
    )

    def option(self, name: str) -> Option:
        """Return the option of this name."""
        return next(option for option in self.options if option.name == name)
