"""A table as TOML text: what `tomllib` reads back as the same table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(table: Mapping[str, Any]) -> str:
    """Return a table of texts, numbers, booleans, lists and tables as TOML.

    Keys that hold None are left out, for TOML has no null; so are empty tables.

    Examples:
        >>> print(toml_text({"seed": 0, "fit": {"steps": 9, "optimizer": "adam"}}), end="")
        seed = 0
        <BLANKLINE>
        [fit]
        steps = 9
        optimizer = "adam"
    """
    return "\n".join(_lines(table, ())).strip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table: its values first, since they would belong to a later header."""
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    listed = {key: value for key, value in table.items() if _is_list_of_tables(value)}
    for key, value in table.items():
        if value is not None and key not in inner and key not in listed:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        if any(not isinstance(v, Mapping) and not _is_list_of_tables(v) for v in value.values()):
            yield ""
            yield f"[{_dotted((*path, key))}]"
        yield from _lines(value, (*path, key))
    for key, members in listed.items():
        for member in members:
            yield ""
            yield f"[[{_dotted((*path, key))}]]"
            yield from _lines(member, (*path, key))


def _is_list_of_tables(value: Any) -> bool:
    return bool(value) and isinstance(value, (list, tuple)) and isinstance(value[0], Mapping)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(map(_key, path))


def _key(word: str) -> str:
    return word if _BARE.fullmatch(word) else _text(word)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    return "[" + ", ".join(map(_value, value)) + "]"


def _text(value: str) -> str:
    """Quote a text; TOML's basic strings escape as JSON's do, and DEL besides."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
