"""The sensitivity job's shape: every key with its type, range, default and meaning.

What one key alone cannot tell (is there such an arm? does the method bear correlated inputs?) is
in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cohort.trial.schema import ArmName, Number, StudyName, Table, Whole

MethodName = Literal["local", "morris", "sobol", "prcc"]
Scale = Literal["linear", "log", "logit"]
Distribution = Literal["uniform", "normal"]


def _default(table: type[Table]) -> Any:
    """Return a field's default: the table with all its own defaults."""
    return Field(default_factory=lambda: table.model_validate({}), description=table.__doc__)


class About(Table):
    """What the job is, in words."""

    title: str = Field("", description="What it asks, in a phrase.")
    description: str = Field("", description="What it is for, and what a reader must know.")


class Output(Table):
    """What is watched: true outcomes of an arm, or of one arm over another, at visits."""

    arm: ArmName = Field(description="An arm of the study.")
    against: ArmName | None = Field(
        None, description="An arm whose value is subtracted: the output is then a contrast."
    )
    outcomes: tuple[str, ...] = Field(description="Outcomes (`cohort list outcomes`).")
    months: tuple[Number, ...] = Field(description="Months of visits of the study, after 0.")


class Factors(Table):
    """Factors of one kind that share a range, a distribution and, if it is named, a group."""

    parameters: tuple[str, ...] = Field(
        (), description="Parameters of the model, or groups of them (`cohort list parameters`)."
    )
    covariates: tuple[str, ...] = Field(
        (),
        description="Covariates by whose shift everybody in the cohort is moved: `age`, "
        "`age_at_menopause`, `bmi` or `t_score`.",
    )
    pk: tuple[str, ...] = Field(
        (),
        description="Pharmacokinetic numbers of the study's drugs: `denosumab.elimination_rate`, "
        "or `denosumab` for all of them.",
    )
    low: Number | None = Field(
        None, description="Low end of the range: a value, of a covariate the shift in its unit."
    )
    high: Number | None = Field(None, description="High end of the range.")
    sds: Annotated[Number, Field(gt=0, lt=5)] | None = Field(
        None,
        description="Range of parameters where no ends are given: so many standard deviations of "
        "the prior either side of the study's value, on the prior's scale; 1 where left out.",
    )
    fold: Annotated[Number, Field(gt=1)] | None = Field(
        None,
        description="Range of PK numbers where no ends are given: the study's value divided and "
        "multiplied by this; 1.5 where left out.",
    )
    distribution: Distribution = Field(
        "uniform",
        description="`uniform` over the range, or `normal`, cut at its ends, which lie two "
        "standard deviations from the middle; either on the factor's own scale (log, logit or "
        "linear).",
    )
    group: str | None = Field(
        None, description="Label of the group that these factors belong to, for `method.by`."
    )


class Correlation(Table):
    """Correlation of two factors, of their normal scores."""

    between: tuple[str, str] = Field(description="Names of the two factors.")
    value: Annotated[Number, Field(gt=-1, lt=1)] = Field(description="Correlation.")


class Cohort(Table):
    """The persons whose mean is one evaluation."""

    persons: Annotated[Whole, Field(ge=1, le=2048)] = Field(
        16, description="Persons; the same ones under every evaluation."
    )
    accuracy: Literal["draft", "default", "high"] = Field(
        "draft", description="How fine the solver's time grid is."
    )


class Method(Table):
    """How sensitivity is measured."""

    name: MethodName = Field(
        "morris",
        description="`local` derivatives at the study's own values, `morris` screening, `sobol` "
        "shares of variance, or `prcc` on a Latin hypercube.",
    )
    samples: Annotated[Whole, Field(ge=2, le=2**24)] | None = Field(
        None,
        description="Morris: trajectories (20); Sobol: base samples, a power of 2 (1024); PRCC: "
        "points (1000). Local derivatives do not read it.",
    )
    levels: Annotated[Whole, Field(ge=2, le=64)] = Field(
        4, description="Morris: levels of its grid, an even number."
    )
    by: Literal["factors", "groups", "kinds"] = Field(
        "factors",
        description="Morris and Sobol: an index for each factor, for each stated group (a factor "
        "without one stands alone), or for parameters, covariates and PK as wholes.",
    )
    resamples: Annotated[Whole, Field(ge=10, le=100_000)] = Field(
        200, description="Bootstrap samples behind the intervals of Morris and Sobol."
    )
    confidence: Annotated[Number, Field(gt=0.5, lt=1)] = Field(
        0.95, description="Confidence of the intervals."
    )


class Job(Table):
    """A sensitivity job."""

    name: StudyName = Field(
        "",
        description="Short name, after which the results folder is named; left out, that of the "
        "file.",
    )
    about: About = _default(About)
    study: str = Field(
        description="A bundled study's name, or the path of a study file, relative to the job file."
    )
    config: tuple[str, ...] = Field(
        (), description="Overrides of the study, `key=value` as `cohort run --config` takes them."
    )
    seed: Annotated[Whole, Field(ge=0, lt=2**31)] = Field(
        0, description="Seed of the samples and of the bootstrap; `--seed` replaces it."
    )
    outputs: tuple[Output, ...] = Field(description="What is watched; at least one.")
    factors: tuple[Factors, ...] = Field(description="What is varied; at least one.")
    correlations: tuple[Correlation, ...] = Field(
        (), description="Correlations between factors; left out, they are independent."
    )
    cohort: Cohort = _default(Cohort)
    method: Method = _default(Method)
    max_failed: Annotated[Number, Field(ge=0, lt=1)] = Field(
        0.001, description="Share of evaluations without result above which the exit code is 3."
    )


DEFAULT_SAMPLES: dict[MethodName, int] = {"local": 1, "morris": 20, "sobol": 1024, "prcc": 1000}
"""Samples where a job states none."""
