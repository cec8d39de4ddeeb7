"""Hormone levels relative to their reference in healthy young women."""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients
from cohort.model.endocrine import Hormones
from cohort.model.exposure import Exposure
from cohort.model.remodeling import Signals

# Calcium and vitamin D lower serum PTH by about a sixth (approximate; trials report 10-30 %).
CALCIUM_ON_PTH = 0.18


def relative_hormones(hormones: Hormones, exposure: Exposure, now: Signals) -> dict[str, Patients]:
    """Return estradiol, IGF-1, PTH and free sclerostin relative to a young woman's mean."""
    return {
        "estradiol": now.estradiol,
        "igf1": jnp.exp(hormones.ln_igf1),
        "pth": jnp.exp(hormones.ln_pth - CALCIUM_ON_PTH * exposure.calcium),
        "sclerostin": now.sclerostin,
    }
