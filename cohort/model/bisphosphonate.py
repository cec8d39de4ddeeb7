"""Bisphosphonates on bone surface, a pool a drug: bound when given, released by turnover.

    S_j' = ko_j input_j - ko_j h S_j,   h = 0.2 + 0.3 min(R, 3) + 0.3 min(B, 3)
    sb   = sum_j S_j / E_j,             b = sb / (1 + pEsc Lp + sb)

`input_j` is 1 while the label's regimen is taken (alendronate 10 mg/day); an infusion adds its days
at once. `b` is the saturation that osteoclast death feels; the catabolic PTH signal lets
osteoclasts escape it (`sb / (1 + pEsc Lp)` in place of `sb`). Kinetics on bone: Cremers 2005
(10.2165/00003088-200544060-00001); offset: FLEX (10.1001/jama.296.24.2927).
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, State
from cohort.model.exposure import Exposure
from cohort.model.person import Person


def pool(drug: int) -> str:
    """Return the name in the state of a drug's pool."""
    return f"S_{drug}"


def saturation(state: State, person: Person) -> Patients:
    """Return `b`, between 0 and 1."""
    pools = [name for name in state if name.startswith(pool(0)[:-1])]
    if not pools:
        return jnp.zeros(())
    bound = sum(state[name] / person[f"E_{name}"] for name in pools)
    felt = bound / (1.0 + person["pEsc"] * state["Lp"])
    return felt / (1.0 + felt)


def tendencies(
    state: State, person: Person, exposure: Exposure, resorption: Patients
) -> dict[str, tuple]:
    """Return production and loss of every drug's pool."""
    turnover = 0.2 + 0.3 * jnp.minimum(resorption, 3.0) + 0.3 * jnp.minimum(state["B"], 3.0)
    result = {}
    for drug, rate in enumerate(exposure.bisphosphonate):
        release = person[f"ko_{pool(drug)}"]
        result[pool(drug)] = (release * rate, release * turnover)
    return result
