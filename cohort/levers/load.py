"""A sensitivity job from its name or path: read, overridden and checked, before any compute.

load_job("screening", ["method.samples=10"])  ->  Prepared

Nothing here imports JAX.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cohort.errors import BadInput
from cohort.levers.checks import check
from cohort.levers.design import Design
from cohort.levers.factors import Factor, job_factors
from cohort.levers.schema import Job
from cohort.resources import bundled, bundled_studies
from cohort.trial.problems import Origin, shape_problems
from cohort.trial.schema import Study
from cohort.trial.source import apply_overrides, by_flags, locate, read_toml
from cohort.trial.study import load_study

KIND = "sensitivity"


@dataclass(frozen=True)
class Prepared:
    """A checked job, and what it names.

    Attributes:
        job: the job.
        study: its study, with the job's overrides, accuracy and number of persons.
        factors: what is varied.
    """

    job: Job
    study: Study
    factors: tuple[Factor, ...]

    @property
    def design(self) -> Design:
        """Return where the job looks."""
        job = self.job
        return Design(self.factors, job.method, job.seed, job.correlations)


def load_job(
    job: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), *, seed: int | None = None
) -> Prepared:
    """Read a job, put overrides in, and check it whole.

    Args:
        job: a bundled job's name, the path of a job file, or a job's table.
        overrides: `key=value` with dotted keys, as `--config` takes them.
        seed: replaces the job's own.

    Raises:
        BadInput: every problem of the job, its study and the overrides, one sentence each.
    """
    if isinstance(job, Mapping):
        label, raw, folder = "job", dict(job), Path.cwd()
        raw.setdefault("name", KIND)
    else:
        path = locate_job(job)
        label = f"{KIND}/{path.name}" if str(job) in bundled(KIND) else str(path)
        raw, folder = read_toml(path), path.parent
        raw.setdefault("name", path.stem)
    given = [*overrides, *([] if seed is None else [f"seed={seed}"])]
    table, places, sentences = apply_overrides(raw, given)
    if isinstance(table.get("study"), str):
        table["study"] = _study_path(table["study"], folder)
    origin = Origin(label, places, table)
    try:
        checked = Job.model_validate(table)
    except ValidationError as error:
        found = [origin.sentence(p) for p in shape_problems(error, Job)]
        flags = {} if seed is None else {"seed": "--seed"}
        raise BadInput([*sentences, *(by_flags(words, flags) for words in found)]) from None
    study = _study(checked, f"{label}: study", sentences)
    if study is not None:
        sentences += [origin.sentence(problem) for problem in check(checked, study)]
    if sentences or study is None:
        raise BadInput(list(dict.fromkeys(sentences)))
    return Prepared(checked, study, job_factors(checked, study))


def _study(job: Job, label: str, sentences: list[str]) -> Study | None:
    """Return the job's study, or None where it is not valid, which is then told."""
    cohort = job.cohort
    own = [*job.config, f"engine.accuracy={cohort.accuracy}", f"patients={cohort.persons}"]
    try:
        return load_study(job.study, own)
    except BadInput as error:
        sentences += [f"{label}: {problem}" for problem in error.problems]
        return None


def _study_path(word: str, folder: Path) -> str:
    """Make a study's path absolute; a bundled study's name stays a name."""
    if word in bundled_studies() or not (word.endswith(".toml") or os.sep in word):
        return word
    written = os.path.expanduser(word)
    beside, here = os.path.abspath(os.path.join(folder, written)), os.path.abspath(written)
    return here if os.path.exists(here) and not os.path.exists(beside) else beside


def locate_job(name_or_path: str | Path) -> Path:
    """Return the file of a job: a bundled one by its name, else a path.

    Raises:
        BadInput: there is no such bundled job and no such file.
    """
    return locate(name_or_path, bundled(KIND), "sensitivity job", KIND)
