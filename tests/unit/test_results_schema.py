"""Arrow schemas: a unit and a description everywhere, the promised types and encodings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cohort.errors import BadInput
from cohort.results.outcomes import visit_columns
from cohort.results.schema import (
    canonical_json,
    describe,
    outcome_columns,
    patients_schema,
    summary_schema,
    visits_schema,
)
from cohort.results.writer import write_tables

IDENTITY = {"seed": 0, "study": {"name": "toy"}}
PATIENTS = ["sex", "age", "bmi", "bmd_total_hip", "ctx", "weight", "theta_bE", "theta_KD"]


def every_schema() -> dict[str, pa.Schema]:
    return {
        "visits": visits_schema(visit_columns(["osteoclasts"]), IDENTITY, "placebo"),
        "patients": patients_schema(PATIENTS, IDENTITY, {"KD": ("ug/mL", "Affinity")}),
        "summary": summary_schema(IDENTITY),
    }


@pytest.mark.parametrize("table", ["visits", "patients", "summary"])
def test_every_field_tells_unit_and_meaning(table: str) -> None:
    schema = every_schema()[table]
    for field in schema:
        assert field.metadata is not None
        assert field.metadata[b"description"], field.name
        assert b"unit" in field.metadata
    assert schema.metadata is not None
    assert json.loads(schema.metadata[b"cohort.manifest"]) == IDENTITY


def test_column_order_is_that_of_the_table() -> None:
    columns = list(visit_columns())
    mixed = visits_schema(reversed(columns), IDENTITY, "placebo")
    assert mixed.names == ["patient_id", "month", "day", *columns]
    assert outcome_columns(mixed) == columns


def test_values_are_float32_and_ids_int64() -> None:
    schema = every_schema()["visits"]
    assert schema.field("patient_id").type == pa.int64()
    assert {str(field.type) for field in schema} == {"int64", "float"}


def test_units_of_patients() -> None:
    schema = every_schema()["patients"]
    units = {field.name: (field.metadata or {})[b"unit"].decode() for field in schema}
    assert units["bmd_total_hip"] == "g/cm2"
    assert units["ctx"] == "ng/mL"
    assert units["age"] == "year"
    assert units["theta_KD"] == "ug/mL"
    assert units["theta_bE"] == "1"


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(BadInput, match="ctx"):
        visits_schema(["ctxx"], IDENTITY, "placebo")
    with pytest.raises(ValueError, match="shoe_size"):
        patients_schema([*PATIENTS, "shoe_size"], IDENTITY, {})


def test_canonical_json_is_one_text_for_equal_objects() -> None:
    assert canonical_json({"b": 1, "a": [1.0]}) == canonical_json({"a": [1.0], "b": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def test_description_lists_the_arm_that_the_folder_names() -> None:
    described = describe(every_schema())
    assert described["visits"][0]["column"] == "arm"
    assert all({"column", "type", "unit", "description"} == set(f) for f in described["visits"])


def test_files_are_compressed_and_encoded_as_promised(tmp_path: Path) -> None:
    schema = visits_schema(["ctx"], IDENTITY, "placebo")
    size = 1000
    arrays = [
        pa.array(np.arange(size)),
        pa.array(np.zeros(size, np.float32)),
        *(pa.array(np.linspace(0, 1, size, dtype=np.float32)) for _ in range(2)),
    ]
    table = pa.Table.from_arrays(arrays, schema=schema)
    write_tables(tmp_path / "t.parquet", schema, [table.slice(0, 300), table.slice(300)])
    file = pq.ParquetFile(tmp_path / "t.parquet")
    assert file.metadata.num_row_groups == 2
    columns = {file.metadata.row_group(0).column(i).path_in_schema: i for i in range(4)}
    for name, encoding in (
        ("patient_id", "DELTA_BINARY_PACKED"),
        ("month", "RLE_DICTIONARY"),
        ("ctx", "BYTE_STREAM_SPLIT"),
    ):
        column = file.metadata.row_group(0).column(columns[name])
        assert encoding in column.encodings
        assert column.compression == "ZSTD"
    assert file.read().equals(table)


def test_chunks_leave_the_bytes_alone(tmp_path: Path) -> None:
    schema = visits_schema(["ctx"], IDENTITY, "placebo")
    rng = np.random.default_rng(1)
    size = 5000
    arrays = [pa.array(np.arange(size))]
    arrays += [pa.array(rng.random(size, dtype=np.float32)) for _ in range(3)]
    table = pa.Table.from_arrays(arrays, schema=schema)
    pieces = pa.concat_tables([table.slice(0, 17), table.slice(17, 2048), table.slice(2065)])
    write_tables(tmp_path / "whole.parquet", schema, [table])
    write_tables(tmp_path / "pieces.parquet", schema, [pieces])
    whole, other = (tmp_path / f"{n}.parquet" for n in ("whole", "pieces"))
    assert whole.read_bytes() == other.read_bytes()
