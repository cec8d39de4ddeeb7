"""The study: read, overridden, checked whole, and turned into doses, before any compute.

load_study("freedom", ["patients=500"])  ->  Study
arm_courses(study)                       ->  doses that every arm plans, background included
study_courses(study)                     ->  what decisions within the trial may make of them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cohort.errors import BadInput
from cohort.patients.population import load_population
from cohort.resources import bundled_studies
from cohort.therapy import load_therapy
from cohort.trial.checks import check
from cohort.trial.courses import Courses, courses_of
from cohort.trial.doses import read_course
from cohort.trial.problems import Origin, shape_problems
from cohort.trial.regimen import DoseCourse
from cohort.trial.schema import Arm, Rule, Study, Treatment
from cohort.trial.settle import settle
from cohort.trial.source import apply_overrides, locate_study, read_toml
from cohort.units import DAYS_PER_MONTH

__all__ = [
    "Arm",
    "DoseCourse",
    "Rule",
    "Study",
    "Treatment",
    "arm_courses",
    "followed_throughout",
    "json_schema",
    "load_study",
    "parse_study",
    "resolved",
    "study_courses",
]


def load_study(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Study:
    """Read a study by its name or path, put overrides in, and check it whole.

    Args:
        name_or_path: a bundled study's name, or the path of a study file.
        overrides: `key=value` with dotted keys, as `--config` takes them.

    Raises:
        BadInput: every problem of the study and the overrides, one sentence each.
    """
    path = locate_study(name_or_path)
    label = _label(path) if str(name_or_path) in bundled_studies() else str(path)
    study = parse_study(read_toml(path), label=label, folder=path.parent, overrides=overrides)
    study._path = path
    return study


def _label(path: Path) -> str:
    """Name a bundled study's file shortly: `freedom/trial.toml`, `protocols/NAME.toml`."""
    return f"{path.parent.name}/{path.name}"


def parse_study(
    document: Mapping[str, Any],
    *,
    label: str = "study",
    folder: Path | None = None,
    overrides: Sequence[str] = (),
) -> Study:
    """Check a study that is already a table (from Python, or from a manifest).

    Args:
        document: the table, with the keys of a study file.
        label: what messages call it.
        folder: where the files lie that it names; the working folder if left out.
        overrides: `key=value` with dotted keys.

    Raises:
        BadInput: every problem, one sentence each.
    """
    raw, places, sentences = apply_overrides(_stated(document), overrides)
    problems = settle(raw, folder or Path.cwd())
    problems += check(raw)
    study = None
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        problems = shape_problems(error, Study) + problems
    origin = Origin(label, places, raw)
    sentences += [origin.sentence(problem) for problem in dict.fromkeys(problems)]
    if sentences or study is None:
        raise BadInput(sentences)
    return study


def _stated(value: Any) -> Any:
    """Leave out the keys that hold nothing: a manifest writes every default, TOML has no null."""
    if isinstance(value, Mapping):
        return {key: _stated(inner) for key, inner in value.items() if inner is not None}
    return [_stated(inner) for inner in value] if isinstance(value, list) else value


def arm_courses(study: Study) -> dict[str, tuple[DoseCourse, ...]]:
    """Return the courses of doses of every arm by its name, background included.

    What every member of the population is on already comes first.

    Args:
        study: a study as `load_study` returns it.
    """
    return {arm.name: _courses(arm, study) for arm in study.arms}


def _courses(arm: Arm, study: Study) -> tuple[DoseCourse, ...]:
    until = study.last_month * DAYS_PER_MONTH
    already = load_population(study.population.name).treatments
    sentences = tuple(
        read_course(treatment.model_dump(), load_therapy(treatment.therapy), until)
        for treatment in (*already, *arm.treatments, *study.background)
    )
    rows = tuple(
        DoseCourse(row.therapy, row.route, row.amt, row.time, row.ii, row.addl + 1)
        for row in arm.event_rows
    )
    return (*sentences, *rows)


def study_courses(study: Study) -> dict[str, Courses]:
    """Return the courses of treatment of every arm by its name: what its decisions may lead to.

    Args:
        study: a study as `load_study` returns it.
    """
    end = study.last_month * DAYS_PER_MONTH
    planned = arm_courses(study)
    return {arm.name: courses_of(arm, planned[arm.name], end) for arm in study.arms}


def resolved(study: Study) -> dict[str, Any]:
    """Return the study in JSON's types, every default written out: what a manifest holds."""
    return study.model_dump(mode="json")


def followed_throughout(study: Study) -> dict[str, Any]:
    """Return the study as `resolved`, but that nobody leaves it or misses a visit."""
    table = resolved(study)
    del table["dropout"]
    table["visits"].pop("missed", None)
    for arm in table["arms"]:
        arm.pop("annual_dropout", None)
    return table


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a study file."""
    schema = Study.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
