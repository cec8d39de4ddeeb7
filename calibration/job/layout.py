"""Where each file of a job's results folder lies; the only place that knows the names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from calibration.job.schema import Job

KNOWN = (
    "manifest.json",
    "job.toml",
    "targets.parquet",
    "starts.parquet",
    "trace.parquet",
    "spread.parquet",
    "spread_parameters.parquet",
    "parameters.toml",
    "draws.parquet",
    "posterior.nc",
    "identifiability.parquet",
    "directions.parquet",
    "information.parquet",
    "correlations.parquet",
    "profiles.parquet",
    "intervals.parquet",
    "predictions.parquet",
    "report.html",
    "figures",
    "petab",
    "checkpoint",
)
"""Everything that a job may have written, hence all that `--overwrite` may remove."""


@dataclass(frozen=True)
class Layout:
    """The paths inside one results folder.

    Attributes:
        root: the folder.
    """

    root: Path

    def __getitem__(self, name: str) -> Path:
        """Return the path of a file or folder of `KNOWN`."""
        if name not in KNOWN:
            raise KeyError(name)
        return self.root / name


def results_folder(job: Job) -> Path:
    """Return the results folder of a job where none is named."""
    return Path("results") / f"{job.name}-{job.seed}"
