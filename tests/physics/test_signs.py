"""The sign of every effect that is known from trials, in the median woman of 65, untreated before.

Effects of a drug are against the same woman without it. None of these follows from a rule such as
"if stopped": they are what the mechanisms do.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from worlds import BONE, MARKERS, Regimens, change, follow

SPINE, HIP, NECK = BONE

MONTHS = (0, 1, 3, 6, 12, 18, 24, 36)

# Regimen -> month, outcome, sign against no treatment; each seen in a trial that is cited.
EFFECTS: dict[str, tuple[Regimens, tuple[tuple[int, str, int], ...]]] = {
    "denosumab": (  # FREEDOM, 10.1056/NEJMoa0809493
        (("denosumab", "60 mg sc every 6 months from 0 to 36"),),
        tuple((m, o, 1) for m in (12, 36) for o in BONE)
        + tuple((m, "ctx", -1) for m in (1, 6, 36))
        + ((6, "p1np", -1), (36, "p1np", -1), (6, "bsap", -1)),
    ),
    "alendronate": (  # FIT, 10.1016/S0140-6736(96)07088-2
        (("alendronate", "10 mg oral daily from 0 to 36"),),
        tuple((m, o, 1) for m in (12, 36) for o in BONE)
        + tuple((m, o, -1) for m in (6, 12, 36) for o in MARKERS),
    ),
    "risedronate": (  # VERT, 10.1001/jama.282.14.1344
        (("risedronate", "5 mg oral daily from 0 to 36"),),
        ((12, SPINE, 1), (36, NECK, 1), (6, "ctx", -1), (6, "bsap", -1)),
    ),
    "ibandronate": (  # MOBILE, 10.1359/JBMR.050313
        (("ibandronate", "150 mg oral monthly from 0 to 36"),),
        ((12, SPINE, 1), (12, HIP, 1), (6, "ctx", -1), (12, "p1np", -1)),
    ),
    "zoledronate": (  # HORIZON, 10.1056/NEJMoa067312
        (("zoledronate", "5 mg iv yearly from 0 to 36"),),
        tuple((36, o, 1) for o in BONE) + tuple((m, o, -1) for m in (6, 36) for o in MARKERS),
    ),
    "zoledronate_once": (  # 10.1210/jc.2010-2152: five years after one dose
        (("zoledronate", "5 mg iv once"),),
        ((24, SPINE, 1), (36, HIP, 1), (36, "ctx", -1)),
    ),
    "teriparatide": (  # FPT, 10.1056/NEJM200105103441904
        (("teriparatide", "20 ug sc daily from 0 to 24"),),
        (
            (18, SPINE, 1),
            (18, NECK, 1),
            (24, SPINE, 1),
            *tuple((m, "p1np", 1) for m in (1, 3, 6, 12)),
            *tuple((m, "ctx", 1) for m in (6, 12)),
            (6, "bsap", 1),
        ),
    ),
    "abaloparatide": (  # ACTIVE, 10.1001/jama.2016.11136
        (("abaloparatide", "80 ug sc daily from 0 to 18"),),
        (*((18, o, 1) for o in BONE), (1, "p1np", 1), (6, "p1np", 1), (6, "ctx", 1)),
    ),
    "pth_1_84": (  # 10.7326/0003-4819-146-5-200703060-00004
        (("pth_1_84", "100 ug sc daily from 0 to 18"),),
        ((18, SPINE, 1), (6, "p1np", 1), (12, "ctx", 1)),
    ),
    "romosozumab": (  # FRAME, 10.1056/NEJMoa1607948: formation up early, resorption down
        (("romosozumab", "210 mg sc monthly from 0 to 12"),),
        (
            *tuple((m, o, 1) for m in (6, 12) for o in BONE),
            (1, "p1np", 1),
            (1, "ctx", -1),
            (12, "ctx", -1),
        ),
    ),
    "raloxifene": (  # MORE, 10.1001/jama.282.7.637
        (("raloxifene", "60 mg oral daily from 0 to 36"),),
        ((36, SPINE, 1), (36, NECK, 1), (6, "ctx", -1), (12, "p1np", -1)),
    ),
    "estradiol": (  # PEPI, 10.1001/jama.1996.03540170029029
        (("estradiol", "1 mg oral daily from 0 to 36"),),
        (*((36, o, 1) for o in BONE), (6, "ctx", -1), (12, "p1np", -1), (6, "serum_estradiol", 1)),
    ),
    "conjugated_estrogens": (
        (("conjugated_estrogens", "0.625 mg oral daily from 0 to 36"),),
        (*((36, o, 1) for o in BONE), (6, "ctx", -1), (6, "serum_estradiol", 1)),
    ),
    "calcium": (  # 10.1016/S0140-6736(07)61342-7
        (("calcium_vitamin_d", "1 dose oral daily from 0 to 36"),),
        ((12, SPINE, 1), (36, HIP, 1), (6, "ctx", -1), (6, "pth", -1)),
    ),
}
NEVER = ("medroxyprogesterone_acetate", "micronised_progesterone", "norethisterone_acetate")


@cache
def untreated() -> dict[str, np.ndarray]:
    return follow((), MONTHS)


@cache
def treated(name: str) -> dict[str, np.ndarray]:
    return follow(EFFECTS[name][0], MONTHS)


@pytest.mark.parametrize("name", EFFECTS)
def test_effect_of_a_drug_has_its_sign(name: str) -> None:
    wrong = []
    for month, outcome, sign in EFFECTS[name][1]:
        visit = MONTHS.index(month)
        effect = treated(name)[outcome][visit] / untreated()[outcome][visit] - 1.0
        if not sign * effect > 1e-4:
            wrong.append(f"{outcome} at month {month}: {100 * effect:+.2f} %")
    assert wrong == []


@pytest.mark.parametrize("name", NEVER)
def test_progestins_do_not_harm_bone(name: str) -> None:
    """PEPI: with any progestin, bone gained no less than on estrogen alone."""
    amount = {"micronised_progesterone": "100"}.get(name, "2.5" if "medroxy" in name else "1")
    found = follow(((name, f"{amount} mg oral daily from 0 to 36"),), MONTHS)
    assert found[SPINE][-1] >= untreated()[SPINE][-1]


def test_untreated_women_lose_bone_after_menopause_and_fastest_just_after() -> None:
    """SWAN, 10.1210/jc.2007-1876: rapid loss in the years about the final period."""
    early, late = (follow((), (0, 24), age=age) for age in (51.0, 65.0))
    before = follow((), (0, 24), age=42.0)
    for site in BONE:
        losses = [change(who, site)[-1] for who in (before, early, late)]
        assert losses[1] < losses[0], site
        assert losses[1] < losses[2], site
    assert change(late, HIP)[-1] < 0


def test_turnover_rises_across_the_menopause() -> None:
    before, after = follow((), (0, 1), age=44.0), follow((), (0, 1), age=54.0)
    for marker in MARKERS:
        assert after[marker][0] > before[marker][0], marker


def test_denosumab_stopped() -> None:
    """CTX overshoots its baseline within a year and bone falls back to about where it began.

    Bone 2017;105:11 and 10.1210/jc.2010-1502: gains of two years are gone after one to two more.
    """
    months = (0, 12, 24, 27, 30, 33, 36, 48)
    found = follow((("denosumab", "60 mg sc every 6 months from 0 to 24"),), months)
    assert max(change(found, "ctx")[3:]) > 20.0
    for site in (SPINE, HIP):
        gain = change(found, site)
        at_stop, rest = gain[months.index(24)], gain[months.index(48)]
        assert at_stop > 2.0
        assert rest < 0.35 * at_stop, site


def test_romosozumab_then_nothing() -> None:
    """Within a year the hip is back near where it began; the spine loses over half its gain.

    Phase 2 extension, McClung 2018, 10.1002/jbmr.3499.
    """
    months = (0, 6, 12, 18, 24)
    found = follow((("romosozumab", "210 mg sc monthly from 0 to 12"),), months)
    spine, hip = change(found, SPINE), change(found, HIP)
    assert spine[2] > 5.0
    assert hip[2] > 2.0
    assert spine[4] < 0.5 * spine[2]
    assert hip[4] < 0.35 * hip[2]


def test_resorption_overshoots_after_romosozumab() -> None:
    """CTX rises above baseline in the months after the last dose (10.1002/jbmr.3499)."""
    months = (0, 12, 14, 15, 16, 18)
    found = follow((("romosozumab", "210 mg sc monthly from 0 to 12"),), months)
    assert max(change(found, "ctx")[2:]) > 0.0


def test_alendronate_stopped_after_five_years() -> None:
    """FLEX, 10.1001/jama.296.24.2927: bone is lost slowly and markers rise, short of baseline."""
    months, age = (0, 60, 72, 96, 120), 68.0  # FLEX's women were 73 when they stopped
    stopped = follow((("alendronate", "10 mg oral daily from 0 to 60"),), months, age=age)
    kept = follow((("alendronate", "10 mg oral daily from 0 to 120"),), months, age=age)
    for site in (HIP, NECK):
        yearly = (stopped[site][-1] / stopped[site][1] - 1.0) * 100.0 / 5.0
        assert -2.0 < yearly < 0.0, site
        assert stopped[site][-1] < kept[site][-1]
    for marker in ("ctx", "p1np"):
        assert kept[marker][-1] < stopped[marker][-1] < stopped[marker][0]


def test_zoledronate_lasts_longer_than_risedronate() -> None:
    """Offset within a year for risedronate (10.1007/s00198-007-0532-5), years for zoledronate."""
    months = (0, 12, 24)
    zoledronate = follow((("zoledronate", "5 mg iv once"),), months)
    risedronate = follow((("risedronate", "5 mg oral daily from 0 to 12"),), months)
    untaken = follow((), months)

    def kept(found: dict[str, np.ndarray]) -> float:
        effect = found["ctx"] / untaken["ctx"] - 1.0
        return effect[2] / effect[1]

    assert kept(zoledronate) > kept(risedronate)


TERIPARATIDE = ("teriparatide", "20 ug sc daily from 0 to 24")


@cache
def after_teriparatide(next_drug: str) -> dict[str, np.ndarray]:
    follow_on = {
        "nothing": (),
        "alendronate": (("alendronate", "10 mg oral daily from 24 to 48"),),
        "denosumab": (("denosumab", "60 mg sc every 6 months from 24 to 48"),),
    }[next_drug]
    return follow((TERIPARATIDE, *follow_on), (0, 24, 36, 48))


def test_teriparatide_then_nothing_loses() -> None:
    """EUROFORS, 10.1359/jbmr.080415; a year without treatment costs several percent."""
    found = after_teriparatide("nothing")
    assert found[SPINE][2] < found[SPINE][1]
    assert found[SPINE][3] < found[SPINE][2]


@pytest.mark.parametrize("drug", ["alendronate", "denosumab"])
def test_teriparatide_then_an_antiresorptive_keeps_the_gain(drug: str) -> None:
    """PaTH (10.1056/NEJMoa050336) and DATA-Switch (10.1016/S0140-6736(15)61120-5)."""
    found = after_teriparatide(drug)
    for site in BONE:
        assert found[site][2] > found[site][1], site
        assert found[site][3] > after_teriparatide("nothing")[site][3], site


def test_denosumab_after_romosozumab_goes_on_gaining() -> None:
    """FRAME's second year, 10.1056/NEJMoa1607948."""
    found = follow(
        (
            ("romosozumab", "210 mg sc monthly from 0 to 12"),
            ("denosumab", "60 mg sc every 6 months from 12 to 24"),
        ),
        (0, 12, 24),
    )
    for site in BONE:
        assert found[site][2] > found[site][1] > found[site][0], site


def test_teriparatide_with_denosumab_beats_either() -> None:
    """DATA, 10.1016/S0140-6736(13)60856-9, at 12 months."""
    denosumab = ("denosumab", "60 mg sc every 6 months from 0 to 12")
    both = follow((TERIPARATIDE, denosumab), (0, 12))
    for site in BONE:
        for one in (TERIPARATIDE, denosumab):
            assert both[site][-1] > follow((one,), (0, 12))[site][-1], site


DOSES = {
    "denosumab": ("mg sc every 6 months", (14, 30, 60, 120), "ctx", -1),
    "romosozumab": ("mg sc monthly", (70, 140, 210, 300), SPINE, 1),
    "alendronate": ("mg oral daily", (2.5, 5, 10, 20), SPINE, 1),
    "risedronate": ("mg oral daily", (1, 2.5, 5), SPINE, 1),
    "zoledronate": ("mg iv once", (1, 2.5, 5), HIP, 1),
    "teriparatide": ("ug sc daily", (10, 20, 40), SPINE, 1),
    "estradiol": ("mg oral daily", (0.25, 0.5, 1, 2), SPINE, 1),
    "raloxifene": ("mg oral daily", (30, 60, 120), "ctx", -1),
    "calcium_vitamin_d": ("dose oral daily", (0.5, 1, 2), "ctx", -1),
}


@pytest.mark.parametrize("drug", DOSES)
def test_more_drug_does_more(drug: str) -> None:
    rhythm, doses, outcome, sign = DOSES[drug]
    window = "" if "once" in rhythm else " from 0 to 12"
    found = [follow(((drug, f"{dose:g} {rhythm}{window}"),), (0, 12)) for dose in doses]
    effects = [sign * (one[outcome][-1] / one[outcome][0] - 1.0) for one in found]
    effects = [sign * (follow((), (0, 12))[outcome][-1] / found[0][outcome][0] - 1.0), *effects]
    assert np.all(np.diff(effects) > 0), effects


def test_doubling_teriparatide_brings_less_than_double() -> None:
    """FPT: 40 ug a day gained 1.4 times what 20 ug did at the spine."""
    low, high = (
        change(follow((("teriparatide", f"{d} ug sc daily from 0 to 18"),), (0, 18)), SPINE)[-1]
        for d in (20, 40)
    )
    assert low < high < 2 * low


def test_raloxifene_does_part_of_what_estrogen_does() -> None:
    raloxifene, estrogen = treated("raloxifene"), treated("conjugated_estrogens")
    none = untreated()
    for outcome in (SPINE, HIP, "ctx"):
        part = raloxifene[outcome][-1] / none[outcome][-1] - 1.0
        whole = estrogen[outcome][-1] / none[outcome][-1] - 1.0
        assert 0.0 < part / whole < 1.0, outcome


def test_abaloparatide_resorbs_less_than_teriparatide() -> None:
    """ACTIVE: CTX lower than on teriparatide, hip gain higher."""
    visit = MONTHS.index(18)
    assert treated("abaloparatide")["ctx"][visit] < treated("teriparatide")["ctx"][visit]
    assert treated("abaloparatide")[HIP][visit] > treated("teriparatide")[HIP][visit]


def test_romosozumab_works_less_at_once_after_alendronate() -> None:
    """STRUCTURE, 10.1016/S0140-6736(17)31613-6: still a gain, smaller than in the untreated."""
    alendronate = ("alendronate", "10 mg oral daily from 0 to 36")
    romosozumab = ("romosozumab", "210 mg sc monthly from 36 to 48")
    after = follow((alendronate, romosozumab), (0, 36, 48))
    naive = follow((("romosozumab", "210 mg sc monthly from 0 to 12"),), (0, 12))
    assert 0.0 < change(after, HIP, 1)[2] < change(naive, HIP)[1]
