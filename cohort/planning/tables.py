"""The tables of a power folder: column, type, unit and description."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

_WORDS = pa.dictionary(pa.int32(), pa.string())
_REAL = pa.float64()

Column = tuple[str, pa.DataType, str, str]

REPLICATES: tuple[Column, ...] = (
    ("design", pa.int32(), "", "Number of the design in power.parquet"),
    ("replicate", pa.int32(), "", "Number of the simulated trial; the same participants in all"),
    ("seed", pa.int64(), "", "Seed of every random draw of this trial"),
    ("draw", pa.int32(), "", "Draw of the parameters behind this trial; 0 under the set itself"),
    ("comparison", _WORDS, "", "Arms compared: treated - control"),
    ("estimate", _REAL, "effect's", "Estimated effect"),
    ("se", _REAL, "effect's", "Its standard error"),
    ("df", _REAL, "1", "Its degrees of freedom; null for normal estimates"),
    ("n", _REAL, "participants", "Participants of the two arms that were analysed"),
    ("p_value", _REAL, "1", "p value before adjustment for multiplicity"),
    ("ci_low", _REAL, "effect's", "Lower confidence limit, level 1 - alpha; repeated with looks"),
    ("ci_high", _REAL, "effect's", "Upper confidence limit"),
    ("rejected", pa.bool_(), "", "Whether the null hypothesis was rejected, after adjustment"),
    ("covered", pa.bool_(), "", "Whether the limits hold the true effect; null if none is stated"),
    ("look", pa.int32(), "", "Look at which it was decided, from 1"),
)

_DESIGN: tuple[Column, ...] = (
    ("design", pa.int32(), "", "Number of the design"),
    ("comparison", _WORDS, "", "Arms compared, or `any` or `all` of the comparisons"),
    ("outcome", _WORDS, "", "Outcome that is compared, as measured"),
    ("effect_unit", _WORDS, "", "Unit of the effect"),
    ("month", _REAL, "month", "Month of the endpoint"),
    ("visits", pa.string(), "month", "Visits after baseline"),
    ("allocation", pa.string(), "", "Allocation ratio, arms in the study's order"),
    ("dropout", _REAL, "1/year", "Share of participants who leave in a year, over all arms"),
    ("dropout_by_arm", pa.string(), "1/year", "The same, arms in the study's order"),
    ("effect", _REAL, "1", "Scale of the simulated effect: 1 as simulated, 0 none"),
    ("method", _WORDS, "", "Analysis"),
    ("missing", _WORDS, "", "What stands for values after leaving"),
    ("estimand", _WORDS, "", "The estimand that follows from it (ICH E9(R1))"),
    ("claim", _WORDS, "", "superiority or non_inferiority"),
    ("margin", _REAL, "effect's", "Margin"),
    ("alpha", _REAL, "1", "Two-sided type I error"),
)

POWER: tuple[Column, ...] = (
    *_DESIGN,
    ("participants", pa.int32(), "participants", "Participants, all arms together"),
    ("null", pa.bool_(), "", "Whether the tested hypothesis is true by construction"),
    ("replicates", pa.int32(), "1", "Trials simulated"),
    ("failed", pa.int32(), "1", "Trials without an estimate; they count as not significant"),
    ("power", _REAL, "1", "Share of trials that reject; where null is true, the type I error"),
    ("power_se", _REAL, "1", "Its Monte Carlo standard error"),
    ("type_1_error", _REAL, "1", "Share that rejects when there is no effect, same design"),
    ("type_1_error_se", _REAL, "1", "Its Monte Carlo standard error"),
    ("closed_form", _REAL, "1", "Power by the two-sample formula, where that applies"),
    ("assurance", _REAL, "1", "Power averaged over draws of the parameters, where there are any"),
    ("power_low", _REAL, "1", "5th percentile of power over draws of the parameters"),
    ("power_high", _REAL, "1", "95th percentile of power over draws of the parameters"),
    ("true_effect", _REAL, "effect's", "Effect over the whole cohort, unmeasured; mean of draws"),
    ("mean_estimate", _REAL, "effect's", "Mean of the estimates"),
    ("sd_estimate", _REAL, "effect's", "Standard deviation of the estimates"),
    ("mean_se", _REAL, "effect's", "Mean of their standard errors"),
    ("coverage", _REAL, "1", "Share of confidence intervals that hold the true effect"),
    ("coverage_se", _REAL, "1", "Its Monte Carlo standard error"),
    (
        "mean_participants",
        _REAL,
        "participants",
        "Participants until the deciding look, on average",
    ),
    ("stopped_for_futility", _REAL, "1", "Share of trials that stop for futility, where any may"),
)

SAMPLE_SIZE: tuple[Column, ...] = (
    *_DESIGN[1:],
    ("target", _REAL, "1", "Power that is wanted"),
    ("participants", _REAL, "participants", "Participants that give it, all arms; null outside"),
    ("participants_low", _REAL, "participants", "Lower 95 % limit, from Monte Carlo error"),
    ("participants_high", _REAL, "participants", "Upper 95 % limit, from Monte Carlo error"),
    ("note", pa.string(), "", "Why there is no number"),
)

ANALYSIS: tuple[Column, ...] = (
    ("comparison", _WORDS, "", "Arms compared: treated - control"),
    ("analysis", _WORDS, "", "Analysis, or the measure of risk"),
    ("missing", _WORDS, "", "What stands for values after leaving"),
    ("estimand", _WORDS, "", "The estimand that follows from it (ICH E9(R1))"),
    ("set", _WORDS, "", "Analysis set: full analysis, or per protocol"),
    ("subgroup", _WORDS, "", "Subgroup; null for everybody"),
    ("unit", _WORDS, "", "Unit of estimate and limits"),
    ("n", _REAL, "participants", "Participants of the two arms that were analysed"),
    ("estimate", _REAL, "unit's", "Estimated effect, treated minus control"),
    ("se", _REAL, "unit's", "Its standard error"),
    ("df", _REAL, "1", "Its degrees of freedom; null for normal estimates"),
    ("ci_low", _REAL, "unit's", "Lower confidence limit, level 1 - alpha"),
    ("ci_high", _REAL, "unit's", "Upper confidence limit"),
    ("p_value", _REAL, "1", "p value of the claim: superiority, or non-inferiority"),
    ("p_adjusted", _REAL, "1", "The same, adjusted for the number of comparisons"),
    ("p_interaction", _REAL, "1", "p value of equal effects in all levels of the subgroup"),
    ("true_effect", _REAL, "unit's", "The effect known to the simulation; null if none is known"),
    ("note", pa.string(), "", "What else is to be said"),
)

LOOKS: tuple[Column, ...] = (
    ("comparison", _WORDS, "", "Arms compared: treated - control"),
    ("look", pa.int32(), "", "Number of the look, from 1"),
    ("share", _REAL, "1", "Share of all participants who are in it"),
    ("n", _REAL, "participants", "Participants of the two arms that were analysed"),
    ("unit", _WORDS, "", "Unit of the estimate"),
    ("estimate", _REAL, "unit's", "Estimated effect, treated minus control"),
    ("se", _REAL, "unit's", "Its standard error"),
    ("z", _REAL, "1", "Test statistic on the normal scale, positive in the better direction"),
    ("efficacy", _REAL, "1", "Value of z from which the claim is shown; of |z| without futility"),
    ("futility", _REAL, "1", "Value of z below which the trial stops; null where it does not"),
    ("decision", _WORDS, "", "What follows at this look"),
)


def schema(columns: Sequence[Column], metadata: dict[bytes, bytes] | None = None) -> pa.Schema:
    """Return the Arrow schema of a table, unit and description on every field."""
    fields = [
        pa.field(name, kind, metadata={"unit": unit, "description": words})
        for name, kind, unit, words in columns
    ]
    return pa.schema(fields, metadata=metadata)
