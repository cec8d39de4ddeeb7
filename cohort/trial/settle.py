"""Make a raw study whole: names in one spelling, paths absolute, event tables read in.

After this a study stands on its own: the same table, written to a manifest, is the same study.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cohort.errors import BadInput
from cohort.therapy import load_therapy
from cohort.trial.nonmem import read_events
from cohort.trial.problems import Problem
from cohort.trial.source import Key

_FILE = ".toml"


def tables(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the tables of a list and their places; anything else is not there to be checked."""
    for index, member in enumerate(value if isinstance(value, (list, tuple)) else ()):
        if isinstance(member, dict):
            yield index, member


def table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the table under a key, an empty one where there is none."""
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def treatments(document: Mapping[str, Any]) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yield every treatment of a raw study, background included, with its place."""
    for index, treatment in tables(document.get("background")):
        yield ("background", index), treatment
    for number, arm in tables(document.get("arms")):
        for index, treatment in tables(arm.get("treatments")):
            yield ("arms", number, "treatments", index), treatment
        for place, answer in answers(arm, ("arms", number)):
            for index, treatment in tables(answer.get("start")):
                yield (*place, "start", index), treatment


def answers(arm: Mapping[str, Any], place: Key) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yield every rule and phase of a raw arm, with its place."""
    for index, rule in tables(arm.get("rules")):
        yield (*place, "rules", index), rule
    for index, again in tables(arm.get("rerandomise")):
        for number, phase in tables(again.get("to")):
            yield (*place, "rerandomise", index, "to", number), phase


def settle(document: dict[str, Any], folder: Path) -> list[Problem]:
    """Rewrite a raw study in place; return what stood in the way.

    Args:
        document: the raw study.
        folder: the study file's folder, to which paths are relative.
    """
    settler = _Settler(folder)
    for place, treatment in treatments(document):
        settler.therapy(treatment, (*place, "therapy"))
    for number, arm in tables(document.get("arms")):
        settler.events(arm, number)
        for index, row in tables(arm.get("event_rows")):
            settler.therapy(row, ("arms", number, "event_rows", index, "therapy"))
        for index, late in tables(arm.get("late_doses")):
            settler.therapy(late, ("arms", number, "late_doses", index, "therapy"))
        for place, answer in answers(arm, ("arms", number)):
            settler.names(answer.get("stop"), (*place, "stop"))
    settler.population(table(document, "population"))
    settler.file(table(document, "parameters"), "set", ("parameters", "set"))
    if settler.files:
        document["files"] = settler.files
    elif isinstance(document.get("files"), dict):
        del document["files"]
    return settler.problems


class _Settler:
    """Collects problems and the digests of the files that a study names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.files: dict[str, str] = {}

    def therapy(self, holder: dict[str, Any], place: Key) -> None:
        """Replace a therapy's synonym by its name, and a path by an absolute one."""
        word = holder.get("therapy")
        if not isinstance(word, str):
            return
        if word.endswith(_FILE) and not self.file(holder, "therapy", place):
            return
        try:
            therapy = load_therapy(holder["therapy"])
        except BadInput as error:
            self.problems += [Problem(place, sentence) for sentence in error.problems]
            return
        if not word.endswith(_FILE):
            holder["therapy"] = therapy.name

    def names(self, words: Any, place: Key) -> None:
        """Do the same for a list of therapies."""
        for index, word in enumerate(words if isinstance(words, list) else ()):
            holder = {"therapy": word}
            self.therapy(holder, (*place, index))
            words[index] = holder["therapy"]

    def events(self, arm: dict[str, Any], number: int) -> None:
        """Read an arm's event table into its rows; a manifest's study has them already."""
        place: Key = ("arms", number, "events")
        if not isinstance(arm.get("events"), str) or arm.get("event_rows"):
            return
        path = self.find(arm["events"])
        try:
            courses = read_events(path)
        except BadInput as error:
            self.problems += [Problem(place, sentence) for sentence in error.problems]
            return
        arm["event_rows"] = [
            {
                "therapy": course.therapy,
                "route": course.route,
                "time": course.start_day,
                "amt": course.amount,
                "ii": course.interval_days,
                "addl": course.doses - 1,
            }
            for course in courses
        ]

    def population(self, holder: dict[str, Any]) -> None:
        """Note a population's file, and those of its strata."""
        place: Key = ("population", "name")
        if not self.file(holder, "name", place):
            return
        path = Path(holder["name"])
        try:
            strata = tomllib.loads(path.read_text(encoding="utf-8")).get("strata")
        except (UnicodeDecodeError, tomllib.TOMLDecodeError):
            return  # reading the population says what is wrong with it
        for _, stratum in tables(strata):
            if isinstance(stratum.get("population"), str):
                stratum["population"] = os.path.join(path.parent, stratum["population"])
                self.file(stratum, "population", place)

    def file(self, holder: dict[str, Any], key: str, place: Key) -> bool:
        """Make the path of a TOML file absolute, note what the file holds, say if it was there."""
        word = holder.get(key)
        if not isinstance(word, str) or not word.endswith(_FILE):
            return False
        path = self.find(word)
        try:
            self.files[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            sentence = f"the file {path} cannot be read: {reason}."
            self.problems.append(Problem(place, sentence))
            return False
        holder[key] = str(path)
        return True

    def find(self, word: str) -> Path:
        """Return the absolute path of a file named in the study, else beside where we are."""
        written = os.path.expanduser(word)
        beside = os.path.abspath(os.path.join(self.folder, written))
        here = os.path.abspath(written)
        return Path(here if os.path.exists(here) and not os.path.exists(beside) else beside)
