"""The tables of a study file that say how well its instruments measure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cohort.trial.fields import Flag, Number, Table, Variation, says_nothing


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


class Drift(Table):
    """How a densitometer strays from its calibration; true values stay as they are."""

    percent_per_year: Annotated[Number, Field(ge=-20, le=20)] = Field(
        0.0, description="Drift of what it reads, in percent a year since month 0."
    )
    step_percent: Annotated[Number, Field(ge=-50, le=50)] = Field(
        0.0, description="Step of what it reads, in percent, as by a change of machine."
    )
    step_month: Number = Field(0.0, description="Month from which on it reads so.")


class SiteDrift(Table):
    """Drift of densitometry by site."""

    lumbar_spine: Drift | None = Field(None, description="At the lumbar spine.")
    total_hip: Drift | None = Field(None, description="At the total hip.")
    femoral_neck: Drift | None = Field(None, description="At the femoral neck.")


class Measurement(Table):
    """Error with which the visits are measured, as coefficients of variation (0.01 is 1 %)."""

    enabled: Flag = Field(True, description="Whether `measured_` columns are written.")
    dxa_cv: SitePrecision = Field(
        default_factory=lambda: SitePrecision.model_validate({}),
        description="Coefficient of variation of BMD by site; left out, that of "
        "`data/reference/measurement.csv`.",
    )
    dxa_drift: SiteDrift | None = Field(
        None,
        description="Drift and steps of the densitometer by site; none where left out.",
        exclude_if=says_nothing,
    )
    assay_cv: AssayPrecision = Field(
        default_factory=lambda: AssayPrecision.model_validate({}),
        description="Coefficient of variation by analyte; left out, that of "
        "`data/reference/measurement.csv`.",
    )
