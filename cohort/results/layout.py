"""Where each file of a results folder lies; the only place that knows the names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PART = 16384
"""Persons per part file: a constant of the format, so that a part's bytes depend on neither the
block size nor the number of workers."""

KNOWN = (
    "manifest.json",
    "schema.json",
    "patients.parquet",
    "summary.parquet",
    "report.html",
    "visits",
    "events",
    "incidence.parquet",
    "yearly.parquet",
    "figures",
    "export",
    ".parts",
)
"""Everything that a run may have written, hence all that `--overwrite` may remove."""


@dataclass(frozen=True)
class Layout:
    """The paths inside one results folder.

    Attributes:
        root: the folder.
    """

    root: Path

    @property
    def manifest(self) -> Path:
        """What was run, on what, and how far it came."""
        return self.root / "manifest.json"

    @property
    def schema(self) -> Path:
        """Column, unit and description of every column."""
        return self.root / "schema.json"

    @property
    def patients(self) -> Path:
        """One row per arm and virtual patient."""
        return self.root / "patients.parquet"

    @property
    def summary(self) -> Path:
        """One row per arm, outcome and visit."""
        return self.root / "summary.parquet"

    @property
    def report(self) -> Path:
        """Figures and tables in one self-contained page."""
        return self.root / "report.html"

    @property
    def visits(self) -> Path:
        """The hive-partitioned folder of visits."""
        return self.root / "visits"

    @property
    def events(self) -> Path:
        """The hive-partitioned folder of fractures and deaths, where a study asks for them."""
        return self.root / "events"

    @property
    def incidence(self) -> Path:
        """One row per arm, kind of fracture and visit: cumulative incidence with its interval."""
        return self.root / "incidence.parquet"

    @property
    def yearly(self) -> Path:
        """One row per arm and year: patients, fractures, deaths, years on treatment."""
        return self.root / "yearly.parquet"

    @property
    def pieces(self) -> Path:
        """Finished pieces of `patients.parquet`, until they are merged."""
        return self.root / ".parts"

    @property
    def lock(self) -> Path:
        """Held by the process that writes the folder."""
        return self.root / ".lock"

    def visits_part(self, arm: str, part: int) -> Path:
        """One part file of one arm."""
        return self.visits / f"arm={arm}" / f"part-{part:05d}.parquet"

    def events_part(self, arm: str, part: int) -> Path:
        """One part file of one arm's fractures and deaths."""
        return self.events / f"arm={arm}" / f"part-{part:05d}.parquet"

    def piece(self, part: int) -> Path:
        """The rows of `patients.parquet` of one part; it exists only once the part is complete."""
        return self.pieces / f"part-{part:05d}.parquet"

    def part_complete(self, arms: tuple[str, ...], part: int) -> bool:
        """Whether all files of a part are there (each is complete or absent, never half)."""
        patients = self.patients.exists() or self.piece(part).exists()
        files = [self.visits_part(arm, part) for arm in arms]
        if self.events.exists():
            files += [self.events_part(arm, part) for arm in arms]
        return patients and all(file.exists() for file in files)
