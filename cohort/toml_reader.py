"""A TOML file read with all its problems told at once, each as a sentence."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cohort.errors import BadInput, did_you_mean

CHECKS = ("checked", "unchecked", "approximate", "model")
"""How far a number was checked: read in its source, recalled, rounded, or a model constant."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        BadInput: there is no such file, or it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # of the text, of TOML, or of the path itself
        raise BadInput(f"{path}: is not valid TOML: {error}.") from error


class TomlReader:
    """Takes values out of a table and notes what is wrong with them.

    Attributes:
        path: the file, for the sentences.
        table: what it holds.
        problems: one sentence each, in the order found.
    """

    def __init__(self, path: Path, table: dict[str, Any]) -> None:
        """Start with no problems."""
        self.path, self.table = path, table
        self.problems: list[str] = []

    def only(self, table: Mapping[str, Any], allowed: Collection[str], where: str) -> None:
        """Note every key that nothing reads: most often it is misspelt."""
        for key in table:
            if key not in allowed:
                near = did_you_mean(key, allowed)
                self.problems.append(f"unknown key '{where}{key}'.{near}")

    def section(self, table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
        """Return a table that must be there."""
        found = table.get(key)
        if not isinstance(found, dict) or not found:
            self.problems.append(f"'{where}{key}' is missing or is not a table.")
            return {}
        return found

    def text(self, table: Mapping[str, Any], key: str, where: str) -> str:
        """Return a text that must be there."""
        found = table.get(key)
        if not isinstance(found, str) or not found.strip():
            self.problems.append(f"'{where}{key}' is missing or is not text.")
            return ""
        return found

    def positive(self, table: Mapping[str, Any], key: str, where: str) -> float:
        """Return a finite number above zero, or NaN with a note."""
        found = table.get(key)
        if isinstance(found, int | float) and not isinstance(found, bool):
            if math.isfinite(found) and found > 0:
                return float(found)
        self.problems.append(f"'{where}{key}' is {found!r}; it must be a positive number.")
        return math.nan

    def choice(self, key: str, found: str, allowed: Collection[str]) -> None:
        """Note a word that is not among those allowed."""
        if found and found not in allowed:
            near = did_you_mean(found, allowed)
            self.problems.append(f"'{key}' is '{found}'; allowed: {', '.join(allowed)}.{near}")

    def check(self, table: Mapping[str, Any], where: str) -> str:
        """Return how far a number was checked."""
        found = self.text(table, "check", where)
        self.choice(f"{where}check", found, CHECKS)
        return found

    def flag(self, table: Mapping[str, Any], key: str, where: str) -> bool:
        """Return a switch that is off unless the table says otherwise."""
        found = table.get(key, False)
        if not isinstance(found, bool):
            self.problems.append(f"'{where}{key}' is {found!r}; it must be true or false.")
        return found is True

    def words(self, table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
        """Return a list of words that may be left out."""
        found = table.get(key, [])
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            self.problems.append(f"'{where}{key}' must be a list of words.")
            return ()
        return tuple(found)

    def tables(self, key: str) -> list[dict[str, Any]]:
        """Return a list of tables that may be left out."""
        found = self.table.get(key, [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            self.problems.append(f"'{key}' must be a list of [[{key}]] tables.")
            return []
        return found
