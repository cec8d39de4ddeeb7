"""What decides a sensitivity job's numbers: equal identities give the same bytes."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cohort.errors import BadInput
from cohort.levers.factors import job_factors
from cohort.levers.load import KIND, Prepared
from cohort.levers.schema import Job
from cohort.model.parameters import parameter_set
from cohort.results.reader import read_manifest
from cohort.results.schema import canonical_json
from cohort.trial.study import parse_study, resolved

FORMAT = 1
_NOT_IDENTITY = ("block_size", "max_failed")
_NOT_NUMBERS = ("about", "max_failed")


def identity(prepared: Prepared) -> dict[str, Any]:
    """Return the job and the study as resolved, the parameter set's hash and the version."""
    study = resolved(prepared.study)
    for key in _NOT_IDENTITY:
        study["engine"].pop(key)
    job = prepared.job.model_dump(mode="json", exclude=set(_NOT_NUMBERS))
    chosen = parameter_set(prepared.study.parameters.set)
    return {
        "format": FORMAT,
        "kind": KIND,
        "name": prepared.job.name,
        "seed": prepared.job.seed,
        "job": job | {"study": prepared.study.name},
        "study": study,
        "parameter_set": chosen.name,
        "parameter_hash": chosen.hash,
        "version": version("bone-cohort"),
    }


def identity_hash(found: dict[str, Any]) -> str:
    """Return the SHA-256 of an identity."""
    return hashlib.sha256(canonical_json(found).encode()).hexdigest()


def begun(folder: Path) -> Prepared:
    """Return the job of which a folder holds results, or a beginning of them.

    Raises:
        BadInput: no sensitivity job is there, or it was begun with another version or parameter
            set, whose numbers differ.
    """
    manifest = read_manifest(folder)
    if manifest.get("kind") != KIND:
        raise BadInput(f"{folder} holds no sensitivity job; `cohort sensitivity JOB` makes one.")
    job = Job.model_validate(manifest["job"] | {"max_failed": manifest["max_failed"]})
    study = parse_study(manifest["study"], label="manifest.json")
    prepared = Prepared(job, study, job_factors(job, study))
    if identity_hash(identity(prepared)) != manifest["hash"]:
        raise BadInput(
            f"{folder} was begun with version {manifest['version']} and parameter hash "
            f"{manifest['parameter_hash'][:12]}; this is another, whose numbers differ. Repeat the "
            "job with --overwrite, or finish it with those."
        )
    return prepared
