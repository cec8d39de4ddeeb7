"""Conditions: what has gone wrong with a hormone, how much, and since which age.

A condition comes on within a year and stays. Where a block has nobody with it, its neutral value is
a plain number and costs nothing.
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients
from cohort.model.person import Person

ONSET = 1.0  # years


def factor(person: Person, name: str, age: Patients) -> Patients | float:
    """Return by what a condition multiplies at an age: from 1 to its amount."""
    if name not in person.conditions:
        return 1.0
    amount, _ = person.conditions[name]
    return 1.0 + (amount - 1.0) * _share(person, name, age)


def amount(person: Person, name: str, age: Patients) -> Patients | float:
    """Return what a condition adds at an age: from 0 to its amount."""
    if name not in person.conditions:
        return 0.0
    return person.conditions[name][0] * _share(person, name, age)


def _share(person: Person, name: str, age: Patients) -> Patients:
    onset = person.conditions[name][1]
    return jnp.clip((age - onset) / ONSET, 0.0, 1.0)
