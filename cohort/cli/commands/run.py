"""`cohort run`: a virtual trial."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cohort.cli import options as o

if TYPE_CHECKING:
    from cohort.trial.schema import Study


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
    draws: o.Draws = None,
    shard: o.ShardOption = None,
    cluster: o.Cluster = None,
    overwrite: o.Overwrite = False,
    dry_run: o.DryRun = False,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Run a virtual trial: what it would have measured, and a report."""
    from cohort.api.executors import default_workers, make_executor
    from cohort.api.runs import run as run_trial
    from cohort.api.studies import load_study, results_folder
    from cohort.cli.ending import tell_outcome
    from cohort.cli.jobs import run_and_tell
    from cohort.execute.folder import Shard

    checked = load_study(
        study, config=config or (), seed=seed, patients=patients, accuracy=accuracy
    )
    share = Shard() if shard is None else Shard.parse(shard)
    folder = out or results_folder(checked)
    if dry_run:
        make_executor(cluster, workers, device)  # refuses what cannot be
        threads = default_workers(device) if workers is None else workers
        _show_estimate(checked, draws, folder, threads, as_json)
        return

    def tell() -> None:
        if share.whole:
            tell_outcome(folder, quiet=quiet, as_json=as_json)
        elif not quiet:
            told = f"`cohort resume {folder}` merges once all are there"
            print(f"share {share} is in {folder}; {told}")

    run_and_tell(
        checked.name,
        partial(
            run_trial,
            checked,
            out=folder,
            device=device,
            workers=workers,
            draws=draws,
            shard=shard,
            cluster=cluster,
            overwrite=overwrite,
        ),
        tell,
        silent=quiet or as_json,
    )


def _show_estimate(
    study: Study, draws: int | None, folder: Path, workers: int, as_json: bool
) -> None:
    """Tell what a run would cost; the study has been checked whole by now."""
    from cohort.api.studies import drawn_parameters, run_spec
    from cohort.cli.tables import print_json
    from cohort.execute.estimate import estimate
    from cohort.trial.study import study_courses

    size = estimate(
        run_spec(study, drawn_parameters(study, draws)),
        extra=study.outputs.extra,
        measured=study.measurement.enabled,
        workers=workers,
        courses=[len(courses.schedules) for courses in study_courses(study).values()],
    )
    if as_json:
        print_json({"study": study.name, "out": str(folder), "valid": True, **size.as_dict()})
        return
    print(f"{study.name} is valid and would be written to {folder}.")
    print(size.sentence())
