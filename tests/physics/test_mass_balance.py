"""What enters less what leaves is what is gained; nothing is ever negative."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from worlds import (
    NEUTRAL,
    SEVERE,
    empty_pools,
    life_of,
    sampled,
    typical,
    typical_effects,
    values,
    with_pools,
)

from cohort.model.bone import COMPARTMENTS
from cohort.model.endocrine.own import hormones
from cohort.model.exposure import Exposure
from cohort.model.person import Person, make_person
from cohort.model.remodeling import Noise, signals
from cohort.model.steady_state import steady_state
from cohort.solve.step import step
from cohort.therapy import LEVELS

DAY: Any = 0.25
SEASON = 720  # steps
SIGNED = ("Zr", "Tc")  # a logarithm, and a signal that estrogen in plenty turns below zero


def drugs(
    denosumab: Any = 0.0,
    romosozumab: Any = 0.0,
    pth: Any = 0.0,
    bisphosphonate: Any = 0.0,
    **levels: Any,
) -> Exposure:
    zero: Any = np.float64(0.0)
    return Exposure(
        denosumab=zero + denosumab,
        romosozumab=zero + romosozumab,
        pth_anabolic=zero + pth,
        pth_catabolic=zero + pth,
        bisphosphonate=(zero + bisphosphonate,),
        levels={name: zero + levels.get(name, 0.0) for name in LEVELS},
    )


NOTHING = drugs()
DENOSUMAB = drugs(denosumab=5.0)
EVERYTHING = drugs(
    0.1, 15.0, 1.0, 1.0, estrogen=1.0, testosterone=0.3, growth_hormone=1.0, glucocorticoid=0.5
)


def seen(state: dict, person: Person, inputs: tuple) -> dict:
    """A state and its signals at one end of a step."""
    now = signals(state, person, *inputs)._asdict()
    return state | now | {"pth_excess": now.pop("milieu").pth_signal}


@pytest.fixture(scope="module")
def diary() -> tuple[Person, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A woman in four seasons: nothing, denosumab, everything, nothing; each step's two ends.

    An excess of PTH begins with the first season.
    """
    with jax.enable_x64(True):
        person = with_pools(typical(conditions={"hyperparathyroidism": (2.0, 60.0)}), 1)
        now = hormones(person, jnp.full(1, 65.0))
        quiet = Noise(jnp.zeros(()), jnp.zeros(()))
        state = steady_state(person, now)
        state |= empty_pools(state["Q"], 1)

        @jax.jit
        def season(state, drug):
            inputs = (now, drug, quiet)

            def body(state, _):
                later = step(state, person, inputs, inputs, DAY)
                ends = seen(state, person, inputs), seen(later, person, inputs)
                return later, ends

            return jax.lax.scan(body, state, None, length=SEASON)

        pieces = []
        for drug in (NOTHING, DENOSUMAB, EVERYTHING, NOTHING):
            state, ends = season(state, drug)
            pieces.append(jax.tree.map(lambda x: np.asarray(x).reshape(SEASON), ends))
        first, last = jax.tree.map(lambda *parts: np.concatenate(parts), *pieces)
        return person, first, last


def numbers(person: Person) -> dict[str, float]:
    return {key: float(np.asarray(value).reshape(-1)[0]) for key, value in person.theta.items()}


def volume_fluxes(
    p: dict[str, float], now: dict[str, np.ndarray], name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Gain and loss of a compartment, V' = r (F V^-mu - R V^nu), written out a second time."""
    rate = p["rC"] if name.endswith("cortical") else p["rT"]
    rate *= p["hipT"] if name == "hip_trabecular" else 1.0
    formed, resorbed = now["remodeling_formation"], now["resorption"]
    if name.startswith("hip"):
        formed = formed + p["hM"] * now["modelling_formation"]
        formed = formed / (1.0 + p["hP"] * now["anabolic"])
    else:
        formed = formed + now["modelling_formation"]
        formed = formed / (1.0 + p["vP"] * now["anabolic"])
    if name.endswith("cortical"):
        resorbed = resorbed * (1.0 + p["cBP"] * now["bisphosphonate"])
        resorbed = resorbed * (1.0 + p["cExc"] * now["pth_excess"])
    volume = now[f"V_{name}"]
    return rate * formed * volume ** -p["mu"], rate * resorbed * volume**0.5


def accumulated(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """What a flux, known at both ends of every step, has brought by the end of each."""
    return np.cumsum(0.5 * (first + last) * DAY)


@pytest.mark.parametrize("name", COMPARTMENTS)
def test_volume_changes_by_formation_less_resorption(diary, name: str) -> None:
    person, first, last = diary
    p = numbers(person)
    (gain0, loss0), (gain1, loss1) = (volume_fluxes(p, now, name) for now in (first, last))
    gained, lost = accumulated(gain0, gain1), accumulated(loss0, loss1)
    volume = last[f"V_{name}"] - first[f"V_{name}"][0]
    np.testing.assert_allclose(volume, gained - lost, atol=2e-5 * gained[-1])
    young = f"U_{name}"
    left = accumulated(
        (p["km"] + loss0 / first[f"V_{name}"]) * first[young],
        (p["km"] + loss1 / last[f"V_{name}"]) * last[young],
    )
    np.testing.assert_allclose(last[young] - first[young][0], gained - left, atol=2e-5 * gained[-1])


def test_bisphosphonate_on_bone_is_input_less_release(diary) -> None:
    person, first, last = diary
    p = numbers(person)

    def released(now: dict[str, np.ndarray]) -> np.ndarray:
        turnover = 0.2 + 0.3 * np.minimum(now["resorption"], 3) + 0.3 * np.minimum(now["B"], 3)
        return p["ko_S_0"] * turnover * now["S_0"]

    on_drug = (np.arange(4 * SEASON) // SEASON) == 2
    came = p["ko_S_0"] * np.cumsum(on_drug * DAY) * float(EVERYTHING.bisphosphonate[0])
    assert last["S_0"].max() > 0.1
    left = accumulated(released(first), released(last))
    np.testing.assert_allclose(last["S_0"], came - left, atol=2e-5 * came[-1])


def test_young_bone_is_part_of_all_bone(diary) -> None:
    _, _, last = diary
    for name in COMPARTMENTS:
        assert np.all(last[f"U_{name}"] <= last[f"V_{name}"])


@pytest.mark.parametrize("length", [0.01, 1.0, 30.0, 1e3, 1e5, 1e9])
def test_no_step_is_too_long(length: float) -> None:
    """Whatever the drugs and however long the step, states stay finite and none below zero."""
    person, _ = sampled(32, "adults")
    draw = np.random.default_rng(8)
    amounts = {
        name: none + (SEVERE[name] - none) * draw.integers(0, 2, 32)
        for name, none in NEUTRAL.items()
    }
    ill = {k: (jnp.asarray(amount), jnp.zeros(32)) for k, amount in amounts.items()}
    person = replace(with_pools(person, 1), conditions=ill)
    now = hormones(person, jnp.linspace(20.0, 95.0, 32))
    state = steady_state(person, now)
    state |= empty_pools(state["Q"], 1)
    shares = ("aromatase_inhibitor", "aromatase_inhibition_women", "aromatase_inhibition_men")
    free = [name for name in LEVELS if name not in shares]
    advance = jax.jit(step)

    def taken(sizes: np.ndarray) -> Exposure:
        inhibitor = dict(zip(shares, sizes[4] * np.array([1.0, 0.9, 0.8]), strict=True))
        return drugs(*sizes[:4], **inhibitor, **dict(zip(free, sizes[5:], strict=True)))

    for _ in range(20):
        size = np.exp(draw.normal(0.0, 2.0, 5 + len(free)))
        size *= draw.integers(0, 2, size.size)
        before, after = taken(size), taken(size * draw.integers(0, 2, size.size))
        noise = Noise(jnp.asarray(draw.normal(0, 0.5)), jnp.asarray(draw.normal(0, 0.3)))
        state = advance(state, person, (now, before, noise), (now, after, noise), length)
        for name, value in state.items():
            assert np.all(np.isfinite(value)), name
            if name not in SIGNED:
                assert np.all(np.asarray(value) >= 0.0), name
        for name in COMPARTMENTS:
            assert np.all(np.asarray(state[f"V_{name}"]) > 0.0)
            assert np.all(state[f"U_{name}"] <= state[f"V_{name}"] * (1 + 1e-12))


def test_median_person_has_unit_effects() -> None:
    """An effect of 1 (0 on a logarithm) leaves the population's parameters as they are."""
    own = make_person(values(), typical_effects(), life_of())
    for name, value in values().items():
        np.testing.assert_allclose(own[name], value, rtol=1e-12, err_msg=name)
