"""What a study asks of its participants, in the form that recruitment takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    variable: str
    min: float | None = None
    max: float | None = None
    any_of: str | None = None


@dataclass(frozen=True)
class Published:
    mean: float
    sd: float | None = None
