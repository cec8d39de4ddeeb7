"""Hormone levels relative to their reference in healthy young women."""

from __future__ import annotations

import jax.numpy as jnp

from cohort.model.arrays import Patients
from cohort.model.endocrine import Hormones
from cohort.model.exposure import Exposure
from cohort.model.remodeling import Signals

# Calcium and vitamin D lower serum PTH by about a sixth (approximate; trials report 10-30 %).
CALCIUM_ON_PTH = 0.18


def endogenous(hormones: Hormones) -> dict[str, Patients]:
    """Return the person's own estradiol, IGF-1 and PTH relative to a young woman's mean."""
    return {
        "estradiol": hormones.estradiol,
        "igf1": jnp.exp(hormones.ln_igf1),
        "pth": jnp.exp(hormones.ln_pth),
    }


def relative_hormones(hormones: Hormones, exposure: Exposure, now: Signals) -> dict[str, Patients]:
    """Return estradiol, IGF-1, PTH and free sclerostin relative to a young woman's mean."""
    own = endogenous(hormones)
    lowered = own["pth"] * jnp.exp(-CALCIUM_ON_PTH * exposure.calcium)
    return own | {"estradiol": now.estradiol, "pth": lowered, "sclerostin": now.sclerostin}
