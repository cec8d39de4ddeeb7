"""PTH at its receptor, pulsed and continuous: anabolic signal with tolerance, catabolic with delay.

A daily injection is a pulse of an hour; osteoblasts answer for days. The signal `A` is the pulse
seen through the lifetime of that answer, so `A' = kA (p - A)` with `p` the pulse, whose daily mean
is 1 for teriparatide 20 ug:

    A'  = kA (p + aExc m' - A)                    signal
    Ae  = A / (1 + tolp Zp) * (G / 1.5)^hAR      anabolic drive, weaker where turnover is low
    Zp' = kzp (A - Zp)                           tolerance
    Lp' = kLp (p_c + 1.2 m' - Lp)                catabolic signal, delayed by about two months

with `m'` the continuous signal of PTH in excess (`endocrine.parathyroid`): its mean counts in full
for the catabolic drive, and only by the share `aExc` for the anabolic one. An excess acts on the
cortex besides, by remodeling within it (`bone`).

Only means over a day matter to the cells then: `kA` damps the ripple of daily pulses to a tenth.
"""

from __future__ import annotations

from cohort.model.arrays import Patients, State, power
from cohort.model.endocrine.system import Milieu
from cohort.model.exposure import Exposure
from cohort.model.person import Person

# A pulse's answer fades with a half-life of two days (prior: response of osteoblast genes).
SIGNAL_RATE = 0.35
CONTINUOUS = 1.2  # catabolic signal of an unlimited excess, over teriparatide 20 ug (prior)


def anabolic_drive(state: State, person: Person) -> Patients:
    """Return `Ae` from the signal, its tolerance and turnover."""
    tolerated = 1.0 + person["tolp"] * state["Zp"]
    return state["A"] / tolerated * power(state["G"] / 1.5, person["hAR"])


def tendencies(
    state: State, person: Person, milieu: Milieu, exposure: Exposure
) -> dict[str, tuple]:
    """Return production and loss of the signal, its tolerance and the catabolic signal."""
    anabolic = exposure.pth_anabolic + person["aExc"] * milieu.pth_signal
    catabolic = exposure.pth_catabolic + CONTINUOUS * milieu.pth_signal
    return {
        "A": (SIGNAL_RATE * anabolic, SIGNAL_RATE),
        "Zp": (person["kzp"] * state["A"], person["kzp"]),
        "Lp": (person["kLp"] * catabolic, person["kLp"]),
    }
