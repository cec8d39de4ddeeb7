"""One person's parameters: the population's values with the individual effects applied.

An effect `eta` is a multiplier unless its name ends in `_offset` (additive on the logarithm). Names
and spreads are in `data/variability/individual.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax

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


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Person:
    """Parameters and covariates of a block of patients, as the equations read them.

    Attributes:
        theta: value by parameter name; a scalar, or `(patient,)` where individuals differ.
        eta: individual effects that act on an exposure or an output, `(patient,)` each.
        age_at_menopause: years at the final menstrual period.
    """

    theta: Mapping[str, Patients]
    eta: Mapping[str, Patients]
    age_at_menopause: Patients

    def __getitem__(self, name: str) -> Patients:
        """Return the parameter `name`."""
        return self.theta[name]


def make_person(
    values: Mapping[str, Patients], eta: Mapping[str, Patients], age_at_menopause: Patients
) -> Person:
    """Apply the individual effects to the population's parameters.

    Args:
        values: population value by parameter name, scalars.
        eta: individual effects, `(patient,)`.
        age_at_menopause: years, `(patient,)`.
    """
    theta = dict(values)
    for name, effect in MULTIPLIED.items():
        theta[name] = values[name] * eta[effect]
    # phiQ is a fraction: its effect multiplies the odds.
    odds = values["phiQ"] * eta["precursor"]
    theta["phiQ"] = odds / (odds + 1.0 - values["phiQ"])
    return Person(theta, eta, age_at_menopause)
