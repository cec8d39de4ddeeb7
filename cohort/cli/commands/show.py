"""`cohort show`: one bundled thing in full, with its sources."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from cohort.cli.options import Json


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A study, therapy, population, parameter, parameter set, outcome or job.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show one bundled thing in full, with its sources."""
    from cohort.cli import catalog
    from cohort.cli.tables import print_json

    found = catalog.find(name)
    if as_json:
        print_json([{"kind": kind} | _finite(value) for kind, value in found])
        return
    for kind, value in found:
        published = value.pop("published", None) if kind == "study" else None
        print(f"{kind} {name}")
        for line in lines(value):
            print(line)
        if published:
            _print_published(published)


def lines(value: Mapping[str, Any], indent: int = 1) -> Iterator[str]:
    """Nested values as indented text, one number or sentence a line."""
    margin = "  " * indent
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield f"{margin}{key}"
            yield from lines(item, indent + 1)
        elif isinstance(item, list) and item and all(isinstance(i, Mapping) for i in item):
            for place, entry in enumerate(item, start=1):
                yield f"{margin}{key} {place}"
                yield from lines(entry, indent + 1)
        elif item is not None and item != "":
            yield f"{margin}{key}: {_text(item)}"


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) if value else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _print_published(rows: list[dict[str, Any]]) -> None:
    from cohort.cli.tables import print_table

    headers = ("arm", "endpoint", "site", "month", "value", "unit", "statistic", "versus")
    more = ("verification", "row_id")
    cells = [tuple(_number(row[h]) for h in (*headers, *more)) for row in rows]
    print()
    print_table((*headers, *more), cells, title="published", numbers=(3, 4))
    for citation in dict.fromkeys(row["citation"] for row in rows):
        print(f"source: {citation}")


def _number(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:g}"
    return str(value)


def _finite(value: Any) -> Any:
    """Replace NaN by null, which is all that JSON knows."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
