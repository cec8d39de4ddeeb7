"""A job's fit as PEtab tables from which the same problem can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibration.exchange.petab import export_petab
from calibration.job.load import job_table
from calibration.job.parameters import followers, free_parameters
from calibration.job.schema import Job
from calibration.job.selection import select
from calibration.problem import Problem


def export_job(folder: Path, job: Job, problem: Problem, values: Mapping[str, float]) -> Path:
    """Write a fit as PEtab tables; return the path of `problem.yaml`.

    Args:
        folder: where.
        job: the job.
        problem: with the errors of the fit's end.
        values: fitted value of every parameter.
    """
    errors = problem.likelihood.error().tolist()
    return export_petab(
        folder,
        [replace(target, error=e) for target, e in zip(problem.targets, errors, strict=True)],
        free_parameters(job),
        values,
        problem.offset,
        problem.studies,
        name=job.name,
        followers=followers(job),
        huber=job.noise.huber,
        job=_beside(job),
    )


def _beside(job: Job) -> dict[str, Any]:
    """Return what of a job decides its loss and has no place in PEtab's tables."""
    table, used = job_table(job), [chosen.source for chosen in select(job).trials]
    return {
        "start": {"set": table["start"]["set"]},
        "targets": {"trials": [str(own.folder) if own.own else own.name for own in used]},
        "noise": {key: value for key, value in table["noise"].items() if key != "huber"},
        "cohort": table["cohort"],
    }
