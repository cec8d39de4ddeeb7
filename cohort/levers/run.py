"""One sensitivity job: open the folder, compute what is missing, write indices and figures."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cohort.errors import TooManyFailed
from cohort.execute.crew import Crew, Executor, Local
from cohort.execute.job_folder import JobFolder, held
from cohort.execute.progress import (
    Compiled,
    Compiling,
    Finished,
    Progress,
    Started,
    Writing,
    silent,
)
from cohort.levers.evaluations import Evaluator, Times, Work, compute, merge
from cohort.levers.identity import identity, identity_hash
from cohort.levers.indices import MEANING, Index, indices
from cohort.levers.layout import KNOWN, Layout
from cohort.levers.load import Prepared
from cohort.levers.local import elasticities, local_indices
from cohort.levers.outputs import Column, columns, simulated_arms
from cohort.levers.tables import (
    evaluations_schema,
    evaluations_table,
    indices_schema,
    indices_table,
    individuals_schema,
    individuals_table,
    output_values,
    samples_schema,
    samples_table,
)
from cohort.results.reader import read_part, read_part_schema
from cohort.results.schema import describe
from cohort.results.writer import machine_errors, write_json, write_tables
from cohort.trial.evidence import evidence_sentences

_TABLES = ("samples", "evaluations", "individuals", "indices")


@dataclass(frozen=True)
class Running:
    """One process's work on one job.

    Attributes:
        prepared: the checked job.
        folder: its open results folder.
        identity: what decides its numbers.
        make: makes the evaluator; called only if something is left to compute.
        executor: where evaluations are computed.
        progress: takes the events.
    """

    prepared: Prepared
    folder: JobFolder
    identity: dict[str, Any]
    make: Callable[[], Evaluator]
    executor: Executor
    progress: Progress

    @property
    def layout(self) -> Layout:
        """Where its files lie."""
        return Layout(self.folder.root)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The outputs."""
        return columns(self.prepared.job)

    def write(self, name: str, table: pa.Table) -> None:
        """Write one table of the folder, whole."""
        self.progress(Writing(name))
        write_tables(self.layout[name], table.schema, [table])

    def sampled(self) -> tuple[Times, int, int]:
        """Compute samples, evaluations and indices; return times, evaluations and failures."""
        design, layout = self.prepared.design, self.layout
        points = design.points()
        values = design.values(points)
        if not layout["samples.parquet"].exists():
            schema = samples_schema(design.factors, self.identity)
            self.write("samples.parquet", samples_table(values, schema))
        patients = self.prepared.study.patients * len(simulated_arms(self.prepared.job))
        work = Work(layout, values, self.columns, self.identity, patients)
        times = self._evaluate(work)
        outputs = output_values(read_part(layout["evaluations.parquet"]), self.columns)
        rows = [
            (column, index)
            for place, column in enumerate(self.columns)
            for index in indices(design, points, outputs[:, place])
        ]
        self._write_indices(rows)
        return times, len(values), int((~np.isfinite(outputs)).any(axis=1).sum())

    def _evaluate(self, work: Work) -> Times:
        todo = work.missing()
        left = sum(len(work.of_part(part)) for part in todo)
        total = len(work.values)
        self.progress(Started(total * work.patients, (total - left) * work.patients))
        times = Times()
        if todo:
            with self._crew() as (crew, device):
                times = compute(work, todo, crew, device, self.progress)
        if not work.layout["evaluations.parquet"].exists():
            self.progress(Writing("evaluations.parquet"))
            merge(work)
        with machine_errors(work.layout[".parts"]):
            if work.layout[".parts"].exists():
                shutil.rmtree(work.layout[".parts"])
        return times

    @contextlib.contextmanager
    def _crew(self) -> Iterator[tuple[Crew[Evaluator], str]]:
        """Open a crew; yield it with its device in words, and note who computes."""
        with self.executor.crew(self.make) as crew:
            device = crew.ask(attrgetter("device"))
            self.folder.save(device=device, workers=crew.size, cluster=self.executor.cluster)
            yield crew, device

    def local(self) -> tuple[Times, int, int]:
        """Compute derivatives and what follows; return times, evaluations and failures."""
        design = self.prepared.design
        with self._crew() as (crew, device):
            self.progress(Compiling(device))
            start = time.perf_counter()
            outputs, slopes = crew.ask(methodcaller("derivatives"))
            times = Times(compile=time.perf_counter() - start)
        self.progress(Compiled(times.compile))
        relative = elasticities(design.factors, outputs, slopes)
        schema = individuals_schema(self.identity)
        table = individuals_table(outputs, slopes, relative, self.columns, design, schema)
        self.write("individuals.parquet", table)
        base = np.array([[factor.base for factor in design.factors]])
        schema = samples_schema(design.factors, self.identity)
        self.write("samples.parquet", samples_table(base, schema))
        schema = evaluations_schema(self.columns, self.identity)
        means = outputs.mean(axis=1)[None]
        self.write("evaluations.parquet", evaluations_table(0, means, self.columns, schema))
        self._write_indices(list(local_indices(design.factors, self.columns, outputs, slopes)))
        return times, 1, int(not np.isfinite(means).all() or not np.isfinite(slopes).all())

    def _write_indices(self, rows: list[tuple[Column, Index]]) -> None:
        names = dict.fromkeys(index.name for _, index in rows)
        meaning = "; ".join(f"{name}: {MEANING[name]}" for name in names)
        schema = indices_schema(meaning, self.identity)
        self.write("indices.parquet", indices_table(rows, schema))


def run_job(
    prepared: Prepared,
    out: Path,
    *,
    make: Callable[[], Evaluator],
    executor: Executor | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run a job into a folder, or finish what an earlier call began there.

    Args:
        prepared: the checked job.
        out: the results folder.
        make: makes what computes; called only if something is left to compute.
        executor: where evaluations are computed; one thread of this process by default.
        overwrite: start anew, whatever the folder holds.
        progress: takes the events.

    Returns:
        The manifest.

    Raises:
        BadInput: the folder holds something else, or another process writes it.
        MachineFailure: disk, memory or device gave out; what is finished stays.
        TooManyFailed: everything is written, but too many evaluations have no result.
        KeyboardInterrupt: interrupted; what is finished stays.
    """
    start, mine = time.perf_counter(), identity(prepared)
    told = mine | {"hash": identity_hash(mine), "max_failed": prepared.job.max_failed}
    with held(told, out, KNOWN, overwrite=overwrite) as folder:
        if not folder.complete:
            job = Running(prepared, folder, mine, make, executor or Local(), progress)
            is_local = prepared.job.method.name == "local"
            times, evaluations, failed = job.local() if is_local else job.sampled()
            _finish(job, times, evaluations, failed, start)
        manifest = folder.manifest
    _refuse_many_failed(prepared, manifest, out)
    return manifest


def _finish(job: Running, times: Times, evaluations: int, failed: int, start: float) -> None:
    """Describe the columns, draw the figures, and note that the job is done."""
    from cohort.levers.figures import write_figures

    layout, folder = job.layout, job.folder
    paths = {name: layout[f"{name}.parquet"] for name in _TABLES}
    schemas = {name: read_part_schema(path) for name, path in paths.items() if path.exists()}
    write_json(layout["schema.json"], describe(schemas))
    job.progress(Writing("figures"))
    write_figures(job.prepared, layout)
    seconds = {name: round(value, 3) for name, value in asdict(times).items()}
    seconds |= {"whole": round(time.perf_counter() - start, 3)}
    folder.finish(
        [*(paths[name].name for name in schemas), "schema.json", "figures"],
        evaluations=evaluations,
        failed_evaluations=failed,
        persons=job.prepared.study.patients,
        arms=list(simulated_arms(job.prepared.job)),
        patient_years_per_second=_speed(job, times),
        seconds=seconds,
        evidence=evidence_sentences(job.identity["study"]),
    )
    job.progress(Finished(time.perf_counter() - start))


def _speed(job: Running, times: Times) -> float | None:
    """Patient-years under treatment per second of computing, histories left out."""
    if not times.evaluations:
        return None
    arms = len(simulated_arms(job.prepared.job))
    years = max(column.month for column in job.columns) / 12.0
    patients = times.evaluations * job.prepared.study.patients * arms
    return round(patients * years / times.compute, 1)


def _refuse_many_failed(prepared: Prepared, manifest: dict[str, Any], out: Path) -> None:
    """Raise where more evaluations failed than the job tolerates; everything is written."""
    failed, count = manifest["failed_evaluations"], manifest["evaluations"]
    allowed = prepared.job.max_failed
    if failed > allowed * count:
        raise TooManyFailed(
            f"{failed} of {count} evaluations have no finite result, more than max_failed allows "
            f"({allowed:g}); they are null in evaluations.parquet and left out of the indices. "
            f"Narrow the ranges of the factors. Results are in {out}."
        )
