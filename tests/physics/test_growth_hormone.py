"""Growth hormone and IGF-1: feedback in closed form, replacement, secretagogues, the liver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import root_scalar
from worlds import AGE, BONE, MAN, WOMAN, change, follow, held, values

from cohort.therapy import load_therapy

PEOPLE = {"woman": WOMAN, "man": MAN}
YOUTH = np.exp(-0.014 * (AGE - 35.0))  # growth hormone falls by 1.4 % a year (Iranmanesh 1991)
GHRELIN = 1.95  # of ibutamoren 25 mg


def ratio(levels: dict[str, float], **options) -> dict[str, float]:
    """Every output under these levels in the long run over that without."""
    none, found = held({}, **options), held(levels, **options)
    return {name: float(found[name][0] / none[name][0]) for name in found if none[name][0]}


@pytest.mark.parametrize("sex", PEOPLE)
@pytest.mark.parametrize("stimulus", [0.3, 1.0, 1.95, 5.0])
def test_feedback_shares_a_stimulus(sex: str, stimulus: float) -> None:
    """`I = GH^0.6` and `GH = s / I`: IGF-1 ends at s^0.375, growth hormone at s^0.625."""
    s = 1.0 + stimulus
    for level in ("ghrelin", "ghrh_pulses", "ghrh_tonic"):
        found = ratio({level: stimulus}, life=PEOPLE[sex])
        assert found["igf1"] == pytest.approx(s**0.375, rel=1e-6), level
        assert found["growth_hormone"] == pytest.approx(s**0.625, rel=1e-6), level
    pulses, tonic = (
        ratio({level: stimulus}, life=PEOPLE[sex])["gh_pulse"]
        for level in ("ghrh_pulses", "ghrh_tonic")
    )
    assert pulses == pytest.approx(s**0.625, rel=1e-6)
    # Between the pulses only: pulses fall as IGF-1 rises.
    assert tonic == pytest.approx(s**-0.375, rel=1e-6)


def test_ibutamoren_doubles_growth_hormone() -> None:
    """24-hour growth hormone 1.97-fold on 25 mg (Chapman 1996, 10.1210/jcem.81.12.8954023)."""
    found = ratio({"ghrelin": GHRELIN}, age=70.0)
    assert found["growth_hormone"] == pytest.approx(1.97, rel=0.05)
    assert load_therapy("ibutamoren").levels["ghrelin"].amount == pytest.approx(GHRELIN)
    # IGF-1 up by 45 to 75 % (Murphy 2001, 10.1210/jcem.86.3.7294; Nass 2008).
    assert 1.45 <= found["igf1"] <= 1.75


def test_ghrh_and_ghrelin_multiply() -> None:
    """They act on different receptors: together more than the sum (Bowers 1990)."""
    alone = [{"ghrh_pulses": 0.8}, {"ghrelin": GHRELIN}]
    both = ratio(alone[0] | alone[1])
    product = np.prod([ratio(one)["igf1"] for one in alone])
    assert both["igf1"] == pytest.approx(product, rel=1e-6)
    assert both["growth_hormone"] == pytest.approx((1.8 * 2.95) ** 0.625, rel=1e-6)


@pytest.mark.parametrize("given", [0.3, 1.0, 3.0])
def test_growth_hormone_given_against_the_feedback(given: float) -> None:
    """`GH = 1 / I + given`, `I = GH^0.6`, solved by bisection; the own pulses shrink."""
    hormone = root_scalar(
        lambda gh: gh - gh**-0.6 - given / YOUTH, bracket=(1e-3, 1e3), xtol=1e-12
    ).root
    found = ratio({"growth_hormone": given})
    assert found["growth_hormone"] == pytest.approx(hormone, rel=1e-6)
    assert found["igf1"] == pytest.approx(hormone**0.6, rel=1e-6)
    assert found["gh_pulse"] == pytest.approx(hormone**-0.6, rel=1e-6)
    assert found["gh_pulse"] < 1.0


@pytest.mark.parametrize("factor", [0.2, 0.5, 0.8])
def test_deficiency_and_what_secretagogues_make_of_it(factor: float) -> None:
    """IGF-1 is `factor` of a healthy person's; a stimulus multiplies what is left."""
    short = {"growth_hormone_deficiency": (factor, 40.0)}
    healthy, deficient = held({}), held({}, conditions=short)
    assert deficient["igf1"][0] / healthy["igf1"][0] == pytest.approx(factor, rel=1e-9)
    stimulated = held({"ghrelin": 1.0}, conditions=short)
    assert stimulated["igf1"][0] / deficient["igf1"][0] == pytest.approx(2.0**0.375, rel=1e-6)
    # Replacement needs no pituitary: the shorter, the larger its effect.
    replaced = held({"growth_hormone": 1.0}, conditions=short)["igf1"][0] / deficient["igf1"][0]
    assert replaced > held({"growth_hormone": 1.0})["igf1"][0] / healthy["igf1"][0]


@pytest.mark.parametrize("dose", [0.5, 1.0, 2.0])
def test_oral_estrogen_lowers_igf1(dose: float) -> None:
    """By 10 to 25 % in trials against estradiol through the skin, which does not."""
    skin = {"estrogen": dose, "estradiol_assay": dose}
    assert ratio(skin)["igf1"] == pytest.approx(1.0, abs=1e-9)
    fall = 1.0 - ratio(skin | {"oral_estrogen": dose})["igf1"]
    if dose == 1.0:
        assert 0.10 < fall < 0.25
    assert 0.0 < fall < 0.25


def test_women_on_oral_estrogen_need_more_growth_hormone() -> None:
    oral = {"estrogen": 1.0, "oral_estrogen": 1.0, "estradiol_assay": 1.0}
    short = {"growth_hormone_deficiency": (0.4, 40.0)}
    dose = {"growth_hormone": 0.6}
    with_oral, without = (held(dose | more, conditions=short)["igf1"][0] for more in (oral, {}))
    assert with_oral < 0.95 * without


def test_igf1_falls_by_one_percent_a_year() -> None:
    """10.1210/jc.2013-3059; growth hormone by 1.4 % (10.1210/jcem-73-5-1081)."""
    early, late = (follow((), (0, 1), age=age) for age in (45.0, 75.0))
    assert np.log(late["igf1"][0] / early["igf1"][0]) == pytest.approx(-0.30, rel=0.01)
    fall = np.log(late["growth_hormone"][0] / early["growth_hormone"][0])
    assert fall == pytest.approx(-0.42, rel=0.01)


def test_igf1_answers_within_days_and_leaves_within_weeks() -> None:
    course = (("somatropin", "0.5 mg sc daily from 0 to 3"),)
    found = follow(course, (0, 0.5, 1, 3, 3.5, 4, 5))
    rise = change(found, "igf1")
    assert rise[1] > 0.8 * rise[3] > 0.0
    assert rise[5] < 0.1 * rise[3]


def test_replacement_raises_turnover_and_muscle() -> None:
    """Lean mass +3 to +7 % in a year; markers of both sides rise (Rahim 1998 and many)."""
    short = {"growth_hormone_deficiency": (0.5, 40.0)}
    months = (0, 3, 6, 12)
    somatropin = (("somatropin", "0.5 mg sc daily from 0 to 12"),)
    found, none = (
        follow(one, months, age=50.0, life=MAN, conditions=short) for one in (somatropin, ())
    )
    gain = 100.0 * (found["lean_mass"] / none["lean_mass"] - 1.0)
    assert 3.0 < gain[3] < 7.0
    assert np.all(np.diff(gain) > 0)
    for marker in ("ctx", "p1np"):
        assert np.all(found[marker][1:] > none[marker][1:]), marker


def test_deficiency_lowers_turnover_and_lean_mass() -> None:
    short, none = held({}, conditions={"growth_hormone_deficiency": (0.5, 40.0)}), held({})
    for outcome in ("ctx", "p1np", "lean_mass"):
        assert short[outcome][0] < none[outcome][0], outcome
    assert short["fall_rate"][0] > none["fall_rate"][0]


def test_ibutamoren_raises_both_sides_of_turnover() -> None:
    """Murphy 1999 (10.1359/jbmr.1999.14.7.1182): osteocalcin and N-telopeptides rise."""
    found, none = (
        follow(one, (0, 3), age=70.0)
        for one in ((("ibutamoren", "25 mg oral daily from 0 to 3"),), ())
    )
    for marker in ("ctx", "p1np"):
        assert found[marker][1] > 1.05 * none[marker][1], marker


def test_estradiol_amplifies_igf1_by_its_parameter() -> None:
    """With `eE` at zero, IGF-1 acts on bone whatever the estradiol."""
    igf1 = {"ghrelin": 2.0}
    estradiol = {"estrogen": 1.0}
    for strength, sign in ((0.0, 0.0), (2.0 * float(values()["eE"]), 1.0)):
        none, given = (
            held(levels, parameters={"eE": strength, "bE": 0.0, "etaE": 0.0, "etaBE": 0.0})
            for levels in ({}, estradiol)
        )
        effect = abs(given["p1np"][0] / none["p1np"][0] - 1.0)
        assert (effect > 1e-3) == (sign > 0.0)
        assert effect == pytest.approx(0.0, abs=1e-9) or sign
    assert held(igf1)["p1np"][0] > held({})["p1np"][0]


@pytest.mark.parametrize("drug", ["sermorelin", "tesamorelin", "cjc_1295", "ipamorelin"])
def test_secretagogues_raise_igf1_as_their_stimulus_says(drug: str) -> None:
    """At the label's dose in the long run; long-acting ones leave the pulses smaller."""
    ((level, effect),) = load_therapy(drug).levels.items()
    found = ratio({level: effect.amount})
    assert found["igf1"] == pytest.approx((1.0 + effect.amount) ** 0.375, rel=1e-6)
    assert (found["gh_pulse"] > 1.0) == (level != "ghrh_tonic")


def test_bone_outcomes_stay_finite_in_the_tallest_and_shortest() -> None:
    for factor in (0.02, 1.0, 5.0):
        found = held({}, conditions={"growth_hormone_deficiency": (factor, 40.0)})
        for outcome in (*BONE, "ctx", "p1np"):
            assert np.isfinite(found[outcome][0])
            assert found[outcome][0] > 0.0
