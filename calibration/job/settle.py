"""Make a raw job whole: paths absolute, the table of priors read in.

After this a job stands on its own: the same table, written to a results folder, is the same job.
"""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import Any

from calibration.job.tables import settle_tables
from cohort.errors import did_you_mean
from cohort.model.parameters import PARAMETERS
from cohort.resources import bundled
from cohort.trial.problems import Problem

_TABLE = ("parameters", "table")
_NUMBERS = {"prior": "centre", "sd": "sd", "low": "low", "high": "high"}
_DECLARED = ("unit", "scale")
_OTHERS = ("group", "name", "evidence", "meaning", "source")
COLUMNS = (*_OTHERS, *_DECLARED, *_NUMBERS)


def settle(document: dict[str, Any], folder: Path) -> list[Problem]:
    """Rewrite a raw job in place; return what stood in the way.

    Args:
        document: the raw job.
        folder: the job file's folder, to which paths are relative.
    """
    problems: list[Problem] = []
    if isinstance(document.get("petab"), str):
        document["petab"] = absolute(document["petab"], folder)
        problems += settle_tables(document)
    start, targets = document.get("start"), document.get("targets")
    if isinstance(start, dict) and str(start.get("set", "")).endswith(".toml"):
        start["set"] = absolute(start["set"], folder)
    if isinstance(targets, dict):
        for key in ("trials", "exclude"):
            if isinstance(targets.get(key), list):
                targets[key] = [_trial(word, folder) for word in targets[key]]
    parameters = document.get("parameters")
    if isinstance(parameters, dict) and isinstance(parameters.get("table"), str):
        problems += _read_priors(parameters, Path(absolute(parameters.pop("table"), folder)))
    return problems


def absolute(word: str, folder: Path) -> str:
    """Return the absolute path of a file named in a job: beside it, else beside where we are."""
    written = os.path.expanduser(word)
    beside = os.path.abspath(os.path.join(folder, written))
    here = os.path.abspath(written)
    return here if os.path.exists(here) and not os.path.exists(beside) else beside


def _trial(word: Any, folder: Path) -> Any:
    """Make a trial's path absolute; a name stays a name."""
    if not isinstance(word, str) or word in bundled("trials"):
        return word
    path = absolute(word, folder)
    if os.path.basename(path) == "trial.toml":
        path = os.path.dirname(path)
    return path if os.path.isdir(path) or os.sep in word else word


def _read_priors(parameters: dict[str, Any], path: Path) -> list[Problem]:
    """Put a table's priors under those that the job states itself."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns, records = list(reader.fieldnames or ()), list(reader)
    except (OSError, ValueError, csv.Error) as error:  # of the file, its text, or the path itself
        reason = getattr(error, "strerror", None) or error
        return [Problem(_TABLE, f"{path} cannot be read: {reason}.")]
    sentences = [
        f"{path}: the column '{name}' is unknown; allowed is {', '.join(COLUMNS)}."
        + did_you_mean(str(name), COLUMNS)
        for name in columns
        if name not in COLUMNS
    ]
    if "name" not in columns:
        sentences.append(f"{path}: the column 'name' is missing.")
    else:
        stated = parameters.setdefault("prior", {})
        for number, record in enumerate(records, start=2):
            prior = _prior(record, f"{path}:{number}", sentences)
            own = stated.get(record["name"], {}) if isinstance(stated, dict) else None
            if prior and isinstance(own, dict):
                stated[record["name"]] = prior | own
    return [Problem(_TABLE, sentence) for sentence in sentences]


def _prior(record: dict[str, str], where: str, sentences: list[str]) -> dict[str, Any]:
    """Return the prior of one line, without the cells that are empty."""
    name = record["name"] or ""
    declared = PARAMETERS.get(name)
    if declared is None:
        near = did_you_mean(name, PARAMETERS)
        sentences.append(f"{where}: '{name}' is not a parameter of the model.{near}")
        return {}
    for column in _DECLARED:
        found = (record.get(column) or "").strip()
        wanted = getattr(declared, column)
        if found and found != wanted:
            sentences.append(
                f"{where}: the {column} of {name} is '{found}'; it is declared as '{wanted}'."
            )
    prior: dict[str, Any] = {}
    for column, key in _NUMBERS.items():
        text = (record.get(column) or "").strip()
        try:
            number = float(text) if text else None
        except ValueError:
            number = math.nan
        if number is not None and not math.isfinite(number):
            sentences.append(f"{where}: {column} is '{text}'; a finite number is needed.")
        elif number is not None:
            prior[key] = number
    if source := (record.get("source") or "").strip():
        prior["source"] = source
    return prior
