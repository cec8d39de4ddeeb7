"""A search's results folder: whose it is, and what it may hold."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cohort.execute.job_folder import JobFolder, held
from cohort.model.parameters import parameter_set
from cohort.results.schema import canonical_json
from cohort.search.load import Prepared, parse_search
from cohort.trial.evidence import evidence_sentences
from cohort.trial.study import resolved

KIND = "search"
PIECES = ".evaluations"
"""What was computed so far, until the search is complete."""
KNOWN = (
    "manifest.json",
    "schema.json",
    "candidates.parquet",
    "front.parquet",
    "figures",
    PIECES,
)
"""Everything that a search may have written, hence all that `--overwrite` may remove."""
_WORDS = ("title", "description")
_NOT_NUMBERS = ("block_size", "max_failed")


def search_identity(prepared: Prepared) -> dict[str, Any]:
    """Return what decides a search's numbers, in JSON's types, with its hash."""
    search = prepared.search.model_dump(mode="json", exclude_none=True)
    study = resolved(prepared.study)
    parameters = parameter_set(prepared.study.parameters.set)
    identity = {
        "kind": KIND,
        "name": prepared.search.name,
        "seed": prepared.search.seed,
        "version": version("bone-cohort"),
        "parameter_set": parameters.name,
        "parameter_hash": parameters.hash,
        "search": search,
        "cohort": study,
    }
    counted = {key: value for key, value in search.items() if key not in _WORDS}
    engines = [
        {k: v for k, v in table["engine"].items() if k not in _NOT_NUMBERS}
        for table in (counted, study)
    ]
    decides = identity | {"search": counted | {"engine": engines[0]}}
    decides["cohort"] = study | {"engine": engines[1]}
    digest = hashlib.sha256(canonical_json(decides).encode()).hexdigest()
    return identity | {"hash": digest}


@contextlib.contextmanager
def opened(prepared: Prepared, out: Path, *, overwrite: bool = False) -> Iterator[JobFolder]:
    """Hold a results folder for writing (`cohort.execute.job_folder`).

    Args:
        prepared: the search that is to be in the folder.
        out: the folder; made where it is missing.
        overwrite: remove what an earlier search wrote there first, whatever it was.

    Raises:
        BadInput: the folder holds something else, or another process writes it.
        MachineFailure: the folder cannot be made or written.
    """
    identity = search_identity(prepared) | {"evidence": evidence_sentences(_given(prepared))}
    with held(identity, out, KNOWN, overwrite=overwrite) as folder:
        yield folder


def held_search(manifest: Mapping[str, Any]) -> Prepared:
    """Return the search that a manifest describes.

    Raises:
        BadInput: it is not valid in this version.
    """
    return parse_search(manifest["search"], label="manifest.json")


def _given(prepared: Prepared) -> dict[str, Any]:
    """Return a study as manifests hold it whose arms are the options, for its evidence."""
    options = prepared.search.options
    arms = [{"treatments": [{"therapy": t.therapy} for t in o.treatments]} for o in options]
    return resolved(prepared.study) | {"arms": arms}
