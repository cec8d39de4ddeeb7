"""Where each file of a sensitivity job's results lies; the only place that knows the names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cohort.levers.schema import Job

PART = 4096
"""Evaluations per part: a constant of the format, so that a part's bytes depend on nothing else."""

KNOWN = (
    "manifest.json",
    "schema.json",
    "samples.parquet",
    "evaluations.parquet",
    "individuals.parquet",
    "indices.parquet",
    "figures",
    ".parts",
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

    def part(self, index: int) -> Path:
        """One part of the evaluations, until all are merged."""
        return self[".parts"] / f"part-{index:05d}.parquet"


def results_folder(job: Job) -> Path:
    """Return the results folder of a job where none is named."""
    return Path("results") / f"{job.name}-{job.seed}"
