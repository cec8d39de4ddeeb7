"""`manifest.json`: what was run, on what, how far it came, what happened to the patients."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cohort.execute.spec import RunSpec
from cohort.results.layout import Layout
from cohort.results.tables import Counts
from cohort.results.writer import write_json
from cohort.trial.evidence import evidence_sentences

RUNNING, DONE, INTERRUPTED, FAILED = "running", "done", "interrupted", "failed"


@dataclass
class Clock:
    """Where the time of this process went; of an interrupted run, only the last stretch.

    Attributes:
        compile: seconds spent compiling.
        compute: seconds from the first block sent to the last block back.
        write: seconds the writer thread was busy, most of them while the next blocks computed.
        summary: seconds spent on the merge and the summary.
        patient_years: patient-years computed in `compute`.
    """

    compile: float = 0.0
    compute: float = 0.0
    write: float = 0.0
    summary: float = 0.0
    patient_years: float = 0.0

    @property
    def speed(self) -> float | None:
        """Patient-years per second of computing, or None where nothing was computed."""
        return self.patient_years / self.compute if self.compute > 0 else None

    def as_dict(self) -> dict[str, float | None]:
        """Return rounded seconds and the speed."""
        return {
            "compile": round(self.compile, 3),
            "compute": round(self.compute, 3),
            "write": round(self.write, 3),
            "summary": round(self.summary, 3),
            "patient_years_computed": round(self.patient_years, 3),
            "patient_years_per_second": None if self.speed is None else round(self.speed, 1),
        }


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


PACKAGES = ("bone-cohort", "jax", "llvmlite", "numpy", "pyarrow")
"""What the numbers and bytes rest on, beside Python and the platform."""


def versions() -> dict[str, str]:
    """Return versions of what the numbers and bytes rest on."""
    found = {"python": platform.python_version(), "platform": sys.platform}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_manifest(
    layout: Layout,
    spec: RunSpec,
    status: str,
    *,
    started: str,
    device: str | None = None,
    notes: Sequence[str] = (),
    workers: int | None = None,
    cluster: str | None = None,
    counts: Counts | None = None,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Write the manifest and return what was written."""
    manifest = spec.identity() | {
        "study": dict(spec.study),
        "hash": spec.hash,
        "status": status,
        "started": started,
        "finished": None if status == RUNNING else now(),
        "device": device,
        "evidence": evidence_sentences(spec.study),
        "notes": list(notes),
        "block_size": spec.block_size,
        "max_failed": spec.max_failed,
        "workers": workers,
        "cluster": cluster,
        "versions": versions(),
        "counts": None if counts is None else _counts(spec, counts),
        "seconds": None if clock is None else clock.as_dict(),
    }
    write_json(layout.manifest, manifest)
    return manifest


def _counts(spec: RunSpec, counts: Counts) -> dict[str, Any]:
    """Return the counts with the patient-years that were simulated, dropouts' included."""
    return counts.as_dict() | {"patient_years": round(counts.patients * spec.years, 6)}
