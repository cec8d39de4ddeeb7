"""Posterior draws of a parameter set: `<set>.draws.parquet` beside `<set>.toml`.

A row is a draw: `draw` counts from 0, and every parameter that the calibration left free has a
column in its own unit; the others keep the set's value. The file's metadata hold the hash of the
set that it belongs to, so that draws are never mixed with another calibration's values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.errors import BadInput, did_you_mean
from cohort.parameter import Parameter, ParameterSet, value_problems

DRAW = "draw"
SET_HASH_KEY = b"parameter_set_hash"


@dataclass(frozen=True)
class ParameterDraws:
    """Draws from the posterior of a parameter set.

    Attributes:
        rows: value by parameter name, for free parameters only; one mapping a draw.
        hash: SHA-256 of the file that they were read from.
    """

    rows: tuple[Mapping[str, float], ...]
    hash: str


def draws_file(set_file: Path) -> Path:
    """Return where the draws of a parameter set lie."""
    return set_file.with_name(f"{set_file.stem}.draws.parquet")


def load_draws(
    path: Path, owner: ParameterSet, declared: Mapping[str, Parameter], count: int
) -> ParameterDraws:
    """Read the first draws of a parameter set and hold the whole file to the declarations.

    Args:
        path: the file of draws.
        owner: the set that they must belong to.
        declared: every parameter of the model.
        count: how many draws to take, from the first.

    Raises:
        BadInput: the file is missing or damaged, belongs to another set, has an unknown column or
            a value that is not a finite number inside its parameter's bounds, or has fewer draws.
    """
    if count < 1:
        raise BadInput(f"--draws is {count}; it must be at least 1.")
    table, digest = _read(path, owner.name)
    problems = [
        *_origin_problems(table, path, owner),
        *_column_problems(table, path, declared),
    ]
    if count > table.num_rows:
        problems.append(f"--draws is {count}; {path} has {table.num_rows} draws.")
    if problems:
        raise BadInput(problems)
    return ParameterDraws(tuple(table.slice(0, count).drop_columns([DRAW]).to_pylist()), digest)


def _read(path: Path, owner: str) -> tuple[pa.Table, str]:
    """Return the file's table and its SHA-256."""
    try:
        content = path.read_bytes()
        return pq.read_table(pa.BufferReader(content)), hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        raise BadInput(
            f"--draws needs posterior draws of parameter set '{owner}', but there is no {path}; "
            "`cohort calibrate` writes it beside the set that it fits."
        ) from None
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise BadInput(f"{path}: cannot be read as posterior draws ({reason}).") from error


def _origin_problems(table: pa.Table, path: Path, owner: ParameterSet) -> Iterator[str]:
    """Say whether the draws are those of another parameter set."""
    found = (table.schema.metadata or {}).get(SET_HASH_KEY)
    if found is None:
        yield f"{path}: lacks the metadata '{SET_HASH_KEY.decode()}': whose draws are these?"
    elif found.decode(errors="replace") != owner.hash:
        yield (
            f"{path}: belongs to a parameter set with hash {found.decode(errors='replace')[:12]}; "
            f"that of '{owner.name}' is {owner.hash[:12]}."
        )


def _column_problems(
    table: pa.Table, path: Path, declared: Mapping[str, Parameter]
) -> Iterator[str]:
    """Say which columns are missing, repeated, unknown, or hold what is not allowed."""
    names = table.column_names
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{path}: column {name} is there twice."
    if names.count(DRAW) == 1 and table[DRAW].to_pylist() != list(range(table.num_rows)):
        yield f"{path}: column {DRAW} must count the rows: 0, 1, 2 and so on."
    if DRAW not in names:
        yield f"{path}: column {DRAW} is missing."
    if set(names) <= {DRAW}:
        yield f"{path}: has no parameter's column, so its draws do not differ."
    for name in dict.fromkeys(names):
        if name == DRAW or names.count(name) > 1:
            continue
        if name not in declared:
            hint = did_you_mean(name, declared)
            yield f"{path}: column {name} is not a parameter of the model.{hint}"
        elif (kind := table.schema.field(name).type) != pa.float64():
            yield f"{path}: column {name} holds {kind}; double is needed."
        else:
            yield from _value_problems(table[name].to_numpy(), declared[name], f"{path}: {name}")


def _value_problems(values: np.ndarray, parameter: Parameter, where: str) -> list[str]:
    """Say what is wrong with the first value that is not allowed; a null reads as NaN."""
    low, high = parameter.bounds
    bad = np.flatnonzero(~((low < values) & (values < high)))
    if bad.size == 0:
        return []
    return value_problems(parameter, float(values[bad[0]]), f"{where} in draw {bad[0]}")
