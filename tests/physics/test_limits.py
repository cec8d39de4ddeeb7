"""Limits: no drug, far too much of it, nothing taken, quick clearance, mechanisms switched off."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import BONE, EVERYTHING, MARKERS, courses_of, follow, typical, values

from cohort.model.parameters import KNOCKOUTS
from cohort.solve.exposures import drug_numbers, pulse_drives
from cohort.solve.schedule import study_drugs
from cohort.trial.regimen import DoseCourse

MONTHS = (0, 1, 3, 6, 12)
OUTCOMES = (*BONE, *MARKERS)
# One regimen of each therapy; the injections at one dose.
EACH = {name: sentence for name, sentence in EVERYTHING if "10 ug" not in sentence[:5]}
EACH["teriparatide"] = "20 ug sc daily from 0 to 1"


def scaled(therapy: str, factor: float) -> DoseCourse:
    course = courses_of([(therapy, EACH[therapy])])[0]
    return DoseCourse(
        therapy,
        course.route,
        course.amount * factor,
        course.start_day,
        course.interval_days,
        course.doses,
    )


# Injections of a PTH analogue are told apart by dose, so a study of them is one of its own.
SCALED = [name for name in EACH if name not in ("teriparatide", "abaloparatide", "pth_1_84")]


@pytest.mark.parametrize("therapy", SCALED)
def test_no_dose_is_no_drug(therapy: str) -> None:
    none, least = follow((), MONTHS), follow([scaled(therapy, 1e-20)], MONTHS)
    for name in OUTCOMES:
        # The grids differ: compare at the accuracy of the grid, and to the last digit on one grid.
        np.testing.assert_allclose(least[name], none[name], rtol=1e-4, err_msg=name)
    less = follow([scaled(therapy, 1e-30)], MONTHS)
    for name in OUTCOMES:
        np.testing.assert_allclose(least[name], less[name], rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("therapy", SCALED)
def test_far_too_much_stays_finite(therapy: str) -> None:
    much = follow([scaled(therapy, 1e6)], MONTHS)
    for name in OUTCOMES:
        assert np.all(np.isfinite(much[name])), name
        assert np.all(much[name] > 0.0), name


@pytest.mark.parametrize("therapy", ["teriparatide", "abaloparatide", "pth_1_84"])
@pytest.mark.parametrize(("factor", "low", "high"), [(1e-20, 0.0, 1e-19), (1e6, 3.0, 60.0)])
def test_signal_of_an_injection_saturates_and_vanishes(
    therapy: str, factor: float, low: float, high: float
) -> None:
    """The receptor's answer is bounded by one for a whole day, some ten times the label's."""
    numbers = drug_numbers(study_drugs({"arm": [scaled(therapy, factor)]}), values())
    for signal in pulse_drives(numbers, typical())[0]:
        assert low <= float(signal[0]) <= high


SELF_ADMINISTERED = (
    "alendronate",
    "ibandronate",
    "teriparatide",
    "raloxifene",
    "estradiol",
    "calcium_vitamin_d",
)


@pytest.mark.parametrize("therapy", SELF_ADMINISTERED)
def test_who_takes_nothing_is_untreated(therapy: str) -> None:
    treatment = [(therapy, EACH[therapy])]
    refused = follow(treatment, MONTHS, adherence=0.0)
    taken = follow(treatment, MONTHS)
    for name in OUTCOMES:
        np.testing.assert_allclose(refused[name], follow((), MONTHS)[name], rtol=1e-4)
    assert abs(taken["ctx"][1] / refused["ctx"][1] - 1.0) > 1e-3


@pytest.mark.parametrize("therapy", ["denosumab", "zoledronate", "romosozumab"])
def test_doses_given_in_the_clinic_do_not_depend_on_adherence(therapy: str) -> None:
    treatment = [(therapy, EACH[therapy])]
    refused, taken = follow(treatment, MONTHS, adherence=0.0), follow(treatment, MONTHS)
    for name in OUTCOMES:
        np.testing.assert_array_equal(refused[name], taken[name], err_msg=name)


EXPOSING = {
    # effect: therapy, outcome, sign of the outcome when the effect rises
    "dmab_clearance": ("denosumab", "bmd_lumbar_spine", -1),
    "romo_clearance": ("romosozumab", "bmd_lumbar_spine", -1),
    "pth_clearance": ("teriparatide", "p1np", -1),
    "bp_uptake": ("alendronate", "ctx", -1),
    "bp_retention": ("zoledronate", "ctx", -1),
    "pHRT": ("estradiol", "estradiol", 1),
    "KD": ("denosumab", "ctx", 1),
}


@pytest.mark.parametrize("effect", EXPOSING)
def test_exposure_moves_the_effect(effect: str) -> None:
    """Quicker clearance, less uptake or weaker binding leave less effect, and only of that drug."""
    therapy, outcome, sign = EXPOSING[effect]
    visit = 1 if therapy in ("teriparatide", "alendronate", "estradiol") else 3
    regimen = [(therapy, EACH[therapy])]
    low, high = (follow(regimen, MONTHS, None, **{effect: size}) for size in (0.5, 2.0))
    assert sign * (high[outcome][visit] - low[outcome][visit]) > 0
    untouched = [follow((), MONTHS, None, **{effect: size}) for size in (0.5, 2.0)]
    for name in OUTCOMES:
        np.testing.assert_array_equal(untouched[0][name], untouched[1][name])


ARMS = {
    "untreated": (),
    "denosumab": (("denosumab", "60 mg sc once"),),
    "romosozumab": (("romosozumab", "210 mg sc once"),),
    "zoledronate": (("zoledronate", "5 mg iv once"),),
    "teriparatide": (("teriparatide", "20 ug sc daily from 0 to 6"),),
    "both": (("teriparatide", "20 ug sc daily from 0 to 6"), ("zoledronate", "5 mg iv once")),
}
WITHOUT_PTH = ("untreated", "denosumab", "romosozumab", "zoledronate")

# Knockout -> arms and outcomes that it must leave alone, and an arm in which it must act.
ISOLATED: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "pth_tolerance": (WITHOUT_PTH, OUTCOMES, "teriparatide"),
    "pth_catabolism": (WITHOUT_PTH, OUTCOMES, "teriparatide"),
    "pth_surface_opening": (WITHOUT_PTH, OUTCOMES, "teriparatide"),
    "pth_escape_from_bisphosphonate": ((*WITHOUT_PTH, "teriparatide"), OUTCOMES, "both"),
    "secondary_mineralisation": (tuple(ARMS), MARKERS, "denosumab"),
    "spine_degeneration": (
        tuple(ARMS),
        ("bmd_total_hip", "bmd_femoral_neck", *MARKERS),
        "untreated",
    ),
    "local_mechanostat": (tuple(ARMS), MARKERS, "denosumab"),
}
ACTS = {
    "quiescent_surface_modelling": "romosozumab",
    "precursor_accumulation": "denosumab",
    "uncoupled_formation": "denosumab",
    "wnt_adaptation": "romosozumab",
    "wnt_on_rankl": "romosozumab",
    "rankl_survival_signal": "denosumab",
    "estrogen_on_rankl": "untreated",
    "estrogen_on_osteoclast_life": "untreated",
} | {name: arm for name, (_, _, arm) in ISOLATED.items()}


def knocked_out(name: str, arm: str) -> dict[str, np.ndarray]:
    return follow(ARMS[arm], MONTHS, {KNOCKOUTS[name]: 0.0})


@pytest.mark.parametrize("name", ISOLATED)
def test_a_knockout_leaves_the_rest_alone(name: str) -> None:
    arms, outcomes, _ = ISOLATED[name]
    for arm in arms:
        without, whole = knocked_out(name, arm), follow(ARMS[arm], MONTHS)
        for outcome in outcomes:
            np.testing.assert_array_equal(
                without[outcome], whole[outcome], err_msg=f"{arm} {outcome}"
            )


@pytest.mark.parametrize("name", KNOCKOUTS)
def test_a_knockout_changes_something(name: str) -> None:
    arm = ACTS[name]
    without, whole = knocked_out(name, arm), follow(ARMS[arm], MONTHS)
    changed = max(np.abs(without[o] / whole[o] - 1.0).max() for o in OUTCOMES)
    assert changed > 1e-4
    for outcome in OUTCOMES:
        assert np.all(np.isfinite(without[outcome]))
