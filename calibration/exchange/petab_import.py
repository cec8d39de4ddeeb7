"""PEtab v2 tables of this model, read back: targets, free parameters, values and offsets.

Bounds, priors, nominal values, measurements, their months, noise and offsets may have been changed
by another tool. What a row is (trial, arm, statistic ...) stands in columns of our own, which
have to be there still.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from calibration.exchange.names import LANGUAGE, LOGIT, fraction, observable, offset_name
from calibration.exchange.petab import FILES, SCALES
from calibration.exchange.petab_lint import lint, load_problem
from calibration.exchange.tables import Record, number, read_table
from calibration.job.parameters import FreeParameter
from calibration.targets import Target
from cohort.errors import BadInput, did_you_mean
from cohort.model.parameters import PARAMETERS
from cohort.parameter import Parameter, Scale, value_problems
from cohort.results.published import PublishedRow

_PRIORS = {"log": "log-normal", "logit": "normal"}
_PARAMETER_COLUMNS = ("parameterId", "lowerBound", "upperBound", "nominalValue", "estimate")
_PARAMETER_COLUMNS += ("priorDistribution", "priorParameters")
_TEXTS = {
    "row_id": "rowId",
    "trial": "trial",
    "arm": "arm",
    "versus": "versus",
    "endpoint": "endpoint",
    "site": "site",
    "statistic": "statistic",
    "unit": "unit",
    "verification": "verification",
    "split": "split",
    "citation": "citation",
    "note": "note",
}
_BLANKS = {"low": "low", "high": "high", "standard_error": "standardError"}
_CONDITION_COLUMNS = ("conditionId", "targetId", "targetValue")
_MEASUREMENT_COLUMNS = ("measurement", "time", "observableParameters", "noiseParameters")
_MEASUREMENT_COLUMNS += ("observableId", "sampling", "quantity", "primary")
_MEASUREMENT_COLUMNS += (*_TEXTS.values(), *_BLANKS.values())


@dataclass(frozen=True)
class Exchanged:
    """A fit as PEtab tables hold it.

    Attributes:
        targets: rows to fit, in the order of the table.
        offset: standard deviation of the trial's offset in each row, percent, `(row,)`.
        free: free parameters with bounds and priors.
        values: value of every parameter of the model, natural units.
        followers: tied parameter -> the free one whose multiple it is.
        huber: standard deviations beyond which a residual counts linearly.
        job: tables of a job that PEtab has no place for: persons, noise, the start's set, trials.
    """

    targets: tuple[Target, ...]
    offset: np.ndarray
    free: tuple[FreeParameter, ...]
    values: Mapping[str, float]
    followers: Mapping[str, str]
    huber: float
    job: Mapping[str, Mapping[str, Any]]


def import_petab(path: Path) -> Exchanged:
    """Read the PEtab tables of this model.

    Args:
        path: `problem.yaml`.

    Raises:
        BadInput: a file cannot be read, PEtab's own checks fail, or what stands there is none of
            this model; all problems at once.
    """
    config = load_problem(path)
    problems = _model_problems(config, path)
    if problems:
        raise BadInput(problems)
    parameters = _records(config, "parameter_files", path, _PARAMETER_COLUMNS)
    measurements = _records(config, "measurement_files", path, _MEASUREMENT_COLUMNS)
    conditions = _records(config, "condition_files", path, _CONDITION_COLUMNS)
    problems = lint(path)
    free, values = _parameters(parameters, problems)
    followers = _followers(conditions, values, problems)
    missing = [name for name in PARAMETERS if name not in values]
    problems += [f"{FILES['parameter_files']}: {name} is missing." for name in missing]
    rows = [_row(where, record, problems) for where, record in measurements]
    if problems:
        raise BadInput(list(dict.fromkeys(problems)))
    targets, offset = zip(*rows, strict=True)
    ordered = {name: values[name] for name in PARAMETERS}
    model = _model(config, path)
    huber, job = float(model.get("huber", math.inf)), model.get("job", {})
    return Exchanged(targets, np.array(offset), tuple(free), ordered, followers, huber, job)


def _model_problems(config: Mapping[str, Any], path: Path) -> list[str]:
    models = config.get("model_files") or {}
    languages = [model["language"] for model in models.values()]
    if languages == [LANGUAGE]:
        return []
    found = ", ".join(languages) or "no model"
    return [f"{path}: model_files has {found}; only one model of the language {LANGUAGE} is read."]


def _records(
    config: Mapping[str, Any], key: str, path: Path, required: Sequence[str]
) -> list[tuple[str, Record]]:
    """Return the records of all tables of one kind, each with its place in words."""
    return [
        (f"{name}, line {line}", record)
        for name in config.get(key) or ()
        for line, record in enumerate(read_table(path.parent / name, required), 2)
    ]


def _parameters(
    records: Sequence[tuple[str, Record]], problems: list[str]
) -> tuple[list[FreeParameter], dict[str, float]]:
    """Read the parameter table: what is free, and every value in natural units."""
    free, values = [], {}
    for where, record in records:
        name = record["parameterId"]
        declared = PARAMETERS.get(name.removeprefix(LOGIT))
        if name.startswith("offset_"):
            continue
        if declared is None or (name.startswith(LOGIT) and declared.scale != "logit"):
            near = did_you_mean(name, PARAMETERS)
            problems.append(f"{where}: {name} is no parameter of the model.{near}")
            continue
        value = number(record["nominalValue"], f"{where}: nominalValue of {name}", problems)
        if name.startswith(LOGIT) and math.isfinite(value):
            value = declared.from_scale(value)
        if math.isfinite(value):
            problems += value_problems(declared, value, f"{where}: nominalValue of {name}")
        values[declared.name] = value
        if record["estimate"] == "true":
            free.append(_free(declared, record, where, problems))
    return free, values


def _free(declared: Parameter, record: Record, where: str, problems: list[str]) -> FreeParameter:
    name, kind = record["parameterId"], record["priorDistribution"]
    logit = name.startswith(LOGIT)
    low, high = (
        number(record[column], f"{where}: {column} of {name}", problems)
        for column in ("lowerBound", "upperBound")
    )
    scale: Scale = "logit" if logit else "log"
    parts = record["priorParameters"].split(";")
    if declared.scale != scale:
        problems.append(f"{where}: {name} is a fraction; estimate {LOGIT}{name} in its place.")
    if kind != _PRIORS[scale] or len(parts) != 2:
        problems.append(
            f"{where}: the prior of {name} is '{kind}' with {len(parts)} parameters; "
            f"allowed is {_PRIORS[scale]} with 2."
        )
        parts = ["0", "1"]
    centre, sd = (number(part, f"{where}: priorParameters of {name}", problems) for part in parts)
    if low >= high or sd <= 0:
        problems.append(f"{where}: {name} needs lowerBound < upperBound and an SD above 0.")
    natural = declared.from_scale if logit else float
    low, high = (
        # There and back by the logit a declared bound may lie a rounding beyond itself.
        bound if math.isclose(natural(value), bound, rel_tol=1e-12) else natural(value)
        for value, bound in zip((low, high), declared.bounds, strict=True)
    )
    return FreeParameter(
        name=declared.name,
        scale=cast(Scale, declared.scale),
        centre=declared.from_scale(centre),
        sd=sd,
        low=low,
        high=high,
        source=record.get("source", ""),
    )


def _followers(
    records: Sequence[tuple[str, Record]], values: dict[str, float], problems: list[str]
) -> dict[str, str]:
    """Read what is tied off the condition that every experiment has, and put in its values."""
    found = {}
    for where, record in records:
        name = record["targetId"]
        if record["conditionId"] != SCALES or record["targetValue"] == fraction(name):
            continue
        ratio, _, rest = record["targetValue"].partition(" * ")
        leader = next((n for n in values if rest in (n, fraction(n))), "")
        if name not in PARAMETERS or not leader:
            problems.append(f"{where}: '{record['targetValue']}' is no multiple of a parameter.")
            continue
        found[name] = leader
        values[name] = number(ratio, f"{where}: the ratio of {name}", problems) * values[leader]
    return found


def _row(where: str, record: Record, problems: list[str]) -> tuple[Target, float]:
    """Read a measurement as a target with the standard deviation of its offset."""

    def get(column: str, *, blank: bool = False) -> float:
        return number(record[column], f"{where}: {column}", problems, blank=blank)

    stated: dict[str, Any] = {field: record[column] for field, column in _TEXTS.items()}
    stated |= {field: get(column, blank=True) for field, column in _BLANKS.items()}
    row = PublishedRow(
        **stated,
        month=get("time"),
        value=get("measurement"),
        primary=record["primary"] == "true",
    )
    offset, _, parameter = record["observableParameters"].partition(";")
    block = row.trial, record["quantity"]
    target = Target(row=row, sampling=get("sampling"), error=get("noiseParameters"), block=block)
    if row.column is None:
        problems.append(f"{where}: the model predicts no {row.endpoint} at '{row.site}'.")
    elif observable(target) != record["observableId"]:
        problems.append(
            f"{where}: observableId is {record['observableId']}, but the row measures "
            f"{observable(target)}."
        )
    sd = number(offset, f"{where}: observableParameters", problems)
    if sd > 0 and parameter != offset_name(block):
        problems.append(
            f"{where}: the offset is {parameter}; that of the row's trial is {offset_name(block)}."
        )
    if target.error <= 0:
        problems.append(f"{where}: noiseParameters is {target.error:g}; it must be above 0.")
    return target, sd


def _model(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return what the model's file says; `lint` has read it by now."""
    (model,) = config["model_files"].values()
    return tomllib.loads((path.parent / model["location"]).read_text(encoding="utf-8"))
