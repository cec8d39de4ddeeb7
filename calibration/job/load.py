"""A job from its name or path: read, overridden, made whole and checked, before any compute.

load_job("quick", ["fit.steps=50"])  ->  Job
job_text(job)                        ->  the job as resolved, TOML

Nothing here imports JAX.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from calibration.job.checks import check
from calibration.job.schema import Job
from calibration.job.settle import settle
from calibration.job.sources import source_files
from calibration.job.toml_text import toml_text
from cohort.errors import BadInput, did_you_mean
from cohort.resources import bundled
from cohort.trial.problems import Origin, Problem, shape_problems
from cohort.trial.source import Key, apply_overrides, by_flags, locate, read_toml

PETAB = (".yaml", ".yml")  # how the file of a PEtab problem ends


def load_job(
    name_or_path: str | Path, overrides: Sequence[str] = (), *, seed: int | None = None
) -> Job:
    """Read a job by its name or path, put overrides in, and check it whole.

    Args:
        name_or_path: a bundled job's name, or the path of a job file or PEtab problem.
        overrides: `key=value` with dotted keys, as `--config` takes them.
        seed: replaces the job's own.

    Raises:
        BadInput: every problem of the job, its trials' tables and the overrides, one sentence each.
    """
    path = locate_job(name_or_path)
    label = f"jobs/{path.name}" if str(name_or_path) in bundled("jobs") else str(path)
    given = [*overrides, *([] if seed is None else [f"seed={seed}"])]
    raw, places, sentences = apply_overrides(_read(path), given)
    raw.setdefault("name", path.stem)
    problems = settle(raw, path.parent)
    job, found = parse(raw)
    problems += found
    origin = Origin(label, places, raw)
    flags = {} if seed is None else {"seed": "--seed"}
    sentences += [by_flags(origin.sentence(p), flags) for p in dict.fromkeys(problems)]
    if sentences or job is None:
        raise BadInput(sentences)
    return job


def _read(path: Path) -> dict[str, Any]:
    """Return the raw table of a job file; of a PEtab problem, the job that is nothing but it."""
    if path.suffix not in PETAB:
        return read_toml(path)
    return {"name": f"{path.parent.resolve().name}_{path.stem}", "petab": path.name}


def parse(raw: dict[str, Any]) -> tuple[Job | None, list[Problem]]:
    """Return the job of a settled table, and everything that is wrong with it.

    A value of the wrong shape is set aside, so that what the rest means is checked all the same.
    """
    problems: list[Problem] = []
    for _ in range(4):  # a table that is set aside may leave another one incomplete
        try:
            job = Job.model_validate(raw)
        except ValidationError as error:
            problems += shape_problems(error, Job)
            raw = _without(raw, [tuple(e["loc"]) for e in error.errors()])
            continue
        seen = {problem.place for problem in problems}
        problems += [p for p in check(job) if not any(_inside(p.place, place) for place in seen)]
        return job, problems
    return None, problems


def _inside(place: Key, outer: Key) -> bool:
    return place[: len(outer)] == outer or outer[: len(place)] == place


def _without(raw: dict[str, Any], places: Sequence[Key]) -> dict[str, Any]:
    """Return a table without the keys at these places; of a list, the whole list goes."""
    kept = dict(raw)
    for place in places:
        here: Any = kept
        for depth, step in enumerate(place):
            last = depth == len(place) - 1 or not isinstance(here.get(step), dict)
            if last:
                here.pop(step, None)
                break
            here[step] = dict(here[step])
            here = here[step]
    return kept


def locate_job(name_or_path: str | Path) -> Path:
    """Return the file of a job: a bundled one by its name, else a path, also of a PEtab problem.

    Raises:
        BadInput: there is no such bundled job and no such file.
    """
    path = Path(name_or_path)
    if path.suffix in PETAB and not path.is_file():
        near = [str(other) for other in path.parent.glob("*.y*ml")]
        raise BadInput(f"{path}: there is no such file.{did_you_mean(str(path), near)}")
    return locate(name_or_path, bundled("jobs"), "job", "jobs", inside="job.toml")


def job_table(job: Job) -> dict[str, Any]:
    """Return the job in JSON's types, every default written out."""
    return job.model_dump(mode="json", exclude_none=True)


def job_text(job: Job) -> str:
    """Return the job as resolved, as a job file that gives the same job."""
    return toml_text(job_table(job))


def job_hash(job: Job) -> str:
    """Return the SHA-256 of everything that decides a job's numbers.

    It covers the job as resolved without its words, the version, and the bytes of every data file
    that the job reads: two jobs with one hash give one result.
    """
    files = {label: _digest(path) for label, path in sorted(source_files(job).items())}
    table = {key: value for key, value in job_table(job).items() if key != "about"}
    identity = {"job": table, "version": version("bone-cohort"), "files": files}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
