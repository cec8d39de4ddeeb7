"""The power file's shape: every key with its type, range, default and meaning.

A power file names a study, what a trial of it would show and how, and a grid of designs. What one
key alone cannot tell (does the study have that arm?) is in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cohort.analysis.statistics.estimands import Missing
from cohort.analysis.statistics.futility import Rule
from cohort.analysis.statistics.interim import Boundary
from cohort.analysis.statistics.methods import Name
from cohort.analysis.statistics.multiplicity import Procedure
from cohort.trial.randomisation import Randomisation
from cohort.trial.schema import Flag, Number, Positive, Share, StudyName, Table, Whole

Several = Annotated[Whole, Field(ge=2, le=1_000)]
Rate = Annotated[Number, Field(ge=0, lt=1)]
Participants = Annotated[Whole, Field(ge=4, le=1_000_000)]
Ratio = Annotated[Whole, Field(ge=1, le=100)]


def _default(table: type[Table]) -> Any:
    """Return a field's default: the table with all its own defaults."""
    return Field(default_factory=lambda: table.model_validate({}), description=table.__doc__)


class Endpoint(Table):
    """What is compared between arms, and when."""

    outcome: str = Field(
        "bmd_lumbar_spine_change",
        description="An outcome (`cohort list outcomes`); analysed as measured, where it is.",
    )
    month: Positive | None = Field(
        None, description="Month of the endpoint; the last visit of the study where left out."
    )


class Analysis(Table):
    """How a trial is analysed."""

    method: Name = Field(
        "ancova",
        description="`ancova`: analysis of covariance at the endpoint's visit; `mmrm`: mixed model "
        "for repeated measures over all visits; `responders`: difference of the shares who reach "
        "`threshold`; `log_rank`: time to the first event.",
    )
    missing: Missing = Field(
        "observed",
        description="What stands for values after leaving: `observed` (nothing) and `imputed` for "
        "the hypothetical estimand, `carried_forward` for while-on-treatment, `copy_reference` for "
        "treatment-policy, `non_response` for composite. MMRM and log-rank take what is observed.",
    )
    imputations: Several = Field(20, description="How many, for `imputed` and `copy_reference`.")
    threshold: Number | None = Field(
        None, description="Value of the outcome from which a participant has responded."
    )
    covariates: tuple[str, ...] = Field(
        ("baseline",),
        description="What is adjusted for: `baseline` (the measured outcome at month 0) and "
        "columns of `patients`, such as `age`; strata of the randomisation are added.",
    )


class Comparing(Table):
    """Two arms that are compared."""

    treated: str = Field(description="Name of the arm whose effect is wanted.")
    control: str = Field(description="Name of the arm it is compared with.")


class Stopping(Table):
    """Stopping for futility: such a trial shows the better direction only, at half of `alpha`."""

    rule: Rule = Field(
        "none",
        description="`obrien_fleming_spending`, `pocock_spending`: the type II error, 1 - `power`, "
        "is spent over the looks by these functions; `conditional_power`: the chance to succeed in "
        "the end, if the effect is as estimated, is below `conditional_power`.",
    )
    binding: Flag = Field(
        False,
        description="Whether the efficacy boundary relies on stopping and is lowered by it; the "
        "type I error is kept without stopping only where it does not.",
    )
    power: Annotated[Number, Field(ge=0.5, lt=1)] = Field(
        0.9, description="Power that the trial was planned for, of the spending rules."
    )
    conditional_power: Annotated[Number, Field(gt=0, lt=0.5)] = Field(
        0.1, description="Conditional power below which the trial stops, of that rule."
    )


class Claim(Table):
    """What the trial is to show, with which error."""

    claim: Literal["superiority", "non_inferiority"] = Field(
        "superiority",
        description="Superiority is tested two-sided at `alpha`, non-inferiority one-sided at half "
        "of it.",
    )
    margin: Annotated[Number, Field(ge=0)] = Field(
        0.0, description="Margin, in the unit of the effect: by how much inferior is still fine."
    )
    higher_is_better: Flag = Field(
        True, description="Whether a larger value of the outcome (or a responder) is the aim."
    )
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = Field(
        0.05, description="Two-sided type I error; intervals have confidence 1 - alpha."
    )
    comparisons: tuple[Comparing, ...] = Field(
        (), description="Arms compared, in testing order; each active arm with the control."
    )
    multiplicity: Procedure = Field(
        "none", description="How several comparisons share `alpha`; `hierarchical` in their order."
    )
    looks: tuple[Share, ...] = Field(
        (),
        description="Interim looks: the share of participants analysed at each, in rising order, "
        "the last one 1.",
    )
    boundary: Boundary = Field(
        "obrien_fleming_spending", description="Shape of the boundary over the looks."
    )
    futility: Stopping = _default(Stopping)


class Grid(Table):
    """The designs: every combination of what these lists hold."""

    participants: tuple[Participants, ...] = Field(
        (50, 100, 200, 400), description="Participants, all arms together."
    )
    effect: tuple[Number, ...] = Field(
        (1.0,),
        description="Scale of the simulated effect: 1 as simulated, 0.5 half of it in every "
        "person, 0 none.",
    )
    allocation: tuple[tuple[Ratio, ...], ...] = Field(
        (),
        description="Allocation ratios, a number an arm in the study's order; those of the study "
        "where left out.",
    )
    months: tuple[Positive, ...] = Field(
        (), description="Durations: months of the endpoint; `endpoint.month` where left out."
    )
    visits: tuple[tuple[Positive, ...], ...] = Field(
        (),
        description="Visit schedules after baseline, each a list of months; those after the "
        "endpoint are left out, the endpoint is added. The study's where left out.",
    )
    dropout: tuple[Rate, ...] = Field(
        (0.0,), description="Share of participants who leave in a year, in every arm."
    )
    dropout_by_arm: tuple[tuple[Rate, ...], ...] = Field(
        (),
        description="The same where arms differ, in the place of `dropout`: each a list with a "
        "share an arm, in the study's order.",
    )


class PowerJob(Table):
    """Power and sample size of trials of one study."""

    name: StudyName = Field(
        "", description="Short name, after which the results folder is named; that of the file."
    )
    title: str = Field("", description="What is planned, in a phrase.")
    study: str = Field(
        description="A bundled study's name, or the path of a study file, relative to this file."
    )
    config: tuple[str, ...] = Field(
        (), description="Overrides of the study, `key=value`, as `cohort run --config` takes them."
    )
    seed: Annotated[Whole, Field(ge=0, lt=2**32)] = Field(
        0, description="Seed of the cohort and of every replicate; `--seed` replaces it."
    )
    persons: Annotated[Whole, Field(ge=100, le=10**7)] = Field(
        8192,
        description="Persons of the cohort that trials are drawn from, each simulated in every "
        "arm; `--patients` replaces it.",
    )
    replicates: Annotated[Whole, Field(ge=10, le=1_000_000)] = Field(
        1000, description="Trials simulated of each design."
    )
    target: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.9, description="Power for which the sample size is wanted."
    )
    null: Flag = Field(
        True,
        description="Whether every design is simulated without an effect too, all arms drawn from "
        "their control: its type I error.",
    )
    endpoint: Endpoint = _default(Endpoint)
    analysis: Analysis = _default(Analysis)
    test: Claim = _default(Claim)
    randomisation: Randomisation = _default(Randomisation)
    grid: Grid = _default(Grid)
