"""Calcium and the parathyroids: PTH tone, deficiency of calcium, and excess of PTH.

    ln tone = 0.0082 (age - 35) + offset + 0.35 deficiency (1 - supplement)
    m = (PTH_excess) (1 - suppression),   continuous signal m / (1 + m)

Tone rises by a third from 35 to 75 years (typical immunoassays) and with lack of calcium or vitamin
D, which supplements undo. An excess beyond what calcium asks for (an adenoma) is continuous: its
mean drives the catabolic signal and remodeling inside the cortex, while only its pulsatile share
feeds the anabolic one (`pth`). That is why it thins cortex and spares the spine (Rubin 2008,
10.1210/jc.2007-1215), where a daily pulse builds it. Serum calcium rises with the excess only.
"""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients, log
from cohort.model.exposure import Exposure
from cohort.model.person import Person

TONE_RISE = 0.0082  # ln per year: 36 pg/mL at 35, 50 at 75
DEFICIENCY = 0.35  # ln: PTH of people short of vitamin D is some 40 % higher (approximate)
# Calcium and vitamin D lower serum PTH by about a sixth (approximate; trials report 10-30 %).
SUPPLEMENT = 0.18
CALCIUM = 2.35  # mmol/L
CALCIUM_PER_EXCESS = 0.17  # PTH 2.2-fold with calcium 2.65 mmol/L, as in mild disease
CALCIUM_PER_DEFICIENCY = 0.02


def ln_tone(person: Person, years: Patients) -> Patients:
    """Return the logarithm of PTH tone, `years` after 35, of a person with calcium enough."""
    return TONE_RISE * years + log(person.eta["pth"])


def lacking(deficiency: Patients | float, exposure: Exposure) -> Patients | float:
    """Return the deficiency of calcium that a supplement leaves."""
    if isinstance(deficiency, int | float):
        return 0.0
    return deficiency * (1.0 - jnp.minimum(exposure.level("calcium_vitamin_d"), 1.0))


def excess(own: Patients | float, exposure: Exposure) -> Patients | float:
    """Return PTH beyond what calcium asks for, over the own tone."""
    if isinstance(own, int | float):
        return 0.0
    return own * (1.0 - jnp.minimum(exposure.level("parathyroid_suppression"), 1.0))


def continuous_signal(excess: Patients | float) -> Patients | float:
    """Return `m / (1 + m)`."""
    return excess / (1.0 + excess)


def relative_pth(
    ln_tone: Patients, lacking: Patients | float, excess: Patients | float, exposure: Exposure
) -> Patients:
    """Return serum PTH relative to a healthy 35-year-old."""
    supplement = SUPPLEMENT * exposure.level("calcium_vitamin_d")
    return jnp.exp(ln_tone + DEFICIENCY * lacking - supplement) * (1.0 + excess)


def serum_calcium(lacking: Patients | float, excess: Patients | float) -> Patients:
    """Return serum calcium, mmol/L."""
    raised = CALCIUM_PER_EXCESS * jnp.log1p(excess) - CALCIUM_PER_DEFICIENCY * lacking
    return CALCIUM * (1.0 + raised)
