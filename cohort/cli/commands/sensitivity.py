"""`cohort sensitivity`: which lever moves which output."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cohort.cli import options as o


def command(
    job: Annotated[
        str,
        typer.Argument(
            metavar="JOB",
            help="A bundled job (`cohort list sensitivity`), a path to a .toml, or a results "
            "folder to go on with.",
        ),
    ],
    out: o.Out = None,
    seed: o.Seed = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config",
            metavar="KEY=VALUE",
            help="Override a dotted key of the job, such as method.samples=64; repeatable.",
            show_default=False,
        ),
    ] = None,
    device: o.DeviceOption = o.Device.auto,
    workers: o.Workers = None,
    cluster: o.Cluster = None,
    overwrite: o.Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, tell factors and size; write nothing.")
    ] = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Sensitivity: which parameter, covariate or drug PK moves which outcome, by how much."""
    from cohort.api.sensitivity import sensitivity
    from cohort.cli.jobs import run_and_tell
    from cohort.cli.levers import show_plan, tell_sensitivity
    from cohort.errors import BadInput
    from cohort.levers.identity import begun
    from cohort.levers.layout import results_folder
    from cohort.levers.load import load_job

    if (Path(job) / "manifest.json").is_file():
        if config or seed is not None or out is not None:
            raise BadInput(f"{job} is a results folder: its job is gone on with as it is.")
        folder, prepared = Path(job), begun(Path(job))
    else:
        prepared = load_job(job, config or (), seed=seed)
        folder = out or results_folder(prepared.job)
    if dry_run:
        show_plan(prepared, folder, as_json=as_json)
        return
    run_and_tell(
        prepared.job.name,
        partial(
            sensitivity,
            prepared,
            out=folder,
            device=device,
            workers=workers,
            cluster=cluster,
            overwrite=overwrite,
        ),
        lambda: tell_sensitivity(folder, quiet=quiet, as_json=as_json),
        silent=quiet or as_json,
    )
