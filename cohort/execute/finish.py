"""What needs every part: the merge of the patients, the summary, the final manifest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from cohort.execute.progress import Progress, Writing
from cohort.execute.spec import RunSpec
from cohort.results.incidence import write_incidence
from cohort.results.layout import Layout
from cohort.results.published import beside_means, published_of
from cohort.results.reader import read_part, read_part_schema
from cohort.results.schema import (
    COUNTS_KEY,
    canonical_json,
    describe,
    incidence_schema,
    summary_schema,
    yearly_schema,
)
from cohort.results.summary import write_summary
from cohort.results.tables import Counts
from cohort.results.writer import machine_errors, write_json, write_tables
from cohort.results.yearly import Window, write_yearly
from cohort.trial.study import parse_study, study_courses
from cohort.units import DAYS_PER_MONTH


def finish_folder(spec: RunSpec, layout: Layout, progress: Progress) -> Counts:
    """Merge the pieces, describe the columns, summarise, and clear the pieces away.

    Args:
        spec: the run.
        layout: its folder, held by this process, with every part complete.
        progress: takes the events.

    Returns:
        The counts over all patients.

    Raises:
        MachineFailure: the disk or the memory gave out; the same call goes on where it stopped.
    """
    if not layout.patients.exists():
        progress(Writing(layout.patients.name))
        _merge(spec, layout)
    counts = read_counts(layout)
    first = layout.visits_part(spec.part_arms(0)[0], 0)
    schemas = {
        "patients": read_part_schema(layout.patients),
        "visits": read_part_schema(first),
        "summary": summary_schema(spec.identity()),
    }
    if layout.events.exists():
        schemas |= _fracture_tables(spec, layout, progress)
    write_json(layout.schema, describe(schemas))
    progress(Writing(layout.summary.name))
    write_summary(layout, spec.arms, spec.identity(), beside_means(published_of(spec.name)))
    with machine_errors(layout.pieces):
        if layout.pieces.exists():
            shutil.rmtree(layout.pieces)
    return counts


def _fracture_tables(spec: RunSpec, layout: Layout, progress: Progress) -> dict[str, pa.Schema]:
    """Write what is counted of fractures and deaths; return the schemas of these tables."""
    identity = spec.identity()
    progress(Writing(layout.incidence.name))
    write_incidence(layout, spec.arms, spec.months, identity)
    progress(Writing(layout.yearly.name))
    windows = treatment_windows(spec.study)
    write_yearly(layout, spec.arms, spec.months[-1], windows, identity)
    arm = spec.part_arms(0)[0]
    return {
        "events": read_part_schema(layout.events_part(arm, 0)),
        "incidence": incidence_schema(identity),
        "yearly": yearly_schema(identity),
    }


def treatment_windows(study: Mapping[str, Any]) -> dict[str, dict[str, list[Window]]]:
    """Return the months from and to which each arm is treated, by the label of the course.

    Background is left out.

    Args:
        study: the study as resolved.
    """
    arms = study_courses(parse_study({**study, "background": []}))
    return {
        arm: {
            course.label: [
                (c.start_day / DAYS_PER_MONTH, c.end_day / DAYS_PER_MONTH) for c in course.doses
            ]
            for course in own.courses
        }
        for arm, own in arms.items()
    }


def read_counts(layout: Layout) -> Counts:
    """Return the counts that `patients.parquet` carries."""
    return _counts(read_part_schema(layout.patients))


def _counts(schema: pa.Schema) -> Counts:
    return Counts.from_dict(json.loads((schema.metadata or {})[COUNTS_KEY]))


def _merge(spec: RunSpec, layout: Layout) -> None:
    """Write `patients.parquet` from the pieces, one in memory at a time."""
    pieces = [layout.piece(part) for part in range(spec.parts)]
    total = Counts()
    for piece in pieces:
        total += _counts(read_part_schema(piece))
    schema = read_part_schema(pieces[0])
    text = canonical_json(total.as_dict()).encode()
    schema = schema.with_metadata((schema.metadata or {}) | {COUNTS_KEY: text})

    def tables() -> Iterator[pa.Table]:
        for piece in pieces:
            yield read_part(piece)

    write_tables(layout.patients, schema, tables())
