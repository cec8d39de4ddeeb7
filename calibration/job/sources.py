"""Every data file whose bytes decide a job's numbers."""

from __future__ import annotations

from pathlib import Path

from calibration.job.schema import Job
from calibration.job.selection import NATURAL_HISTORY, select
from calibration.job.tables import table_files
from cohort.resources import bundled, data_root


def source_files(job: Job) -> dict[str, Path]:
    """Return the files by a label that is the same on every machine."""
    root = data_root()
    files = {
        f"trials/{trial.source.name}/{path.name}": path
        for trial in select(job).trials
        for path in trial.source.files
    }
    shared = [root / "parameters" / "declarations.csv", root / NATURAL_HISTORY / "targets.csv"]
    shared += sorted((root / "variability").glob("*"))
    files |= {path.relative_to(root).as_posix(): path for path in shared}
    files |= table_files(job)
    return files | {"start": bundled("parameters").get(job.start.set, Path(job.start.set))}
