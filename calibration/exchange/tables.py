"""Tables of tab-separated values, with floats that come back to the last bit."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from cohort.errors import BadInput
from cohort.results.writer import atomic_write

Record = dict[str, str]


def write_table(path: Path, records: Sequence[Mapping[str, object]]) -> None:
    """Write records of the same keys; NaN is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: cell(value) for key, value in record.items()} for record in records)
    atomic_write(path, lambda file: file.write(text.getvalue().encode()))


def cell(value: object) -> str:
    """Return a value as a cell: floats by their shortest exact text, booleans as PEtab's words."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(float(value))
    return " ".join(str(value).split())


def read_table(path: Path, required: Sequence[str]) -> list[Record]:
    """Read a table.

    Raises:
        BadInput: it cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            records = [{k: v or "" for k, v in record.items() if k} for record in reader]
            absent = [name for name in required if name not in (reader.fieldnames or ())]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from error
    if absent:
        raise BadInput([f"{path}: the column {name} is missing." for name in absent])
    return records


def number(text: str, where: str, problems: list[str], *, blank: bool = False) -> float:
    """Return a cell's number; NaN where it has none, which is a problem unless `blank`.

    Args:
        text: the cell.
        where: file, row and column, for the sentence.
        problems: takes the sentence.
        blank: whether the cell may be empty.
    """
    if blank and not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        problems.append(f"{where} is '{text}'; a finite number is needed.")
        return math.nan
    return value
