"""Where each file of a power folder lies; the only place that knows the names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

KIND = "power"
RESULTS = (
    "schema.json",
    "power.parquet",
    "sample_size.parquet",
    "replicates.parquet",
    "figures",
)
"""What a power job ends in."""
KNOWN = ("manifest.json", *RESULTS, "cohort", ".parts")
"""Everything that a power job may have written, hence all that `--overwrite` may remove."""


@dataclass(frozen=True)
class Layout:
    """The paths inside one power folder.

    Attributes:
        root: the folder.
    """

    root: Path

    @property
    def schema(self) -> Path:
        """Column, type, unit and description of every table."""
        return self.root / "schema.json"

    @property
    def power(self) -> Path:
        """A row a design and comparison."""
        return self.root / "power.parquet"

    @property
    def sample_size(self) -> Path:
        """A row a power curve."""
        return self.root / "sample_size.parquet"

    @property
    def replicates(self) -> Path:
        """A row a simulated trial and comparison."""
        return self.root / "replicates.parquet"

    @property
    def figures(self) -> Path:
        """The figures."""
        return self.root / "figures"

    @property
    def cohort(self) -> Path:
        """The results folder of the simulated cohort."""
        return self.root / "cohort"

    @property
    def pieces(self) -> Path:
        """Finished pieces of `replicates.parquet`, until they are merged."""
        return self.root / ".parts"

    def piece(self, design: int, first: int) -> Path:
        """Replicates of one design from a number on; it exists only once it is complete."""
        return self.pieces / f"design-{design:05d}-{first:07d}.parquet"
