"""PEtab v2 tables of a fit, written for other tools.

What PEtab can hold is held exactly:

- a log parameter is estimated in its own unit with a `log-normal` prior, cut off at its bounds;
- a fraction `p` is estimated as `logit_p` with a `normal` prior, and a condition that every
  experiment has sets `p = 1 / (1 + exp(-logit_p))`; tied parameters are set there too;
- the offset that the rows of one trial and quantity share is a parameter of its own, standard
  normal, which the observable adds times its standard deviation; integrating over these parameters
  gives the likelihood of the fit;
- the noise of a row is normal with the row's own standard deviation.

What PEtab cannot hold: the model, which is a simulated trial and no set of reactions, so
`model_files` names the language `bone-cohort` (no tool but this one simulates it) and `model.toml`
says what its inputs and outputs are; and the tail of the likelihood, linear beyond `huber` standard
deviations, which `model.toml` states. Months are the unit of time. Columns that PEtab does not
define carry the published row itself, so that reading the tables gives the same targets again
(`calibration.exchange.petab_import`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from calibration.exchange.names import (
    INPUTS,
    LANGUAGE,
    LOGIT,
    MODEL,
    STATISTICS,
    fraction,
    observable,
    offset_name,
    output,
    slug,
    unique,
)
from calibration.exchange.tables import write_table
from calibration.job.parameters import FreeParameter
from calibration.job.toml_text import toml_text
from calibration.targets import Target
from cohort.analysis.compare import ArmFacts, Reference, arms_of, reference_of
from cohort.model.parameters import PARAMETERS
from cohort.results.published import PublishedRow
from cohort.results.writer import atomic_write
from cohort.trial.schema import Study
from cohort.trial.study import resolved

PROBLEM = "problem.yaml"
FILES = {
    "parameter_files": "parameters.tsv",
    "observable_files": "observables.tsv",
    "measurement_files": "measurements.tsv",
    "condition_files": "conditions.tsv",
    "experiment_files": "experiments.tsv",
}
"""Key of the problem file -> table."""

SCALES = "scales"
"""Condition of every experiment that sets what is estimated on another scale, and what is tied."""

REACH = 10.0
"""Bounds of the offsets, in standard deviations: beyond any that a trial can have."""

Setting = tuple[str, str, str]
"""What a condition is about: trial, arm, and against what the change is."""


class _Arms(NamedTuple):
    """Numbers of all arms, and the facts that resolve what a row is compared with."""

    numbers: Mapping[tuple[str, str], int]
    facts: Mapping[str, Mapping[str, ArmFacts]]

    def reference(self, row: PublishedRow) -> Reference:
        return reference_of(row, self.facts.get(row.trial, {})) or Reference()


def export_petab(
    folder: Path,
    targets: Sequence[Target],
    free: Sequence[FreeParameter],
    values: Mapping[str, float],
    offset: np.ndarray,
    studies: Mapping[str, Study],
    *,
    name: str,
    followers: Mapping[str, str] | None = None,
    huber: float = math.inf,
    job: Mapping[str, Any] | None = None,
) -> Path:
    """Write a fit as PEtab v2 tables.

    Args:
        folder: where; made where it is missing.
        targets: the rows that are fitted.
        free: the free parameters with priors and bounds.
        values: value of every parameter of the model, natural units.
        offset: standard deviation of the trial's offset in each row, percent, `(row,)`.
        studies: study of every trial by name.
        name: of the job; the problem's identifier.
        followers: tied parameter -> the free one whose multiple it is.
        huber: standard deviations beyond which a residual counts linearly.
        job: tables of the job that PEtab has no place for; `model.toml` holds them.

    Returns:
        Path of `problem.yaml`.
    """
    followers = followers or {}
    arms = _arms(targets, studies)
    settings = list(dict.fromkeys(_setting(target.row) for target in targets))
    experiments = dict(zip(settings, unique(slug(*words) for words in settings), strict=True))
    scales = _scales(free, values, followers)
    tables = {
        "parameter_files": [
            *_parameters(free, values, followers),
            *_offsets(targets, offset),
        ],
        "observable_files": _observables(targets),
        "measurement_files": [
            _measurement(target, float(sd), experiments)
            for target, sd in zip(targets, offset, strict=True)
        ],
        "condition_files": [*scales, *_conditions(targets, experiments, arms)],
        "experiment_files": _experiments(experiments.values(), bool(scales)),
    }
    for key, records in tables.items():
        write_table(folder / FILES[key], records)
    _write_text(folder / "model.toml", _model(arms, targets, huber, job or {}))
    _write_text(folder / PROBLEM, _problem(name))
    return folder / PROBLEM


def _arms(targets: Sequence[Target], studies: Mapping[str, Study]) -> _Arms:
    """Number the arms: those of every study, then those of natural history."""
    used = list(dict.fromkeys(target.row.trial for target in targets))
    facts = {name: arms_of(resolved(studies[name])) for name in used if name in studies}
    known = [(trial, arm) for trial, arms in facts.items() for arm in arms]
    known += [(target.row.trial, target.row.arm) for target in targets]
    return _Arms({key: i for i, key in enumerate(dict.fromkeys(known), 1)}, facts)


def _setting(row: PublishedRow) -> Setting:
    return row.trial, row.arm, row.versus


def _parameters(
    free: Sequence[FreeParameter], values: Mapping[str, float], followers: Mapping[str, str]
) -> list[dict[str, object]]:
    estimated = {parameter.name: parameter for parameter in free}
    return [
        _free(estimated[name], value) if name in estimated else _fixed(name, value)
        for name, value in values.items()
        if name not in followers
    ]


def _free(parameter: FreeParameter, value: float) -> dict[str, object]:
    on = PARAMETERS[parameter.name].to_scale
    logit = parameter.scale == "logit"
    low, high, nominal = parameter.low, parameter.high, value
    if logit:
        low, high, nominal = on(low), on(high), on(nominal)
    return {
        "parameterId": (LOGIT if logit else "") + parameter.name,
        "parameterName": PARAMETERS[parameter.name].doc,
        "lowerBound": low,
        "upperBound": high,
        "nominalValue": nominal,
        "estimate": True,
        "priorDistribution": "normal" if logit else "log-normal",
        "priorParameters": f"{on(parameter.centre)!r};{parameter.sd!r}",
        "source": parameter.source,
    }


def _fixed(name: str, value: float) -> dict[str, object]:
    return {
        "parameterId": name,
        "parameterName": PARAMETERS[name].doc,
        "lowerBound": "",
        "upperBound": "",
        "nominalValue": value,
        "estimate": False,
        "priorDistribution": "",
        "priorParameters": "",
        "source": PARAMETERS[name].source,
    }


def _offsets(targets: Sequence[Target], offset: np.ndarray) -> list[dict[str, object]]:
    blocks = dict.fromkeys(t.block for t, sd in zip(targets, offset, strict=True) if sd > 0)
    return [
        {
            "parameterId": offset_name(block),
            "parameterName": f"offset of {block[0]} in {block[1]}, in standard deviations",
            "lowerBound": -REACH,
            "upperBound": REACH,
            "nominalValue": 0.0,
            "estimate": True,
            "priorDistribution": "normal",
            "priorParameters": "0.0;1.0",
            "source": "trials of the same treatment differ",
        }
        for block in blocks
    ]


def _observables(targets: Sequence[Target]) -> list[dict[str, object]]:
    first = {observable(target): target for target in targets}
    return [
        {
            "observableId": name,
            "observableFormula": f"{output(target)} + offsetSd_{name} * offset_{name}",
            "observablePlaceholders": f"offsetSd_{name};offset_{name}",
            "noiseFormula": f"noiseSd_{name}",
            "noisePlaceholders": f"noiseSd_{name}",
            "noiseDistribution": "normal",
            "observableName": f"{target.block[1]}, percent",
        }
        for name, target in first.items()
    ]


def _measurement(
    target: Target, offset: float, experiments: Mapping[Setting, str]
) -> dict[str, object]:
    row = target.row
    return {
        "observableId": observable(target),
        "experimentId": experiments[_setting(row)],
        "measurement": row.value,
        "time": row.month,
        "observableParameters": f"{offset!r};{offset_name(target.block) if offset > 0 else 0}",
        "noiseParameters": target.error,
        "datasetId": slug(*target.block),
        "replicateId": slug(row.row_id),
        "sampling": target.sampling,
        "quantity": target.block[1],
        "rowId": row.row_id,
        "trial": row.trial,
        "arm": row.arm,
        "versus": row.versus,
        "endpoint": row.endpoint,
        "site": row.site,
        "statistic": row.statistic,
        "unit": row.unit,
        "verification": row.verification,
        "split": row.split,
        "primary": row.primary,
        "low": row.low,
        "high": row.high,
        "standardError": row.standard_error,
        "citation": row.citation,
        "note": row.note,
    }


def _scales(
    free: Sequence[FreeParameter], values: Mapping[str, float], followers: Mapping[str, str]
) -> list[dict[str, object]]:
    """Return the changes of the condition that every experiment has."""
    changes = {p.name: fraction(p.name) for p in free if p.scale == "logit"}
    natural = {p.name: changes.get(p.name, p.name) for p in free}
    for tied, leader in followers.items():
        changes[tied] = f"{values[tied] / values[leader]!r} * {natural.get(leader, leader)}"
    return [
        {"conditionId": SCALES, "targetId": target, "targetValue": value}
        for target, value in changes.items()
    ]


def _conditions(
    targets: Sequence[Target], experiments: Mapping[Setting, str], arms: _Arms
) -> list[dict[str, object]]:
    rows = {_setting(target.row): target.row for target in targets}
    changes = []
    for setting, name in experiments.items():
        row, reference = rows[setting], arms.reference(rows[setting])
        inputs = {
            "arm": arms.numbers[row.trial, row.arm],
            "compared_arm": arms.numbers[row.trial, reference.arm] if reference.arm else 0,
            "since_month": reference.month or 0.0,
        }
        changes += [
            {"conditionId": name, "targetId": target, "targetValue": value}
            for target, value in inputs.items()
        ]
    return changes


def _experiments(names: Iterable[str], scaled: bool) -> list[dict[str, object]]:
    return [
        {"experimentId": name, "time": 0.0, "conditionId": condition}
        for name in names
        for condition in ([SCALES, name] if scaled else [name])
    ]


def _model(arms: _Arms, targets: Sequence[Target], huber: float, job: Mapping[str, Any]) -> str:
    """Return what the model's inputs and outputs are, as TOML."""
    lines = ["# The model of this problem is a simulated trial; other tools cannot run it.", ""]
    lines += [f'language = "{LANGUAGE}"', 'time = "months since entry"']
    if math.isfinite(huber):
        lines += ["# Residuals count linearly beyond so many standard deviations."]
        lines += [f"huber = {huber!r}"]
    lines += ["", "[inputs]", *(f"{key} = {_quoted(words)}" for key, words in INPUTS.items())]
    lines += ["", "[outputs]"]
    for name in dict.fromkeys(output(target) for target in targets):
        words, _, column = name.partition("_")
        text = f"{STATISTICS[words]} over the persons of the arm of {column}, percent"
        lines.append(f"{name} = {_quoted(text)}")
    for (trial, arm), index in arms.numbers.items():
        lines += ["", "[[arms]]", f"number = {index}", f"trial = {_quoted(trial)}"]
        lines.append(f"arm = {_quoted(arm)}")
    if job:
        lines += ["", toml_text({"job": job}).rstrip()]
    return "\n".join(lines) + "\n"


def _problem(name: str) -> str:
    lines = ["format_version: 2.0.0", f"id: {slug(name)}"]
    for key, file in FILES.items():
        lines += [f"{key}:", f"  - {file}"]
    lines += [
        "model_files:",
        f"  {MODEL}:",
        "    location: model.toml",
        f"    language: {LANGUAGE}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a TOML string: JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False)


def _write_text(path: Path, text: str) -> None:
    atomic_write(path, lambda file: file.write(text.encode()))
