"""A power file from whatever names it: read, overridden and checked, before any compute.

load_power("power.toml", ["grid.participants=[100, 200]"])  ->  Prepared(job, study)

A study is a power file too: its arms against its control, with every default. Nothing here imports
JAX.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cohort.errors import BadInput
from cohort.planning.checks import EVENTS, check
from cohort.planning.designs import Design, cohort_months, designs
from cohort.planning.plan import Plan, make_plan
from cohort.planning.schema import PowerJob
from cohort.resources import bundled_studies
from cohort.results.outcomes import BY_NAME
from cohort.trial import study as trial
from cohort.trial.problems import Origin, Problem, shape_problems
from cohort.trial.schema import Study
from cohort.trial.source import apply_overrides, by_flags, locate_study, read_toml

_FLAGS = {"seed": "--seed", "persons": "--patients"}


@dataclass(frozen=True)
class Prepared:
    """A power file ready to be computed.

    Attributes:
        job: the checked file.
        study: the study of the cohort: paired, nobody leaving, seen at every visit of any design.
        plan: what all designs share.
        designs: the designs.
    """

    job: PowerJob
    study: Study
    plan: Plan
    designs: tuple[Design, ...]

    @property
    def effect_unit(self) -> str:
        """Unit of the estimated effect."""
        if self.job.analysis.method == "responders":
            return "1 (difference of proportions)"
        if self.job.analysis.method == "log_rank":
            return "ln hazard ratio"
        unit = BY_NAME[self.job.endpoint.outcome].unit
        return "percentage points" if unit == "%" else unit


def load_power(
    name_or_path: str | Path | Mapping[str, Any],
    config: Sequence[str] = (),
    *,
    seed: int | None = None,
    persons: int | None = None,
    accuracy: str | None = None,
) -> Prepared:
    """Read a power file or a study, put overrides in, and check it whole.

    Args:
        name_or_path: a bundled study's name, the path of a power or study file, or a power file's
            table.
        config: overrides `key=value` with dotted keys of the power file.
        seed: replaces the file's own.
        persons: replaces the file's own.
        accuracy: `draft`, `default` or `high`, of the study.

    Raises:
        BadInput: every problem of the file, its study and the overrides, one sentence each.
    """
    document, label, folder = _read(name_or_path)
    given = {"seed": seed, "persons": persons}
    overrides = [*config, *(f"{key}={value}" for key, value in given.items() if value is not None)]
    raw, places, sentences = apply_overrides(document, overrides)
    origin = Origin(label, places, raw)
    job, problems = _shaped(raw)
    study = None
    if isinstance(named := raw.get("study"), str):
        try:
            study = _study(raw, named, folder, accuracy)
        except BadInput as error:
            sentences += error.problems
    if job is not None:
        problems += check(job, study)
    sentences += [origin.sentence(problem) for problem in dict.fromkeys(problems)]
    if sentences or job is None or study is None:
        flags = {key: flag for key, flag in _FLAGS.items() if given[key] is not None}
        raise BadInput([by_flags(s, flags) for s in dict.fromkeys(sentences)])
    return Prepared(job, _seen(job, study), make_plan(job, study), tuple(designs(job, study)))


def _read(
    name_or_path: str | Path | Mapping[str, Any],
) -> tuple[dict[str, Any], str, Path]:
    """Return the table of a power file, what messages call it, and the folder of its paths."""
    if isinstance(name_or_path, Mapping):
        return {"name": "power", **name_or_path}, "power", Path.cwd()
    text = str(name_or_path)
    path = locate_study(text)
    document = read_toml(path)
    if text in bundled_studies() or "arms" in document:
        name = document.get("name")
        return {"name": f"{name}-power", "study": text}, text, Path.cwd()
    document.setdefault("name", path.stem)
    return document, str(path), path.parent


def _shaped(raw: Mapping[str, Any]) -> tuple[PowerJob | None, list[Problem]]:
    try:
        return PowerJob.model_validate(raw), []
    except ValidationError as error:
        return None, shape_problems(error, PowerJob)


def _study(raw: Mapping[str, Any], named: str, folder: Path, accuracy: str | None) -> Study:
    """Return the study of the cohort, but for its visits and persons.

    Raises:
        BadInput: the study cannot be used.
    """
    config = raw.get("config", ())
    words = [text for text in config if isinstance(text, str)] if _listed(config) else []
    words += [] if accuracy is None else [f"engine.accuracy={accuracy}"]
    beside = folder / os.path.expanduser(named)
    return trial.load_study(beside if beside.is_file() else named, words)


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _seen(job: PowerJob, study: Study) -> Study:
    """Return the study as the cohort is simulated."""
    name = job.endpoint.outcome
    extra = list(study.outputs.extra)
    extra += [name] if BY_NAME[name].extra and name not in extra else []
    overrides = [
        f"seed={job.seed}",
        f"patients={job.persons}",
        "design=paired",
        f"visits.months={cohort_months(job, study)}",
        f"outputs.extra={json.dumps(extra)}",
        # Deaths come with fractures; where nobody counts them, everybody is seen to the end.
        f"outputs.fractures={json.dumps(name in EVENTS)}",
    ]
    return trial.parse_study(
        trial.followed_throughout(study), label=study.name, overrides=overrides
    )


def job_table(job: PowerJob) -> dict[str, Any]:
    """Return the file in JSON's types, every default written out."""
    return job.model_dump(mode="json", exclude_none=True)
