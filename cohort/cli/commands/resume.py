"""`cohort resume`: finish what was interrupted; merge shards."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cohort.cli import options as o


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results folder to finish.")],
    device: o.DeviceOption = o.Device.auto,
    workers: o.Workers = None,
    cluster: o.Cluster = None,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Finish what was interrupted; merge shards."""
    from cohort.api.runs import resume
    from cohort.cli.ending import tell_outcome
    from cohort.cli.jobs import run_and_tell
    from cohort.errors import BadInput
    from cohort.results.reader import read_manifest

    kind = read_manifest(folder).get("kind")
    if kind == "search":
        from cohort.cli.optimum import finish

        if cluster is not None:
            raise BadInput(f"{folder} holds a search; --cluster is for runs and sensitivity jobs.")
        finish(folder, device=device, workers=workers, quiet=quiet, as_json=as_json)
        return
    if kind == "sensitivity":
        from cohort.cli.commands.sensitivity import command as sensitivity

        sensitivity(
            str(folder),
            device=device,
            workers=workers,
            cluster=cluster,
            quiet=quiet,
            as_json=as_json,
        )
        return
    run_and_tell(
        str(folder),
        partial(resume, folder, device=device, workers=workers, cluster=cluster),
        lambda: tell_outcome(folder, quiet=quiet, as_json=as_json),
        silent=quiet or as_json,
    )
