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
    from cohort.cli.finish import finish_run
    from cohort.cli.progress import progress_bar
    from cohort.cli.runner import prepare_again, simulate
    from cohort.errors import BadInput, TooManyFailed
    from cohort.results.reader import read_manifest

    manifest = read_manifest(folder)
    prepared = prepare_again(manifest["study"])
    if prepared.spec.hash != manifest.get("hash"):
        raise BadInput(
            f"{folder} was begun with version {manifest.get('version')} and parameter hash "
            f"{str(manifest.get('parameter_hash'))[:12]}; this is version {prepared.spec.version} "
            f"with {prepared.spec.parameter_hash[:12]}, whose numbers differ. Repeat the run with "
            "--overwrite, or finish it with that version."
        )
    too_many = None
    with progress_bar(prepared.spec.name, quiet=quiet or as_json) as progress:
        try:
            simulate(prepared, out=folder, device=device, workers=workers, progress=progress)
        except TooManyFailed as error:
            too_many = error
    finish_run(folder, quiet=quiet, as_json=as_json)
    if too_many is not None:
        raise too_many
