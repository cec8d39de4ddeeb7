"""With ageing, hormones and noise frozen, everybody stays where she starts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from worlds import (
    NEUTRAL,
    SEVERE,
    drawn,
    empty_pools,
    life_of,
    sampled,
    typical,
    typical_effects,
    values,
    with_every_condition,
    with_pools,
)

from cohort.model.endocrine.own import Hormones, hormones
from cohort.model.exposure import no_exposure
from cohort.model.person import Person, make_person
from cohort.model.remodeling import Noise, tendency
from cohort.model.steady_state import steady_state
from cohort.solve.step import step

POOLS = 2
TEN_YEARS: Any = 3652.5
QUIET = Noise(jnp.zeros(()), jnp.zeros(()))
EXTREMES = {
    "lnL_offset": 1.2,
    "sP_offset": 0.4,
    "rate_turnover": 1.2,
    "bE": 1.0,
    "E_post": 1.5,
    "igf1": 0.8,
    "pth": 1.1,
    "precursor": 1.2,
    "wnt": 1.2,
    "testosterone": 1.1,
    "aromatisation": 0.8,
}
"""Four standard deviations of each effect, about; logarithms."""


def settled(person: Person, now: Hormones) -> tuple[Person, dict[str, Any]]:
    """A person who could take bisphosphonates, and her steady state."""
    person = with_pools(person, POOLS)
    state = steady_state(person, now)
    return person, state | empty_pools(state["Q"], POOLS)


def extreme() -> tuple[Person, Hormones]:
    """Women and men at both ends of every effect, one and all at once, at 20 to 95 years."""
    rows = [{name: sign * size} for name, size in EXTREMES.items() for sign in (-1, 1)]
    rows += [{name: sign * size for name, size in EXTREMES.items()} for sign in (-0.7, 0.7)]
    count = 2 * len(rows)
    eta = typical_effects(count)
    for name in EXTREMES:
        shift = jnp.asarray([row.get(name, 0.0) for row in rows * 2])
        eta[name] = shift if name.endswith("_offset") else jnp.exp(shift)
    life = {
        "male": jnp.arange(count) >= len(rows),
        "age_at_menopause": jnp.full(count, 50.0),
        "menopause_width": jnp.full(count, 0.55),
    }
    person = make_person(values(), eta, life)
    ages = np.linspace(20.0, 95.0, len(rows))
    return person, hormones(person, jnp.asarray(np.concatenate([ages, ages])))


def ill() -> tuple[Person, Hormones]:
    """Women and men of 30 to 85 with each severe condition, and with all of them.

    An excess of PTH is left out: the steady state is that of the time before it came.
    """
    names = [name for name in NEUTRAL if name != "hyperparathyroidism"]
    rows = [{name} for name in names] + [set(names)]
    count = 2 * len(rows)
    amounts = {
        name: jnp.asarray([(SEVERE if name in row else NEUTRAL)[name] for row in rows * 2])
        for name in names
    }
    life = {
        "male": jnp.arange(count) >= len(rows),
        "age_at_menopause": jnp.full(count, 50.0),
        "menopause_width": jnp.full(count, 0.55),
    }
    conditions = {name: (amount, jnp.full(count, 10.0)) for name, amount in amounts.items()}
    person = make_person(values(), typical_effects(count), life, conditions)
    return person, hormones(person, jnp.linspace(30.0, 85.0, count))


@partial(jax.jit, static_argnames=("steps",))
def pass_ten_years(state, person: Person, now: Hormones, steps: int):
    inputs = (now, no_exposure(POOLS), QUIET)

    def body(_, state):
        return step(state, person, inputs, inputs, TEN_YEARS / steps)

    return jax.lax.fori_loop(0, steps, body, state)


PEOPLE = {
    "women": lambda: sampled(64),
    "adults": lambda: sampled(64, "adults"),
    "hypogonadal men": lambda: sampled(32, "hypogonadal_men"),
    "extreme": extreme,
    "ill": ill,
}


@pytest.mark.parametrize("people", PEOPLE)
@pytest.mark.parametrize("steps", [1044, 120], ids=["steps of a trial", "monthly steps"])
def test_frozen_persons_stay_for_ten_years_on_the_fast_path(people: str, steps: int) -> None:
    now = PEOPLE[people]()[1]
    person, start = settled(*PEOPLE[people]())
    end = pass_ten_years(start, person, now, steps)
    for name, before in start.items():
        np.testing.assert_allclose(end[name], before, rtol=1e-6, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("people", PEOPLE)
def test_nothing_moves_at_the_steady_state(people: str) -> None:
    now = PEOPLE[people]()[1]
    person, state = settled(*PEOPLE[people]())
    production, loss = tendency(state, person, now, no_exposure(POOLS), QUIET)
    for name, value in state.items():
        np.testing.assert_allclose(
            production[name], loss[name] * value, rtol=1e-9, atol=1e-15, err_msg=name
        )


def test_frozen_persons_stay_for_ten_years_under_another_solver() -> None:
    """The equations by SciPy's LSODA: neither the fast path nor diffrax."""
    _, now = extreme()
    person, start = settled(*extreme())
    names, count = sorted(start), len(now.ovarian)

    @jax.jit
    def rate(flat):
        state = dict(zip(names, flat.reshape(len(names), count), strict=True))
        production, loss = tendency(state, person, now, no_exposure(POOLS), QUIET)
        return jnp.concatenate([production[n] - loss[n] * state[n] for n in names])

    before = np.concatenate([np.asarray(start[name]) for name in names])
    after = solve_ivp(
        lambda _, y: np.asarray(rate(y)), (0, TEN_YEARS), before, "RK45", rtol=1e-9, atol=1e-12
    ).y[:, -1]
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-9)


def test_twenty_to_thirty_five_is_a_plateau() -> None:
    """Before 35 no hormone moves, so a steady state there is one for all those years."""
    own = drawn(64, "adults")[0]
    menopause = np.where(own["male"] > 0, 50.0, np.maximum(own["age_at_menopause"], 45.0))
    person, _ = sampled(64, "adults")
    person = replace(person, life={**person.life, "age_at_menopause": jnp.asarray(menopause)})
    young, later = (hormones(person, jnp.full(64, age)) for age in (20.0, 35.0))
    for early, late in zip(young, later, strict=True):
        np.testing.assert_allclose(early, late, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("male", [False, True], ids=["woman", "man"])
def test_typical_young_person_is_the_unit_of_everything(male: bool) -> None:
    """A man's units are his own: each sex is counted in young people of the same sex."""
    person = typical(life=life_of(male=male, menopause=80.0), conditions=with_every_condition())
    young = hormones(person, jnp.full(1, 35.0))
    state = steady_state(person, young)
    for name in ("Q", "C", "G", "P", "B", "Y", "Z", "I", "M"):
        np.testing.assert_allclose(state[name], 1.0, rtol=1e-12, err_msg=name)
    for name in ("A", "Zp", "Lp", "Zr", "Tc", "Zg"):
        np.testing.assert_allclose(state[name], 0.0, atol=1e-12, err_msg=name)
    rate = {"spine_cortical": person["rC"], "hip_cortical": person["rC"]}
    rate |= {"spine_trabecular": person["rT"], "hip_trabecular": person["rT"] * person["hipT"]}
    for name, r in rate.items():
        np.testing.assert_allclose(state[f"V_{name}"], 1.0, rtol=1e-12)
        np.testing.assert_allclose(state[f"U_{name}"], r / (person["km"] + r), rtol=1e-12)
