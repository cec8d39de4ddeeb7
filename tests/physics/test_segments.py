"""A trial in segments, as derivatives of long ones take it, is the trial."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from worlds import NODES, life_of, make_arm, typical_effects, values

from cohort.model.endocrine.own import hormones
from cohort.model.person import make_person
from cohort.model.steady_state import steady_state
from cohort.solve import again
from cohort.solve.backward import Derive
from cohort.solve.exposures import add_drug_parameters, drug_numbers
from cohort.solve.trial import treat


def test_segments_change_no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    arm = make_arm((("denosumab", "60 mg sc once"),), [0, 1, 3], pad=75)
    assert len(arm.steps.start) == 75  # in nine segments of nine, six are empty
    age = jnp.full(2, 62.0)
    noise = jnp.asarray(np.random.default_rng(2).normal(0.0, 0.1, (NODES, 2, 2)))

    def seen(derive: Derive) -> dict:
        numbers = drug_numbers(arm.drugs, values())
        person = make_person(values(), typical_effects(), life_of())
        person = add_drug_parameters(person, numbers)
        start = steady_state(person, hormones(person, age))
        drawn = noise, arm.steps, numbers, arm.visits
        return treat(start, person, age, *drawn, derive=derive)[0]

    plain = jax.jit(seen, static_argnums=0)("none")
    monkeypatch.setattr(again, "KEPT", 4)
    cut = jax.jit(seen, static_argnums=0)("reverse")
    for name, value in plain.items():
        np.testing.assert_allclose(cut[name], value, rtol=1e-10, err_msg=name)
