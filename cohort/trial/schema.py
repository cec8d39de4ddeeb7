"""The study file's shape: every key with its type, range, default and meaning.

The published JSON schema and the reference in the docs are generated from these models. What one
key alone cannot tell (does that therapy exist? do two courses overlap?) is in `checks`. Who takes
part, what they are given, how they behave and how they are measured have files of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from cohort.errors import BadInput
from cohort.tile import TILE
from cohort.trial.behaviour import Adherence, Dropout, Yearly
from cohort.trial.fields import (
    ArmName,
    Flag,
    Number,
    Positive,
    Share,
    StudyName,
    Table,
    Whole,
    is_none,
    says_nothing,
)
from cohort.trial.instruments import AssayPrecision, Measurement, SitePrecision
from cohort.trial.participants import Baseline, PopulationChoice, Rule
from cohort.trial.randomisation import Randomisation
from cohort.trial.treating import Event, LateDose, Rerandomisation, Treatment, TreatmentRule
from cohort.trial.visits import rhythm

__all__ = [
    "Adherence",
    "Arm",
    "ArmName",
    "AssayPrecision",
    "Baseline",
    "Dropout",
    "Engine",
    "Flag",
    "Measurement",
    "Number",
    "Outputs",
    "ParameterChoice",
    "PopulationChoice",
    "Positive",
    "Rule",
    "Share",
    "SitePrecision",
    "Study",
    "StudyName",
    "Table",
    "Treatment",
    "Visits",
    "Whole",
]


def _tiles(value: int) -> int:
    if value < TILE or value % TILE:
        raise PydanticCustomError("form", "{allowed}", {"allowed": f"a multiple of {TILE}"})
    return value


class Arm(Table):
    """A group of participants that is treated alike."""

    name: ArmName = Field(description="Short name in results, lower-case words joined by `_`.")
    title: str = Field("", description="Name in figures and tables.")
    role: Literal["active", "control"] = Field(
        "active", description="Whether the arm is a control to compare others with."
    )
    ratio: Annotated[Whole, Field(ge=1, le=100)] = Field(
        1, description="Share in randomisation relative to the other arms (design `randomised`)."
    )
    treatments: tuple[Treatment, ...] = Field(
        (), description="What the arm is given; an untreated arm has none."
    )
    events: str | None = Field(
        None,
        description="Path of an event table (CSV with NONMEM's columns, THERAPY and ROUTE), "
        "relative to the study file; read into `event_rows`, unless those are written out.",
    )
    event_rows: tuple[Event, ...] = Field(
        (), description="The event table's doses in canonical units; may be written out by hand."
    )
    rules: tuple[TreatmentRule, ...] = Field(
        (),
        description="Changes of treatment decided at visits, by what was measured.",
        exclude_if=says_nothing,
    )
    rerandomise: tuple[Rerandomisation, ...] = Field(
        (),
        description="Visits at which the arm's participants are randomised again.",
        exclude_if=says_nothing,
    )
    late_doses: tuple[LateDose, ...] = Field(
        (),
        description="Doses that some of the participants get late.",
        exclude_if=says_nothing,
    )
    annual_dropout: Yearly | None = Field(
        None,
        description="Share of its participants who leave in a year; that of `dropout` where left "
        "out.",
        exclude_if=is_none,
    )
    table_arm: str | None = Field(
        None, description="The arm's identifier in the table of published outcomes."
    )


class Visits(Table):
    """When participants are measured: `months`, or `every` with `until` (and `extra`)."""

    months: tuple[Number, ...] = Field(
        (), description="Months of the visits in rising order, the first is 0."
    )
    every: str | None = Field(None, description="Interval between visits, such as `6 months`.")
    until: Number | None = Field(None, description="Month of the last visit, with `every`.")
    extra: tuple[Number, ...] = Field((), description="Months of further visits, with `every`.")
    missed: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.0,
        description="Share of the visits after entry to which a participant does not come: "
        "`measured_` columns are null there.",
        exclude_if=says_nothing,
    )

    window_days: Annotated[Whole, Field(ge=0, le=60)] = Field(
        0,
        description="Days before and after its planned day within which a visit after entry takes "
        "place, each as likely; `measured_` columns are those of that day.",
        exclude_if=says_nothing,
    )

    @model_validator(mode="before")
    @classmethod
    def _write_out(cls, raw: Any) -> Any:
        """Turn a rhythm into months; a rhythm that cannot be read is left for the checks."""
        if (
            not isinstance(raw, Mapping)
            or raw.get("months")
            or not raw.keys() >= {"every", "until"}
        ):
            return raw
        rest = {k: v for k, v in raw.items() if k not in ("every", "until", "extra", "months")}
        try:
            return rest | {"months": rhythm(raw["every"], raw["until"], raw.get("extra", ()))}
        except (BadInput, TypeError, AttributeError):
            return raw


class Outputs(Table):
    """What is written beside the usual outcomes."""

    extra: tuple[str, ...] = Field((), description="Further outcomes (`cohort list outcomes`).")
    fractures: Flag = Field(
        False, description="Whether fractures and deaths are simulated and their columns written."
    )
    hip_fracture_mortality: Share = Field(
        0.0,
        description="Share of the published excess mortality after a hip fracture that is counted "
        "as its consequence; 0: everybody dies by the life table.",
        exclude_if=says_nothing,
    )
    knockout: tuple[str, ...] = Field(
        (), description="Mechanisms switched off: the coupling of each is set to zero."
    )
    male_t_score_reference: Flag = Field(
        False, description="Whether men's T-scores refer to young men instead of young women."
    )


class ParameterChoice(Table):
    """The model's parameters."""

    set: str = Field(
        "default",
        description="A bundled parameter set (`cohort list parameters`), or the path of a "
        "parameter file, relative to the study file.",
    )
    override: dict[str, Number] = Field(
        default_factory=dict, description="Values that replace those of the set, by name."
    )


class Engine(Table):
    """How it is computed. Only `precision` and `accuracy` change numbers, `kernel` last digits."""

    block_size: Annotated[Whole, AfterValidator(_tiles)] = Field(
        16384, description="Patients between writes: a multiple of 2048; sets the memory used."
    )
    precision: Literal["float32", "float64"] = Field(
        "float32", description="Floating-point precision of the solver."
    )
    accuracy: Literal["draft", "default", "high"] = Field(
        "default", description="How fine the solver's time grid is."
    )
    kernel: Literal["auto", "fused", "xla"] = Field(
        "auto",
        description="What makes the steps: `fused`, all those of a tile in one kernel on a CPU; "
        "`xla`, JAX's compiler on any device, on a CPU about half as fast; `auto`, the first "
        "where the device is a CPU.",
    )
    max_failed: Share = Field(
        0.001, description="Share of failed patients above which a run exits with code 3."
    )


class Study(Table):
    """A virtual trial: who takes part, what each arm is given, when what is measured."""

    name: StudyName = Field(description="Short name; the results folder is named after it.")
    title: str = Field("", description="Full name, for reports.")
    citation: str = Field("", description="The publication that is replicated, if any.")
    doi: str = Field("", description="Its DOI.")
    nct: str = Field("", description="Its number at ClinicalTrials.gov.")
    evidence_note: str | None = Field(
        None, description="What a reader must know before trusting this study."
    )
    design: Literal["paired", "randomised"] = Field(
        "paired",
        description="`paired`: every person is simulated under every arm with the same draws; "
        "`randomised`: each person is in one arm.",
    )
    randomisation: Randomisation | None = Field(
        None,
        description='How participants are put into arms, by `design = "randomised"` or when a '
        "paired run is analysed as a trial; left out, in turn by the ratios, or in blocks.",
        exclude_if=is_none,
    )
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of every random draw; `--seed` replaces it."
    )
    patients: Annotated[Whole, Field(ge=1, le=10**9)] = Field(
        2000, description="Persons per arm; `--patients` replaces it."
    )
    population: PopulationChoice = Field(
        default_factory=lambda: PopulationChoice.model_validate({}),
        description="Where the participants come from.",
    )
    eligibility: tuple[Rule, ...] = Field(
        (), description="Rules that every participant meets; the screened out are counted by rule."
    )
    arms: tuple[Arm, ...] = Field(description="The arms; at least one.")
    background: tuple[Treatment, ...] = Field((), description="What every arm is given.")
    visits: Visits = Field(description="The visit schedule.")
    dropout: Dropout = Field(
        default_factory=lambda: Dropout.model_validate({}), description="Loss to follow-up."
    )
    adherence: Adherence = Field(
        default_factory=lambda: Adherence.model_validate({}), description="Doses really taken."
    )
    measurement: Measurement = Field(
        default_factory=lambda: Measurement.model_validate({}), description="Measurement error."
    )
    outputs: Outputs = Field(
        default_factory=lambda: Outputs.model_validate({}), description="Extra outputs, knockouts."
    )
    parameters: ParameterChoice = Field(
        default_factory=lambda: ParameterChoice.model_validate({}),
        description="Parameter values of the model.",
    )
    engine: Engine = Field(
        default_factory=lambda: Engine.model_validate({}), description="Computation."
    )
    files: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 of every file that the study names; filled in when it is read.",
    )
    _path: Path | None = PrivateAttr(None)

    @property
    def path(self) -> Path | None:
        """The file the study was read from; None for one made in Python."""
        return self._path

    @property
    def last_month(self) -> float:
        """Month of the last visit."""
        return self.visits.months[-1]

    @property
    def months_of_decisions(self) -> set[float]:
        """Months of visits without which its arms' decisions cannot be followed."""
        found = self.months_of_changes
        late = any(arm.late_doses for arm in self.arms)
        return found | {self.last_month} if found or late else set()

    @property
    def months_of_changes(self) -> set[float]:
        """Months of visits at which a change of treatment may be decided, in any arm."""
        found = {month for arm in self.arms for rule in arm.rules for month in rule.months}
        return found | {again.month for arm in self.arms for again in arm.rerandomise}

    def arm(self, name: str) -> Arm:
        """Return the arm of this name."""
        return next(arm for arm in self.arms if arm.name == name)
