"""Fractures that a person has had: those found at entry, and what they do to the hazard.

A vertebral fracture multiplies the hazard of the next one about fivefold, more where there are
several (Lindsay 2001, 10.1001/jama.285.3.320; Klotzbuecher 2000, 10.1359/jbmr.2000.15.4.721); any
other fracture about doubles that of every kind, whatever the density (Kanis 2004,
10.1016/j.bone.2004.03.024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from cohort.fractures.law import KindLaw, Law

Reals = np.ndarray

SEVERAL = 2
"""Vertebral fractures are counted up to here: none, one, several."""


@dataclass(frozen=True)
class Prevalence:
    """Vertebral fractures at entry, as a trial published them.

    Attributes:
        vertebral: share of the participants with at least one.
        several: share with two or more.
    """

    vertebral: float
    several: float


def vertebral_at_entry(
    law: Law, age: Reals, uniform: Reals, stated: Prevalence | None
) -> np.ndarray:
    """Return how many vertebral fractures persons enter with: 0, 1, or 2 for several, int8.

    Args:
        law: the coefficients.
        age: years at entry.
        uniform: a draw of each person's own.
        stated: what the trial published; the prevalence by age in the population if left out.
    """
    if stated is None:
        common = law.common
        by_age = common.prevalence_age.value * (np.asarray(age, np.float64) - 65.0)
        some = np.minimum(common.prevalence_at_65.value * np.exp(by_age), 0.6)
        several = common.prevalence_several.value * some
    else:
        some, several = np.full(len(age), stated.vertebral), np.full(len(age), stated.several)
    return ((uniform < some).astype(np.int8) + (uniform < several)).astype(np.int8)


def frailty(law: Law, uniform: Reals) -> Reals:
    """Return what multiplies all hazards of a person: gamma distributed with mean 1.

    Args:
        law: the coefficients.
        uniform: a draw of each person's own.
    """
    variance = law.common.frailty_variance.value
    if variance <= 0:
        return np.ones_like(uniform)
    return variance * gammaincinv(1.0 / variance, uniform)


def log_prior(own: KindLaw, vertebral: np.ndarray, others: np.ndarray) -> Reals:
    """Return ln of what prior fractures multiply a kind's hazard by.

    Args:
        own: the kind's law.
        vertebral: number of vertebral fractures so far, `SEVERAL` for more.
        others: whether there has been any other fracture since entry.
    """
    by_number = np.array([0.0, own.one_vertebral.value, own.several_vertebral.value])
    return np.maximum(by_number[vertebral], np.where(others, own.other_prior.value, 0.0))
