"""With ageing, hormones and noise frozen, everybody stays where she starts."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from worlds import drawn, sampled, typical, typical_effects, values

from cohort.model.endocrine import Hormones, hormones
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
}
"""Four standard deviations of each effect, about; logarithms."""


def with_pools(person: Person) -> Person:
    own = {f"ko_S_{k}": jnp.asarray(0.002) for k in range(POOLS)}
    own |= {f"E_S_{k}": jnp.asarray(0.05) for k in range(POOLS)}
    return Person({**person.theta, **own}, person.eta, person.age_at_menopause)


def extreme() -> tuple[Person, Hormones]:
    """Persons at both ends of every effect, one at a time and all at once, at 20 to 95 years."""
    rows = [{name: sign * size} for name, size in EXTREMES.items() for sign in (-1, 1)]
    rows += [{name: sign * size for name, size in EXTREMES.items()} for sign in (-0.7, 0.7)]
    eta = typical_effects(len(rows))
    for name in EXTREMES:
        shift = jnp.asarray([row.get(name, 0.0) for row in rows])
        eta[name] = shift if name.endswith("_offset") else jnp.exp(shift)
    person = make_person(values(), eta, jnp.full(len(rows), 50.0))
    return person, hormones(person, jnp.linspace(20.0, 95.0, len(rows)))


@partial(jax.jit, static_argnames=("steps",))
def pass_ten_years(state, person: Person, now: Hormones, steps: int):
    inputs = (now, no_exposure(POOLS), QUIET)

    def body(_, state):
        return step(state, person, inputs, inputs, TEN_YEARS / steps)

    return jax.lax.fori_loop(0, steps, body, state)


PEOPLE = {"sampled": lambda: sampled(64), "extreme": extreme}


@pytest.mark.parametrize("people", PEOPLE)
@pytest.mark.parametrize("steps", [1044, 120], ids=["steps of a trial", "monthly steps"])
def test_frozen_persons_stay_for_ten_years_on_the_fast_path(people: str, steps: int) -> None:
    person, now = PEOPLE[people]()
    person = with_pools(person)
    start = steady_state(person, now, POOLS)
    end = pass_ten_years(start, person, now, steps)
    for name, before in start.items():
        np.testing.assert_allclose(end[name], before, rtol=1e-6, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("people", PEOPLE)
def test_nothing_moves_at_the_steady_state(people: str) -> None:
    person, now = PEOPLE[people]()
    person = with_pools(person)
    state = steady_state(person, now, POOLS)
    production, loss = tendency(state, person, now, no_exposure(POOLS), QUIET)
    for name, value in state.items():
        np.testing.assert_allclose(
            production[name], loss[name] * value, rtol=1e-9, atol=1e-15, err_msg=name
        )


def test_frozen_persons_stay_for_ten_years_under_another_solver() -> None:
    """The equations by SciPy's LSODA: neither the fast path nor diffrax."""
    person, now = extreme()
    person = with_pools(person)
    start = steady_state(person, now, POOLS)
    names, count = sorted(start), len(now.estradiol)

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
    covariates, _ = drawn(8)
    person = typical(age_at_menopause=float(max(covariates["age_at_menopause"].min(), 45.0)))
    young, later = (hormones(person, jnp.full(1, age)) for age in (20.0, 35.0))
    for early, late in zip(young, later, strict=True):
        np.testing.assert_allclose(early, late, rtol=1e-7, atol=1e-12)


def test_typical_young_woman_is_the_unit_of_everything() -> None:
    person = typical()
    young = Hormones(jnp.ones(1), *(jnp.zeros(1),) * 3)
    state = steady_state(person, young)
    for name in ("Q", "C", "G", "P", "B", "Y", "Z"):
        np.testing.assert_allclose(state[name], 1.0, rtol=1e-12, err_msg=name)
    for name in ("A", "Zp", "Lp", "Zr"):
        np.testing.assert_allclose(state[name], 0.0, atol=1e-12, err_msg=name)
    rate = {"spine_cortical": person["rC"], "hip_cortical": person["rC"]}
    rate |= {"spine_trabecular": person["rT"], "hip_trabecular": person["rT"] * person["hipT"]}
    for name, r in rate.items():
        np.testing.assert_allclose(state[f"V_{name}"], 1.0, rtol=1e-12)
        np.testing.assert_allclose(state[f"U_{name}"], r / (person["km"] + r), rtol=1e-12)
