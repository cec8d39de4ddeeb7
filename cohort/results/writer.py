"""Files that are complete or absent: written aside, flushed to the disk, then renamed.

A file appears under its name only by `os.replace`, which is atomic; a process killed at any moment
leaves at most a hidden `.<name>.tmp-<pid>-<token>` behind, which the next run removes. Readers of
datasets skip names that begin with a dot.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from cohort.errors import MachineFailure

_SENTENCES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this system allows",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk reported an input/output error",
}


@contextlib.contextmanager
def machine_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into one sentence.

    Raises:
        MachineFailure: the disk or the memory gave out inside the `with` block.
    """
    try:
        yield
    except OSError as error:
        reason = _SENTENCES.get(error.errno or 0, error.strerror or str(error))
        raise MachineFailure(
            f"cannot write {path}: {reason}. Finished parts are kept; "
            "repeat the same command to go on."
        ) from error
    except MemoryError as error:
        raise MachineFailure(
            f"out of memory while writing {path}. Finished parts are kept; "
            "repeat the same command with fewer workers or a smaller engine.block_size."
        ) from error


def atomic_write(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file aside, flush it to the disk, and rename it.

    Args:
        path: the file's final name; its folder is made where it is missing.
        write: fills the open file.

    Raises:
        MachineFailure: disk full, no permission, out of memory; nothing is left behind.
    """
    # The token keeps two machines apart that write one shared folder under the same pid.
    aside = path.with_name(f".{path.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}")
    with machine_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with aside.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_stale(root: Path) -> None:
    """Remove what killed processes left; only for the process that holds the folder's lock."""
    tables = root / "visits", root / "events"
    arms = [folder for table in tables for folder in table.glob("arm=*")]
    for folder in (root, root / ".parts", *tables, *arms):
        for path in folder.glob(".*.tmp-*"):
            path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people: indented, in the order given, no NaN."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    atomic_write(path, lambda file: file.write(text.encode()))


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """Return how columns are stored.

    BYTE_STREAM_SPLIT puts equal bytes of float32 values side by side, which zstd then shrinks; a
    dictionary pays only where values repeat; ids count upwards, so their differences are stored.
    Each column group's least and largest value are kept where rows are chosen by them, in keys;
    zstd's fastest levels save a fifth of the time for half a per cent of the size.
    """
    real = {field.name for field in schema if pa.types.is_floating(field.type)} - {"month"}
    split = [name for name in schema.names if name in real]
    counted = {"patient_id": "DELTA_BINARY_PACKED"} if "patient_id" in schema.names else {}
    dictionary = [name for name in schema.names if name not in real and name not in counted]
    return {
        "compression": "zstd",
        "compression_level": -1,
        "write_statistics": [name for name in schema.names if name not in split],
        "use_dictionary": dictionary,
        "column_encoding": dict.fromkeys(split, "BYTE_STREAM_SPLIT") | counted,
        "version": "2.6",
    }


def write_tables(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write tables one after another into one Parquet file, a row group each.

    Args:
        path: the file.
        schema: schema with the metadata that the file carries.
        tables: tables of that schema, taken one at a time, so that memory holds only one.
    """
    atomic_write(path, lambda file: _fill(file, schema, tables))


def write_bytes(path: Path, content: pa.Buffer) -> None:
    """Write a file whose bytes are there."""
    atomic_write(path, lambda file: file.write(memoryview(content)))


def encoded_tables(schema: pa.Schema, tables: Iterable[pa.Table]) -> pa.Buffer:
    """Return the bytes of the file that `write_tables` writes."""
    sink = pa.BufferOutputStream()
    _fill(sink, schema, tables)
    return sink.getvalue()


def _fill(sink: IO[bytes] | pa.NativeFile, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with pq.ParquetWriter(sink, schema, **parquet_options(schema)) as writer:
        for table in tables:
            # One chunk a column: chunk borders would show in the pages, hence in the bytes.
            whole = table.combine_chunks().cast(schema)
            writer.write_table(whole, row_group_size=max(1, whole.num_rows))
