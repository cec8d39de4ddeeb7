"""Muscle: hormones make it, it loads bone, and its loss makes people fall.

    M' = [ (T / T_healthy)^0.02 I^0.07 (1 - 0.04 gc) - M ] / 120 days
    load = activity M

`M` is lean mass over that of a healthy person of the same age and sex; what age itself takes from
the load is in `alph`, since the data tell only their sum. Osteocytes make less sclerostin under
load (`wnt`). Exponents from trials, rounded: lean mass -3 to -5 % in a year of androgen deprivation
and +2 to +3 % on testosterone (Bhasin 2018, 10.1210/jc.2018-00229), +5 % on replacement of growth
hormone (Rahim 1998). Age: Janssen 2000 (10.1152/jappl.2000.89.1.81). Falls: a third of people
beyond 65 fall in a year, half of those beyond 80, and sarcopenia nearly doubles the odds (Yeung
2019, 10.1002/jcsm.12411). All of these are recalled, unchecked.
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, power
from cohort.model.endocrine.glucocorticoid import MUSCLE_LOSS

RATE = 1.0 / 120.0  # 1/day
BY_TESTOSTERONE = 0.02
BY_IGF1 = 0.07
AGE_LOSS = 0.005  # ln per year beyond 45
FALLS_PER_YEAR = 0.035  # ln per year beyond 65
FALLS_PER_MUSCLE = 2.0


def target(testosterone: Patients, igf1: Patients | float, glucocorticoid: Patients | float):
    """Return the lean mass to which hormones lead, relative to health.

    Args:
        testosterone: over a healthy person's.
        igf1: over a healthy person's.
        glucocorticoid: `gc_e`.
    """
    built = power(testosterone, BY_TESTOSTERONE) * power(jnp.asarray(igf1), BY_IGF1)
    return built * (1.0 - MUSCLE_LOSS * glucocorticoid)


def lean_mass(muscle: Patients | float, age: Patients) -> Patients:
    """Return lean mass relative to a healthy young person of the same sex."""
    return muscle * jnp.exp(-AGE_LOSS * jnp.maximum(age - 45.0, 0.0))


def fall_rate(muscle: Patients | float, age: Patients) -> Patients:
    """Return falls per year, relative to a healthy person of 65."""
    by_age = jnp.exp(FALLS_PER_YEAR * (age - 65.0))
    return by_age * power(jnp.asarray(muscle), -FALLS_PER_MUSCLE)
