"""From a study's name or path, and `--config key=value`, to one table of raw values."""

from __future__ import annotations

import copy
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cohort.errors import BadInput, did_you_mean
from cohort.resources import bundled_studies

Key = tuple[str | int, ...]
"""Where a value lies: keys of tables and indices of lists."""


def locate_study(name_or_path: str | Path) -> Path:
    """Return the file of a study: a bundled one by its name, else a path.

    Raises:
        BadInput: there is no such bundled study and no such file.
    """
    return locate(name_or_path, bundled_studies(), "study", "studies", inside="trial.toml")


def locate(
    name_or_path: str | Path, known: Mapping[str, Path], what: str, listed: str, *, inside: str = ""
) -> Path:
    """Return the file that a name or a path stands for.

    Args:
        name_or_path: as the user gave it.
        known: bundled files, by name.
        what: what such a file is, in a word or two.
        listed: what `cohort list` is to be given to show the bundled ones.
        inside: name of the file that a folder stands for.

    Raises:
        BadInput: nothing bundled has that name, and there is no such file.
    """
    text = str(name_or_path)
    if text in known:
        return known[text]
    path = Path(os.path.expanduser(text))
    if inside and os.path.isfile(path / inside):
        return path / inside
    if text and os.path.exists(path):
        return path
    if path.suffix == ".toml" or len(path.parts) > 1:
        near = [str(p) for p in path.parent.glob("*.toml")] if os.path.isdir(path.parent) else []
        raise BadInput(f"{text}: there is no such file.{did_you_mean(text, near)}")
    raise BadInput(
        f"{text!r} is neither a bundled {what} nor a file; `cohort list {listed}` shows the "
        f"bundled ones, and a {what} of your own is given as a path to a .toml file."
        f"{did_you_mean(text.lower(), known)}"
    )


def by_flags(sentence: str, flags: Mapping[str, str]) -> str:
    """Name the option that a user gave, not the key that it sets.

    Args:
        sentence: about an override.
        flags: option by the key that it sets, of the options that were given.
    """
    for key, flag in flags.items():
        sentence = sentence.replace(f"--config: {key}:", f"{flag}:", 1)
    return sentence


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        BadInput: it cannot be read or is not TOML; the sentence names the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: is not valid TOML: {error}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not text in UTF-8 (byte {error.start}).") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}.") from error


def apply_overrides(
    document: Mapping[str, Any], overrides: Sequence[str]
) -> tuple[dict[str, Any], list[Key], list[str]]:
    """Put `key=value` overrides into a study's table.

    Args:
        document: the study as read; it is left alone.
        overrides: dotted keys with values in TOML's notation; a value that is none is text.
            Members of a list are addressed by their number or name (`arms.placebo.ratio=2`).

    Returns:
        the new table, the places that were set, and the problems found.
    """
    table: dict[str, Any] = copy.deepcopy(dict(document))
    places: list[Key] = []
    problems: list[str] = []
    for text in overrides:
        try:
            places.append(_apply(table, text))
        except BadInput as error:
            problems += error.problems
    return table, places, problems


def _apply(table: dict[str, Any], text: str) -> Key:
    dotted, equals, written = text.partition("=")
    words = [word.strip() for word in dotted.split(".")]
    if not equals or not all(words):
        raise BadInput(
            f"--config '{text}' is not understood; write key=value with a dotted key, such as "
            f"'engine.precision=float64'."
        )
    value = _value(written.strip(), text)
    place: list[str | int] = []
    here: Any = table
    for word in words[:-1]:
        step = _step(here, word, place, text)
        if isinstance(here, dict):
            here.setdefault(step, {})
        here = here[step]
        place.append(step)
    step = _step(here, words[-1], place, text)
    if place == ["visits"] and isinstance(here, dict):
        _replace_schedule(here, step)
    here[step] = value
    return (*place, step)


def _replace_schedule(visits: dict[str, Any], key: str | int) -> None:
    """Let an overriding schedule of one kind stand in for the study's own of the other kind."""
    rhythm = ("every", "until", "extra")
    others = {"months": rhythm, "every": ("months",), "until": ("months",)}
    for other in others.get(str(key), ()):
        visits.pop(other, None)


def _step(here: Any, word: str, place: Sequence[str | int], text: str) -> str | int:
    """Return the key or index that a word of a dotted key stands for."""
    where = ".".join(str(step) for step in place)
    if isinstance(here, dict):
        return word
    if not isinstance(here, list):
        raise BadInput(f"--config '{text}': {where} is a single value and holds no '{word}'.")
    names = [_name(member) for member in here]
    if word in names:
        return names.index(word)
    if word.isdecimal() and int(word) < len(here):
        return int(word)
    known = ", ".join(name or str(i) for i, name in enumerate(names)) or "nothing"
    raise BadInput(
        f"--config '{text}': '{word}' is not in {where}; allowed is {known}."
        f"{did_you_mean(word, [name for name in names if name])}"
    )


def _name(member: Any) -> str:
    """Return what a member of a list is called: its name, therapy or variable."""
    if not isinstance(member, dict):
        return ""
    return next((str(member[k]) for k in ("name", "therapy", "variable") if k in member), "")


def _value(written: str, text: str) -> Any:
    """Read a value in TOML's notation; bare words are text."""
    try:
        parsed = tomllib.loads(f"value = {written}\n")
    except tomllib.TOMLDecodeError as error:
        if written[:1] in ("[", "{", '"', "'"):
            raise BadInput(
                f"--config '{text}': the value is not valid TOML: {error}; write a number, text, "
                f"true, false or a list such as [0, 12]."
            ) from error
        return written
    return parsed["value"] if len(parsed) == 1 else written
