"""`cohort optimize`: the best sequence or schedule among those allowed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cohort.cli import options as o

if TYPE_CHECKING:
    from cohort.search.load import Prepared


def command(
    search: Annotated[
        str,
        typer.Argument(
            metavar="SEARCH",
            help="A bundled search (`cohort list searches`) or a path to a .toml; of a study, "
            "bundled or a .toml, the best arm is found.",
        ),
    ],
    out: o.Out = None,
    seed: o.Seed = None,
    patients: Annotated[
        int | None,
        typer.Option(
            "--patients",
            metavar="N",
            help="Persons on whom each candidate is tried.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config",
            metavar="KEY=VALUE",
            help="Override a dotted key of the search, such as objective.month=60; repeatable.",
            show_default=False,
        ),
    ] = None,
    accuracy: o.AccuracyOption = None,
    device: o.DeviceOption = o.Device.auto,
    workers: o.Workers = None,
    overwrite: o.Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, count the candidates; write nothing.")
    ] = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Find the best sequence or schedule among those allowed, and what less would give."""
    from cohort.api.optimization import results_folder
    from cohort.cli.optimum import search_and_tell
    from cohort.search.load import load_search

    prepared = load_search(search, config or (), seed=seed, patients=patients, accuracy=accuracy)
    folder = out or results_folder(prepared)
    if dry_run:
        _show_size(prepared, folder, as_json)
        return
    search_and_tell(
        prepared,
        folder,
        device=device,
        workers=workers,
        overwrite=overwrite,
        quiet=quiet,
        as_json=as_json,
    )


def _show_size(prepared: Prepared, folder: Path, as_json: bool) -> None:
    """Tell what a search would compute; it has been checked whole by now."""
    from cohort.cli.tables import print_json
    from cohort.search.estimate import size

    found = size(prepared)
    if as_json:
        told = {"search": prepared.search.name, "out": str(folder), "valid": True}
        print_json(told | found.as_dict())
        return
    print(f"{prepared.search.name} is valid and would be written to {folder}.")
    print(found.sentence())
