"""One person's parameters: the population's values with the individual effects applied.

An effect `eta` is a multiplier unless its name ends in `_offset` (additive on the logarithm). Names
and spreads are in `data/variability/individual.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp

from cohort.model.arrays import Patients

# Parameter -> the individual effect that multiplies it.
MULTIPLIED = {
    "rT": "rate_turnover",
    "rC": "rate_turnover",
    "bE": "bE",
    "pHRT": "pHRT",
    "kQ": "precursor",
    "KD": "KD",
    "dPTH": "pth_anabolic",
    "sPTH": "pth_anabolic",
    "bPTH": "bPTH",
    "wM": "wnt",
    "ks": "wnt",
}

# Rates that are `rM` times as high in men.
FASTER_IN_MEN = ("rT", "rC")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Person:
    """Parameters and covariates of a block of patients, as the equations read them.

    Attributes:
        theta: value by parameter name; a scalar, or `(patient,)` where individuals differ.
        eta: individual effects that act on an exposure or an output, `(patient,)` each.
        life: `age_at_menopause` and `menopause_width` in years, and `male`, 1 in men and 0 in
            women; left out where there are no men, so that women cost no more for them.
        conditions: amount and age at onset of each condition that anybody has, by name.
    """

    theta: Mapping[str, Patients]
    eta: Mapping[str, Patients]
    life: Mapping[str, Patients]
    conditions: Mapping[str, tuple[Patients, Patients]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Patients:
        """Return the parameter `name`."""
        return self.theta[name]

    @property
    def with_men(self) -> bool:
        """Whether the block holds men at all."""
        return "male" in self.life

    def by_sex(self, women: Patients | float, men: Patients | float) -> Patients:
        """Return each patient's own of two values."""
        if not self.with_men:
            return jnp.asarray(women)
        return jnp.where(self.life["male"] > 0.5, men, women)


def make_person(
    values: Mapping[str, Patients],
    eta: Mapping[str, Patients],
    life: Mapping[str, Patients],
    conditions: Mapping[str, tuple[Patients, Patients]] | None = None,
) -> Person:
    """Apply the individual effects to the population's parameters.

    Args:
        values: population value by parameter name, scalars.
        eta: individual effects, `(patient,)`.
        life: see `Person`.
        conditions: see `Person`.
    """
    theta = dict(values)
    for name, effect in MULTIPLIED.items():
        theta[name] = values[name] * eta[effect]
    if "male" in life:
        for name in FASTER_IN_MEN:
            theta[name] = theta[name] * jnp.where(life["male"] > 0.5, values["rM"], 1.0)
    # phiQ is a fraction: its effect multiplies the odds.
    odds = values["phiQ"] * eta["precursor"]
    theta["phiQ"] = odds / (odds + 1.0 - values["phiQ"])
    return Person(theta, eta, life, dict(conditions or {}))
