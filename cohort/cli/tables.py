"""Tables on stdout: drawn on a terminal, plain aligned text when piped."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from typing import Any


def print_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    numbers: Sequence[int] = (),
) -> None:
    """Print a table.

    Args:
        headers: one a column.
        rows: cells as they are to be read.
        title: a line above it.
        numbers: columns to align right.
    """
    # A table wider than the terminal is easier to read as plain lines than with folded cells.
    if sys.stdout.isatty() and _width(headers, rows) <= shutil.get_terminal_size().columns:
        _drawn(headers, rows, title, numbers)
    else:
        _plain(headers, rows, title, numbers)


def _width(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Width of the table as drawn: cells, and two columns of space between them."""
    lines = [headers, *rows]
    return sum(max(len(line[i]) for line in lines) + 2 for i in range(len(headers)))


def _drawn(
    headers: Sequence[str], rows: Sequence[Sequence[str]], title: str, numbers: Sequence[int]
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for place, header in enumerate(headers):
        right = place in numbers
        table.add_column(
            header,
            justify="right" if right else "left",
            no_wrap=right or place == 0,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def _plain(
    headers: Sequence[str], rows: Sequence[Sequence[str]], title: str, numbers: Sequence[int]
) -> None:
    lines = [tuple(headers), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headers))]
    if title:
        print(title)
    for line in lines:
        cells = [
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    print()


def print_json(value: Any) -> None:
    """Print JSON for programs; sorted by nothing, so that the order is the table's."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=str))
