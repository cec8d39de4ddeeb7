"""`cohort power`: power and sample size by simulating whole trials."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from cohort.cli import options as o


def command(
    job: Annotated[
        str,
        typer.Argument(
            metavar="STUDY_OR_JOB",
            help="A path to a power file (.toml), or a study (`cohort list studies`, or a path).",
        ),
    ],
    out: o.Out = None,
    seed: o.Seed = None,
    patients: Annotated[
        int | None,
        typer.Option(
            "--patients",
            metavar="N",
            help="Persons of the cohort that trials are drawn from.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config",
            metavar="KEY=VALUE",
            help="Override a dotted key of the power file, such as grid.effect=[0.5,1]; "
            "repeatable.",
            show_default=False,
        ),
    ] = None,
    accuracy: o.AccuracyOption = None,
    device: o.DeviceOption = o.Device.auto,
    workers: o.Workers = None,
    draws: o.Draws = None,
    overwrite: o.Overwrite = False,
    dry_run: o.DryRun = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Power and sample size: whole trials, resampled from one simulated cohort."""
    from cohort.api.power import power, results_folder
    from cohort.cli.jobs import run_and_tell
    from cohort.cli.power_table import show_designs, tell_power
    from cohort.planning.load import load_power

    prepared = load_power(job, config or (), seed=seed, persons=patients, accuracy=accuracy)
    folder = out or results_folder(prepared)
    if dry_run:
        show_designs(prepared, folder, as_json)
        return
    run_and_tell(
        prepared.job.name,
        partial(
            power,
            prepared,
            out=folder,
            device=device,
            workers=workers,
            draws=draws,
            overwrite=overwrite,
        ),
        lambda: tell_power(folder, quiet=quiet, as_json=as_json),
        silent=quiet or as_json,
    )
