"""A search on the command line: run to its end, and told: the best ten, the front, the evidence."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cohort.cli.tables import print_json, print_table

if TYPE_CHECKING:
    import pyarrow as pa

    from cohort.search.load import Prepared

BEST = 10


def search_and_tell(
    prepared: Prepared,
    folder: Path,
    *,
    device: str,
    workers: int | None,
    overwrite: bool = False,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a search, or go on with it, and tell what it found.

    Raises:
        TooManyFailed: everything is written and told, but too many persons could not be computed.
    """
    from cohort.api.optimization import optimize
    from cohort.cli.jobs import run_and_tell

    run_and_tell(
        prepared.search.name,
        partial(
            optimize, prepared, out=folder, device=device, workers=workers, overwrite=overwrite
        ),
        lambda: tell(folder, quiet=quiet, as_json=as_json),
        silent=quiet or as_json,
    )


def finish(folder: Path, *, device: str, workers: int | None, quiet: bool, as_json: bool) -> None:
    """Finish the search of a results folder."""
    from cohort.results.reader import read_manifest
    from cohort.search.folder import held_search

    prepared = held_search(read_manifest(folder))
    search_and_tell(prepared, folder, device=device, workers=workers, quiet=quiet, as_json=as_json)


def remake(folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Draw the figure of a complete search again.

    Raises:
        BadInput: the search is not complete.
    """
    from cohort.analysis.front import write_front
    from cohort.errors import BadInput

    if not (folder / "front.parquet").is_file():
        raise BadInput(f"{folder} holds no complete search; `cohort resume {folder}` finishes it.")
    write_front(folder)
    tell(folder, quiet=quiet, as_json=as_json)


def tell(folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Tell what a complete search found."""
    if as_json:
        print_json(optimum_json(folder))
    elif not quiet:
        print_optimum(folder)


def print_optimum(folder: Path) -> None:
    """Print the best sequences of a complete search, and what none beats.

    Args:
        folder: its results folder.
    """
    import pyarrow.parquet as pq

    from cohort.results.reader import read_manifest

    manifest = read_manifest(folder)
    table = pq.read_table(folder / "candidates.parquet")
    field = table.schema.field("mean")
    unit, what = field.metadata[b"unit"].decode(), field.metadata[b"description"].decode()
    rows = best_rows(table)
    against = manifest["search"]["objective"]["against"]
    print_table(
        *_cells(rows, unit, against),
        title=f"Best sequences: {what}",
        numbers=(0, 2, 3, 4, 5),
    )
    front = pq.read_table(folder / "front.parquet").to_pylist()
    print_table(
        *_cells(front, unit, against),
        title=f"Front: none gains more with less {against.replace('_', ' ')}",
        numbers=(0, 2, 3, 4, 5),
    )
    print("se: standard error over persons; to best: difference from the best, person by person")
    for sentence in manifest.get("evidence") or ():
        print(f"evidence: {sentence}")
    print(_sentence(manifest))
    print(f"results: {folder}")
    print(f"figure: {folder / 'figures' / 'front.png'}")


def best_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return the best candidates of a table that is sorted by rank, each schedule once."""
    once: dict[str, dict[str, Any]] = {}
    for row in table.to_pylist():
        if not row["feasible"] or len(once) == BEST:
            break
        once.setdefault(row["schedule"], row)
    return list(once.values())


def _cells(
    rows: list[dict[str, Any]], unit: str, against: str
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    of = f", {unit}" if unit != "1" else ""
    burden = "cost" if against == "cost" else "treated months"
    headers = ("rank", "sequence (months)", f"gain{of}", "se", f"to best{of}", burden)
    return headers, [
        (
            str(row["rank"]),
            row["sequence"],
            f"{row['mean']:.2f}",
            _short(row["se"]),
            f"{row['difference']:+.2f} ± {_short(row['difference_se'])}",
            f"{row[against]:g}" if against == "treated_months" else f"{row[against]:.2f}",
        )
        for row in rows
    ]


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"


def _sentence(manifest: dict[str, Any]) -> str:
    counts, seconds = manifest["counts"], manifest["seconds"]
    return (
        f"{counts['candidates']:,} candidates, {counts['schedules']:,} schedules simulated on "
        f"{counts['persons']:,} persons each, {counts['failed']:,} persons without result; "
        f"compiling {seconds['compile']:.1f} s, all {seconds['all']:.1f} s; {manifest['device']}"
    )


def optimum_json(folder: Path) -> dict[str, Any]:
    """Return what a complete search found, for programs."""
    import pyarrow.parquet as pq

    from cohort.results.reader import read_manifest

    manifest = read_manifest(folder)
    kept = ("name", "status", "seed", "hash", "device", "counts", "seconds", "evidence")
    best = best_rows(pq.read_table(folder / "candidates.parquet"))
    return {
        "out": str(folder),
        **{key: manifest.get(key) for key in kept},
        "best": best,
        "front": pq.read_table(folder / "front.parquet").to_pylist(),
    }
