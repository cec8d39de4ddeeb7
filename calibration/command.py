"""`cohort calibrate`: contributed to the command line through the entry point `cohort.commands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cohort.cli import options as o


def command(
    job: Annotated[
        str,
        typer.Argument(
            metavar="JOB",
            help="A bundled job (`cohort list jobs`), a path to a .toml or to a PEtab problem.yaml "
            "of this model, or a results folder to go on with; with --freeze, that of a finished "
            "job.",
        ),
    ],
    out: o.Out = None,
    seed: o.Seed = None,
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config",
            metavar="KEY=VALUE",
            help="Override a dotted key of the job, such as fit.steps=50; repeatable.",
            show_default=False,
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            "--freeze",
            metavar="NAME",
            help="Fit nothing; write NAME.toml and NAME.draws.parquet from a finished job.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into",
            metavar="DIR",
            help="Where --freeze writes; the current folder by default.",
            show_default=False,
        ),
    ] = None,
    workers: o.Workers = None,
    cluster: o.Cluster = None,
    overwrite: o.Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, tell targets and time; write nothing.")
    ] = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Fit parameters to published outcomes: a parameter set, its posterior, a report."""
    if freeze is not None:
        _freeze(Path(job), freeze, into, overwrite, quiet, as_json)
        return
    from calibration.job.layout import results_folder
    from calibration.job.load import load_job
    from calibration.terminal import progress_shown, show_estimate, tell_outcome
    from cohort.api.executors import make_executor
    from cohort.errors import BadInput

    if into is not None:
        raise BadInput("--into is where --freeze writes; it means nothing without it.")
    checked = load_job(job, config or (), seed=seed)
    if cluster is None and workers is not None:
        raise BadInput("--workers means nothing without --cluster: a fit uses every core there is.")
    executor = None if cluster is None else make_executor(cluster, workers, "auto")
    begun = Path(job) if Path(job).is_dir() else None  # a results folder is gone on with in place
    folder = out or begun or results_folder(checked)
    if dry_run:
        from calibration.job.estimate import estimate

        show_estimate(estimate(checked), folder, as_json)
        return
    from calibration.job.run import run_job

    with progress_shown(checked.name, quiet=quiet or as_json) as progress:
        done = run_job(checked, folder, executor=executor, overwrite=overwrite, progress=progress)
    tell_outcome(done.folder, done.manifest, quiet=quiet, as_json=as_json)


def _freeze(
    folder: Path, name: str, into: Path | None, overwrite: bool, quiet: bool, as_json: bool
) -> None:
    from calibration.job.freeze import freeze
    from cohort.cli.tables import print_json

    written = freeze(folder, name, into or Path(), overwrite=overwrite)
    if as_json:
        print_json({"written": [str(path) for path in written]})
    elif not quiet:
        for path in written:
            print(f"written: {path}")
