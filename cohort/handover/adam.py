"""Writes the ADaM-shaped data sets of a run, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from cohort.handover.files import write_csv, write_parquet, write_xpt
from cohort.handover.measures import measure_tables, parameters_of
from cohort.handover.subjects import missing_variables, subject_tables
from cohort.handover.times import time_tables
from cohort.handover.trial import ExportedTrial
from cohort.handover.variables import DATA_SETS, LABELS, schema_of
from cohort.results.schema import describe
from cohort.results.writer import write_json

Rows = dict[str, int]
_IDENTITY = ("name", "version", "hash", "seed", "parameter_set", "parameter_hash")


def data_sets(trial: ExportedTrial) -> tuple[str, ...]:
    """Return the data sets that a run fills."""
    there = {
        "adsl": True,
        "adbmd": bool(parameters_of(trial, "adbmd")),
        "adlb": bool(parameters_of(trial, "adlb")),
        "adtte": trial.layout.events.is_dir(),
    }
    return tuple(name for name in DATA_SETS if there[name])


def write_adam(trial: ExportedTrial, out: Path, *, xpt: bool, begin: Callable[[str], None]) -> Rows:
    """Write `NAME.parquet`, `NAME.csv` and, where asked for, `NAME.xpt`, and `schema.json`.

    Args:
        trial: the run.
        out: the folder.
        xpt: whether SAS transport files are written too.
        begin: called with the name of each data set as its turn comes.

    Returns:
        Rows by data set.
    """
    identity = {key: trial.manifest.get(key) for key in _IDENTITY}
    absent = missing_variables(trial)
    rows, schemas = {}, {}
    for name in data_sets(trial):
        begin(name)
        left_out = absent if name == "adsl" else frozenset()
        periods = trial.periods.most if trial.periods else 1
        schema = schema_of(name, identity, left_out, periods)
        path = out / f"{name}.parquet"
        rows[name] = write_parquet(path, schema, _tables(trial, name, schema))
        write_csv(out / f"{name}.csv", [(path, {})])
        if xpt:
            write_xpt(out / f"{name}.xpt", path, name, LABELS[name])
        schemas[name] = schema
    write_json(out / "schema.json", _described(schemas))
    return rows


def _tables(trial: ExportedTrial, name: str, schema: pa.Schema) -> Iterator[pa.Table]:
    if name == "adsl":
        return subject_tables(trial, schema)
    if name == "adtte":
        return time_tables(trial, schema)
    return measure_tables(trial, name, schema)


def _described(schemas: dict[str, pa.Schema]) -> dict[str, list[dict[str, str]]]:
    """Return what `schema.json` of other folders holds, and ADaM's label, type and length."""
    found = describe(schemas)
    for name, schema in schemas.items():
        for row, field in zip(found[name], schema, strict=True):
            told = field.metadata
            row |= {key: told[key.encode()].decode() for key in ("label", "length")}
            row["type"] = told[b"type"].decode()
    return found
