"""All designs of a power file: what is missing is simulated, then put together.

Replicates are written in pieces, each complete or absent; an interrupted job keeps them and goes on
with the rest. A piece holds replicates of one design, a number that depends on the design only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from cohort.execute.progress import Began, Progress
from cohort.planning.designs import Design
from cohort.planning.layout import KIND, Layout
from cohort.planning.load import Prepared, job_table
from cohort.planning.people import People, columns_of, read_people
from cohort.planning.plan import Plan
from cohort.planning.sample_size import sample_sizes
from cohort.planning.simulate import batch_size, replicate_rows
from cohort.planning.summary import power_table
from cohort.planning.tables import POWER, REPLICATES, SAMPLE_SIZE, Column, schema
from cohort.results.reader import Results, read_part
from cohort.results.schema import MANIFEST_KEY, canonical_json, describe
from cohort.results.writer import write_json, write_tables


def identity(prepared: Prepared, cohort_hash: str) -> dict[str, Any]:
    """Return what decides the numbers of a power job, with its hash.

    Args:
        prepared: the job.
        cohort_hash: hash of the run of its cohort.
    """
    words = {"title", "name"}
    table = job_table(prepared.job)
    core = {
        "job": {key: value for key, value in table.items() if key not in words | {"study"}},
        "cohort_hash": cohort_hash,
        "version": version("bone-cohort"),
    }
    digest = hashlib.sha256(canonical_json(core).encode()).hexdigest()
    return {
        "kind": KIND,
        "name": prepared.job.name,
        "seed": prepared.job.seed,
        "hash": digest,
        "version": core["version"],
        "cohort_hash": cohort_hash,
        "arms": list(prepared.plan.arms),
        "job": table,
    }


def wanted_covariates(prepared: Prepared) -> list[str]:
    """Return the columns of `patients` that a job needs."""
    strata = [stratum.variable for stratum in prepared.job.randomisation.strata]
    names = [*(n for n in prepared.job.analysis.covariates if n != "baseline"), *strata]
    return list(dict.fromkeys(names))


def people_of(prepared: Prepared, results: Results) -> People:
    """Read the cohort of a job."""
    return read_people(results, prepared.job.endpoint.outcome, wanted_covariates(prepared))


def fill_folder(
    prepared: Prepared,
    layout: Layout,
    mine: Mapping[str, Any],
    people: People,
    progress: Progress,
) -> None:
    """Simulate the trials that are missing and write every table.

    Args:
        prepared: the job.
        layout: of its open folder.
        mine: its identity, which every table carries.
        people: its cohort.
        progress: told which design comes next.
    """
    plan, found = prepared.plan, prepared.designs
    for design in found:
        progress(Began("design", design.number + 1, len(found)))
        for numbers in _pieces(design, plan, prepared.job.replicates):
            path = layout.piece(design.number, int(numbers[0]))
            if not path.exists():
                rows = replicate_rows(people, plan, design, numbers)
                write_tables(path, schema(REPLICATES), [rows])
    _write(prepared, layout, mine, people, found)


def _pieces(design: Design, plan: Plan, replicates: int) -> Iterator[np.ndarray]:
    size = batch_size(design, len(plan.comparisons))
    for first in range(0, replicates, size):
        yield np.arange(first, min(first + size, replicates))


def _write(
    prepared: Prepared,
    layout: Layout,
    mine: Mapping[str, Any],
    people: People,
    found: Sequence[Design],
) -> None:
    plan = prepared.plan
    paths = [
        layout.piece(design.number, int(numbers[0]))
        for design in found
        for numbers in _pieces(design, plan, prepared.job.replicates)
    ]
    rows = pa.concat_tables([read_part(path) for path in paths]).unify_dictionaries()
    outcome = columns_of(prepared.job.endpoint.outcome)[0]
    power = power_table(people, plan, found, rows, outcome, prepared.effect_unit)
    sizes = sample_sizes(power, prepared.job.target)
    told = canonical_json(dict(mine)).encode()
    tables: tuple[tuple[str, Sequence[Column], pa.Table], ...] = (
        ("power", POWER, power),
        ("sample_size", SAMPLE_SIZE, sizes),
        ("replicates", REPLICATES, rows),
    )
    for name, columns, table in tables:
        own = schema(columns, {MANIFEST_KEY: told})
        write_tables(layout.root / f"{name}.parquet", own, [table])
    write_json(layout.schema, describe({name: schema(c) for name, c, _ in tables}))
