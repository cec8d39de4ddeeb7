"""`cohort report`: remake the figures and the report of a results folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cohort.cli.options import Json, Quiet


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results folder of a run.")],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Remake figures and report of a results folder; nothing is simulated."""
    from cohort.analysis.report import write_report
    from cohort.cli.outcome_table import print_outcomes
    from cohort.cli.tables import print_json
    from cohort.results.reader import read_manifest

    if read_manifest(folder).get("kind") == "search":
        from cohort.cli.optimum import remake

        remake(folder, quiet=quiet, as_json=as_json)
        return
    if read_manifest(folder).get("kind") == "sensitivity":
        from cohort.cli.levers import remake_figures

        remake_figures(folder, quiet=quiet, as_json=as_json)
        return
    page = write_report(folder)
    if as_json:
        print_json({"out": str(folder), "report": str(page)})
    elif not quiet:
        print_outcomes(folder)
        print(f"report: {page}")
