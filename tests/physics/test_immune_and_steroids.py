"""T cells and cytokines between estrogen and bone; glucocorticoids, early and late."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from worlds import BONE, MAN, WOMAN, follow, held

PEOPLE = {"woman": WOMAN, "man": MAN}
SPINE, HIP, _ = BONE
MONTHS = (0, 1, 3, 6, 12, 18, 24)
ESTRADIOL = (("estradiol", "50 ug transdermal daily from 0 to 24"),)


@pytest.mark.parametrize("sex", PEOPLE)
def test_inflammation_resorbs(sex: str) -> None:
    """TNF-alpha and IL-6 are up, and so is resorption, without any lack of estrogen."""
    none = held({}, age=40.0, life=PEOPLE[sex])
    found = held({}, age=40.0, life=PEOPLE[sex], conditions={"inflammation": (0.5, 20.0)})
    assert found["serum_estradiol"][0] == none["serum_estradiol"][0]
    for outcome in ("tnf_alpha", "il_6", "ctx"):
        assert found[outcome][0] > 1.02 * none[outcome][0], outcome
    worse = held({}, age=40.0, life=PEOPLE[sex], conditions={"inflammation": (1.0, 20.0)})
    assert worse["ctx"][0] > found["ctx"][0]


def test_inflammation_costs_bone() -> None:
    none, found = (
        follow((), (0, 24), age=45.0, conditions=condition)
        for condition in (None, {"inflammation": (1.0, 45.0)})
    )
    for site in BONE:
        assert found[site][1] < none[site][1], site


def test_cytokines_rise_after_menopause_and_fall_on_estrogen() -> None:
    """TNF-alpha some 1.4 times, IL-6 1.3 times (Pfeilschifter 2002, 10.1210/edrv.23.1.0456)."""
    young, old = held({}, age=35.0), held({}, age=60.0)
    assert old["tnf_alpha"][0] / young["tnf_alpha"][0] == pytest.approx(1.4, abs=0.1)
    assert old["il_6"][0] / young["il_6"][0] == pytest.approx(1.3, abs=0.1)
    found = follow(ESTRADIOL, MONTHS)
    for name in ("tnf_alpha", "il_6"):
        assert np.all(np.diff(found[name]) <= 1e-9), name
        assert found[name][-1] < 0.9 * found[name][0], name


def test_raloxifene_acts_on_the_t_cells_of_bone_too() -> None:
    raloxifene = held({"serm": 1.0})
    assert 1.0 < raloxifene["tnf_alpha"][0] < held({})["tnf_alpha"][0]


@pytest.mark.parametrize("sex", PEOPLE)
def test_the_share_of_t_cells_moves_no_steady_state(sex: str) -> None:
    for levels in ({}, {"estrogen": 1.0}, {"gnrh_suppression": 1.0}):
        low, high = (
            held(levels, life=PEOPLE[sex], parameters={"sT": share}) for share in (0.0, 0.9)
        )
        for name, value in low.items():
            np.testing.assert_allclose(high[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


def test_the_share_of_t_cells_slows_the_fall_of_ctx_on_estrogen() -> None:
    few, many = (follow(ESTRADIOL, MONTHS, {"sT": share}) for share in (0.0, 0.9))
    assert few["ctx"][0] == pytest.approx(many["ctx"][0], rel=1e-4)
    first = MONTHS.index(1)
    assert few["ctx"][first] < many["ctx"][first]
    # The signal's month is over: the two have met.
    assert few["ctx"][-1] == pytest.approx(many["ctx"][-1], rel=0.01)


def test_without_t_cells_inflammation_is_nothing() -> None:
    ill = {"inflammation": (1.0, 20.0)}
    none, found = (
        held({}, age=40.0, conditions=condition, parameters={"sT": 0.0}) for condition in ({}, ill)
    )
    assert found["ctx"][0] == pytest.approx(none["ctx"][0], rel=1e-12)


@cache
def on_prednisolone(amount: float, sex: str = "woman", progestin: float = 0.0):
    regimen = []
    if amount:
        regimen.append(("prednisolone", f"{amount:g} mg oral daily from 0 to 24"))
    if progestin:
        sentence = f"{progestin:g} mg oral daily from 0 to 24"
        regimen.append(("medroxyprogesterone_acetate", sentence))
    return follow(regimen, MONTHS, age=60.0, life=PEOPLE[sex])


def effect(amount: float, outcome: str, sex: str = "woman", progestin: float = 0.0) -> np.ndarray:
    """Percent against the same person without it, `(month,)`."""
    treated, none = (on_prednisolone(dose, sex, progestin)[outcome] for dose in (amount, 0.0))
    return 100.0 * (treated / none - 1.0)


@pytest.mark.parametrize("sex", PEOPLE)
@pytest.mark.parametrize("site", BONE)
def test_glucocorticoids_take_bone_early(sex: str, site: str) -> None:
    """5 to 15 % in the first year, 1 to 3 % a year later (10.1056/NEJMcp1012926)."""
    loss = -effect(10.0, site, sex)
    at = {month: loss[MONTHS.index(month)] for month in MONTHS}
    assert at[6] / 6 > (at[12] - at[6]) / 6 > (at[24] - at[12]) / 12 > -0.01
    assert at[6] > 0.8
    assert at[24] < 3.0 * at[12]


def test_glucocorticoids_by_dose() -> None:
    """2.5, 5, 10 and 20 mg: each more than the one before, and less than in proportion."""
    doses = np.array([2.5, 5.0, 10.0, 20.0])
    loss = np.array([-effect(dose, SPINE)[MONTHS.index(12)] for dose in doses])
    assert np.all(np.diff(loss) > 0)
    assert np.all(np.diff(loss / doses) < 0)
    assert loss[0] > 0.3


@pytest.mark.parametrize("sex", PEOPLE)
def test_glucocorticoids_resorb_at_first_and_starve_formation(sex: str) -> None:
    """CTX rises and settles; P1NP falls from the first weeks (10.1056/NEJMcp1012926)."""
    ctx, p1np = effect(10.0, "ctx", sex), effect(10.0, "p1np", sex)
    assert ctx[1:4].max() > 5.0
    assert ctx[-1] < 0.7 * ctx.max()
    assert p1np[1] < -5.0
    assert np.all(p1np[1:] < 0.0)


def test_progestins_compete() -> None:
    """A progestin takes a part of the effect away (Prior 1990, 10.1210/edrv-11-2-386)."""
    for outcome in (SPINE, HIP):
        alone, guarded = (effect(10.0, outcome, progestin=mg)[-1] for mg in (0.0, 10.0))
        assert alone < guarded < 0.0, outcome


def test_glucocorticoids_spare_the_gonads_and_waste_muscle() -> None:
    treated, none = on_prednisolone(10.0, "man"), on_prednisolone(0.0, "man")
    for name in ("serum_estradiol", "testosterone", "igf1", "lh"):
        np.testing.assert_allclose(treated[name], none[name], rtol=1e-9, err_msg=name)
    assert effect(10.0, "lean_mass", "man")[-1] < -0.5
    assert np.all(treated["fall_rate"][1:] > none["fall_rate"][1:])


def test_bone_returns_after_a_short_course() -> None:
    """Turnover within months; bone in part."""
    months = (0, 3, 6, 12, 36)
    found, none = (
        follow(one, months, age=60.0)
        for one in ((("prednisolone", "20 mg oral daily from 0 to 3"),), ())
    )
    loss = 100.0 * (found[SPINE] / none[SPINE] - 1.0)
    assert loss[1] < -0.5
    assert loss[4] > 0.6 * loss.min()
    assert abs(found["ctx"][3] / none["ctx"][3] - 1.0) < 0.03
    assert abs(found["p1np"][4] / none["p1np"][4] - 1.0) < 0.03


def test_osteocytes_die_under_glucocorticoids() -> None:
    none, found = held({}), held({"glucocorticoid": 1.0})
    assert found["osteocytes"][0] < 0.97 * none["osteocytes"][0]


def test_adaptation_is_its_parameter() -> None:
    """In the long run `agc` of the effect on bone is gone; muscle is of no weight here."""
    whole = held({"glucocorticoid": 1.0}, parameters={"agc": 0.0})
    gone = held({"glucocorticoid": 1.0}, parameters={"agc": 1.0})
    none = held({})
    for outcome in ("ctx", "p1np", SPINE):
        assert gone[outcome][0] == pytest.approx(none[outcome][0], rel=1e-9), outcome
        assert abs(whole[outcome][0] / none[outcome][0] - 1.0) > 0.01, outcome
