"""Sampled persons as the compiled functions take them: a tile of lanes, a person each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from cohort.patients.covariates import HORMONES
from cohort.patients.randomness import id_words
from cohort.patients.sampling import Patients as Sampled
from cohort.results.outcomes import SITES
from cohort.tile import TILE

RECRUITED = (*(f"t_score_{site}" for site in SITES.values()), *HORMONES)


def tile_of(
    sampled: Sampled,
    behaviour: Mapping[str, ArrayLike],
    reference: Mapping[str, ArrayLike],
    where: slice,
    *,
    with_men: bool,
    dtype: np.dtype,
) -> dict[str, Any]:
    """Return the tile of some persons, filled up to `TILE` with the last of them; see `compiled`.

    Args:
        sampled: persons.
        behaviour: effects that are the person's own beside those that were sampled, `(patient,)`.
        reference: means and spreads that T-scores refer to, `(patient,)` each.
        where: which of the persons, at most `TILE`.
        with_men: whether there may be men.
        dtype: of the lanes.
    """
    ids = sampled.ids[where]
    spare = (0, TILE - len(ids))

    def lane(values: ArrayLike) -> jax.Array:
        part = np.asarray(values)[where]
        # Cast by NumPy, since JAX would compile a program for each shape.
        return jax.device_put(np.asarray(np.pad(part, spare, mode="edge"), dtype))

    high, low = id_words(np.pad(ids, spare, mode="edge"))
    own = sampled.covariates
    male = np.asarray(own["male"])
    life = {
        # A man's is never read, but must not be NaN.
        "age_at_menopause": lane(np.where(male > 0, 50.0, own["age_at_menopause"])),
        "menopause_width": lane(own["menopause_width"]),
    }
    return {
        "age": lane(own["age"]),
        "life": life | ({"male": lane(male)} if with_men else {}),
        "conditions": {
            name: (lane(amount), lane(own["age"]) - lane(years))
            for name, (amount, years) in sampled.conditions.items()
        },
        "recruited": {name: lane(own[name]) for name in RECRUITED},
        "reference": {name: lane(values) for name, values in reference.items()},
        "eta": {name: lane(value) for name, value in (*sampled.eta.items(), *behaviour.items())},
        "high": high,
        "low": low,
    }
