"""The whole model: who acts on whom, in the order of cause.

hormones and drugs -> Wnt -> RANKL -> osteoclasts -> coupling -> osteoblasts -> bone. Each arrow is
a module of its own; this one only connects them.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from cohort.model import bisphosphonate, bone, osteoblasts, osteoclasts, pth, wnt
from cohort.model.arrays import Patients, State
from cohort.model.endocrine import system
from cohort.model.endocrine.own import Hormones
from cohort.model.endocrine.system import Milieu
from cohort.model.exposure import Exposure
from cohort.model.person import Person


class Noise(NamedTuple):
    """Slow fluctuations of a person around her own mean.

    Attributes:
        rankl: added to `lnL`.
        supply: added to `ln sP`.
    """

    rankl: Patients
    supply: Patients


class Signals(NamedTuple):
    """What follows at once from a state and its inputs.

    Attributes:
        milieu: what bone cells see of hormones.
        sclerostin: free, relative to a 35-year-old.
        wnt: `lW`.
        occupancy: RANK occupancy `pi`.
        resorption: `R`.
        remodeling_formation: `F_rem`.
        modelling_formation: `F_mod`.
        activation: `act`.
        anabolic: `Ae`.
        bisphosphonate: `b`.
        osteoclast_death: `a`.
    """

    milieu: Milieu
    sclerostin: Patients
    wnt: Patients
    occupancy: Patients
    resorption: Patients
    remodeling_formation: Patients
    modelling_formation: Patients
    activation: Patients
    anabolic: Patients
    bisphosphonate: Patients
    osteoclast_death: Patients


def signals(
    state: State, person: Person, hormones: Hormones, exposure: Exposure, noise: Noise
) -> Signals:
    """Evaluate the algebraic part of the model."""
    milieu = system.milieu(state, person, hormones, exposure)
    anabolic = pth.anabolic_drive(state, person)
    sclerostin = wnt.free_sclerostin(state["Y"], person, milieu, anabolic, exposure)
    wnt_signal = wnt.wnt_signal(sclerostin, person)
    activation = wnt.modelling_activation(wnt_signal, person, anabolic)
    ln_ratio = osteoclasts.ln_rankl_opg(state, person, milieu, wnt_signal)
    occupancy = osteoclasts.rank_occupancy(ln_ratio + noise.rankl, person, exposure)
    poisoned = bisphosphonate.saturation(state, person)
    return Signals(
        milieu=milieu,
        sclerostin=sclerostin,
        wnt=wnt_signal,
        occupancy=occupancy,
        resorption=osteoclasts.resorption(state, person, occupancy, wnt_signal),
        remodeling_formation=osteoblasts.remodeling_formation(state["B"], person, wnt_signal),
        modelling_formation=person["wM"] * state["Li"] * state["Z"],
        activation=activation,
        anabolic=anabolic,
        bisphosphonate=poisoned,
        osteoclast_death=osteoclasts.apoptosis(person, occupancy, milieu.felt_deficit, poisoned),
    )


def tendency(
    state: State, person: Person, hormones: Hormones, exposure: Exposure, noise: Noise
) -> tuple[State, State]:
    """Return production and loss rate of every state, per day: `y' = production - loss * y`."""
    now = signals(state, person, hormones, exposure, noise)
    milieu = now.milieu
    supply = osteoblasts.progenitor_supply(state["G"], person, milieu, noise.supply)
    differentiation = osteoblasts.differentiation(person, now.wnt, now.anabolic)
    osteoblast_death = osteoblasts.apoptosis(person, milieu, now.anabolic)
    pairs = (
        system.tendencies(state, person, hormones, exposure, milieu)
        | pth.tendencies(state, person, milieu, exposure)
        | wnt.tendencies(state, person, milieu, now.wnt, now.activation)
        | osteoclasts.tendencies(
            state, person, now.occupancy, now.osteoclast_death, now.modelling_formation
        )
        | bisphosphonate.tendencies(state, person, exposure, now.resorption)
        | osteoblasts.tendencies(
            state, person, now.resorption, supply, differentiation, osteoblast_death
        )
    )
    for compartment in bone.COMPARTMENTS:
        formed, resorbed = bone.fluxes(
            person,
            compartment,
            (now.remodeling_formation, now.modelling_formation),
            now.resorption,
            now.anabolic,
            now.bisphosphonate,
            milieu.pth_signal,
        )
        pairs |= bone.tendencies(state, person, compartment, formed, resorbed)
    like = state["Q"]
    production = {name: jnp.broadcast_to(pairs[name][0], like.shape) for name in state}
    loss = {name: jnp.broadcast_to(pairs[name][1], like.shape) for name in state}
    return production, loss
