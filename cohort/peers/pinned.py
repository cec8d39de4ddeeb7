"""The constants of the Peterson-Riggs model: its curves pinned to the baseline.

Each Hill curve passes through a given value at the untreated state, so that the state is steady
whatever the parameters; a patient's parameters thus move the curves, never the baseline.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from cohort.peers.model import Values

KIDNEY_YEAR = 8766.0  # hours
THRESHOLD = 105.0  # of Bcl-2, above which RUNX2 is what exceeds 90

Curve: TypeAlias = tuple[Any, Any, Any, Any]
"""Value at zero, change to infinity, steepness, steepness times the logarithm of the middle."""


def rising(floor: float, most: float, gamma: float, at: float, there: float) -> Curve:
    """Return a Hill curve that rises from `floor` by `most` and is `there` at `at`."""
    log_k = np.log(at) + np.log(most / (there - floor) - 1.0) / gamma
    return floor, most, gamma, gamma * log_k


def falling(top: float, bottom: float, gamma: float, at: float, there: float) -> Curve:
    """Return a Hill curve that falls from `top` to `bottom` and is `there` at `at`."""
    log_k = np.log(at) + np.log((top - bottom) / (top - there) - 1.0) / gamma
    return top, bottom - top, gamma, gamma * log_k


def hill_constant(curve: Curve, x: float) -> Any:
    """Return a Hill curve at a constant, without JAX."""
    start, change, gamma, shift = curve
    return start + change / (1.0 + np.exp(shift - gamma * np.log(x)))


def constants(values: Values, baseline: Values) -> dict[str, Any]:
    """Return what the rates use, hoisted out of them: curves pinned to the baseline.

    Args:
        values: parameters under their published names, numbers or one per patient.
        baseline: the state at the start, which re-pins the curves.
    """
    p, s = values, baseline
    k = dict(p)
    c0, ca0, t0 = s["PTH"] / p["V1"], s["P"] / p["V1"], s["TGFBact"]
    ob0 = s["OBfast"] + s["OBslow"]
    k |= {"c0": c0, "ca0": ca0, "t0": t0, "ob0": ob0, "oc0": s["OC"], "rob0": s["ROB1"]}
    k |= {"m0": s["M"], "l0": s["L"], "o0": s["O"], "rnk0": s["RNK"], "q0": s["Q"]}
    k |= {"tgfb0": s["TGFB"], "p0": s["P"], "g0": s["T"], "gfr0": s["GFR"]}
    k["qbone_per_q"] = s["Qbone"] / s["Q"]

    k |= {f"log_{name}": np.log(k[name]) for name in ("ob0", "oc0", "tgfb0", "t0", "ca0")}

    k["rob_birth"] = rising(p["FracPicROB"] * t0, p["EmaxPicROB"], p["PicROBgam"], t0, t0)
    k["rob_held"] = rising(p["FracPicOB"] * t0, p["EmaxPicOB"], p["PicOBgam"], t0, t0)
    k["rob_out"] = p["kb"] * ob0 * t0 / s["ROB1"]
    k["slow_per_fast"] = s["OBslow"] / s["OBfast"]
    k["all_per_fast"] = p["kb"] * ob0 / s["OBfast"]
    top = p["E0RUNX2kbEffFACT"] * p["kb"]
    k["ob_death"] = falling(p["MultPicOBkb"] * t0, p["FracPic0kb"] * t0, p["PicOBgamkb"], t0, t0)
    k["ob_death_scale"] = top / t0 * np.exp(-p["E2scalePicB1"])
    runx = rising(0.0, top * p["RUNkbMaxFact"], p["RUNkbGAM"], p["RUNX20"], top - p["kb"])
    k["runx"], k["runx_rest"] = runx, hill_constant(runx, p["RUNX20"])
    k["runx_threshold"] = hill_constant(runx, THRESHOLD - 90.0)

    k["rx2_k"] = p["EmaxPTHRX2x"] * c0 / (p["RX2Kout0"] - p["E0rx2Kout"]) - c0
    k["creb_k"] = p["EmaxPTHcreb"] * c0 / (1.0 - p["E0crebKin"]) - c0
    k["oc_birth"] = rising(p["E0Meff"], p["EmaxMeffOC"], p["kinOCgam"], s["M"], 1.0)
    k["oc_death"] = rising(p["FracPicOC"] * t0, p["EmaxPicOC"], p["PicOCgam"], t0, t0)
    k["oc_survival"] = falling(p["E0RANKL"], p["EmaxL"], p["LsurvOCgam"], s["M"], 1.0)

    k["pth_release"] = falling(p["T58"], p["T61"], p["T59"], ca0, p["kout"] * s["PTH"])
    k["gland"] = falling(p["CtriolMax"], p["CtriolMin"], p["CtriolPTgam"], s["B"] / p["V1"], 1.0)
    k["alpha_shift"] = p["AlphOHgam"] * np.log(p["T67"])
    half = p["T67"] ** p["AlphOHgam"]
    k["alpha_scale"] = p["T65"] * (half / c0 ** p["AlphOHgam"] + 1.0)
    ph0 = s["ECCPhos"] / p["V1"]
    ratio = (p["PhosEff50"] / ph0) ** p["PhosEffGam"]
    k["phos_fall"] = (p["PhosEff0"] - 1.0) * (1.0 + ratio)
    k["phos_shift"] = p["PhosEffGam"] * np.log(p["PhosEff50"])
    k["ph0"] = ph0

    turnover = p["CaDay"] / 24.0
    k["turnover"] = turnover
    k["release"] = rising(0.0, p["J14OCmax"], p["J14OCgam"], s["OC"], turnover / s["Q"])
    k["log_m_per_oc"] = np.log(s["M"] / s["OC"])
    k["reabsorbed"] = (p["Reabs50"] + ca0) / ca0
    k["urine_pth"] = (p["T16"] - 1.0) * c0
    k["estrogen_kidney"] = (1.0 - p["maxTmESTkid"]) / (1.0 - 0.1)
    k["gut_k"] = (p["T28"] - p["T310"]) * s["T"] / p["T310"]
    k["teri_ka"] = p["TERICL"] / p["TERIVC"]
    k["teri_in_out"] = k["teri_ka"] / (p["kout"] - k["teri_ka"])
    k["delay"] = 1.0 / p["koutEST"]
    k["gfr_rate"] = np.log((s["GFR"] - p["GFRdelta"] / 16.667) / s["GFR"]) / (
        p["GFRtau"] * KIDNEY_YEAR
    )
    return k
