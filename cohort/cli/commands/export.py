"""`cohort export`: a run as ADaM-shaped data sets, as CSV, or as a NONMEM-style table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cohort.cli import options as o


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results folder of `cohort run`.")],
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="adam|csv|nonmem",
            help="ADaM-shaped data sets, the run's own tables, or doses and measured values in one "
            "NONMEM-style table.",
        ),
    ] = "adam",
    xpt: Annotated[
        bool, typer.Option("--xpt", help="SAS transport files (version 5) of the data sets too.")
    ] = False,
    out: o.Out = None,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Write a run for other programs: ADaM-shaped data sets, plain CSV, or a NONMEM table."""
    from cohort.api.export import export
    from cohort.cli.progress import progress_bar
    from cohort.cli.tables import print_json, print_table

    with progress_bar("export", quiet=quiet or as_json, transient=True) as show:
        found = export(folder, kind=kind, out=out, xpt=xpt, progress=show)
    if as_json:
        print_json({"out": str(found.folder), "rows": dict(found.rows)})
    elif not quiet:
        rows = [(name, f"{n:,}") for name, n in found.rows.items()]
        print_table(("table", "rows"), rows, numbers=(1,))
        print(f"written to {found.folder}")
