"""What the drugs bring to the equations at one moment.

Serum levels and surface doses are computed apart from the cells, since no drug's kinetics depends
on bone except the bisphosphonates' release, which is in `bisphosphonate.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp

from cohort.model.arrays import Patients


class Exposure(NamedTuple):
    """Drug exposures of a block of patients, `(patient,)` or scalar zero where a drug is absent.

    Attributes:
        denosumab: serum concentration of antibodies to RANKL, ug/mL.
        romosozumab: serum concentration of antibodies to sclerostin, ug/mL.
        pth_anabolic: anabolic signal arriving per day, 1 = teriparatide 20 ug daily.
        pth_catabolic: catabolic signal arriving per day, same unit.
        bisphosphonate: input to each drug's surface pool, label days per day.
        levels: hormones and their antagonists by the names of `cohort.therapy.LEVELS`, which says
            what 1 means; those that a study does not use are left out.
    """

    denosumab: Patients
    romosozumab: Patients
    pth_anabolic: Patients
    pth_catabolic: Patients
    bisphosphonate: tuple[Patients, ...]
    levels: Mapping[str, Patients]

    def level(self, name: str) -> Patients | float:
        """Return a level, zero where no drug raises it."""
        return self.levels.get(name, 0.0)


def no_exposure(bisphosphonates: int = 0) -> Exposure:
    """Return the exposure of an untreated person, with so many empty pools of bisphosphonate."""
    zero = jnp.zeros(())
    return Exposure(*(zero,) * 4, bisphosphonate=(zero,) * bisphosphonates, levels={})
