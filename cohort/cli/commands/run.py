"""`cohort run`: a virtual trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cohort.cli import options as o

if TYPE_CHECKING:
    from cohort.cli.runner import Prepared


def command(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY", help="A bundled study (`cohort list studies`) or a path to a .toml."
        ),
    ],
    out: o.Out = None,
    seed: o.Seed = None,
    patients: o.Patients = None,
    config: o.Config = None,
    accuracy: o.AccuracyOption = None,
    device: o.DeviceOption = o.Device.auto,
    workers: o.Workers = None,
    shard: o.ShardOption = None,
    overwrite: o.Overwrite = False,
    dry_run: o.DryRun = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Run a virtual trial: what it would have measured, and a report."""
    from cohort.cli.finish import finish_run
    from cohort.cli.progress import progress_bar
    from cohort.cli.runner import default_workers, prepare, simulate
    from cohort.errors import TooManyFailed
    from cohort.execute.folder import Shard

    prepared = prepare(study, config=config or (), seed=seed, patients=patients, accuracy=accuracy)
    share = Shard() if shard is None else Shard.parse(shard)
    folder = out or prepared.default_out
    threads = default_workers(device) if workers is None else workers
    if dry_run:
        _show_estimate(prepared, folder, threads, as_json)
        return
    too_many = None
    with progress_bar(prepared.spec.name, quiet=quiet or as_json) as progress:
        try:
            simulate(
                prepared,
                out=folder,
                device=device,
                workers=threads,
                shard=share,
                overwrite=overwrite,
                progress=progress,
            )
        except TooManyFailed as error:
            too_many = error
    if share.whole:
        finish_run(folder, quiet=quiet, as_json=as_json)
    elif not quiet:
        print(f"share {share} is in {folder}; `cohort resume {folder}` merges once all are there")
    if too_many is not None:
        raise too_many


def _show_estimate(prepared: Prepared, folder: Path, workers: int, as_json: bool) -> None:
    """Tell what a run would cost; the study has been checked whole by now."""
    from cohort.cli.tables import print_json
    from cohort.execute.estimate import estimate

    study, spec = prepared.study, prepared.spec
    size = estimate(
        spec,
        extra=study.outputs.extra,
        measured=study.measurement.enabled,
        workers=workers,
    )
    if as_json:
        print_json({"study": spec.name, "out": str(folder), "valid": True, **size.as_dict()})
        return
    print(f"{spec.name} is valid and would be written to {folder}.")
    print(size.sentence())
