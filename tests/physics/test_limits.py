"""Limits: no drug, far too much of it, nothing taken, quick clearance, mechanisms switched off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from worlds import BONE, MAN, MARKERS, PTH_DOSES, WOMAN, follow, label_course, typical, values

from cohort.model.parameters import KNOCKOUTS
from cohort.solve.exposures import drug_numbers, pulse_drives
from cohort.solve.schedule import study_drugs
from cohort.therapy import therapies
from cohort.trial.regimen import DoseCourse

MONTHS = (0, 1, 3, 6, 12)
OUTCOMES = (*BONE, *MARKERS)
LEVELS = ("serum_estradiol", "testosterone_free", "shbg", "lh", "igf1", "pth", "growth_hormone")
PEOPLE = {"woman": WOMAN, "man": MAN}


def scaled(therapy: str, factor: float) -> DoseCourse:
    """A month of a therapy, or one dose, at so many times the label's amount."""
    course = label_course(therapy)
    return replace(course, amount=course.amount * factor)


# Injections of a PTH analogue are told apart by dose, so a study of them is one of its own.
SCALED = [name for name in therapies() if name not in PTH_DOSES]


@pytest.mark.parametrize("sex", PEOPLE)
@pytest.mark.parametrize("therapy", SCALED)
def test_no_dose_is_no_drug(therapy: str, sex: str) -> None:
    life = PEOPLE[sex]
    none, least = (follow(regimen, MONTHS, life=life) for regimen in ((), [scaled(therapy, 1e-20)]))
    less = follow([scaled(therapy, 1e-30)], MONTHS, life=life)
    for name in (*OUTCOMES, *LEVELS):
        # The grids differ: compare at the accuracy of the grid, and to the last digit on one grid.
        np.testing.assert_allclose(least[name], none[name], rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(least[name], less[name], rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("sex", PEOPLE)
@pytest.mark.parametrize("therapy", SCALED)
def test_far_too_much_stays_finite(therapy: str, sex: str) -> None:
    much = follow([scaled(therapy, 1e6)], MONTHS, life=PEOPLE[sex])
    for name in (*OUTCOMES, *LEVELS):
        assert np.all(np.isfinite(much[name])), name
        assert np.all(much[name] > 0.0), name


@pytest.mark.parametrize("therapy", PTH_DOSES)
@pytest.mark.parametrize(("factor", "low", "high"), [(1e-20, 0.0, 1e-19), (1e6, 3.0, 60.0)])
def test_signal_of_an_injection_saturates_and_vanishes(
    therapy: str, factor: float, low: float, high: float
) -> None:
    """The receptor's answer is bounded by one for a whole day, some ten times the label's."""
    numbers = drug_numbers(study_drugs({"arm": [scaled(therapy, factor)]}), values())
    for signal in pulse_drives(numbers, typical())[0]:
        assert low <= float(signal[0]) <= high


SELF_ADMINISTERED = {
    "alendronate": "oral",
    "ibandronate": "oral",
    "teriparatide": "sc",
    "raloxifene": "oral",
    "estradiol": "transdermal",
    "calcium_vitamin_d": "oral",
    "testosterone": "gel",
    "anastrozole": "oral",
    "somatropin": "sc",
    "ibutamoren": "oral",
    "prednisolone": "oral",
    "nafarelin": "intranasal",
}


@pytest.mark.parametrize("therapy", SELF_ADMINISTERED)
def test_who_takes_nothing_is_untreated(therapy: str) -> None:
    """In men, on whom every one of these drugs acts."""
    treatment = [label_course(therapy, SELF_ADMINISTERED[therapy])]
    refused = follow(treatment, MONTHS, life=MAN, adherence=0.0)
    taken, untreated = (follow(regimen, MONTHS, life=MAN) for regimen in (treatment, ()))
    for name in OUTCOMES:
        np.testing.assert_allclose(refused[name], untreated[name], rtol=1e-4)
    assert abs(taken["ctx"][1] / refused["ctx"][1] - 1.0) > 1e-3


CLINIC = {
    "denosumab": "sc",
    "zoledronate": "iv",
    "romosozumab": "sc",
    "estradiol": "implant",
    "testosterone": "implant",
    "goserelin": "sc",
    "leuprolide": "im",
    "parathyroidectomy": "surgery",
}


@pytest.mark.parametrize("therapy", CLINIC)
def test_doses_given_in_the_clinic_do_not_depend_on_adherence(therapy: str) -> None:
    treatment, ill = [label_course(therapy, CLINIC[therapy])], {"hyperparathyroidism": (2.0, 60.0)}

    def taken(regimen: list[DoseCourse], adherence: float) -> dict[str, np.ndarray]:
        return follow(regimen, MONTHS, life=MAN, conditions=ill, adherence=adherence)

    refused, all_of_it, nothing = taken(treatment, 0.0), taken(treatment, 1.0), taken([], 1.0)
    for name in OUTCOMES:
        np.testing.assert_array_equal(refused[name], all_of_it[name], err_msg=name)
    assert abs(all_of_it["ctx"][1] / nothing["ctx"][1] - 1.0) > 1e-3


EXPOSING = {
    # effect: therapy, outcome, sign of the outcome when the effect rises
    "dmab_clearance": ("denosumab", "bmd_lumbar_spine", -1),
    "romo_clearance": ("romosozumab", "bmd_lumbar_spine", -1),
    "pth_clearance": ("teriparatide", "p1np", -1),
    "bp_uptake": ("alendronate", "ctx", -1),
    "bp_retention": ("zoledronate", "ctx", -1),
    "pHRT": ("estradiol", "serum_estradiol", 1),
    "KD": ("denosumab", "ctx", 1),
}


def with_effect(regimen: list[DoseCourse], effect: str, size: float) -> dict[str, np.ndarray]:
    effects: dict[str, Any] = {effect: size}
    return follow(regimen, MONTHS, **effects)


@pytest.mark.parametrize("effect", EXPOSING)
def test_exposure_moves_the_effect(effect: str) -> None:
    """Quicker clearance, less uptake or weaker binding leave less effect, and only of that drug."""
    therapy, outcome, sign = EXPOSING[effect]
    visit = 1 if therapy in ("teriparatide", "alendronate", "estradiol") else 3
    regimen = [label_course(therapy)]
    low, high = (with_effect(regimen, effect, size) for size in (0.5, 2.0))
    assert sign * (high[outcome][visit] - low[outcome][visit]) > 0
    untouched = [with_effect([], effect, size) for size in (0.5, 2.0)]
    for name in OUTCOMES:
        np.testing.assert_array_equal(untouched[0][name], untouched[1][name])


ARMS = {
    "untreated": (),
    "denosumab": (("denosumab", "60 mg sc once"),),
    "romosozumab": (("romosozumab", "210 mg sc once"),),
    "zoledronate": (("zoledronate", "5 mg iv once"),),
    "teriparatide": (("teriparatide", "20 ug sc daily from 0 to 6"),),
    "testosterone": (("testosterone", "5 mg gel daily from 0 to 6"),),
    "prednisolone": (("prednisolone", "10 mg oral daily from 0 to 6"),),
    "hyperparathyroid": (),
    "both": (("teriparatide", "20 ug sc daily from 0 to 6"), ("zoledronate", "5 mg iv once")),
}
ILL = {"hyperparathyroid": {"hyperparathyroidism": (2.0, 60.0)}}
WITHOUT_PTH = ("untreated", "denosumab", "romosozumab", "zoledronate", "testosterone")
NO_EXCESS = tuple(arm for arm in ARMS if arm not in ILL)
NO_STEROID = tuple(arm for arm in ARMS if arm != "prednisolone")

# Knockout -> arms and outcomes that it must leave alone, and an arm in which it must act.
ISOLATED: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "pth_tolerance": (WITHOUT_PTH, OUTCOMES, "teriparatide"),
    "pth_catabolism": (WITHOUT_PTH, OUTCOMES, "teriparatide"),
    "pth_surface_opening": (WITHOUT_PTH, OUTCOMES, "teriparatide"),
    "pth_on_lining_cells": (WITHOUT_PTH, OUTCOMES, "teriparatide"),
    "pth_formation_unseen": (WITHOUT_PTH, OUTCOMES, "teriparatide"),
    "pth_escape_from_bisphosphonate": ((*WITHOUT_PTH, "teriparatide"), OUTCOMES, "both"),
    "secondary_mineralisation": (tuple(ARMS), MARKERS, "denosumab"),
    "spine_degeneration": (
        tuple(ARMS),
        ("bmd_total_hip", "bmd_femoral_neck", *MARKERS),
        "untreated",
    ),
    "local_mechanostat": (tuple(ARMS), MARKERS, "denosumab"),
    "glucocorticoid_on_rankl": (NO_STEROID, OUTCOMES, "prednisolone"),
    "glucocorticoid_on_osteoblasts": (NO_STEROID, OUTCOMES, "prednisolone"),
    "cortical_remodeling_under_pth_excess": (NO_EXCESS, OUTCOMES, "hyperparathyroid"),
}
ACTS = {
    "quiescent_surface_modelling": "romosozumab",
    "precursor_accumulation": "denosumab",
    "uncoupled_formation": "denosumab",
    "wnt_adaptation": "romosozumab",
    "wnt_on_rankl": "romosozumab",
    "modelled_surface_on_rankl": "romosozumab",
    "rankl_survival_signal": "denosumab",
    "estrogen_on_rankl": "untreated",
    "estrogen_on_osteoclast_life": "untreated",
    "estrogen_on_osteoblast_life": "untreated",
    "estrogen_on_igf1_receptor": "untreated",
    "androgens_on_osteoblasts": "testosterone",
    "igf1_on_osteoblasts": "untreated",
    "igf1_on_rankl": "untreated",
} | {name: arm for name, (_, _, arm) in ISOLATED.items()}


def whole_in(arm: str) -> dict[str, np.ndarray]:
    return follow(ARMS[arm], MONTHS, conditions=ILL.get(arm))


def knocked_out(name: str, arm: str) -> dict[str, np.ndarray]:
    return follow(ARMS[arm], MONTHS, {KNOCKOUTS[name]: 0.0}, conditions=ILL.get(arm))


@pytest.mark.parametrize("name", ISOLATED)
def test_a_knockout_leaves_the_rest_alone(name: str) -> None:
    arms, outcomes, _ = ISOLATED[name]
    for arm in arms:
        without, whole = knocked_out(name, arm), whole_in(arm)
        for outcome in outcomes:
            np.testing.assert_array_equal(
                without[outcome], whole[outcome], err_msg=f"{arm} {outcome}"
            )


@pytest.mark.parametrize("name", KNOCKOUTS)
def test_a_knockout_changes_something(name: str) -> None:
    arm = ACTS[name]
    without, whole = knocked_out(name, arm), whole_in(arm)
    changed = max(np.abs(without[o] / whole[o] - 1.0).max() for o in OUTCOMES)
    assert changed > 1e-4
    for outcome in OUTCOMES:
        assert np.all(np.isfinite(without[outcome]))
