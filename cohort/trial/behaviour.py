"""The tables of a study file that say how its participants behave."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cohort.trial.fields import Number, Positive, Table, says_nothing

Yearly = Annotated[Number, Field(ge=0, lt=1)]
"""Share of the participants who leave in a year."""


class InformativeDropout(Table):
    """Who leaves depends on what was measured: the hazard is times `exp(beta change / sd)`."""

    outcome: str = Field(
        description="A change from baseline, as measured at the last visit that a participant came "
        "to, such as `bmd_total_hip_change`."
    )
    beta: Number = Field(
        description="Logarithm of the hazard ratio per `sd` of the change; below 0 where those "
        "leave who fare worst."
    )
    sd: Positive = Field(description="The change that counts as one, in the outcome's unit.")


class Dropout(Table):
    """How participants leave before the end."""

    annual_rate: Yearly = Field(
        0.0, description="Share of the participants who leave in a year, where the arm has none."
    )
    informative: InformativeDropout | None = Field(
        None,
        description="How leaving depends on what was measured; not at all where left out.",
        exclude_if=says_nothing,
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
