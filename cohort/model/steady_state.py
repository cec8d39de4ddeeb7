"""The untreated steady state of a person's own parameters, in closed form but for one number.

With hormones held, every state follows from osteoblast number: through osteocytes it sets
sclerostin, which returns to osteoblasts so weakly (`yexp` about 0.1) that direct iteration gains a
digit a round. Bone volume then balances where `F V^-mu = R V^nu`, so `V = (F / R)^(1 / (mu + nu))`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from cohort.model import bone, osteoblasts, osteoclasts, wnt
from cohort.model.arrays import Patients, State, log, power
from cohort.model.endocrine import system
from cohort.model.endocrine.own import Hormones
from cohort.model.exposure import no_exposure
from cohort.model.person import Person

ITERATIONS = 20
NU = 0.5  # exponent of volume in resorption, see `bone`


def steady_state(person: Person, hormones: Hormones) -> State:
    """Return the state in which an untreated person stays for as long as her hormones do.

    An excess of PTH is not in it: those who have one got it later in life.

    Args:
        person: parameters of the block.
        hormones: held constant.
    """
    exposure = no_exposure()
    slow = system.balanced(person, hormones) if person.conditions else {}
    milieu = system.milieu(slow, person, hormones, exposure)
    like = jnp.zeros_like(person.eta["lnL_offset"] + milieu.deficit)
    activated = milieu.felt_deficit + milieu.inflammation
    none = jnp.zeros(())

    def cells(osteoblasts_now: Patients) -> State:
        """Every cell pool and signal, given osteocytes in balance with osteoblasts."""
        sclerostin = wnt.free_sclerostin(osteoblasts_now, person, milieu, none, exposure)
        signal = wnt.wnt_signal(sclerostin, person)
        lining = wnt.modelling_activation(signal, person, none)
        refill, use = wnt.surface_rates(lining, person)
        quiescent = refill / (refill + use)
        modelled = person["wM"] * lining * quiescent
        fixed = {"Lp": like, "Zr": signal, "Tc": activated, "Mo": modelled}
        ln_ratio = osteoclasts.ln_rankl_opg(fixed, person, milieu, signal)
        occupancy = osteoclasts.rank_occupancy(ln_ratio, person, exposure)
        precursors = 1.0 / (person["phiQ"] * occupancy + 1.0 - person["phiQ"])
        death = osteoclasts.apoptosis(person, occupancy, milieu.felt_deficit, none)
        clasts = {"C": occupancy * precursors / death, "Lp": like}
        coupling = osteoclasts.resorption(clasts, person, occupancy, signal)
        supply = osteoblasts.progenitor_supply(coupling, person, milieu, none)
        matured = osteoblasts.differentiation(person, signal, none)
        progenitors = supply / (person["phiP"] * matured + 1.0 - person["phiP"])
        return {
            "Q": precursors,
            "C": clasts["C"],
            "G": coupling,
            "P": progenitors,
            "B": matured * progenitors / osteoblasts.apoptosis(person, milieu, none),
            "Y": osteoblasts_now,
            "Li": lining,
            "Z": quiescent,
            "Zr": signal,
            "Mo": modelled,
            "Tc": activated,
        }

    blasts = jax.lax.fori_loop(0, ITERATIONS, lambda _, b: cells(b)["B"], like + 1.0)
    state = cells(blasts) | slow | {"B": blasts, "A": like, "Zp": like, "Lp": like}
    return _bone_in_balance(state, person) | {k: like + v for k, v in state.items()}


def _bone_in_balance(state: State, person: Person) -> State:
    signal = state["Zr"]
    formation = (
        osteoblasts.remodeling_formation(state["B"], person, signal),
        state["Mo"],  # in balance with the modelling that it follows
    )
    none = jnp.zeros(())
    balanced: State = {}
    for name in bone.COMPARTMENTS:
        formed, resorbed = bone.fluxes(person, name, formation, state["G"], none, none)
        volume = power(formed / resorbed, 1.0 / (person["mu"] + NU))
        rate = bone.turnover_rate(person, name)
        new_bone = rate * formed * jnp.exp(-person["mu"] * log(volume))
        balanced[f"V_{name}"] = volume
        balanced[f"U_{name}"] = new_bone / (person["km"] + rate * resorbed / jnp.sqrt(volume))
    return balanced
