"""Strengths and kinetics of the therapies against what was published on each."""

import math

import pytest

from cohort.therapy import Therapy, load_therapy
from cohort.trial.regimen import parse_sentence


def peak_time(absorption: float, elimination: float) -> float:
    """Time of the peak of one compartment with first-order absorption."""
    return math.log(absorption / elimination) / (absorption - elimination)


def mean_level(therapy: Therapy, name: str, sentence: str) -> float:
    """A level in the long run under a regimen."""
    course = parse_sentence(sentence, therapy, until_day=3652.5)
    rate = course.amount / course.interval_days * therapy.routes[course.route].fraction
    return therapy.levels[name].amount * rate / therapy.reference_rate


def profile(therapy: Therapy, interval: float, time: float) -> float:
    """A level over its mean, `time` after one of many equal doses."""
    ka = therapy.absorption_rate(therapy.usual_route)
    k = therapy.pk["elimination_rate"].value

    def falling(rate: float) -> float:
        return math.exp(-rate * time) / (1.0 - math.exp(-rate * interval))

    return interval * ka * k / (ka - k) * (falling(k) - falling(ka))


@pytest.mark.parametrize("name", ["alendronate", "risedronate", "ibandronate", "zoledronate"])
def test_systemic_rate_is_label_dose_times_fraction(name: str):
    therapy = load_therapy(name)
    rate = therapy.reference_rate * therapy.route().fraction
    assert therapy.pk["reference_systemic_rate"].value == pytest.approx(rate, rel=1e-3)


def test_ibandronate_label_routes_are_equivalent():
    """150 mg a month by mouth and 3 mg a quarter by vein have the same systemic dose (10 %)."""
    therapy = load_therapy("ibandronate")
    oral = 150 / 30.4375 * therapy.route("oral").fraction
    vein = 3 / (3 * 30.4375) * therapy.route("iv").fraction
    assert vein == pytest.approx(oral, rel=0.1)


@pytest.mark.parametrize(
    ("name", "peak_h"), [("teriparatide", 0.5), ("abaloparatide", 0.51), ("pth_1_84", 1.5)]
)
def test_injections_peak_when_published(name: str, peak_h: float):
    pk = load_therapy(name).pk
    found = peak_time(
        math.log(2) / pk["absorption_half_life"].value,
        math.log(2) / pk["elimination_half_life"].value,
    )
    assert found == pytest.approx(peak_h, rel=0.01)


@pytest.mark.parametrize(
    ("name", "peak_h"),
    [
        ("raloxifene", 6),
        ("anastrozole", 2),
        ("letrozole", 1),
        ("exemestane", 1.2),
        ("tamoxifen", 5),
        ("cinacalcet", 4),
        ("tibolone", 1.5),
        ("prednisolone", 1.5),
        ("mecasermin", 2),
        ("tesamorelin", 0.15),
        ("gonadorelin", 7.5 / 60),
        ("sermorelin", 12 / 60),
        ("testosterone_enanthate", 36),
    ],
)
def test_levels_peak_when_published(name: str, peak_h: float):
    pk = load_therapy(name).pk
    found = peak_time(pk["absorption_rate"].value, pk["elimination_rate"].value)
    assert found * 24 == pytest.approx(peak_h, rel=0.15)


def test_denosumab_half_life_near_the_label():
    """26 to 30 days at label concentrations, about 10 days when little is left."""
    pk = {key: number.value for key, number in load_therapy("denosumab").pk.items()}

    def half_life(concentration: float) -> float:
        saturable = pk["saturable_rate"] / (pk["saturable_constant"] + concentration)
        return math.log(2) / (pk["elimination_rate"] + saturable)

    assert 25 < half_life(2.0) < 30
    assert 8 < half_life(0.01) < 12


@pytest.mark.parametrize(
    ("name", "sentence", "level"),
    [
        ("estradiol", "1 mg oral daily", 1.0),
        ("estradiol", "50 ug patch daily", 1.0),
        ("estradiol", "25 mg implant every 6 months", 1.78),
        ("conjugated_estrogens", "0.625 mg oral daily", 1.0),
        ("conjugated_estrogens", "0.45 mg oral daily", 0.72),
        ("tibolone", "1.25 mg oral daily", 0.9),
    ],
)
def test_estrogen_doses_of_equal_potency(name: str, sentence: str, level: float):
    assert mean_level(load_therapy(name), "estrogen", sentence) == pytest.approx(level, rel=0.01)


def test_smallest_patch_is_not_more_than_in_proportion():
    estradiol = load_therapy("estradiol")
    assert 0.2 <= mean_level(estradiol, "estrogen", "14 ug transdermal daily") <= 0.28 + 1e-9


@pytest.mark.parametrize(("dose", "serum"), [("1.5 mg", 68.1), ("3 mg", 102.9)])
def test_estradiol_gel_against_the_patch(dose: str, serum: float):
    """Scott 1991 measured gels beside a patch of 50 ug a day, which gave 41.1 pg/mL."""
    found = mean_level(load_therapy("estradiol"), "estradiol_assay", f"{dose} gel daily")
    assert found == pytest.approx(serum / 41.1, rel=0.2)


def test_assays_see_the_part_of_estrogen_that_is_estradiol():
    """About 20 pg/mL under conjugated estrogens, 40 to 45 under estradiol; none of tibolone."""
    seen = load_therapy("conjugated_estrogens").levels["estradiol_assay"].amount
    assert seen == pytest.approx(20 / 42.5, rel=0.1)
    assert "estradiol_assay" not in load_therapy("tibolone").levels


def test_only_tablets_of_estradiol_pass_the_liver():
    assert load_therapy("estradiol").levels["oral_estrogen"].routes == ("oral",)


@pytest.mark.parametrize(
    ("name", "sentence", "mg_a_day"),
    [
        ("testosterone", "50 mg gel daily", 5.25),
        ("testosterone", "6 mg patch daily", 6.0),
        ("testosterone", "50 mg pellet every 3 months", 0.55),
        ("testosterone_cypionate", "200 mg im every 2 weeks", 0.70 * 0.7 * 200 / 14),
        ("testosterone_cypionate", "100 mg sc weekly", 0.70 * 0.7 * 200 / 14),
        ("testosterone_enanthate", "75 mg sc weekly", 0.72 * 0.7 * 75 / 7),
    ],
)
def test_testosterone_into_blood(name: str, sentence: str, mg_a_day: float):
    """Level 1 is 5 mg a day."""
    found = mean_level(load_therapy(name), "testosterone", sentence)
    assert found == pytest.approx(mg_a_day / 5, rel=0.01)


def test_pellets_release_what_was_measured():
    """Of 200 mg, 1.3 mg a day (Handelsman 1990)."""
    rate = load_therapy("testosterone").absorption_rate("implant")
    assert 200 * rate == pytest.approx(1.3)


def test_cypionate_between_injections():
    """Peak 1112, mean 690 and trough about 400 ng/dL on 200 mg every two weeks (Nankin 1987)."""
    therapy = load_therapy("testosterone_cypionate")
    course = [profile(therapy, 14, day / 10) for day in range(141)]
    assert sum(course[:-1]) / 140 == pytest.approx(1.0, rel=0.01)
    assert max(course) == pytest.approx(1112 / 690, rel=0.15)
    assert course[-1] == pytest.approx(400 / 690, rel=0.05)


@pytest.mark.parametrize(
    ("name", "estradiol", "testosterone"),
    [
        # Leder 2005, daily and twice a week, and Burnett-Bowie 2009: before and after.
        ("anastrozole", [(26, 17), (27, 17), (15, 12)], [(99, 207), (115, 178), (319, 524)]),
        # T'Sjoen 2005, young and elderly men.
        ("letrozole", [(100, 54), (100, 38)], [(100, 246), (100, 199)]),
        # Mauras 2003.
        ("exemestane", [(100, 62)], [(100, 160)]),
    ],
)
def test_inhibitors_in_men(
    name: str, estradiol: list[tuple[float, float]], testosterone: list[tuple[float, float]]
):
    """What is blocked is the fall of estradiol over testosterone."""
    shares = [
        1 - (e1 / e0) / (t1 / t0)
        for (e0, e1), (t0, t1) in zip(estradiol, testosterone, strict=True)
    ]
    found = load_therapy(name).levels["aromatase_inhibition_men"].amount
    assert found == pytest.approx(sum(shares) / len(shares), abs=0.03)


@pytest.mark.parametrize(
    ("name", "level", "igf1"),
    [("tesamorelin", "ghrh_pulses", 1.81), ("ibutamoren", "ghrelin", 1.45)],
)
def test_growth_hormone_stimuli(name: str, level: str, igf1: float):
    """IGF-1 answers as (1 + stimulus)^0.375 (Falutz 2007; Murphy 2001, its smallest answer)."""
    stimulus = load_therapy(name).levels[level].amount
    assert (1 + stimulus) ** 0.375 == pytest.approx(igf1, rel=0.05)


def test_one_dose_of_cjc_1295():
    """IGF-1 rises to 1.5 to 3 times its own for 9 to 11 days (Teichman 2006)."""
    therapy = load_therapy("cjc_1295")
    ka, k = (therapy.pk[key].value for key in ("absorption_rate", "elimination_rate"))
    unit = therapy.levels["ghrh_tonic"].amount * 5.25 / therapy.reference_rate

    def igf1(day: float) -> float:
        stimulus = unit * k * ka / (ka - k) * (math.exp(-k * day) - math.exp(-ka * day))
        return (1 + stimulus) ** 0.375

    assert 1.5 < igf1(peak_time(ka, k)) < 3
    assert 1.5 < igf1(9) < 3
    assert 1.5 < igf1(11) < 3


@pytest.mark.parametrize(("name", "days"), [("goserelin", 28), ("leuprolide", 30.44)])
def test_depots_suppress_to_the_next_one(name: str, days: float):
    therapy = load_therapy(name)
    assert profile(therapy, days, days) > 0.2


def test_loading_dose_of_degarelix_is_the_steady_state():
    """80 mg every 28 days hold about what 240 mg once put there."""
    therapy = load_therapy("degarelix")
    held = therapy.reference_rate / therapy.pk["elimination_rate"].value
    assert 0.5 < 240 / held < 2.2


def test_one_parathyroidectomy_is_for_good():
    therapy = load_therapy("parathyroidectomy")
    level = therapy.pk["elimination_rate"].value / therapy.reference_rate
    assert level == pytest.approx(1.0)
    assert math.exp(-therapy.pk["elimination_rate"].value * 20 * 365.25) > 0.9


def test_implant_releases_slowly():
    estradiol = load_therapy("estradiol")
    assert estradiol.absorption_rate("implant") < 0.02 < estradiol.absorption_rate("oral")
