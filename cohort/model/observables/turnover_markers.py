"""Bone turnover markers in serum from resorption, formation and osteoblast number.

    CTX  = bgC + (1 - bgC) R^qC
    P1NP = F
    BSAP = B^qB

relative to a typical 35-year-old. The floor and the exponents also absorb assay differences.
"""

from __future__ import annotations

from cohort.model.arrays import Patients, State, power
from cohort.model.person import Person
from cohort.model.remodeling import Signals


def relative_markers(state: State, person: Person, now: Signals) -> dict[str, Patients]:
    """Return CTX, P1NP and BSAP relative to a typical 35-year-old."""
    floor = person["bgC"]
    return {
        "ctx": floor + (1.0 - floor) * power(now.resorption, person["qC"]),
        "p1np": now.remodeling_formation + now.modelling_formation,
        "bsap": power(state["B"], person["qB"]),
    }
