"""How a table becomes files: Parquet as it streams, CSV and SAS transport files from that Parquet.

Every file is complete or absent. Parquet and CSV hold one row group in memory at a time; the SAS
transport format is written by pyreadstat from a whole table, so that its size is limited.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from cohort.results.writer import atomic_write, write_tables

MOST_XPT_ROWS = 1_000_000
"""Rows of a table that a SAS transport file is written of."""


def write_parquet(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Write tables one after another and return how many rows they have."""
    write_tables(path, schema, tables)
    return pq.ParquetFile(path).metadata.num_rows


def write_csv(path: Path, sources: Iterable[tuple[Path, dict[str, str]]]) -> int:
    """Write Parquet files of one schema as one CSV file, a row group at a time.

    Args:
        path: the CSV file.
        sources: files, each with columns that its rows are to begin with and what they say.

    Returns:
        How many rows were written.
    """
    rows = 0

    def fill(out: IO[bytes]) -> None:
        nonlocal rows
        writer = None
        for source, said in sources:
            file = pq.ParquetFile(source)
            for group in range(file.num_row_groups):
                table = _plain(file.read_row_group(group), said)
                if writer is None:
                    writer = _csv_writer(out, table.schema)
                writer.write_table(table)
                rows += table.num_rows
            if writer is None:  # a table without a row still has its header
                writer = _csv_writer(out, _plain(file.schema_arrow.empty_table(), said).schema)
        if writer is not None:
            writer.close()

    atomic_write(path, fill)
    return rows


def _csv_writer(out: IO[bytes], schema: pa.Schema) -> Any:
    from pyarrow import csv

    return csv.CSVWriter(out, schema, write_options=csv.WriteOptions(quoting_style="needed"))


def _plain(table: pa.Table, said: dict[str, str]) -> pa.Table:
    """Return a table without dictionaries, which CSV does not know, and with further columns."""
    fields = [
        pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in table.schema
    ]
    found = table.cast(pa.schema(fields))
    for place, (name, word) in enumerate(said.items()):
        column = pa.array([word] * found.num_rows, pa.string())
        found = found.add_column(place, pa.field(name, pa.string()), column)
    return found


def write_xpt(path: Path, source: Path, name: str, label: str) -> None:
    """Write a Parquet file as a SAS transport file, version 5.

    Args:
        path: the transport file.
        source: the Parquet file, `label` in the metadata of its fields.
        name: name of the data set in SAS.
        label: its label.
    """
    import pyreadstat

    table = pq.read_table(source)
    labels = {f.name: (f.metadata or {}).get(b"label", b"").decode() for f in table.schema}
    frame = _plain(table, {}).to_pandas()
    # Words of a transport file are padded with blanks; a missing one is blank.
    texts = [f.name for f in table.schema if not pa.types.is_floating(f.type)]
    frame[texts] = frame[texts].astype(object).where(frame[texts].notna(), "")
    with tempfile.TemporaryDirectory(prefix="cohort-xpt-") as scratch:
        made = Path(scratch) / path.name
        pyreadstat.write_xport(
            frame,
            made,
            file_label=label,
            column_labels=labels,
            table_name=name.upper(),
            file_format_version=5,
        )
        data = made.read_bytes()
    atomic_write(path, lambda out: out.write(data))
