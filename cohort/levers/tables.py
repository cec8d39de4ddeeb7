"""The tables of a sensitivity job as Arrow: every column with its unit and its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from cohort.levers.design import Design
from cohort.levers.factors import Factor
from cohort.levers.indices import Index
from cohort.levers.outputs import Column
from cohort.results.outcomes import BY_NAME
from cohort.results.schema import MANIFEST_KEY, canonical_json

_WORDS = pa.dictionary(pa.int32(), pa.string())
_ARM = ("Arm, or two arms of which the second is subtracted from the first", _WORDS, "")


def _field(name: str, words: str, kind: pa.DataType, unit: str) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit, "description": words})


def _schema(fields: Iterable[pa.Field], identity: Mapping[str, Any]) -> pa.Schema:
    return pa.schema(list(fields), metadata={MANIFEST_KEY: canonical_json(dict(identity)).encode()})


def samples_schema(factors: Sequence[Factor], identity: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of `samples.parquet`: a row an evaluation, a column a factor."""
    fields = [_field("evaluation", "Number of the evaluation, from 0", pa.int64(), "")]
    fields += [_field(f.name, f.meaning, pa.float64(), f.unit) for f in factors]
    return _schema(fields, identity)


def samples_table(values: np.ndarray, schema: pa.Schema) -> pa.Table:
    """Return the factors' values of every evaluation, of `(evaluation, factor)`."""
    numbers = pa.array(np.arange(len(values)), pa.int64())
    return pa.table([numbers, *map(pa.array, values.T)], schema=schema)


def evaluations_schema(columns: Sequence[Column], identity: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of `evaluations.parquet`: a row an evaluation, arm and month."""
    fields = [
        _field("evaluation", "Number of the evaluation, from 0", pa.int64(), ""),
        _field("arm", *_ARM),
        _field("month", "Month of the visit", pa.float32(), "month"),
    ]
    for name in dict.fromkeys(column.outcome for column in columns):
        words = f"{BY_NAME[name].description}: mean of the cohort"
        fields.append(_field(name, words, pa.float64(), BY_NAME[name].unit))
    return _schema(fields, identity)


def evaluations_table(
    first: int, means: np.ndarray, columns: Sequence[Column], schema: pa.Schema
) -> pa.Table:
    """Return evaluations as rows; what is not finite is null.

    Args:
        first: number of the first evaluation.
        means: of every output, `(evaluation, column)`.
        columns: the outputs.
        schema: of `evaluations_schema`.
    """
    places = list(dict.fromkeys((column.label, column.month) for column in columns))
    outcomes = list(dict.fromkeys(column.outcome for column in columns))
    cube = np.full((len(means), len(places), len(outcomes)), np.nan)
    for index, column in enumerate(columns):
        place = places.index((column.label, column.month))
        cube[:, place, outcomes.index(column.outcome)] = means[:, index]
    rows = cube.reshape(-1, len(outcomes))
    found: list[Any] = [
        np.repeat(np.arange(first, first + len(means)), len(places)),
        _words([label for label, _ in places] * len(means)),
        np.tile(np.array([month for _, month in places], np.float32), len(means)),
    ]
    found += [pa.array(values, mask=~np.isfinite(values)) for values in rows.T]
    return pa.table(found, schema=schema)


def _words(values: Sequence[str]) -> pa.Array:
    return pa.array(values, pa.string()).dictionary_encode().cast(_WORDS)


def output_values(table: pa.Table, columns: Sequence[Column]) -> np.ndarray:
    """Return what `evaluations_table` was made of, `(evaluation, column)`; NaN for null."""
    places = list(dict.fromkeys((column.label, column.month) for column in columns))
    found = np.empty((table.num_rows // len(places), len(columns)))
    for index, column in enumerate(columns):
        values = np.asarray(table[column.outcome].to_numpy(), float).reshape(-1, len(places))
        found[:, index] = values[:, places.index((column.label, column.month))]
    return found


def indices_schema(meaning: str, identity: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of `indices.parquet`: a row a factor, output and index.

    Args:
        meaning: of the indices, by name.
        identity: of the job.
    """
    return _schema(
        [
            _field("factor", "Factor, or group of factors", _WORDS, ""),
            _field("arm", *_ARM),
            _field("outcome", "Outcome", _WORDS, ""),
            _field("month", "Month of the visit", pa.float32(), "month"),
            _field("index", meaning, _WORDS, ""),
            _field("value", "Value of the index", pa.float64(), "index's"),
            _field("ci_low", "Lower confidence limit", pa.float64(), "index's"),
            _field("ci_high", "Upper confidence limit", pa.float64(), "index's"),
        ],
        identity,
    )


def indices_table(rows: Sequence[tuple[Column, Index]], schema: pa.Schema) -> pa.Table:
    """Return indices as rows; what is not defined is null."""
    numbers = np.array([index[2:] for _, index in rows], float).reshape(-1, 3)
    found: list[Any] = [
        _words([str(index.lever) for _, index in rows]),
        _words([column.label for column, _ in rows]),
        _words([column.outcome for column, _ in rows]),
        np.array([column.month for column, _ in rows], np.float32),
        _words([index.name for _, index in rows]),
    ]
    found += [pa.array(values, mask=~np.isfinite(values)) for values in numbers.T]
    return pa.table(found, schema=schema)


def individuals_schema(identity: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of `individuals.parquet`: a row a person, factor and output."""
    return _schema(
        [
            _field("patient_id", "Person", pa.int64(), ""),
            _field("factor", "Factor", _WORDS, ""),
            _field("arm", *_ARM),
            _field("outcome", "Outcome", _WORDS, ""),
            _field("month", "Month of the visit", pa.float32(), "month"),
            _field("value", "The person's outcome", pa.float64(), "outcome's"),
            _field("derivative", "Its change per unit of the factor", pa.float64(), "outcome's"),
            _field("elasticity", "Its relative change over that of the factor", pa.float64(), "1"),
        ],
        identity,
    )


def individuals_table(
    outputs: np.ndarray,
    slopes: np.ndarray,
    elasticities: np.ndarray,
    columns: Sequence[Column],
    design: Design,
    schema: pa.Schema,
) -> pa.Table:
    """Return every person's derivatives as rows.

    Args:
        outputs: `(column, patient)`.
        slopes: `(factor, column, patient)`.
        elasticities: the same shape; NaN where they are not defined.
        columns: the outputs.
        design: the job's.
        schema: of `individuals_schema`.
    """
    factors, watched, persons = slopes.shape
    each = factors * watched
    names = [factor.name for factor in design.factors]
    found: list[Any] = [
        np.tile(np.arange(persons), each),
        _words(np.repeat(names, watched * persons).tolist()),
        _words(np.tile(np.repeat([c.label for c in columns], persons), factors).tolist()),
        _words(np.tile(np.repeat([c.outcome for c in columns], persons), factors).tolist()),
        np.tile(np.repeat([c.month for c in columns], persons), factors).astype(np.float32),
    ]
    numbers = (np.tile(outputs.reshape(-1), factors), slopes.reshape(-1), elasticities.reshape(-1))
    found += [pa.array(values, mask=~np.isfinite(values)) for values in numbers]
    return pa.table(found, schema=schema)
