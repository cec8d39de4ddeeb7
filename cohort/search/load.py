"""A search from whatever names it: read, overridden, made whole and checked, before any compute.

load_search("three_courses", ["patients=64"])  ->  Prepared(search, study)

A study is a search too: its arms are the options of one slot, which lasts to the last visit.
Nothing here imports JAX.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cohort.errors import BadInput
from cohort.resources import bundled, bundled_studies
from cohort.search.checks import check
from cohort.search.schema import STUDY_KEYS, Search
from cohort.therapy import load_therapy
from cohort.trial import study as trial
from cohort.trial.problems import Origin, Problem, shape_problems
from cohort.trial.schema import Study
from cohort.trial.settle import tables
from cohort.trial.source import Key, apply_overrides, by_flags, locate, read_toml
from cohort.trial.visits import MAX_MONTH

_ARM = "untreated"
_OWN_ARMS = ("arms", "visits", "dropout", "measurement", "design", "title", "citation", "doi")
_FLAGS = {"seed": "--seed", "patients": "--patients", "engine.accuracy": "--accuracy"}


@dataclass(frozen=True)
class Prepared:
    """A search ready to be computed.

    Attributes:
        search: the checked search.
        study: its persons, untreated, seen at entry and at the month that counts.
    """

    search: Search
    study: Study


def load_search(
    name_or_path: str | Path,
    config: Sequence[str] = (),
    *,
    seed: int | None = None,
    patients: int | None = None,
    accuracy: str | None = None,
) -> Prepared:
    """Read a search by its name or path, put overrides in, and check it whole.

    Args:
        name_or_path: a bundled search's or study's name, or the path of a file of either kind.
        config: overrides `key=value` with dotted keys, such as `objective.month=60`.
        seed: replaces the search's own.
        patients: replaces the search's own.
        accuracy: `draft`, `default` or `high`.

    Raises:
        BadInput: every problem of the search and the overrides, one sentence each.
    """
    path = locate_search(name_or_path)
    label = f"{path.parent.name}/{path.name}" if _is_bundled(name_or_path) else str(path)
    given = {"seed": seed, "patients": patients, "engine.accuracy": accuracy}
    overrides = [*config, *(f"{k}={v}" for k, v in given.items() if v is not None)]
    document = read_toml(path)
    if "arms" in document and "slots" not in document:
        document = _of_study(path, name_or_path, label)
    try:
        return parse_search(document, label=label, folder=path.parent, overrides=overrides)
    except BadInput as error:
        flags = {key: flag for key, flag in _FLAGS.items() if given[key] is not None}
        raise BadInput([by_flags(text, flags) for text in error.problems]) from None


def locate_search(name_or_path: str | Path) -> Path:
    """Return the file of a search or a study: a bundled one by its name, else a path.

    Raises:
        BadInput: there is no such bundled search or study and no such file.
    """
    known = bundled_studies() | bundled("searches")
    return locate(name_or_path, known, "search", "searches", inside="trial.toml")


def _is_bundled(name_or_path: str | Path) -> bool:
    return str(name_or_path) in bundled_studies() | bundled("searches")


def parse_search(
    document: Mapping[str, Any],
    *,
    label: str = "search",
    folder: Path | None = None,
    overrides: Sequence[str] = (),
) -> Prepared:
    """Check a search that is already a table (from Python, or from a manifest).

    Args:
        document: the table, with the keys of a search file.
        label: what messages call it.
        folder: where the files lie that it names; the working folder if left out.
        overrides: `key=value` with dotted keys.

    Raises:
        BadInput: every problem, one sentence each.
    """
    folder = folder or Path.cwd()
    raw, places, sentences = apply_overrides(document, overrides)
    problems = _settle(raw, folder)
    search, found = _shaped(raw)
    origin = Origin(label, places, raw)
    sentences += [origin.sentence(problem) for problem in dict.fromkeys([*problems, *found])]
    study = None
    try:
        study = _study(raw, label, folder)
    except BadInput as error:
        sentences += error.problems
    if sentences or search is None or study is None:
        raise BadInput(list(dict.fromkeys(sentences)))
    # What the search holds of the study's tables is the study's, so that it stands on its own.
    own = {key: getattr(study, key) for key in STUDY_KEYS}
    return Prepared(search.model_copy(update=own), study)


def _shaped(raw: Mapping[str, Any]) -> tuple[Search | None, list[Problem]]:
    """Return the search of a settled table, and everything that is wrong with it.

    A value of the wrong shape is set aside, so that what the rest means is checked all the same.
    """
    problems: list[Problem] = []
    for _ in range(4):  # a table that is set aside may leave another one incomplete
        try:
            search = Search.model_validate(raw)
        except ValidationError as error:
            problems += shape_problems(error, Search)
            raw = _without(raw, error.errors())
            if isinstance(objective := raw.get("objective"), Mapping):
                # Needed, and set aside: a month that no course is too long for stands in.
                raw["objective"] = {"month": MAX_MONTH} | dict(objective)
            continue
        seen = [problem.place for problem in problems]
        found = [p for p in check(search) if not any(_inside(p.place, place) for place in seen)]
        return (None if problems else search), problems + found
    return None, problems


def _inside(place: Key, outer: Key) -> bool:
    return place[: len(outer)] == outer or outer[: len(place)] == place


def _without(raw: Mapping[str, Any], errors: Sequence[ErrorDetails]) -> dict[str, Any]:
    """Return a table without what has the wrong shape; a table that lacks a key goes as a whole.

    Of a list no member is taken out, which would give the others new numbers: the list goes.
    """
    kept = copy.deepcopy(dict(raw))
    for error in errors:
        place = [*error["loc"]][: -1 if error["type"] == "missing" else None]
        while place and isinstance(place[-1], int):
            place.pop()
        here: Any = kept
        for step in place[:-1]:
            here = _inside_of(here, step)
        if place and isinstance(here, dict):
            here.pop(place[-1], None)
    return kept


def _inside_of(here: Any, step: str | int) -> Any:
    """Return what lies at one step inside a table or a list; an empty table where nothing does."""
    if isinstance(here, dict):
        return here.get(step, {})
    return here[step] if isinstance(here, list) and isinstance(step, int) else {}


def _settle(raw: dict[str, Any], folder: Path) -> list[Problem]:
    """Write therapies in one spelling and their files as absolute paths; note what files hold."""
    problems, files = [], {}
    if isinstance(named := raw.get("study"), str) and (beside := _beside(folder, named)).is_file():
        raw["study"] = str(beside)
    for number, option in tables(raw.get("options")):
        for index, given in tables(option.get("treatments")):
            word = given.get("therapy")
            if not isinstance(word, str):
                continue
            if word.endswith(".toml"):
                word = str(_beside(folder, word))
            try:
                therapy = load_therapy(word)
            except BadInput as error:
                place = "options", number, "treatments", index, "therapy"
                problems += [Problem(place, sentence) for sentence in error.problems]
                continue
            if word.endswith(".toml"):
                files[word] = hashlib.sha256(Path(word).read_bytes()).hexdigest()
            given["therapy"] = word if word.endswith(".toml") else therapy.name
    raw["files"] = files
    return problems


def _beside(folder: Path, word: str) -> Path:
    """Return the absolute path of a file that is named in the search."""
    return Path(os.path.abspath(folder / os.path.expanduser(word)))


def _study(raw: Mapping[str, Any], label: str, folder: Path) -> Study:
    """Return the study of a search: its persons, one untreated arm, two visits.

    Raises:
        BadInput: the study that it names cannot be used, or one of its own tables is wrong.
    """
    base: dict[str, Any] = {}
    if isinstance(named := raw.get("study"), str):
        base = trial.resolved(trial.load_study(named))
    kept = {key: value for key, value in base.items() if key not in _OWN_ARMS}
    objective = raw.get("objective")
    month = objective.get("month") if isinstance(objective, Mapping) else None
    outcome = objective.get("outcome") if isinstance(objective, Mapping) else None
    usable = isinstance(month, int | float) and 0 < month <= MAX_MONTH
    outputs = dict(kept.get("outputs") or {})
    outputs["extra"] = _extra(outcome)
    outputs.pop("fractures", None)
    kept |= {key: raw[key] for key in (*STUDY_KEYS, "seed", "patients") if key in raw}
    kept |= {"name": raw.get("name") if isinstance(raw.get("name"), str) else "search"}
    kept |= {"seed": raw.get("seed", 0), "patients": raw.get("patients", 256)}
    kept |= {"outputs": outputs, "measurement": {"enabled": False}}
    kept |= {"arms": [{"name": _ARM}]}
    kept |= {"visits": {"months": [0.0, float(month) if usable and month else 1.0]}}
    return trial.parse_study(kept, label=label, folder=folder)


def _extra(outcome: Any) -> list[str]:
    """Return the outcome if it is one that a study must ask for."""
    from cohort.results.outcomes import BY_NAME

    wanted = BY_NAME.get(outcome) if isinstance(outcome, str) else None
    return [wanted.name] if wanted is not None and wanted.extra else []


def _of_study(path: Path, name: str | Path, label: str) -> dict[str, Any]:
    """Return the search for the best arm of a study."""
    study = trial.load_study(name)
    if with_events := [arm.name for arm in study.arms if arm.event_rows]:
        raise BadInput(
            f"{label}: arms.{with_events[0]}: is given by an event table, which a search cannot "
            "place; write its treatments as regimens."
        )
    options = []
    for arm in study.arms:
        treatments = [{"therapy": t.therapy, "regimen": t.regimen} for t in arm.treatments]
        options.append({"name": arm.name, "treatments": treatments})
    return {
        "name": study.name,
        "title": study.title,
        "study": str(path),
        "seed": study.seed,
        "options": options,
        "slots": [{"months": [study.last_month]}],
        "objective": {"month": study.last_month},
    }
