"""The study file's shape: every key with its type, range, default and meaning.

The published JSON schema and the reference in the docs are generated from these models. What one
key alone cannot tell (does that therapy exist? do two courses overlap?) is in `checks`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    Strict,
    model_validator,
)
from pydantic_core import PydanticCustomError

from cohort.errors import BadInput
from cohort.tile import TILE
from cohort.trial.visits import rhythm


def _named(pattern: str, allowed: str) -> AfterValidator:
    """Return a check of a word's form whose message is what is allowed."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise PydanticCustomError("form", "{allowed}", {"allowed": allowed})
        return value

    return AfterValidator(check)


def _tiles(value: int) -> int:
    if value < TILE or value % TILE:
        raise PydanticCustomError("form", "{allowed}", {"allowed": f"a multiple of {TILE}"})
    return value


Number = Annotated[float, Strict(), AllowInfNan(False)]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
StudyName = Annotated[
    str,
    _named(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "letters, digits, '_', '-' and '.', such as 'freedom'"),
]
ArmName = Annotated[
    str, _named(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", "lower-case words joined by '_', such as 'placebo'")
]
Variation = Annotated[Number, Field(ge=0, le=0.5)]


class Table(BaseModel):
    """A table of the study file: frozen, and any key it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BaselineValue(Table):
    """The trial's published baseline of one covariate, to which the population is moved."""

    mean: Number = Field(description="Mean over the trial's participants.")
    sd: Positive | None = Field(
        None, description="Standard deviation between them; the population's own where left out."
    )


class Baseline(Table):
    """Published baseline of the trial: the population is re-centred on it."""

    age: BaselineValue | None = Field(None, description="Age at entry, years.")
    years_since_menopause: BaselineValue | None = Field(
        None, description="Years from the final menstrual period to entry."
    )
    bmi: BaselineValue | None = Field(None, description="Body mass index, kg/m2.")
    t_score_lumbar_spine: BaselineValue | None = Field(
        None, description="T-score of the lumbar spine."
    )
    t_score_total_hip: BaselineValue | None = Field(None, description="T-score of the total hip.")
    t_score_femoral_neck: BaselineValue | None = Field(
        None, description="T-score of the femoral neck."
    )
    testosterone: BaselineValue | None = Field(
        None, description="Total testosterone of men, ng/dL."
    )
    igf1: BaselineValue | None = Field(None, description="IGF-1, ng/mL.")
    source: str = Field("", description="Where these numbers were published.")


class PrevalentFracture(Table):
    """Vertebral fractures that the trial's participants had at entry, by radiograph."""

    vertebral: Share = Field(description="Share of the participants with at least one.")
    several: Share = Field(description="Share with two or more; at most `vertebral`.")
    source: str = Field("", description="Where these numbers were published.")


class PopulationChoice(Table):
    """Which population the participants are drawn from."""

    name: str = Field(
        "postmenopausal_osteoporosis",
        description="A bundled population's name (`cohort list populations`), or the path of a "
        "population file, relative to the study file.",
    )
    baseline: Baseline = Field(
        default_factory=lambda: Baseline.model_validate({}),
        description="Published baseline of the trial, on which the population is re-centred.",
    )
    prevalent_fracture: PrevalentFracture | None = Field(
        None, description="Vertebral fractures at entry; by age where left out."
    )
    fracture_background: str | None = Field(
        None, description="A trial of as many unexplained vertebral fractures (docs/fractures.md)."
    )


class Rule(Table):
    """One eligibility rule: a range that a variable must lie in at screening."""

    variable: str = Field(description="The covariate that is looked at, such as `age`.")
    min: Number | None = Field(None, description="Lowest value allowed, itself included.")
    max: Number | None = Field(None, description="Highest value allowed, itself included.")
    any_of: str | None = Field(
        None,
        description="Rules with the same label are alternatives: meeting one of them is enough.",
    )
    source: str = Field("", description="Where the rule was published.")


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


class Dropout(Table):
    """How participants leave before the end."""

    annual_rate: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the participants who leave in a year, alike in every arm."
    )
    source: str = Field("", description="Where the rate was published.")


class Adherence(Table):
    """Share of the self-administered doses that participants take; clinic doses are all given."""

    mean: Annotated[Number, Field(gt=0, le=1)] = Field(
        1.0, description="Mean share of doses taken."
    )
    sd: Annotated[Number, Field(ge=0, lt=0.5)] = Field(
        0.0, description="Standard deviation of that share between participants (beta distributed)."
    )
    source: str = Field("", description="Where the numbers were published.")


class SitePrecision(Table):
    """Precision error of densitometry by site."""

    lumbar_spine: Variation | None = Field(None, description="At the lumbar spine.")
    total_hip: Variation | None = Field(None, description="At the total hip.")
    femoral_neck: Variation | None = Field(None, description="At the femoral neck.")


class AssayPrecision(Table):
    """Precision error of the laboratory, by analyte."""

    ctx: Variation | None = Field(None, description="Serum CTX.")
    p1np: Variation | None = Field(None, description="Serum P1NP.")
    bsap: Variation | None = Field(None, description="Bone-specific alkaline phosphatase.")
    estradiol: Variation | None = Field(None, description="Serum estradiol.")
    igf1: Variation | None = Field(None, description="Serum IGF-1.")
    pth: Variation | None = Field(None, description="Serum parathyroid hormone.")
    testosterone: Variation | None = Field(None, description="Serum total testosterone.")
    testosterone_free: Variation | None = Field(None, description="Serum free testosterone.")
    shbg: Variation | None = Field(None, description="Serum sex hormone-binding globulin.")
    lh: Variation | None = Field(None, description="Serum luteinizing hormone.")
    progesterone: Variation | None = Field(None, description="Serum progesterone.")
    calcium: Variation | None = Field(None, description="Serum calcium.")


class Measurement(Table):
    """Error with which the visits are measured, as coefficients of variation (0.01 is 1 %)."""

    enabled: Flag = Field(True, description="Whether `measured_` columns are written.")
    dxa_cv: SitePrecision = Field(
        default_factory=lambda: SitePrecision.model_validate({}),
        description="Coefficient of variation of BMD by site; left out, that of "
        "`data/reference/measurement.csv`.",
    )
    assay_cv: AssayPrecision = Field(
        default_factory=lambda: AssayPrecision.model_validate({}),
        description="Coefficient of variation by analyte; left out, that of "
        "`data/reference/measurement.csv`.",
    )


class Outputs(Table):
    """What is written beside the usual outcomes."""

    extra: tuple[str, ...] = Field((), description="Further outcomes (`cohort list outcomes`).")
    fractures: Flag = Field(
        False, description="Whether fractures and deaths are simulated and their columns written."
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
    """How it is computed; nothing here but `precision` and `accuracy` changes a number."""

    block_size: Annotated[Whole, AfterValidator(_tiles)] = Field(
        16384, description="Patients between writes: a multiple of 2048; sets the memory used."
    )
    precision: Literal["float32", "float64"] = Field(
        "float32", description="Floating-point precision of the solver."
    )
    accuracy: Literal["draft", "default", "high"] = Field(
        "default", description="How fine the solver's time grid is."
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

    def arm(self, name: str) -> Arm:
        """Return the arm of this name."""
        return next(arm for arm in self.arms if arm.name == name)
