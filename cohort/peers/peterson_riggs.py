"""The calcium and bone model of Peterson & Riggs, for many patients at once.

Peterson & Riggs 2010 (10.1016/j.bone.2009.08.053) and 2012 (10.1038/psp.2012.15), with the drugs,
the menopause and the bone density of its open implementation. Time in hours, amounts as there
(mmol, pmol); concentrations are amounts in 14 L.

States that nothing but themselves feeds are not solved for: the phosphate from food is at its
steady state, kidney function and estrogen are functions of time (estrogen follows its target by
its mean delay, 17 h), drug in a depot decays exponentially.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from cohort.peers.model import PeerModel, State, Values
from cohort.peers.pinned import THRESHOLD, Curve
from cohort.peers.sparse import above, exp, log, positive, power, sigmoid

MENOPAUSAL_YEAR = 8736.0  # hours
PMOL_PER_UG = 1e6 / 4117.8  # of teriparatide
PM_PER_NG_ML = 1e6 / 150000.0  # of denosumab
NEWTON = 4
SITES = {"BMDls": "gamOCls", "BMDlsDEN": "gamOClsDEN", "BMDfn": "gamOCfnBAS"}


def hill(curve: Curve, log_x: Any) -> Any:
    """Return a Hill curve at `exp(log_x)`."""
    start, change, gamma, shift = curve
    return start + change * sigmoid(gamma * log_x - shift)


def rates(k: Values, y: Values, u: Values) -> State:
    """Return `dy/dt` of each state; sections as in the publication."""
    inverse = 1.0 / k["V1"]
    c = (y["PTH"] + u["exogenous"]) * inverse
    ca, ph, d = (y[n] * inverse for n in ("P", "ECCPhos", "B"))
    ob = y["OBfast"] + y["OBslow"]
    log_ca, log_ph, log_d = log(ca), log(ph), log(d)
    log_t, log_m, log_oc = log(y["T"]), log(y["M"]), log(y["OC"])
    log_b, log_o = log(ob) - k["log_ob0"], log_oc - k["log_oc0"]

    # Latent and active TGF-beta.
    tgfb, t = y["TGFB"], y["T"]
    released = (
        (k["koutTGF0"] * u["release"])
        * tgfb
        * exp(k["koutTGFGam"] * (log(tgfb) - k["log_tgfb0"]) + k["OCtgfGAM"] * log_o)
    )
    made = (k["koutTGF0"] * k["tgfb0"] * u["latent"]) * exp(k["OBtgfGAM"] * log_b)

    # Osteoblasts and their precursors.
    rob = y["ROB1"]
    rob_loss = k["rob_out"] * rob / hill(k["rob_held"], log_t)
    saved = k["runx_rest"] + u["runx"] * (hill(k["runx"], log(y["BCL2"] - 90.0)) - k["runx_rest"])
    cells = osteoblasts(k, y, rob_loss, hill(k["ob_death"], log_t), saved)

    # What parathyroid hormone tells the osteoblasts.
    rx2_loss = k["E0rx2Kout"] + k["EmaxPTHRX2x"] * (c / (c + k["rx2_k"]))
    creb_in = k["E0crebKin"] + k["EmaxPTHcreb"] * (c / (c + k["creb_k"]))

    # RANKL, RANK, OPG and their complexes.
    rankl, rank, opg, m = y["L"], y["RNK"], y["O"], y["M"]
    to_rank = k["k3"] * (rank * rankl) - k["k4"] * m
    to_opg = k["k1"] * (opg * rankl) - k["k2"] * y["N"]
    feedback = exp(k["OsteoEffectGam"] * log_b)
    reach = (k["EmaxLpth"] - 1.0) * k["c0"]
    rankl_in = (k["koutL"] * k["l0"] * k["EmaxLpth"]) * feedback * c / (reach * feedback + c)
    rankl_out = k["koutL"] + u["neutralised"]
    r = rob * (1.0 / k["rob0"])
    opg_in = (0.5 * k["kO"] * k["o0"]) * r * (1.0 + k["opgPTH50"] * r / c)
    rank_in = (k["koutRNK"] * k["rnk0"]) * exp(k["kinRNKgam"] * (log_t - k["log_t0"]))

    # Osteoclasts.
    oc = y["OC"]
    oc_in = (k["Da"] * k["t0"] * k["oc0"]) * hill(k["oc_birth"], log_m)
    oc_out = k["Da"] * hill(k["oc_death"], log_t) * hill(k["oc_survival"], log_m)

    # Calcium of bone.
    per_oc = exp(k["MOCratioGam"] * (log_m - log_oc - k["log_m_per_oc"]))
    resorbed = (1.0 - k["FracJ14"]) * k["turnover"] + (k["FracJ14"] * k["q0"]) * (
        hill(k["release"], log_oc) * per_oc
    )
    laid = (k["turnover"] / k["p0"]) * y["P"] * (1.0 - k["FracJ15"] + k["FracJ15"] * y["HAp"])
    exchanged = k["k14a"] * (y["Qbone"] - k["qbone_per_q"] * y["Q"])

    # Kidney and gut.
    vitamin = d / (d + k["T9"])
    filtered = 0.3 * u["gfr"] * ca
    most = u["reabsorption"] * k["reabsorbed"] * (0.3 * u["gfr"] * k["ca0"] - 0.149997)
    kept = most * (ca / (k["Reabs50"] + ca)) * (k["T16"] * (c / (c + k["urine_pth"])))
    urine = positive((2.0 - 2.0 * vitamin) * (filtered - kept))
    gut, transport = y["G"], y["R"]
    x = d / (d + k["T35"])
    swing = (k["T34"] - k["T33"]) * x
    transport_rate = (k["T33"] + swing) * (1.0 - transport) - (k["T34"] - swing) * transport
    active = k["T28"] * gut / (gut + k["gut_k"]) * gut * (2.0 * transport) / (gut + 0.75)
    absorbed = active + k["T87"] * gut
    fourth = power(transport, 4)
    eaten = (k["OralCa"] * k["T77"]) * (fourth / (fourth + k["T81"] ** 4))

    # Parathyroid gland, calcitriol, phosphate.
    z = k["T71"] * (d - k["T9"] * exp(k["ScaEffGam"] * (k["log_ca0"] - log_ca)))
    more = sigmoid(2.0 * z)
    growth = k["T70"] * (1.85 - 1.7 * more)
    decline = k["T70"] * (0.15 + 1.7 * more)
    size = y["S"]
    secreted = hill(k["pth_release"], log_ca) * (2.0 * size) * y["PTmax"]
    hindered = k["PhosEff0"] - k["phos_fall"] * sigmoid(k["PhosEffGam"] * log_ph - k["phos_shift"])
    hydroxylase = k["alpha_scale"] * sigmoid(k["AlphOHgam"] * log(c) - k["alpha_shift"])
    phosphate_urine = positive((0.88 * u["gfr"]) * (ph - k["T46"]))
    into_cells = k["T49"] * ph - k["T55"] * y["IntraPO"]

    found = {
        "PTH": secreted - k["kout"] * y["PTH"],
        "S": (1.0 - size) * growth - size * decline,
        "PTmax": k["PTout"] * (hill(k["gland"], log_d) - y["PTmax"]),
        "AOH": hydroxylase * above(ph, k["ph0"], hindered, 1.0) - k["T64"] * y["AOH"],
        "B": y["AOH"] - k["T69"] * y["B"],
        "P": resorbed - laid - urine + absorbed,
        "ECCPhos": 0.464 * (resorbed - laid)
        - phosphate_urine
        - into_cells
        + k["OralPhos"] * k["F12"],
        "IntraPO": into_cells,
        "G": eaten - absorbed,
        "R": transport_rate,
        "HAp": (ob * (1.0 / k["ob0"]) - y["HAp"]) * (1.0 / k["HApMRT"]),
        "Q": laid - resorbed + exchanged,
        "Qbone": -exchanged,
        "OC": oc_in - oc_out * oc,
        "ROB1": (k["kb"] * k["ob0"] / k["t0"] * u["birth"]) * hill(k["rob_birth"], log_t)
        - rob_loss,
        "OBfast": cells[0],
        "OBslow": cells[1],
        "L": rankl_in - rankl_out * rankl - to_opg - to_rank,
        "RNK": rank_in - k["koutRNK"] * rank - to_rank,
        "O": opg_in - to_opg - k["kO"] * opg,
        "M": to_rank,
        "N": to_opg,
        "TGFB": made - released,
        "T": released - (1000.0 * k["koutTGF0"]) * t,
        "RX2": k["RX2Kout0"] * 10.0 - rx2_loss * y["RX2"],
        "CREB": k["crebKout"] * (10.0 * creb_in - y["CREB"]),
        "BCL2": k["bcl2Kout"] * (y["CREB"] * y["RX2"] - y["BCL2"]),
    }
    found |= density_rates(k, y, log_b, log_o)
    if "DENCENT" in y:
        found |= denosumab_rates(k, y, u)
    return found


def denosumab_rates(k: Values, y: Values, u: Values) -> State:
    """Return the rates of denosumab in plasma and tissue, ng/mL."""
    plasma, tissue = y["DENCENT"], y["DENPER"]
    flow = k["DENQ"] * (plasma - tissue)
    saturable = (k["DENVMAX"] * plasma) / (k["DENKM"] + plasma)
    inverse = 1.0 / k["DENVC"]
    return {
        "DENCENT": inverse * (u["denosumab"] - k["DENCL"] * plasma - saturable - flow),
        "DENPER": (1.0 / k["DENVP"]) * flow,
    }


def estrogen(k: Values, t: Any) -> Any:
    """Return estrogen at hour `t`, 1 at age 41: its target one mean delay before."""
    years = (t - k["delay"]) * (1.0 / MENOPAUSAL_YEAR)
    years = positive(years)
    ageing = exp(k["ageGAM"] * log((years + 41.0) * (1.0 / 41.0)))
    length = k["menoDUR"] / MENOPAUSAL_YEAR
    since = positive(years - (10.0 - length))
    square = since * since
    return ageing * (1.0 - k["age50"] * (square / (square + (0.5 * length) ** 2)))


def inputs(
    k: Values, y: Values, carried: Values, t: Any, since: Any, *, menopause: bool, kidney: bool
) -> State:
    """Return what acts on the model from outside, at one moment of a step.

    Args:
        k: constants.
        y: the state.
        carried: drug in depots and switches at the start of the step.
        t: hours.
        since: hours since the step began.
        menopause: whether estrogen falls with age.
        kidney: whether kidney function falls.
    """
    log_e = log(estrogen(k, t)) if menopause else 0.0
    effects = {"release": "tgfbactGAM", "latent": "tgfbGAM", "birth": "robGAM"}
    signs = {"release": 1.0, "latent": -1.0, "birth": -1.0}
    found = {n: exp(signs[n] * k[g] * log_e) if menopause else 1.0 for n, g in effects.items()}
    kidney_loss = k["estrogen_kidney"] * (1.0 - exp(log_e)) if menopause else 0.0
    found["reabsorption"] = 1.0 - kidney_loss
    found["gfr"] = k["gfr0"] * exp(k["gfr_rate"] * t) if kidney else k["gfr0"]
    found |= {"runx": carried["runx"], "exogenous": 0.0}
    if "TERISC" in carried:
        found["exogenous"] = exogenous(k, carried, since)
    found["neutralised"] = 0.0
    if "DENSC" in carried:
        found["denosumab"] = k["DENKA"] * carried["DENSC"] * exp(-k["DENKA"] * since)
        found["neutralised"] = k["kdenosl"] * PM_PER_NG_ML * y["DENCENT"]
    return found


def exogenous(k: Values, carried: Values, since: Any) -> Any:
    """Return teriparatide in the pool of parathyroid hormone, some hours into a step."""
    left = exp(-k["kout"] * since)
    arrived = k["teri_in_out"] * (exp(-k["teri_ka"] * since) - left)
    return carried["TERIPOOL"] * left + carried["TERISC"] * arrived


def advance(k: Values, carried: Values, h: Any) -> State:
    """Return drug in depots and pool after `h` hours."""
    rate = {"TERISC": "teri_ka", "DENSC": "DENKA"}
    found = {n: amount * exp(-k[rate[n]] * h) for n, amount in carried.items() if n in rate}
    return found | ({"TERIPOOL": exogenous(k, carried, h)} if "TERISC" in carried else {})


def osteoblasts(k: Values, y: Values, matured: Any, held: Any, saved: Any) -> tuple[Any, Any]:
    """Return the rates of both kinds of osteoblasts.

    Args:
        k: constants.
        y: the state.
        matured: precursors that become osteoblasts.
        held: the factor of TGF-beta in their death.
        saved: what RUNX2 takes off their death.
    """
    death = k["ob_death_scale"] * held - saved
    slow = k["Frackb"] * death
    fast = k["all_per_fast"] - k["slow_per_fast"] * slow
    return (
        fast * (k["FracOBfast"] * matured / death - y["OBfast"]),
        ((1.0 - k["FracOBfast"]) * k["Frackb"]) * matured - slow * y["OBslow"],
    )


def switches(k: Values, y: Values) -> State:
    """Return whether Bcl-2 is so high that RUNX2 follows it, which is a jump."""
    return {"runx": above(y["BCL2"], THRESHOLD, 1.0, 0.0)}


def settled(k: Values, start: Values, end: State, on: Values, h: Any) -> State:
    """Return the end of a step with the jump of RUNX2 at its time within the step.

    Bcl-2 between the ends follows a chain of two decays of one rate, as it does at rest. From where
    it crosses the threshold to the end of the step, the osteoblasts lived under the wrong RUNX2:
    what that has changed is taken back, by Simpson's rule.
    """
    y0, y1 = start["BCL2"], end["BCL2"]
    rate = k["bcl2Kout"]
    slope = rate * (start["CREB"] * start["RX2"] - y0)
    # b(x) = rest + (b0 - rest + bend x) exp(-rate x), through both ends and the slope at the first.
    left = exp(-rate * h)
    rest = (y1 - left * (y0 + (rate * y0 + slope) * h)) / (1.0 - left * (1.0 + rate * h))
    bend = slope + rate * (y0 - rest)
    crossed = above((y0 - THRESHOLD) * (THRESHOLD - y1), 0.0, 1.0, 0.0)
    x = h * crossed * (THRESHOLD - y0) / (y1 - y0 + (1.0 - crossed))
    for _ in range(NEWTON):
        decayed = exp(-rate * x)
        value = rest + (y0 - rest + bend * x) * decayed - THRESHOLD
        steepness = bend * decayed - rate * (y0 - rest + bend * x) * decayed
        # Where it is flat, staying is good enough.
        moved = x - value * steepness / (steepness * steepness + 1e-6)
        x = above(moved, 0.0, h - positive(h - moved), 0.0)

    log_t = log(end["T"])
    matured = k["rob_out"] * end["ROB1"] / hill(k["rob_held"], log_t)
    held = hill(k["ob_death"], log_t)
    at_rest = osteoblasts(k, end, matured, held, k["runx_rest"])
    middle = 0.5 * (x + h)
    between = rest + (y0 - rest + bend * middle) * exp(-rate * middle)
    first = osteoblasts(k, end, matured, held, k["runx_threshold"])
    mid = osteoblasts(k, end, matured, held, hill(k["runx"], log(between - 90.0)))
    last = osteoblasts(k, end, matured, held, hill(k["runx"], log(y1 - 90.0)))
    sign = 1.0 - 2.0 * on["runx"]
    share = crossed * (h - x) * sign * (1.0 / 6.0)
    return end | {
        name: end[name] + share * (first[i] + 4.0 * mid[i] + last[i] - 6.0 * at_rest[i])
        for i, name in enumerate(("OBfast", "OBslow"))
    }


def density_rates(k: Values, y: Values, log_b: Any, log_o: Any) -> State:
    """Return the rates of bone density at each site: what it has changed by, of its baseline.

    A state that begins at zero keeps in float32 what is lost beside one.
    """
    gain = exp(k["gamOB"] * log_b)
    loss = {site: exp(k[gamma] * log_o) for site, gamma in SITES.items()}
    speed = {site: k[f"kout{site}{'BAS' if site == 'BMDfn' else ''}"] for site in SITES}
    return {site: speed[site] * (gain - loss[site] - loss[site] * y[site]) for site in SITES}


def outputs(k: Values, y: Values, carried: Values, t: Any, *, menopause: bool) -> State:
    """Return the columns of the reference trajectories."""
    percent = {"CTX_pct": y["OC"] / k["oc0"], "BSAP_pct": (y["OBfast"] + y["OBslow"]) / k["ob0"]}
    percent |= {"TGFBact_pct": y["T"] / k["t0"], "TGFBlatent_pct": y["TGFB"] / k["tgfb0"]}
    percent |= {"RANKL_pct": y["L"] / k["l0"], "OPG_pct": y["O"] / k["o0"]}
    found = {name: 100.0 * ratio for name, ratio in percent.items()}
    found |= {f"{site}_pctchg": 100.0 * y[site] for site in SITES}
    found["PTH_pM"] = (y["PTH"] + carried.get("TERIPOOL", 0.0)) / k["V1"]
    fluids = {"Ca_mM": "P", "Phos_mM": "ECCPhos", "Calcitriol_pM": "B"}
    found |= {name: y[state] / k["V1"] for name, state in fluids.items()}
    found["DEN_ngml"] = y["DENCENT"] if "DENCENT" in y else 0.0
    cells = ("ROB1", "OBfast", "OBslow", "OC", "RNK", "M", "N")
    found |= {f"x_{name}": y[name] for name in cells}
    found["x_EST"] = (estrogen(k, t) if menopause else 1.0) + 0.0
    return found


@cache
def peterson_riggs(
    *, teriparatide: bool, denosumab: bool, menopause: bool = False, kidney: bool = False
) -> PeerModel:
    """Return the model, with just the drugs and changes of life that a scenario needs."""
    carried: dict[str, float] = {}
    if teriparatide:
        carried |= {"TERISC": 0.0, "TERIPOOL": 0.0}
    if denosumab:
        carried["DENSC"] = 0.0
    return PeerModel(
        name="Peterson-Riggs",
        rates=rates,
        carried=carried,
        inputs=partial(inputs, menopause=menopause, kidney=kidney),
        switches=switches,
        settled=settled,
        advance=advance,
        outputs=partial(outputs, menopause=menopause),
    )


STATES = (
    "PTH",
    "S",
    "PTmax",
    "AOH",
    "B",
    "P",
    "ECCPhos",
    "IntraPO",
    "G",
    "R",
    "HAp",
    "Q",
    "Qbone",
    "OC",
    "ROB1",
    "OBfast",
    "OBslow",
    "L",
    "RNK",
    "O",
    "M",
    "N",
    "TGFB",
    "T",
    "RX2",
    "CREB",
    "BCL2",
)


def baseline(start: Values, *, denosumab: bool) -> State:
    """Return the untreated state."""
    given = {"G": "T", "T": "TGFBact"}
    found = {name: start[given.get(name, name)] for name in STATES}
    found |= dict.fromkeys(SITES, 0.0)
    return found | ({"DENCENT": 0.0, "DENPER": 0.0} if denosumab else {})
