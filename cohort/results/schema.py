"""The Arrow schemas of the three tables, with a unit and a description on every field.

Values are float32: seven digits are more than any assay has, and half the bytes. The part of the
manifest that is the same for every machine travels in each file's key-value metadata under
`cohort.manifest`; no time, device or block size is in it, so that the bytes of a file depend only
on what was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from cohort.results.block import EVENTS
from cohort.results.outcomes import BY_NAME, CHANGE, MEASURED, OUTCOMES, SITES, outcome

MANIFEST_KEY = b"cohort.manifest"
COUNTS_KEY = b"cohort.counts"
ARM_KEY = b"cohort.arm"

DRAW = "draw"
"""The column that tells posterior draws of the parameters apart, in a run that has them."""

ADHERENCE = "adherence"
"""The column of who takes how much of her own doses, in a study where not all is taken."""

COURSE, COURSE_MONTH = "course", "course_month"
"""The columns that tell courses of treatment apart, in a study whose arms decide about them."""

THETA = "theta_"
"""What precedes the name of an individual parameter in `patients.parquet`."""

_WORDS = pa.dictionary(pa.int32(), pa.string())
_REAL = pa.float32()

_COVARIATES: dict[str, tuple[str, str]] = {
    "age": ("year", "Age at baseline"),
    "years_since_menopause": (
        "year",
        "Years since the final menstrual period at baseline; null in men and before menopause",
    ),
    "age_at_menopause": ("year", "Age at the final menstrual period, past or to come"),
    "bmi": ("kg/m2", "Body mass index at baseline"),
    ADHERENCE: ("1", "Share of the self-administered doses that are taken; clinic doses all are"),
}
_BASELINES = (
    *(f"bmd_{site}" for site in SITES.values()),
    *(f"t_score_{site}" for site in SITES.values()),
    *("ctx", "p1np", "bsap", "estradiol", "testosterone", "igf1", "pth"),
)
_FRACTURES: dict[str, tuple[str, str]] = {
    "vertebral_fractures": ("1", "Vertebral fractures at baseline: 0, 1, or 2 for several"),
    "fracture_frailty": ("1", "Multiplies all fracture hazards of the person; mean 1"),
    "death_month": ("month", "Month of death; null for who was alive when last seen"),
}
_COURSES: dict[str, tuple[pa.DataType, str, str]] = {
    COURSE: (_WORDS, "", "Course of treatment when last seen: changes by name@month, or planned"),
    COURSE_MONTH: (_REAL, "month", "Month of its last change; null where there was none"),
}
NULLABLE = frozenset({"years_since_menopause", "age_at_menopause", "death_month"})
"""Columns of `patients` in which NaN means "does not apply", not a failed patient."""

_SUMMARY: tuple[tuple[str, pa.DataType, str, str], ...] = (
    ("arm", _WORDS, "", "Treatment arm"),
    ("outcome", _WORDS, "", "Column of visits; measured_ in front for values with assay error"),
    ("unit", _WORDS, "", "Unit of mean, sd, se, limits, percentiles and of the published value"),
    ("month", _REAL, "month", "Nominal month of the visit"),
    ("n", pa.int64(), "1", "Patients with a value"),
    ("mean", pa.float64(), "outcome's", "Mean"),
    ("sd", pa.float64(), "outcome's", "Standard deviation between patients"),
    ("se", pa.float64(), "outcome's", "Standard error of the mean, from sampling patients"),
    ("ci_low", pa.float64(), "outcome's", "Lower 95 % confidence limit of the mean"),
    ("ci_high", pa.float64(), "outcome's", "Upper 95 % confidence limit of the mean"),
    ("p5", pa.float64(), "outcome's", "5th percentile of patients"),
    ("p50", pa.float64(), "outcome's", "Median of patients"),
    ("p95", pa.float64(), "outcome's", "95th percentile of patients"),
    ("observed", pa.float64(), "outcome's", "Published value of this arm at this month"),
    ("observed_se", pa.float64(), "outcome's", "Standard error of the published value"),
    ("source", pa.string(), "", "Where it was published, which statistic, how far checked"),
)
# What a run under draws of the parameters says otherwise, and what it adds.
_SUMMARY_OF_DRAWS: tuple[tuple[str, pa.DataType, str, str], ...] = (
    ("n", pa.int64(), "1", "Patients with a value, under the draw that has the fewest"),
    ("mean", pa.float64(), "outcome's", "Mean over draws of the mean of patients"),
    ("sd", pa.float64(), "outcome's", "Standard deviation between patients within a draw"),
    *(
        (name, pa.float64(), "outcome's", f"{end} 95 % confidence limit of the mean, from sampling")
        for name, end in (("ci_low", "Lower"), ("ci_high", "Upper"))
    ),
    ("p5", pa.float64(), "outcome's", "5th percentile of patients and draws together"),
    ("p50", pa.float64(), "outcome's", "Median of patients and draws together"),
    ("p95", pa.float64(), "outcome's", "95th percentile of patients and draws together"),
    (
        "mean_sd",
        pa.float64(),
        "outcome's",
        "Standard deviation over draws of the mean of patients: parameter uncertainty alone",
    ),
    ("mean_low", pa.float64(), "outcome's", "5th percentile over draws of the mean of patients"),
    ("mean_high", pa.float64(), "outcome's", "95th percentile over draws of the mean of patients"),
)


def _field(name: str, kind: pa.DataType, unit: str, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit, "description": description})


def _metadata(identity: Mapping[str, Any], **more: str) -> dict[bytes, bytes]:
    keys = {MANIFEST_KEY: canonical_json(identity).encode()}
    return keys | {f"cohort.{key}".encode(): value.encode() for key, value in more.items()}


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no spaces: equal objects give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def visits_schema(
    columns: Iterable[str], identity: Mapping[str, Any], arm: str, *, courses: bool = False
) -> pa.Schema:
    """Return the schema of one arm's part files.

    Args:
        columns: outcome columns that the run writes, in any order.
        identity: the part of the manifest that is the same on every machine.
        arm: the arm, which the folder's name tells too.
        courses: whether there are courses of treatment to tell apart.

    Raises:
        BadInput: a column is not in the table of outcomes.
    """
    fields = [
        *_draw_field(identity),
        _field("patient_id", pa.int64(), "", "Person; the same id in two arms is the same person"),
        _field("month", _REAL, "month", "Nominal month of the visit (30.4375 days)"),
        _field("day", _REAL, "day", "Day on which the visit really took place, from baseline"),
    ]
    if courses:
        words = "Course of treatment after what was decided at this visit: changes by name@month"
        fields.append(_field(COURSE, _WORDS, "", words))
    fields += [_outcome_field(name) for name in in_table_order(columns)]
    return pa.schema(fields, metadata=_metadata(identity, arm=arm))


def has_draws(identity: Mapping[str, Any]) -> bool:
    """Whether a run, by its identity or its manifest, is simulated under draws of parameters."""
    return identity.get("draws") is not None


def _draw_field(identity: Mapping[str, Any]) -> list[pa.Field]:
    words = "Posterior draw of the parameters, from 0; the same persons live under every draw"
    return [_field(DRAW, pa.int32(), "", words)] if has_draws(identity) else []


def in_table_order(columns: Iterable[str]) -> list[str]:
    """Sort outcome columns as the table of outcomes has them, each measured one after its own."""
    rank = {name: index for index, name in enumerate(BY_NAME)}
    return sorted(columns, key=lambda c: (rank[outcome(c).name], c.startswith(MEASURED)))


def _outcome_field(column: str) -> pa.Field:
    found = outcome(column)
    words = found.description
    if column.startswith(MEASURED):
        base = ", from the measured baseline" if column.endswith(CHANGE) else ""
        words = f"{words}; as measured, with assay or DXA error{base}"
    return _field(column, _REAL, found.unit, words)


def patients_schema(
    columns: Iterable[str],
    identity: Mapping[str, Any],
    theta: Mapping[str, tuple[str, str]],
) -> pa.Schema:
    """Return the schema of `patients.parquet`.

    Args:
        columns: columns that the simulator gives, `theta_` ones included, in any order.
        identity: the part of the manifest that is the same on every machine.
        theta: unit and description of individual parameters, by name without `theta_`.

    Raises:
        ValueError: the simulator gives a column that is neither known nor a `theta_`.
    """
    given = set(columns)
    thetas = sorted(name for name in given if name.startswith(THETA))
    known = {"sex", "weight", *_COVARIATES, *_BASELINES, *_FRACTURES, *_COURSES}
    if unknown := sorted(given - known - set(thetas)):
        raise ValueError(f"patients' columns without a unit and description: {unknown}")
    fields = [
        *_draw_field(identity),
        _field("patient_id", pa.int64(), "", "Person; the same id in two arms is the same person"),
        _field("arm", _WORDS, "", "Treatment arm"),
        _field("sex", _WORDS, "", "'female' or 'male'"),
    ]
    fields += [_field(n, _REAL, *_COVARIATES[n]) for n in _COVARIATES if n in given]
    for name in _BASELINES:
        if name in given:
            base = BY_NAME[name]
            fields.append(_field(name, _REAL, base.unit, f"{base.description}, at baseline"))
    fields += [
        _field("weight", _REAL, "1", "Sampling weight"),
        _field("last_month", _REAL, "month", "Month of dropout, of death, or of the study's end"),
        _field("result_code", pa.int8(), "", "0: has results; else why the visits are null"),
    ]
    fields += [_field(n, *_COURSES[n]) for n in _COURSES if n in given]
    fields += [_field(n, _REAL, *_FRACTURES[n]) for n in _FRACTURES if n in given]
    for name in thetas:
        bare = name.removeprefix(THETA)
        fallback = ("1", f"Individual value of {bare}, relative to the parameter set's")
        fields.append(_field(name, _REAL, *theta.get(bare, fallback)))
    return pa.schema(fields, metadata=_metadata(identity))


def events_schema(identity: Mapping[str, Any], arm: str) -> pa.Schema:
    """Return the schema of one arm's files of fractures and deaths."""
    fields = [
        *_draw_field(identity),
        _field("patient_id", pa.int64(), "", "Person; the same id in two arms is the same person"),
        _field("month", _REAL, "month", "When it happened"),
        _field("event", _WORDS, "", f"What happened: {', '.join(EVENTS)}"),
    ]
    return pa.schema(fields, metadata=_metadata(identity, arm=arm))


_PLACE = (("arm", _WORDS, "", "Treatment arm"),)
_INCIDENCE = (
    ("fracture", _WORDS, "", "vertebral, hip, nonvertebral (hip included), or any"),
    ("month", _REAL, "month", "Nominal month of the visit"),
    ("at_risk", pa.int64(), "1", "Patients who are followed and have not had one"),
    ("fractured", pa.int64(), "1", "Patients who have had one since baseline"),
    ("incidence", pa.float64(), "%", "Cumulative incidence, Kaplan-Meier"),
    ("ci_low", pa.float64(), "%", "Lower 95 % confidence limit; null before the first"),
    ("ci_high", pa.float64(), "%", "Upper 95 % confidence limit; null before the first"),
)
_YEARLY = (
    ("year", pa.int32(), "year", "Year since baseline, from 1"),
    ("patients", pa.float64(), "1", "Patients who begin the year"),
    ("person_years", pa.float64(), "year", "Years that they live in it and are followed"),
    ("fractures_vertebral", pa.float64(), "1", "Morphometric vertebral fractures"),
    ("fractures_hip", pa.float64(), "1", "Hip fractures"),
    ("fractures_nonvertebral", pa.float64(), "1", "Non-vertebral fractures, hip included"),
    ("deaths", pa.float64(), "1", "Deaths"),
    ("left", pa.float64(), "1", "Patients lost to follow-up"),
    ("years_on_treatment", pa.float64(), "year", "Person-years between a first dose and its end"),
)


def incidence_schema(identity: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of `incidence.parquet`."""
    return _of_arms(_INCIDENCE, identity)


def yearly_schema(identity: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of `yearly.parquet`."""
    return _of_arms(_YEARLY, identity)


def _of_arms(rows: Iterable[tuple], identity: Mapping[str, Any]) -> pa.Schema:
    fields = [*(_field(*row) for row in _PLACE), *_draw_field(identity)]
    fields += [_field(*row) for row in rows]
    return pa.schema(fields, metadata=_metadata(identity))


def summary_schema(identity: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of `summary.parquet`; draws of parameters add an interval of the mean."""
    rows = {row[0]: row for row in _SUMMARY}
    if has_draws(identity):
        rows |= {row[0]: row for row in _SUMMARY_OF_DRAWS}
    return pa.schema([_field(*row) for row in rows.values()], metadata=_metadata(identity))


def describe(schemas: Mapping[str, pa.Schema]) -> dict[str, list[dict[str, str]]]:
    """Return what `schema.json` holds: column, type, unit and description by table."""
    tables = {}
    for table, schema in schemas.items():
        tables[table] = [
            {
                "column": field.name,
                "type": "string" if pa.types.is_dictionary(field.type) else str(field.type),
                "unit": (field.metadata or {}).get(b"unit", b"").decode(),
                "description": (field.metadata or {}).get(b"description", b"").decode(),
            }
            for field in schema
        ]
    if "visits" in tables:
        arm = {"column": "arm", "type": "string", "unit": "", "description": "Treatment arm"}
        tables["visits"].insert(0, arm)
    return tables


def outcome_columns(schema: pa.Schema) -> list[str]:
    """Return those columns of a visits schema that hold outcomes."""
    names = {o.name for o in OUTCOMES}
    return [name for name in schema.names if name.removeprefix(MEASURED) in names]
