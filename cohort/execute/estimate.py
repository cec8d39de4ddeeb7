"""What a run will cost, before it starts: rows, bytes on disk, memory, time.

Sizes follow from the columns: a float32 value takes 4 bytes in memory and, measured on written
parts (BYTE_STREAM_SPLIT, zstd), about 3 bytes on disk. Time follows from a speed that the
caller measured or assumes, and from whole tiles: few persons take the time of a tile in each arm,
under each draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.execute.spec import RunSpec
from cohort.results.layout import PART
from cohort.results.outcomes import visit_columns
from cohort.tile import TILE

_DISK_BYTES = 3.0
_MEMORY_BYTES = 4
_KEY_BYTES = 16
_BASE_MEMORY = 700e6
_PATIENT_COLUMNS = 40
_WAITING_PARTS = 3
DEFAULT_SPEED = 80_000.0
"""Patient-years a second assumed where nothing was measured: two ordinary CPU cores."""


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes:
        patients: rows of `patients.parquet`, one for each draw of the parameters.
        visits: rows of `visits`, dropouts not taken off.
        columns: outcome columns of `visits`.
        parts: part files per arm.
        draws: draws of the parameters under which everybody is simulated; None without any.
        patient_years: patient-years to simulate.
        disk_bytes: bytes of the results folder.
        memory_bytes: peak memory of the process.
        seconds: time to compute at the assumed speed, compiling left out.
        speed: patient-years a second, as assumed.
    """

    patients: int
    visits: int
    columns: int
    parts: int
    draws: int | None
    patient_years: float
    disk_bytes: int
    memory_bytes: int
    seconds: float
    speed: float

    def as_dict(self) -> dict[str, float | int]:
        """Return plain values, for `--json`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def sentence(self) -> str:
        """Return the estimate for people."""
        under = ""
        if self.draws is not None:
            each = self.patients // self.draws
            under = f" ({each:,} under each of {self.draws:,} parameter draws)"
        return (
            f"{self.patients:,} patients{under}, {self.visits:,} visits of {self.columns} outcomes "
            f"in {self.parts} parts: about {_size(self.disk_bytes)} on disk, "
            f"{_size(self.memory_bytes)} of memory and {_span(self.seconds)} "
            f"({self.patient_years:,.0f} patient-years, those of {TILE} persons at once, at "
            f"{self.speed:,.0f} a second)."
        )


def estimate(
    spec: RunSpec,
    *,
    extra: tuple[str, ...] = (),
    measured: bool = True,
    workers: int = 1,
    speed: float = DEFAULT_SPEED,
    courses: Sequence[int] = (),
) -> Estimate:
    """Return what a run will cost.

    Args:
        spec: the run.
        extra: outcomes that the study asks for beyond the standard ones.
        measured: whether measurement error is simulated, hence `measured_` columns written.
        workers: threads that compute blocks.
        speed: patient-years computed per second.
        courses: how many courses of treatment there are to compute of each arm; one by default.

    Raises:
        BadInput: an extra is not an outcome.
    """
    columns = len(visit_columns(extra, measured=measured))
    visits = spec.patients * len(spec.months)
    values = visits * (columns + 1) + spec.patients * _PATIENT_COLUMNS
    per_block = min(spec.block_size, PART, spec.slots) * len(spec.months)
    per_block *= (columns + 1) * _MEMORY_BYTES + _KEY_BYTES
    per_block *= len(spec.arms) if spec.design == "paired" else 1
    # Each block is held as numpy and as Arrow; a part waiting for the writer as Arrow alone.
    memory = _BASE_MEMORY + per_block * (2 * (workers + 1) + _WAITING_PARTS)
    years = spec.patients * spec.years
    return Estimate(
        patients=spec.patients,
        visits=visits,
        columns=columns,
        parts=spec.parts,
        draws=spec.draws,
        patient_years=years,
        disk_bytes=round(values * _DISK_BYTES),
        memory_bytes=round(memory),
        seconds=_lanes(spec, courses) * spec.years / speed,
        speed=speed,
    )


def _lanes(spec: RunSpec, courses: Sequence[int]) -> int:
    """Return for how many patients there is room in the tiles that are computed."""
    times = courses or (1,) * len(spec.arms)
    arms = spec.ratios if spec.design == "randomised" else (1,) * len(spec.arms)
    pairs = zip(arms, times, strict=True)
    tiles = sum(-(-spec.persons * ratio // TILE) * each for ratio, each in pairs)
    return tiles * TILE * (spec.draws or 1)


def _size(size: float) -> str:
    """Return bytes in the unit that people read."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def _span(seconds: float) -> str:
    """Return a time in the unit that people read."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
