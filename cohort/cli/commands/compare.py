"""`cohort compare`: predicted against published, by trial, site and marker."""

from __future__ import annotations

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
    patients: o.Persons = 2048,
    config: o.Config = None,
    accuracy: o.AccuracyOption = None,
    device: o.DeviceOption = o.Device.auto,
    workers: o.Workers = None,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Compare predicted with published, by trial, site and marker, and hormones apart."""
    from cohort.api.comparison import compare
    from cohort.cli.comparison import comparison_json, print_comparison
    from cohort.cli.progress import progress_bar
    from cohort.cli.tables import print_json
    from cohort.errors import TooManyFailed

    with progress_bar("compare", quiet=quiet or as_json, transient=True) as progress:
        found = compare(
            studies or (),
            out=out or Path("results") / "compare",
            seed=seed,
            patients=patients,
            config=config or (),
            accuracy=accuracy,
            device=device,
            workers=workers,
            progress=progress,
        )
    if as_json:
        print_json(comparison_json(found) | {"out": str(found.table)})
    elif not quiet:
        print_comparison(found)
        print(f"every row: {found.table}")
    if found.failures:
        raise TooManyFailed(" ".join(found.failures))
