"""Bone turnover markers in serum from resorption, formation and osteoblast number.

    CTX  = bgC + (1 - bgC) R^qC
    P1NP = bgP + (1 - bgP) F^qP
    BSAP = B^qB

relative to a typical 35-year-old. Part of each collagen marker does not come from bone that is
remodeled (skin and other soft tissue make type I collagen too). The floors and the exponents also
absorb assay differences.
"""

from __future__ import annotations

from cohort.model.arrays import Patients, State, power
from cohort.model.person import Person
from cohort.model.remodeling import Signals


def relative_markers(state: State, person: Person, now: Signals) -> dict[str, Patients]:
    """Return CTX, P1NP and BSAP relative to a typical 35-year-old."""
    formation = now.remodeling_formation + now.modelling_formation
    return {
        "ctx": _above_floor(now.resorption, person["bgC"], person["qC"]),
        "p1np": _above_floor(formation, person["bgP"], person["qP"]),
        "bsap": power(state["B"], person["qB"]),
    }


def _above_floor(flux: Patients, floor: Patients, exponent: Patients) -> Patients:
    return floor + (1.0 - floor) * power(flux, exponent)
