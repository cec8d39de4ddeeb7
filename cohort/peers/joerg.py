"""The remodelling model of Joerg et al. 2022 (10.7554/eLife.76228), for many patients at once.

Time in days since birth. Bone density and mineral content at the hip, osteoblasts and osteoclasts
with their precursors, osteocytes, sclerostin free and bound. A drug acts by its effect
concentration, which decays by halves and is known in closed form.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from cohort.peers.model import PeerModel, State, Values
from cohort.peers.sparse import exp, log, positive

DAYS_PER_YEAR = 365.0
SCLEROSTIN_DRUGS = ("romosozumab", "blosozumab")
DRUGS = ("denosumab", *SCLEROSTIN_DRUGS, "alendronate", "teriparatide")


def constants(values: Values) -> dict[str, Any]:
    """Return what the rates use: the parameters under their published names, and decay rates.

    Args:
        values: numbers, or one per patient.
    """
    return dict(values) | {f"decay_{drug}": np.log(2.0) / values[f"T_{drug}"] for drug in DRUGS}


def up(u: Any) -> Any:
    """Return `u / (1 + u)`."""
    return u / (1.0 + u)


def down(u: Any) -> Any:
    """Return `1 / (1 + u)`."""
    return 1.0 / (1.0 + u)


def baseline(k: Values) -> State:
    """Return the steady state without drugs and with estrogen in full."""
    osteoblasts = 1.0 / (k["eta_B"] + k["omega_B"])
    osteocytes = k["omega_B"] * osteoblasts / k["eta_Y"]
    sclerostin = down(1.0 / k["e_s"]) * osteocytes / k["kappa_s"]
    # h C^2 (1 + n) + (h r - 1) C - r = 0, the steady state of osteoclasts cleared of its fraction.
    extra = k["nu_C"] * up(1.0 / k["e_C"])
    square, linear = k["eta_C"] * (1.0 + extra), k["eta_C"] * k["r_C"] - 1.0
    osteoclasts = (-linear + (linear**2 + 4.0 * square * k["r_C"]) ** 0.5) / (2.0 * square)
    return {
        "preOB": 1.0 / (k["omega_pB"] * down(sclerostin / k["s_pB"])),
        "OB": osteoblasts,
        "OCY": osteocytes,
        "preOC": 1.0 / (k["omega_pC"] * down(1.0 / k["e_pC"]) * up(sclerostin / k["s_pC"])),
        "OC": osteoclasts,
        "scler": sclerostin,
        "sclerAb": 0.0,
        "BMC": k["c_0"],
        "boneDensity": 1.0,
    }


def estrogen(k: Values, t: Any) -> Any:
    """Return estrogen at day `t`, 1 before the menopause."""
    return 1.0 / (1.0 + positive(t * (1.0 / DAYS_PER_YEAR) - k["a_e"]) * (1.0 / k["tau_e"]))


def rates(k: Values, y: Values, u: Values) -> State:
    """Return `dy/dt` of each state."""
    e, s = u["estrogen"], y["scler"]
    scler_ab = u["romosozumab"] + u["blosozumab"]
    matured = k["omega_pB"] * down(s * (1.0 / k["s_pB"])) * y["preOB"]
    rankl = 1.0 - k["beta_pC_rAb"] * up(u["denosumab"])
    differentiated = (
        k["omega_pC"] * down(e * (1.0 / k["e_pC"])) * up(s * (1.0 / k["s_pC"])) * y["preOC"]
    )
    differentiated = differentiated * (rankl * (1.0 + k["beta_pC_pth"] * up(u["teriparatide"])))
    surviving = 1.0 - k["beta_B_pth"] * up(u["teriparatide"])
    lost = k["eta_C"] * (
        1.0 + k["nu_C"] * (up(e * (1.0 / k["e_C"])) * up(y["OC"] * (1.0 / k["r_C"])))
    )
    lost = lost + k["eta_C_bp"] * up(u["alendronate"])
    bound = k["kappa_s"] * scler_ab * s
    formed, resorbed = fluxes(k, y)
    return {
        "preOB": 1.0 - matured,
        "OB": matured - (k["eta_B"] * surviving + k["omega_B"]) * y["OB"],
        "OCY": k["omega_B"] * y["OB"] - k["eta_Y"] * y["OCY"],
        "preOC": 1.0 - differentiated,
        "OC": differentiated - lost * y["OC"],
        "scler": down(e * (1.0 / k["e_s"])) * y["OCY"]
        - k["kappa_s"] * s
        - bound
        + k["delta_s"] * y["sclerAb"],
        "sclerAb": bound - (k["delta_s"] + k["kappa_s"]) * y["sclerAb"],
        "BMC": k["gamma"] * (k["c_0"] + k["beta_b_rAb"] * up(u["denosumab"]) - y["BMC"]),
        "boneDensity": formed - resorbed,
    }


def inputs(k: Values, y: Values, carried: Values, t: Any, since: Any) -> State:
    """Return estrogen and effect concentrations at one moment of a step.

    Args:
        k: constants.
        y: the state, which no input depends on.
        carried: doses that still act at the start of the step; `flow_<drug>`, dose per day.
        t: days since birth.
        since: days since the step began.
    """
    found = {drug: concentration(k, carried, drug, since) for drug in DRUGS}
    return found | {"estrogen": estrogen(k, t)}


def concentration(k: Values, carried: Values, drug: str, since: Any) -> Any:
    """Return a drug's effect concentration some days after the start of a step; 0 if not given."""
    return k[f"E_{drug}"] * amount(k, carried, drug, since) if drug in carried else 0.0


def amount(k: Values, carried: Values, drug: str, since: Any) -> Any:
    """Return how much of the doses still acts some days after the start of a step."""
    left = exp(-k[f"decay_{drug}"] * since)
    level = carried.get(f"flow_{drug}", 0.0) * (1.0 / k[f"decay_{drug}"])
    return carried[drug] * left + level * (1.0 - left)


def advance(k: Values, carried: Values, h: Any) -> State:
    """Return how much of each drug still acts after `h` days."""
    return {drug: amount(k, carried, drug, h) for drug in DRUGS if drug in carried}


def fluxes(k: Values, y: Values) -> tuple[Any, Any]:
    """Return formation and resorption of bone, 1/d."""
    coupled = 1.0 + k["nu_Omega"] * up(y["OC"] * (1.0 / k["r_Omega"]))
    formed = k["lambda_B"] * down(y["scler"] * (1.0 / k["s_Omega"])) * coupled * y["OB"]
    return formed, k["lambda_C"] * y["OC"]


def outputs(k: Values, y: Values, carried: Values, t: Any) -> State:
    """Return density, formation and resorption as such, and the columns of the states."""
    formed, resorbed = fluxes(k, y)
    found = {f"x_{name}": value for name, value in y.items()}
    found["estrogen"] = estrogen(k, t)
    found["BMD_TH"] = y["boneDensity"] * y["BMC"]
    markers = {"CTX": (resorbed, "q_CTX"), "P1NP": (formed, "q_P1NP"), "BSAP": (formed, "q_BSAP")}
    return found | {name: exp(k[q] * log(flux)) for name, (flux, q) in markers.items()}


def relative(seen: Mapping[str, np.ndarray], at: int) -> dict[str, np.ndarray]:
    """Return the published columns: change of density and markers in percent of a visit's value.

    Args:
        seen: columns of `outputs`, `(visit, patient)`.
        at: the visit that is the baseline.
    """
    found = {n: v for n, v in seen.items() if n.startswith("x_") or n == "estrogen"}
    percent = {n: 100.0 * seen[n] / seen[n][at] for n in ("BMD_TH", "CTX", "P1NP", "BSAP")}
    found["BMD_TH_pctchg"] = percent.pop("BMD_TH") - 100.0
    return found | {f"{name}_pct": value for name, value in percent.items()}


@cache
def joerg(*drugs: str) -> PeerModel:
    """Return the model with just the drugs that a scenario gives."""
    return PeerModel(
        name="Joerg",
        rates=rates,
        carried=dict.fromkeys(drugs, 0.0),
        inputs=inputs,
        switches=lambda k, y: {},
        settled=lambda k, start, end, switches, h: end,
        advance=advance,
        outputs=outputs,
    )
