"""A job whose rows, parameters and errors stand in PEtab tables of this model.

What the tables say is the job's: rows with their errors and offsets, free parameters with priors,
bounds and ties, every parameter's value, the limit of the loss. What PEtab has no place for (the
persons of a cohort, where a user's own trials lie) stands under `job` in the model's file, as
defaults that a job file or `--config` may replace.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibration.job.schema import Job, Targets
from cohort.errors import BadInput
from cohort.trial.problems import Problem

if TYPE_CHECKING:
    from calibration.exchange.petab_import import Exchanged

_PLACE = ("petab",)
NATURAL_HISTORY = "natural_history"
_FILTERS = ("exclude", "arms", "endpoints", "verification", "sex", "emphasis")


def read_tables(path: str) -> Exchanged:
    """Return what a PEtab problem says; read once while its files stay as they are.

    Raises:
        BadInput: a file cannot be read, or what stands there is none of this model.
    """
    folder = os.path.dirname(path)
    state = tuple(
        (entry.name, entry.stat().st_mtime_ns, entry.stat().st_size)
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
    )
    return _read(path, state)


@lru_cache(maxsize=4)
def _read(path: str, _: tuple[tuple[str, int, int], ...]) -> Exchanged:
    from calibration.exchange.petab_import import import_petab

    return import_petab(Path(path))


def settle_tables(document: dict[str, Any]) -> list[Problem]:
    """Put what its PEtab tables say into a raw job; return what stood in the way.

    Args:
        document: the raw job; `petab` is an absolute path.
    """
    path = document["petab"]
    if not os.path.isfile(path):
        return [Problem(_PLACE, f"{path}: there is no such file.")]
    try:
        found = read_tables(path)
    except BadInput as error:
        return [Problem(_PLACE, sentence) for sentence in error.problems]
    for key, told in found.job.items():
        stated = document.setdefault(key, {})
        if isinstance(stated, dict):
            document[key] = {**told, **stated}
    trials = list(dict.fromkeys(target.row.trial for target in found.targets))
    targets = document.setdefault("targets", {})
    if not isinstance(targets, dict):  # told where the job's shape is checked
        return []
    targets.setdefault("trials", [name for name in trials if name != NATURAL_HISTORY])
    problems = [
        Problem(("targets", key), "the PEtab tables say which rows are fitted; leave it out.")
        for key in _FILTERS
        if key in targets and not _is_default(key, targets[key])
    ]
    return problems + [
        problem
        for place, value in _told(found, NATURAL_HISTORY in trials).items()
        for problem in _put(document, place, value)
    ]


def _told(found: Exchanged, lives: bool) -> dict[tuple[str, str], Any]:
    """Return what the tables say, by the job's keys."""
    leaders: dict[str, list[str]] = {}
    for follower, leader in found.followers.items():
        leaders.setdefault(leader, [leader]).append(follower)
    fields = ("centre", "sd", "low", "high", "source")
    prior = {free.name: {f: getattr(free, f) for f in fields} for free in found.free}
    return {
        ("parameters", "free"): [free.name for free in found.free],
        ("parameters", "prior"): prior,
        ("parameters", "tied"): [{"names": names} for names in leaders.values()],
        ("parameters", "fix"): {},
        ("parameters", "fixed"): [],
        ("start", "values"): dict(found.values),
        ("noise", "huber"): found.huber,
        ("targets", "natural_history"): lives,
        ("targets", "spread"): False,
    }


def _put(document: dict[str, Any], place: tuple[str, str], value: Any) -> list[Problem]:
    """Set a key that is not stated; one that is stated otherwise is a problem."""
    table, key = place
    own = document.setdefault(table, {})
    if not isinstance(own, dict):
        return []
    if key in own and own[key] != value:
        return [Problem(place, "the PEtab tables say otherwise; change it there, or leave it out.")]
    own[key] = value
    return []


def _is_default(key: str, value: Any) -> bool:
    default = Targets.model_validate({}).model_dump(mode="json")[key]
    return value == default


def table_files(job: Job) -> dict[str, Path]:
    """Return the files of a job's PEtab problem by a label."""
    if job.petab is None:
        return {}
    folder = Path(job.petab).parent
    named = [Path(job.petab), *sorted(folder.glob("*.tsv")), *sorted(folder.glob("*.toml"))]
    return {f"petab/{path.name}": path for path in named}
