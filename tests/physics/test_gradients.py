"""Derivatives by JAX against finite differences, forwards and backwards, through a short trial."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from worlds import BONE, MARKERS, NODES, life_of, make_arm, typical_effects, values

from cohort.model.endocrine.own import hormones
from cohort.model.person import make_person
from cohort.model.steady_state import steady_state
from cohort.solve.backward import Derive
from cohort.solve.exposures import add_drug_parameters, drug_numbers
from cohort.solve.history import live
from cohort.solve.trial import treat

REGIMENS = (
    ("denosumab", "60 mg sc once"),
    ("teriparatide", "20 ug sc daily from 0 to 1"),
    ("zoledronate", "5 mg iv once from 1"),
    ("estradiol", "1 mg oral daily from 0 to 1"),
    ("romosozumab", "210 mg sc once from 1"),
)
VARIED = ("kC", "gam", "wM", "KD", "rT", "bE", "kQ", "Emax", "Ezol", "dPTH", "tolp", "delt", "qC")


@cache
def outcome() -> Any:
    """Log outputs at two months as a function of log parameters: trial, and history if asked."""
    arm = make_arm(REGIMENS, [0, 1, 2], pad=32)
    draw = np.random.default_rng(2)
    noise = jnp.asarray(draw.normal(0.0, 0.1, (NODES, 2, 1)))
    age = jnp.full(1, 62.0)

    def of(logs: dict[str, Any], lived: bool = True, derive: Derive = "none") -> Any:
        changed = values() | {name: jnp.exp(value) for name, value in logs.items()}
        numbers = drug_numbers(arm.drugs, changed)
        person = make_person(changed, typical_effects(), life_of())
        person = add_drug_parameters(person, numbers)
        if lived:
            state = live(person, age, noise, derive)
        else:
            state = steady_state(person, hormones(person, age))
        seen, _ = treat(state, person, age, noise, arm.steps, numbers, arm.visits, derive=derive)
        return jnp.stack([jnp.log(seen[name][-1, 0]) for name in (*BONE, *MARKERS)])

    return of


def start() -> dict[str, Any]:
    return {name: jnp.log(values()[name]) for name in VARIED}


def test_forward_derivatives_match_finite_differences() -> None:
    run = jax.jit(outcome())
    jacobian = jax.jit(jax.jacfwd(partial(outcome(), derive="forward")))(start())
    width = 1e-5
    for name in VARIED:
        high, low = (run(start() | {name: start()[name] + s * width}) for s in (1, -1))
        slope = np.asarray(high - low) / (2 * width)
        size = np.abs(slope).max()
        # A derivative that is zero throughout would agree without saying anything.
        assert size > 1e-6, name
        np.testing.assert_allclose(
            jacobian[name], slope, rtol=1e-5, atol=1e-5 * size + 1e-9, err_msg=name
        )


def test_reverse_mode_through_a_trial_agrees_with_forward_mode() -> None:
    """One number that depends on every output, from the steady state through the trial."""
    weights, run = jnp.linspace(0.5, 1.5, 6), outcome()

    def score(logs: dict[str, Any], derive: Derive) -> Any:
        return weights @ run(logs, lived=False, derive=derive)

    draw = np.random.default_rng(4)
    way = {name: jnp.asarray(draw.normal()) for name in VARIED}
    backward = jax.jit(jax.grad(partial(score, derive="reverse")))(start())
    ahead = partial(score, derive="forward")
    _, forward = jax.jit(lambda logs, way: jax.jvp(ahead, (logs,), (way,)))(start(), way)
    along = sum(float(backward[name] * way[name]) for name in VARIED)
    np.testing.assert_allclose(along, forward, rtol=1e-9)
