"""Osteoimmune axis: loss of estrogen activates T cells, which make TNF-alpha and IL-6.

    Tc' = (d + inflammation - Tc) / 30 days

and a share `sT` of what estrogen deficiency does to RANKL/OPG runs through `Tc`. Steady states do
not depend on `sT`, so the totals stay with the data on estrogen; it decides how fast restoring
estrogen works and what inflammation without estrogen deficiency does. Mechanism: Cenci 2000
(10.1172/JCI11066); blocking TNF blunted the rise of CTX after withdrawal of estradiol by about 40 %
(Charatcharoenwitthaya 2007, 10.1359/jbmr.070207). Serum TNF-alpha and IL-6 are some 1.4 and 1.3
times higher after menopause, with wide differences between assays (Pfeilschifter 2002,
10.1210/edrv.23.1.0456).
"""

from __future__ import annotations

from cohort.model.arrays import Patients

RATE = 1.0 / 30.0  # 1/day
TNF = 0.55  # rise per unit of Tc, which is about 0.73 after menopause
IL6 = 0.41


def tendency(deficit: Patients, inflammation: Patients | float) -> tuple[Patients, float]:
    """Return production and loss of `Tc`."""
    return RATE * (deficit + inflammation), RATE


def cytokines(active: Patients) -> dict[str, Patients]:
    """Return TNF-alpha and IL-6 relative to a healthy 35-year-old."""
    return {"tnf_alpha": 1.0 + TNF * active, "il_6": 1.0 + IL6 * active}
