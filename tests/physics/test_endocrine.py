"""The endocrine system as a whole: it rests without drugs, and what is absent changes nothing."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from worlds import (
    AGE,
    BONE,
    MAN,
    MARKERS,
    NEUTRAL,
    NODES,
    SEVERE,
    VISITS,
    WOMAN,
    Arm,
    courses_of,
    follow,
    held,
    make_arm,
    typical,
    with_every_condition,
)

from cohort.model.endocrine import system
from cohort.model.endocrine.own import hormones
from cohort.model.exposure import no_exposure
from cohort.model.person import Person
from cohort.model.remodeling import Noise, tendency
from cohort.model.steady_state import steady_state
from cohort.solve.history import live
from cohort.solve.schedule import study_drugs
from cohort.solve.trial import ready, treat
from cohort.therapy import LEVELS

PEOPLE = {"woman": WOMAN, "man": MAN}
HORMONES = ("estradiol", "testosterone_free", "shbg", "lh", "progesterone", "igf1", "pth")
AGES = (30.0, 45.0, 50.2, 65.0, 85.0)
MONTHS = (0, 1, 3, 6)
# Without hormones: every other mechanism there is.
BONE_DRUGS = (
    ("teriparatide", "20 ug sc daily from 0 to 3"),
    ("zoledronate", "5 mg iv once"),
    ("denosumab", "60 mg sc once from 1"),
    ("raloxifene", "60 mg oral daily from 0 to 6"),
    ("medroxyprogesterone_acetate", "2.5 mg oral daily from 0 to 6"),
    ("calcium_vitamin_d", "1 dose oral daily from 0 to 6"),
)
HORMONAL = (("estradiol", "50 ug transdermal daily from 0 to 1"),)


def ill(names: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """These severe conditions, long since; all others neutral."""
    return with_every_condition({name: (SEVERE[name], 15.0) for name in names})


@pytest.mark.parametrize("sex", PEOPLE)
@pytest.mark.parametrize("names", [(), *((name,) for name in SEVERE), tuple(SEVERE)], ids=str)
def test_slow_states_stand_still_without_drugs(sex: str, names: tuple[str, ...]) -> None:
    """At every age of life: nobody's axis moves before a drug does."""
    numbers = make_arm(HORMONAL, (0, 1)).numbers
    for age in AGES:
        person = typical(life=PEOPLE[sex], conditions=ill(names))
        now = hormones(person, jnp.full(1, age))
        state = ready(steady_state(person, now), person, jnp.full(1, age), numbers)
        quiet = Noise(jnp.zeros(()), jnp.zeros(()))
        production, loss = tendency(state, person, now, no_exposure(), quiet)
        for name in (*system.SLOW, "Tc"):
            np.testing.assert_allclose(
                production[name], loss[name] * state[name], rtol=1e-9, atol=1e-15, err_msg=name
            )


@pytest.mark.parametrize("sex", PEOPLE)
def test_own_hormones_follow_age_alone(sex: str) -> None:
    """Ten years untreated: LH answers the ageing gonads, not a drift of its own feedback."""
    months = (0, 30, 60, 120)
    free = follow((), months, life=PEOPLE[sex])
    for month, lh, igf1 in zip(months, free["lh"], free["igf1"], strict=True):
        then = follow((), (0, 1), life=PEOPLE[sex], age=AGE + month * 30.4375 / 365.25)
        assert lh == pytest.approx(then["lh"][0], rel=1e-9)
        assert igf1 == pytest.approx(then["igf1"][0], rel=1e-9)


@cache
def alone() -> Any:
    return jax.jit(treat, static_argnames=("visits", "cells_too"))


def treated(arm: Arm, person: Person, extra: bool) -> dict[str, np.ndarray]:
    """Every output of a person, the slow states of the axes put in by hand or left out."""
    age = jnp.full(1, AGE)
    silent = jnp.zeros((NODES, 2, 1))
    state = live(person, age, silent)
    if extra:
        numbers = make_arm(HORMONAL, (0, 1)).numbers
        state = ready(state, person, age, numbers)
        assert set(system.SLOW) <= set(state)
    seen, _ = alone()(state, person, age, silent, arm.steps, arm.numbers, VISITS, cells_too=True)
    return {name: np.asarray(value)[: arm.visits, 0] for name, value in seen.items()}


@pytest.mark.parametrize("sex", PEOPLE)
def test_what_nobody_needs_changes_nothing(sex: str) -> None:
    """A study without hormones leaves out slow states, men, conditions and other drugs' room."""
    life = {name: value for name, value in PEOPLE[sex].items() if sex == "man" or name != "male"}
    arm = make_arm(BONE_DRUGS, MONTHS)
    drugs = study_drugs({"arm": courses_of(BONE_DRUGS)})
    person = typical(drugs=arm.numbers, life=life)
    assert not system.slow_states(person, [name for name, _ in drugs.levels])
    lean = treated(arm, person, extra=False)
    whole = treated(arm, person, extra=True)
    roomy = follow(BONE_DRUGS, MONTHS, life=PEOPLE[sex])
    for name, value in lean.items():
        np.testing.assert_allclose(whole[name], value, rtol=1e-12, atol=1e-15, err_msg=name)
        np.testing.assert_allclose(roomy[name], value, rtol=1e-12, atol=1e-15, err_msg=name)


@pytest.mark.parametrize("sex", PEOPLE)
@pytest.mark.parametrize("condition", NEUTRAL)
def test_every_condition_acts_and_only_once_it_has_come(sex: str, condition: str) -> None:
    amount = NEUTRAL[condition] + 0.5 * (SEVERE[condition] - NEUTRAL[condition])
    months = (0, 6, 24)
    none = follow((), months, life=PEOPLE[sex])
    later = follow((), months, life=PEOPLE[sex], conditions={condition: (amount, AGE + 0.5)})
    for name in (*BONE, *MARKERS, *HORMONES):
        np.testing.assert_allclose(later[name][:2], none[name][:2], rtol=1e-12, err_msg=name)
    moved = max(abs(later[name][2] / none[name][2] - 1.0) for name in (*BONE, *MARKERS))
    # Women have little testosterone to lose.
    assert moved > (1e-5 if (sex, condition) == ("woman", "hypogonadism") else 1e-3)


@pytest.mark.parametrize("sex", PEOPLE)
def test_every_level_acts(sex: str) -> None:
    """On something that is seen; and on nothing at all if it is zero."""
    none = held({}, life=PEOPLE[sex], conditions=ill(("hyperparathyroidism",)))
    share = ("aromatase_inhibition_women", "aromatase_inhibition_men")
    for name in LEVELS:
        if name in share or name == "aromatase_inhibitor":
            continue
        given = {name: [0.0, 0.5]}
        found = held(given, life=PEOPLE[sex], conditions=ill(("hyperparathyroidism",)))
        for outcome, value in found.items():
            np.testing.assert_allclose(value[0], none[outcome][0], rtol=1e-12, atol=1e-14)
        assert any(abs(v[1] - v[0]) > 1e-3 * abs(v[0]) for v in found.values()), name


def test_levels_of_one_name_add_up() -> None:
    """Gel and pellets, own doses and those of a clinic: one level in the blood."""
    months = (0, 6, 12)
    gel = ("testosterone", "25 mg gel daily from 0 to 12")
    twice = ("testosterone", "50 mg gel daily from 0 to 12")
    patch = ("testosterone", "2.625 mg transdermal daily from 0 to 12")
    whole, halves, both = (
        follow(regimen, months, life=MAN) for regimen in ((twice,), (gel, gel), (gel, patch))
    )
    for name in (*BONE, *MARKERS, *HORMONES):
        np.testing.assert_allclose(halves[name], whole[name], rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(both[name], whole[name], rtol=2e-3, err_msg=name)


@pytest.mark.parametrize("sex", PEOPLE)
def test_nothing_given_for_good_leaves_no_trace(sex: str) -> None:
    """Half a year of hormones, and ten years later all is as if they had never been."""
    course = (
        ("testosterone", "20 mg gel daily from 0 to 6"),
        ("prednisolone", "5 mg oral daily from 0 to 6"),
        ("somatropin", "0.3 mg sc daily from 0 to 6"),
        ("estradiol", "25 ug transdermal daily from 0 to 6"),
        ("anastrozole", "1 mg oral daily from 0 to 6"),
    )
    months = (0, 6, 12, 120)
    found, none = (follow(regimen, months, life=PEOPLE[sex]) for regimen in (course, ()))
    for name in HORMONES:
        np.testing.assert_allclose(found[name][3], none[name][3], rtol=1e-6, err_msg=name)
    assert max(abs(found[name][1] / none[name][1] - 1.0) for name in MARKERS) > 0.02
    for name in MARKERS:
        np.testing.assert_allclose(found[name][3], none[name][3], rtol=0.02, err_msg=name)
