"""PTH analogues: anabolic signal with tolerance, catabolic signal through a delay.

A daily injection is a pulse of an hour; osteoblasts answer for days. The signal `A` is the pulse
seen through the lifetime of that answer, so `A' = kA (p - A)` with `p` the pulse, whose daily mean
is 1 for teriparatide 20 ug:

    A'  = kA (p - A)                             signal
    Ae  = A / (1 + tolp Zp) * (G / 1.5)^hAR      anabolic drive, weaker where turnover is low
    Zp' = kzp (A - Zp)                           tolerance
    Lp' = kLp (p_c - Lp)                         catabolic signal, delayed by about two months

Only means over a day matter to the cells then: `kA` damps the ripple of daily pulses to a tenth.
"""

from __future__ import annotations

from cohort.model.arrays import Patients, State, power
from cohort.model.exposure import Exposure
from cohort.model.person import Person

# A pulse's answer fades with a half-life of two days (prior: response of osteoblast genes).
SIGNAL_RATE = 0.35


def anabolic_drive(state: State, person: Person) -> Patients:
    """Return `Ae` from the signal, its tolerance and turnover."""
    tolerated = 1.0 + person["tolp"] * state["Zp"]
    return state["A"] / tolerated * power(state["G"] / 1.5, person["hAR"])


def tendencies(state: State, person: Person, exposure: Exposure) -> dict[str, tuple]:
    """Return production and loss of the signal, its tolerance and the catabolic signal."""
    return {
        "A": (SIGNAL_RATE * exposure.pth_anabolic, SIGNAL_RATE),
        "Zp": (person["kzp"] * state["A"], person["kzp"]),
        "Lp": (person["kLp"] * exposure.pth_catabolic, person["kLp"]),
    }
