"""Derivatives by JAX through every axis, forwards and backwards, against central differences.

A man with an excess of PTH and inflamed joints takes testosterone, an aromatase inhibitor and
prednisolone: each parameter of the axes then matters to what is measured.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from worlds import AGE, BONE, MAN, MARKERS, NODES, make_arm, typical, values

from cohort.model.endocrine.own import hormones
from cohort.model.steady_state import steady_state
from cohort.solve.backward import Derive
from cohort.solve.exposures import add_drug_parameters, drug_numbers
from cohort.solve.history import live
from cohort.solve.trial import treat

REGIMENS = (
    ("testosterone", "25 mg gel daily from 0 to 2"),
    ("anastrozole", "1 mg oral daily from 0 to 2"),
    ("prednisolone", "10 mg oral daily from 0 to 2"),
)
ILL = {"hyperparathyroidism": (2.0, AGE - 3.0), "inflammation": (0.3, AGE - 3.0)}
VARIED = ("menE", "pT", "bGC", "gcP", "gcB", "agc", "eE", "aExc", "cExc", "sT", "kE")
OUTCOMES = (*BONE, *MARKERS)


@cache
def outcome() -> Any:
    """Log outputs at two months as a function of log parameters: trial, and history if asked."""
    arm = make_arm(REGIMENS, [0, 1, 2], pad=32)
    draw = np.random.default_rng(2)
    noise = draw.normal(0.0, 0.1, (NODES, 2, 1))

    def of(logs: dict[str, Any], lived: bool, derive: Derive = "none") -> Any:
        age = jnp.full(1, AGE)
        changed = values() | {name: jnp.exp(value) for name, value in logs.items()}
        numbers = drug_numbers(arm.drugs, changed)
        person = add_drug_parameters(typical(changed, life=MAN, conditions=ILL), numbers)
        slow = jnp.asarray(noise)
        if lived:
            state = live(person, age, slow, derive)
        else:
            state = steady_state(person, hormones(person, age))
        seen, _ = treat(state, person, age, slow, arm.steps, numbers, arm.visits, derive=derive)
        return jnp.stack([jnp.log(seen[name][-1, 0]) for name in OUTCOMES])

    return of


def start() -> dict[str, Any]:
    return {name: jnp.log(values()[name]) for name in VARIED}


def slopes(run: Any, name: str) -> np.ndarray:
    width = 1e-5
    high, low = (run(start() | {name: start()[name] + s * width}) for s in (1, -1))
    return np.asarray(high - low) / (2 * width)


def test_forward_derivatives_through_a_life_and_a_trial() -> None:
    of = outcome()

    run = jax.jit(partial(of, lived=True))
    jacobian = jax.jit(jax.jacfwd(partial(of, lived=True, derive="forward")))(start())
    for name in VARIED:
        slope = slopes(run, name)
        size = np.abs(slope).max()
        assert size > 1e-6, name
        np.testing.assert_allclose(jacobian[name], slope, rtol=1e-4, atol=1e-4 * size, err_msg=name)


@pytest.mark.slow
def test_reverse_derivatives_through_a_trial() -> None:
    """One number that depends on every output."""
    weights, of = jnp.asarray(np.linspace(0.5, 1.5, len(OUTCOMES))), outcome()

    def score(logs: dict[str, Any], derive: Derive = "none") -> Any:
        return weights @ of(logs, lived=False, derive=derive)

    run = jax.jit(score)
    gradient = jax.jit(jax.grad(partial(score, derive="reverse")))(start())
    for name in VARIED:
        slope = slopes(run, name)
        assert abs(slope) > 1e-6, name
        np.testing.assert_allclose(gradient[name], slope, rtol=1e-4, err_msg=name)
