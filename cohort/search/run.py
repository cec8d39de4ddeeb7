"""A search from its first candidate to its tables; continued where an earlier one was stopped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from cohort.errors import BadInput, TooManyFailed
from cohort.execute.guard import guarded
from cohort.execute.job_folder import JobFolder
from cohort.execute.progress import Advanced, Compiled, Compiling, Progress, Started, Writing
from cohort.results.schema import describe
from cohort.results.writer import machine_errors, write_json, write_tables
from cohort.search.climb import Differentiates, climbed
from cohort.search.doses import climbs
from cohort.search.evaluations import Evaluations, Tries
from cohort.search.folder import PIECES, opened
from cohort.search.load import Prepared
from cohort.search.space import Candidate, Space
from cohort.search.table import Ranked, candidates_schema, ranked

_IDENTITY = ("kind", "name", "seed", "hash", "version", "parameter_set", "parameter_hash", "search")


class Engine(Tries, Protocol):
    """What tries candidates, before it is ready (`evaluate.Evaluator`)."""

    @property
    def device(self) -> str:
        """The device in words."""
        ...

    def prepare(self) -> None:
        """Make ready what all candidates share."""
        ...


def run_search(
    prepared: Prepared,
    out: Path,
    engine_factory: Callable[[Space], Engine],
    *,
    overwrite: bool = False,
    progress: Progress,
) -> float:
    """Search, and write `candidates.parquet`, `front.parquet`, `schema.json` and the manifest.

    Args:
        prepared: the search.
        out: the results folder.
        engine_factory: makes what tries candidates, once it is needed.
        overwrite: start anew, whatever the folder holds.
        progress: takes the events.

    Returns:
        Share of persons that could not be computed.

    Raises:
        BadInput: the folder does not allow it.
        MachineFailure: disk, memory or device gave out; what is finished stays.
    """
    space = Space(prepared.search)
    with opened(prepared, out, overwrite=overwrite) as folder:
        if not folder.complete:
            _compute(prepared, space, folder, engine_factory, progress)
        counts = folder.manifest["counts"]
        return counts["failed"] / max(counts["simulated"] * counts["persons"], 1)


def require_few_failed(share: float, most: float) -> None:
    """Raise where more persons could not be computed than is tolerated.

    Args:
        share: of persons, over all candidates.
        most: `engine.max_failed`.

    Raises:
        TooManyFailed: there are more.
    """
    if share > most:
        raise TooManyFailed(
            f"{share:.2%} of the persons could not be computed; engine.max_failed allows "
            f"{most:.2%}. The tables are written, without those persons."
        )


def _compute(
    prepared: Prepared,
    space: Space,
    folder: JobFolder,
    engine_factory: Callable[[Space], Engine],
    progress: Progress,
) -> None:
    search, persons = prepared.search, prepared.study.patients
    method = search.method.name
    codes: list[Candidate] = list(space.codes()) if method == "enumerate" else []
    allowed = [code for code in codes if not space.broken(code)]
    total = search.method.evaluations
    if method != "evolve":
        total = len(climbs(space)) if method == "gradient" else len(allowed)
    progress(Started(total * persons, 0))
    begun = time.perf_counter()
    engine = engine_factory(space)
    progress(Compiling(engine.device))
    guarded(engine.prepare)
    compiled = time.perf_counter() - begun
    progress(Compiled(compiled))
    evaluations = Evaluations(space, engine, folder.root / PIECES, total, persons, progress)
    kept = evaluations.kept * persons
    progress(Advanced(kept, max(total * persons, kept), 0, 0.0))
    if method == "evolve":
        from cohort.search.evolve import evolve

        codes = list(evolve(space, evaluations))
    elif method == "gradient":
        assert isinstance(engine, Differentiates)
        codes = climbed(space, engine.slopes, evaluations, folder.root / PIECES)
    allowed = [c for c in codes if not space.broken(c)]
    values = dict(zip(allowed, evaluations.of(allowed), strict=True))
    if not allowed:
        raise BadInput(
            f"{search.name}: each of the {len(codes):,} candidates that were looked at breaks a "
            "rule; allow more in constraints."
        )
    progress(Writing("candidates.parquet"))
    table = ranked(space, codes, values)
    seconds = {"compile": round(compiled, 3), "all": round(time.perf_counter() - begun, 3)}
    facts = {"device": engine.device, "seconds": seconds}
    _write(space, folder, table, facts | {"counts": _counts(space, table, evaluations, persons)})


def _counts(space: Space, table: Ranked, evaluations: Evaluations, persons: int) -> dict[str, int]:
    return {
        "candidates": space.size,
        "looked_at": len(table.rows),
        "simulated": table.simulated,
        "schedules": len(evaluations.asked),
        "persons": persons,
        "failed": table.failed,
    }


def _write(space: Space, folder: JobFolder, table: Ranked, facts: dict) -> None:
    """Write the tables, and last of all that they are there."""
    identity = {key: folder.manifest[key] for key in _IDENTITY}
    schema = candidates_schema(space, identity)
    whole = pa.Table.from_pylist([dict(row) for row in table.rows], schema=schema)
    order = sorted(
        (row for row in table.rows if row["front"]),
        key=lambda row: row[space.search.objective.against],
    )
    front = pa.Table.from_pylist([dict(row) for row in order], schema=schema)
    write_tables(folder.root / "candidates.parquet", schema, [whole])
    write_tables(folder.root / "front.parquet", schema, [front])
    write_json(folder.root / "schema.json", describe({"candidates": schema, "front": schema}))
    folder.finish(("candidates.parquet", "front.parquet", "schema.json"), **facts)
    pieces = folder.root / PIECES
    with machine_errors(pieces):
        if pieces.exists():
            shutil.rmtree(pieces)
