"""`cohort compare`: predicted against published, by trial, site and marker."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cohort.cli import options as o


def command(
    studies: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STUDY]...", help="Bundled trials; all replicas by default."),
    ] = None,
    out: o.Out = None,
    seed: o.Seed = None,
    patients: o.Patients = 512,
    config: o.Config = None,
    accuracy: o.AccuracyOption = None,
    device: o.DeviceOption = o.Device.auto,
    workers: o.Workers = None,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Compare predicted with published, by trial, site and marker."""
    from cohort.analysis.replicas import compare_replicas, replicas, write_comparison
    from cohort.cli.comparison import comparison_json, print_comparison
    from cohort.cli.progress import progress_bar
    from cohort.cli.runner import prepare, simulate
    from cohort.cli.tables import print_json
    from cohort.errors import BadInput, TooManyFailed

    names = replicas(studies or ())
    prepared, problems = {}, []
    # All of them are checked before any is run: nobody waits an hour for a typing slip.
    for name in names:
        try:
            prepared[name] = prepare(
                name, config=config or (), seed=seed, patients=patients, accuracy=accuracy
            )
        except BadInput as error:
            problems += error.problems
    if problems:
        raise BadInput(list(dict.fromkeys(problems)))
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="cohort-compare-") as scratch:

        def run(name: str) -> Path:
            folder = Path(scratch) / name
            title = f"{name} ({names.index(name) + 1} of {len(names)})"
            with progress_bar(title, quiet=quiet or as_json, transient=True) as progress:
                try:
                    simulate(
                        prepared[name],
                        out=folder,
                        device=device,
                        workers=workers,
                        progress=progress,
                    )
                except TooManyFailed as error:
                    failures.append(f"{name}: {error}")
            return folder

        predictions = compare_replicas(names, run)
    folder = out or Path("results") / "compare"
    table = folder / "compare.parquet"
    write_comparison(predictions, table)
    if as_json:
        print_json(comparison_json(predictions) | {"out": str(table)})
    elif not quiet:
        print_comparison(predictions)
        print(f"every row: {table}")
    if failures:
        raise TooManyFailed(" ".join(failures))
