"""What the drugs bring to the equations at one moment.

Serum levels and surface doses are computed apart from the cells, since no drug's kinetics depends
on bone except the bisphosphonates' release, which is in `bisphosphonate.py`.
"""

from __future__ import annotations

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
        estrogen: estradiol given, 1 = CEE 0.625 mg daily.
        serm: raloxifene level, 1 = 60 mg daily.
        progestin: progestin level, 1 = medroxyprogesterone acetate 2.5 mg daily.
        calcium: calcium and vitamin D level, 1 = given daily.
        bisphosphonate: input to each drug's surface pool, label days per day.
    """

    denosumab: Patients
    romosozumab: Patients
    pth_anabolic: Patients
    pth_catabolic: Patients
    estrogen: Patients
    serm: Patients
    progestin: Patients
    calcium: Patients
    bisphosphonate: tuple[Patients, ...]


def no_exposure(bisphosphonates: int = 0) -> Exposure:
    """Return the exposure of an untreated person, with so many empty pools of bisphosphonate."""
    zero = jnp.zeros(())
    return Exposure(*(zero,) * 8, bisphosphonate=(zero,) * bisphosphonates)
