"""`cohort resume`: finish what was interrupted; merge shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cohort.cli import options as o


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results folder to finish.")],
    device: o.DeviceOption = o.Device.auto,
    workers: o.Workers = None,
    quiet: o.Quiet = False,
    as_json: o.Json = False,
) -> None:
    """Finish what was interrupted; merge shards."""
    from cohort.api.runs import resume
    from cohort.cli.ending import tell_outcome
    from cohort.cli.progress import progress_bar
    from cohort.errors import TooManyFailed
    from cohort.results.reader import read_manifest

    if read_manifest(folder).get("kind") == "search":
        from cohort.cli.optimum import finish

        finish(folder, device=device, workers=workers, quiet=quiet, as_json=as_json)
        return
    if read_manifest(folder).get("kind") == "sensitivity":
        from cohort.cli.commands.sensitivity import command as sensitivity

        sensitivity(str(folder), device=device, workers=workers, quiet=quiet, as_json=as_json)
        return
    too_many = None
    with progress_bar(str(folder), quiet=quiet or as_json) as progress:
        try:
            resume(folder, device=device, workers=workers, progress=progress)
        except TooManyFailed as error:
            too_many = error
    tell_outcome(folder, quiet=quiet, as_json=as_json)
    if too_many is not None:
        raise too_many
