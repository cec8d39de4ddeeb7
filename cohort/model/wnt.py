"""Sclerostin, the Wnt signal, and modelling on quiescent surfaces.

    Scl = Y^yexp exp(-aS Ae) load^-0.3 / (1 + Rm / Kr)   free sclerostin
    lW  = ln[(1 + ks) / (1 + ks Scl)]                Wnt signal, 0 at baseline
    act = exp(w) - 1,  w = l^2 / (l + 0.1) for l = lW + aL Ae > 0, else 0
    Li' = kLi (act - Li)                             lining cells at work
    Zr' = kz (lW - Zr)                               adaptation of the RANKL/OPG arm
    Z'  = kL / (1 + 10 Li) (1 - Z) - kact Li Z       quiescent surface left to model on
    Y'  = kY (B - (1 + gc_e / 2) Y)                  osteocytes

Modelling starts only above the habitual Wnt signal and spends the surface it forms on: that is why
romosozumab's formation burst fades and why it still works after bisphosphonates. Pulses of PTH wake
lining cells as such a signal would (`aL`), while serum sclerostin hardly moves, and to become
osteoblasts takes them days (`kLi`; Dobnig 1995, 10.1210/endo.136.8.7628403). The ramp `w` is once
differentiable and exactly zero at and below baseline (the prototype's soft ramp went negative
there). Load lowers sclerostin (Robling 2008, 10.1074/jbc.M705092200; the exponent is assumed,
no trial identifies it). Antibody kinetics and sclerostin: McClung 2014 (10.1056/NEJMoa1305224).
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, State, log
from cohort.model.endocrine.glucocorticoid import OSTEOCYTE_LOSS
from cohort.model.endocrine.system import Milieu
from cohort.model.exposure import Exposure
from cohort.model.person import Person

RAMP = 0.1
BY_LOAD = 0.3
REFILL_BLOCK = 10.0
# Lining cells become osteoblasts, and stop, with a half-life of two days (prior).
LINING_RATE = 0.35


def free_sclerostin(
    osteocytes: Patients, person: Person, milieu: Milieu, anabolic: Patients, exposure: Exposure
) -> Patients:
    """Return `Scl`, relative to a 35-year-old."""
    ln_signal = person["yexp"] * log(osteocytes) - person["aS"] * anabolic
    if not isinstance(milieu.loading, int | float):
        ln_signal = ln_signal - BY_LOAD * log(milieu.loading)
    signal = jnp.exp(ln_signal)
    return signal / (1.0 + exposure.romosozumab / person["Kr"])


def wnt_signal(sclerostin: Patients, person: Person) -> Patients:
    """Return `lW`."""
    ks = person["ks"]
    return jnp.log((1.0 + ks) / (1.0 + ks * sclerostin))


def modelling_activation(wnt: Patients, person: Person, anabolic: Patients) -> Patients:
    """Return `act`."""
    above = jnp.maximum(wnt + person["aL"] * anabolic, 0.0)
    return jnp.expm1(above * above / (above + RAMP))


def surface_rates(lining: Patients, person: Person) -> tuple[Patients, Patients]:
    """Return the rates, per day, at which the quiescent surface refills and is used."""
    refill = person["kL"] / (1.0 + REFILL_BLOCK * lining)
    return refill, person["kact"] * lining


def tendencies(
    state: State, person: Person, milieu: Milieu, wnt: Patients, activation: Patients
) -> dict[str, tuple]:
    """Return production and loss of adaptation, lining cells, surface and osteocytes."""
    death = 1.0 + OSTEOCYTE_LOSS * milieu.glucocorticoid
    refill, use = surface_rates(state["Li"], person)
    return {
        "Zr": (person["kz"] * wnt, person["kz"]),
        "Li": (LINING_RATE * activation, LINING_RATE),
        "Z": (refill, refill + use),
        "Y": (person["kY"] * state["B"], person["kY"] * death),
    }
