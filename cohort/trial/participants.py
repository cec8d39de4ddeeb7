"""The tables of a study file that say who takes part."""

from __future__ import annotations

from pydantic import Field

from cohort.trial.fields import Number, Positive, Share, Table


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
