"""Which courses of doses act as a steady rate rather than dose by dose."""

from __future__ import annotations

from cohort.therapy import load_therapy
from cohort.trial.regimen import DoseCourse

CONTINUOUS = 8.0
"""Days between doses up to which they act as a steady rate: the model's fastest answer to them
takes days."""

CONTINUOUS_PULSES = 2.0
"""The same of a PTH analogue, whose injections are hours of signal: only up to every other day do
the cells, which answer for days (`model.pth`), feel them as one steady signal."""


def is_continuous(course: DoseCourse) -> bool:
    """Whether a course acts as a steady rate rather than dose by dose."""
    often = CONTINUOUS_PULSES if is_pulsed(course) else CONTINUOUS
    return course.doses > 1 and course.interval_days <= often


def is_pulsed(course: DoseCourse) -> bool:
    """Whether a course is one of injections of a PTH analogue."""
    return load_therapy(course.therapy).action == "pth_analogue"
