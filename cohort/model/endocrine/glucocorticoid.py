"""Glucocorticoids: early resorption, osteoblasts and osteocytes lost, and adaptation.

    gc   = 1.5 x / (x + 5),  x in mg prednisolone a day
    Zg'  = 0.006 (gc - Zg)
    gc_e = (gc - agc Zg) (1 - 0.5 pPg progestin)

The effect is strongest in the first months and settles at `1 - agc` of it (loss 5-15 % in the first
year, 1-3 % a year later: Weinstein 2011, 10.1056/NEJMcp1012926). It raises RANKL over OPG (`bGC`),
starves the supply of progenitors (`gcP`), and kills osteoblasts (`gcB`) and osteocytes. Progestins
compete for the receptor (Prior 1990, 10.1210/edrv-11-2-386; no trial measured by how much).
"""

from __future__ import annotations

from cohort.model.arrays import Patients, State
from cohort.model.exposure import Exposure
from cohort.model.person import Person

LARGEST = 1.5
HALF_DOSE = 0.5  # of 10 mg a day
ADAPTATION_RATE = 0.006  # 1/day
OSTEOCYTE_LOSS = 0.5  # deaths of osteocytes at gc_e = 1, relative to normal
MUSCLE_LOSS = 0.04


def dose_effect(exposure: Exposure) -> Patients | float:
    """Return `gc` from the level in units of 10 mg a day."""
    level = exposure.level("glucocorticoid")
    return LARGEST * level / (level + HALF_DOSE)


def felt(state: State, person: Person, progestin: Patients | float, exposure: Exposure):
    """Return `gc_e`."""
    if "glucocorticoid" not in exposure.levels:
        return 0.0
    unadapted = dose_effect(exposure) - person["agc"] * state["Zg"]
    return unadapted * (1.0 - 0.5 * person["pPg"] * progestin)


def tendency(exposure: Exposure) -> tuple[Patients | float, float]:
    """Return production and loss of the adaptation `Zg`."""
    return ADAPTATION_RATE * dose_effect(exposure), ADAPTATION_RATE
