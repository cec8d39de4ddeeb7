"""The job file's shape: every key with its type, range, default and meaning.

A job says which published rows are fitted, which parameters are free and how, and what is computed
from the fit. What one key alone cannot tell (is there such a trial? does a start lie in its
bounds?) is in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from cohort.trial.schema import Flag, Number, Positive, StudyName, Table, Whole

Endpoint = Literal["LS", "TH", "FN", "CTX", "P1NP", "BSAP"]
ENDPOINTS: tuple[Endpoint, ...] = ("LS", "TH", "FN", "CTX", "P1NP", "BSAP")
Verification = Literal["checked", "digitised", "unchecked"]
VERIFICATIONS: tuple[Verification, ...] = ("checked", "digitised", "unchecked")
Count = Annotated[Whole, Field(ge=1, le=1_000_000)]


def _all_or_names(value: Any) -> Any:
    """Accept the word `all`, or a list of words."""
    if value == "all":
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise PydanticCustomError("form", "{allowed}", {"allowed": "'all' or a list of names"})


AllOrNames = Annotated[
    tuple[str, ...] | Literal["all"],
    PlainValidator(_all_or_names, json_schema_input_type=tuple[str, ...] | Literal["all"]),
    PlainSerializer(lambda value: value if value == "all" else list(value)),
]


def _default(table: type[Table]) -> Any:
    """Return a field's default: the table with all its own defaults."""
    return Field(default_factory=lambda: table.model_validate({}), description=table.__doc__)


class About(Table):
    """What the job is, in words."""

    title: str = Field("", description="What it fits, in a phrase.")
    description: str = Field("", description="What it is for, and what a reader must know.")


class Start(Table):
    """Where the fit begins."""

    set: str = Field(
        "default",
        description="Parameter set of the first start: a bundled set's name, or the path of a "
        "parameter file, relative to the job file.",
    )
    starts: Count = Field(8, description="How many starts; the first is the set itself.")
    spread: Positive = Field(
        0.5, description="Distance of the other starts from it, in standard deviations of priors."
    )
    values: dict[str, Number] = Field(
        default_factory=dict, description="Values that replace those of the set, by parameter."
    )


class Emphasis(Table):
    """A trial that weighs more than its errors say."""

    trial: str = Field(description="Name of the trial.")
    from_month: Number = Field(0.0, description="Month from which its rows weigh more.")
    factor: Positive = Field(
        description="What all errors of its rows are divided by, that of the trial as a whole too."
    )


class Targets(Table):
    """Which published rows are fitted."""

    trials: AllOrNames = Field(
        "all",
        description="`all` bundled trials, or a list of names of bundled trials and paths of "
        "folders with `trial.toml` and `outcomes.csv`, relative to the job file.",
    )
    exclude: tuple[str, ...] = Field((), description="Trials left out again.")
    arms: tuple[str, ...] = Field(
        (), description="Only these arms, as `arm` or `trial.arm`; left out, every arm."
    )
    endpoints: tuple[Endpoint, ...] = Field(
        ENDPOINTS, description="BMD sites and markers that are fitted."
    )
    split: str = Field(
        "calibration", description="Split of the rows; only `calibration` rows may be fitted."
    )
    verification: tuple[Verification, ...] = Field(
        VERIFICATIONS, description="How far a row must have been checked."
    )
    natural_history: Flag = Field(
        True, description="Whether untreated lives (menopause, ageing) are fitted too."
    )
    spread: Flag = Field(
        True, description="Whether published standard deviations between persons are fitted too."
    )
    sex: Literal["female", "male"] | None = Field(
        None, description="Only trials that recruited this sex alone, and lives of it."
    )
    emphasis: tuple[Emphasis, ...] = Field((), description="Trials that weigh more.")


class Noise(Table):
    """The error of a row beyond its own sampling: how far like trials differ."""

    bmd_floor: Annotated[Number, Field(ge=0)] = Field(0.6, description="Of BMD, percentage points.")
    bmd_share: Annotated[Number, Field(ge=0)] = Field(
        0.06, description="Of BMD, share of the published value."
    )
    marker_floor: Annotated[Number, Field(ge=0)] = Field(
        7.0, description="Of markers, percentage points."
    )
    marker_share: Annotated[Number, Field(ge=0)] = Field(
        0.13, description="Of markers, share of the published value."
    )
    unchecked: Annotated[Number, Field(ge=1)] = Field(
        2.0, description="Factor on the errors of rows that were not read in their source."
    )
    series: Annotated[Number, Field(ge=1)] = Field(
        3.0, description="A series of looks at one arm weighs at most like so many rows."
    )
    huber: Positive = Field(
        2.5, description="Standard errors beyond which a residual counts linearly."
    )


class Prior(Table):
    """Changes to a declared prior; what is left out stays as declared."""

    centre: Number | None = Field(None, description="Centre, in the parameter's unit.")
    sd: Number | None = Field(
        None, description="Standard deviation on the scale of the prior (log or logit)."
    )
    low: Number | None = Field(None, description="Lower bound, in the parameter's unit.")
    high: Number | None = Field(None, description="Upper bound, in the parameter's unit.")
    source: str = Field("", description="Where the prior comes from.")


class Tie(Table):
    """Parameters that move together."""

    names: tuple[str, ...] = Field(
        description="The first is fitted; the others keep their ratio to it, that of the start."
    )


class Parameters(Table):
    """What is free, and its priors."""

    free: AllOrNames = Field("all", description="`all`, or names of parameters and of groups.")
    fixed: tuple[str, ...] = Field(
        (), description="Parameters and groups that keep the start's value after all."
    )
    fix: dict[str, Number] = Field(
        default_factory=dict, description="Parameters that keep this value, in their own unit."
    )
    prior: dict[str, Prior] = Field(default_factory=dict, description="Priors by parameter.")
    tied: tuple[Tie, ...] = Field((), description="Parameters that move together.")
    table: str | None = Field(
        None,
        description="Path of a CSV of priors, relative to the job file: columns of "
        "`declarations.csv`, with `low` and `high`; `prior` tables of the job go before it.",
    )


class Cohort(Table):
    """The persons behind a predicted mean."""

    persons: Annotated[Whole, Field(ge=1, le=65536)] = Field(
        8, description="Persons who stand for an arm's population in the objective."
    )
    correction: Annotated[Whole, Field(ge=1, le=1_000_000)] = Field(
        512, description="Persons of the cohort that corrects the objective's means."
    )
    accuracy: Literal["draft", "default", "high"] = Field(
        "draft", description="How fine the solver's time grid is."
    )


class Fit(Table):
    """Descent from every start."""

    optimizer: str = Field("adam", description="Name of an optimizer of optax.")
    steps: Annotated[Whole, Field(ge=0, le=1_000_000)] = Field(
        100, description="Most steps of each start."
    )
    learning_rate: Positive = Field(0.03, description="Largest step size, on the priors' scale.")
    schedule: Literal["constant", "cosine", "exponential"] = Field(
        "cosine", description="How the step size falls."
    )
    clip: Positive = Field(10.0, description="Largest norm of a gradient; longer ones are cut.")
    kept: Count = Field(2, description="How many starts, the best, go on to the polish.")


class Polish(Table):
    """Levenberg-Marquardt from the best starts."""

    steps: Annotated[Whole, Field(ge=0, le=100_000)] = Field(
        20, description="Most derivatives in each round."
    )
    rounds: Count = Field(2, description="How often the whole cohort corrects the objective.")
    tolerance: Positive = Field(
        1e-3, description="Norm of the gradient at which a start has converged."
    )


class Posterior(Table):
    """How well the parameters are known."""

    method: Literal["laplace", "rto", "nuts", "none"] = Field(
        "laplace", description="How it is found."
    )
    draws: Count = Field(400, description="Draws that are kept; of `rto`, members that are moved.")
    steps: Count = Field(
        40, description="Evaluations of all rows that a member of `rto` may take to its optimum."
    )
    exact: Flag = Field(
        True,
        description="Whether members of `rto` are accepted by their exact weight, which takes a "
        "derivative of all rows by every parameter a member.",
    )
    warmup: Count = Field(300, description="Steps that tune NUTS before its draws.")
    profile: tuple[str, ...] = Field(
        (), description="Free parameters whose profile likelihood is computed."
    )


class Judgement(Table):
    """What the fit is judged by."""

    trials: Literal["all", "selected"] = Field(
        "all",
        description="Whether the rows of all bundled trials are predicted, or only those of the "
        "trials that `targets` selects.",
    )
    draws: Count = Field(100, description="Most draws of the posterior behind each interval.")


class Job(Table):
    """A calibration job."""

    name: StudyName = Field(
        "",
        description="Short name, after which the results folder is named; left out, that of the "
        "file.",
    )
    about: About = _default(About)
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of the starts and draws; `--seed` replaces it."
    )
    petab: str | None = Field(
        None,
        description="Path of a PEtab problem of this model (`problem.yaml`), relative to the job "
        "file: its rows with their errors, free parameters, priors, bounds, ties and values are "
        "the job's.",
    )
    start: Start = _default(Start)
    targets: Targets = _default(Targets)
    noise: Noise = _default(Noise)
    parameters: Parameters = _default(Parameters)
    cohort: Cohort = _default(Cohort)
    fit: Fit = _default(Fit)
    polish: Polish = _default(Polish)
    posterior: Posterior = _default(Posterior)
    judgement: Judgement = _default(Judgement)
