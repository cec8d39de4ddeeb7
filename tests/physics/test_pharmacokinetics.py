"""Doses on their way to bone: closed forms, SciPy's integrators and quadrature."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from worlds import Arm, courses_of, make_arm, typical, values

from cohort.solve.exposures import (
    drug_numbers,
    pulse_drives,
    pulse_shape,
    serum_step,
)
from cohort.solve.reference_drugs import compartments, label_signal, linear_flow
from cohort.solve.schedule import ANTIBODIES, study_drugs
from cohort.therapy import load_therapy, therapies
from cohort.trial.regimen import DoseCourse
from cohort.units import DAYS_PER_MONTH

DAILY = {
    "estrogen": ("estradiol", "1 mg oral daily from 0 to 3"),
    "serm": ("raloxifene", "60 mg oral daily from 0 to 3"),
    "progestin": ("medroxyprogesterone_acetate", "2.5 mg oral daily from 0 to 3"),
    "calcium_vitamin_d": ("calcium_vitamin_d", "1 dose oral daily from 0 to 3"),
    "aromatase_inhibitor": ("anastrozole", "1 mg oral daily from 0 to 3"),
    "gnrh_suppression": ("nafarelin", "200 ug intranasal twice daily from 0 to 3"),
    "testosterone": ("testosterone_cypionate", "100 mg im weekly from 0 to 3"),
    "ghrh_tonic": ("cjc_1295", "4.2 mg sc weekly from 0 to 3"),
}
END = 3 * 30.4375
ESTROGENS = ("estrogen", "oral_estrogen", "estradiol_assay")
HORMONAL = ("teriparatide", "abaloparatide", "pth_1_84")


def level_of(arm: Arm, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A level at the start and at the end of every step, whoever gives it."""
    columns = [i for i, (level, _) in enumerate(arm.drugs.levels) if level == name]
    forcing = arm.steps.forcing
    start, end = np.asarray(forcing.level_start), np.asarray(forcing.level_end)
    return start[:, columns].sum(axis=1), end[:, columns].sum(axis=1)


def risen(days: np.ndarray, ka: float, k: float) -> np.ndarray:
    """Share of its plateau that a level has reached under a steady rate into a depot."""
    t = np.maximum(days, 0.0)
    return 1.0 - (ka * np.exp(-k * t) - k * np.exp(-ka * t)) / (ka - k)


@pytest.mark.parametrize("level", DAILY)
def test_level_of_a_daily_drug(level: str) -> None:
    """Depot, then level: rises by the two exponentials of the textbook, falls the same way."""
    drug = load_therapy(DAILY[level][0])
    course = courses_of([DAILY[level]])[0]
    ka, k = drug.absorption_rate(course.route), drug.pk["elimination_rate"].value
    arm = make_arm([DAILY[level]], [0, 1, 3, 6])
    end, (_, found) = arm.grid.end, level_of(arm, level)
    plateau = course.amount / course.interval_days / drug.reference_rate
    expected = risen(end, ka, k) - risen(end - course.end_day, ka, k)
    expected *= plateau * drug.routes[course.route].fraction * drug.levels[level].amount
    unit = drug.levels[level].amount * plateau
    # The flux out of the depot is a mean over each step, exact in amount.
    np.testing.assert_allclose(found, expected, atol=0.02 * unit)
    on = (end > 2.0) & (end < END)
    np.testing.assert_allclose(found[on], expected[on], atol=5e-3 * unit)


RARE = {
    "testosterone_enanthate": "200 mg im every 2 weeks from 0 to 12",
    "testosterone_cypionate": "200 mg im every 2 weeks from 0 to 12",
    "testosterone": "600 mg implant every 4 months from 0 to 12",
    "estradiol": "25 mg implant every 6 months from 0 to 12",
    "goserelin": "3.6 mg sc every 28 days from 0 to 12",
    "leuprolide": "7.5 mg im monthly from 0 to 12",
    "degarelix": "80 mg sc every 28 days from 0 to 12",
}


@pytest.mark.parametrize("therapy", RARE)
def test_level_of_doses_given_one_by_one(therapy: str) -> None:
    """Bateman's function, a curve a dose: its area over a year, and its height within 1 %."""
    drug = load_therapy(therapy)
    course = courses_of([(therapy, RARE[therapy])])[0]
    name = next(iter(drug.levels))
    ka, k = drug.absorption_rate(course.route), drug.pk["elimination_rate"].value
    unit = course.amount * drug.routes[course.route].fraction * drug.levels[name].amount
    unit /= drug.reference_rate
    arm = make_arm([(therapy, RARE[therapy])], [0, 3, 12])
    end, (before, after) = arm.grid.end, level_of(arm, name)
    area = np.sum(0.5 * (before + after) * arm.grid.length)
    expected = unit * sum(risen(end[-1] - day, ka, k) for day in course.days)
    assert area == pytest.approx(expected, rel=1e-3)

    def curve(days: np.ndarray) -> np.ndarray:
        t = np.maximum(days, 0.0)
        return ka * k / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))

    height = unit * np.sum([curve(end - day) for day in course.days], axis=0)
    np.testing.assert_allclose(after, height, atol=0.01 * height.max())


CLEARED = [t.name for t in therapies().values() if t.levels and t.name != "parathyroidectomy"]


@pytest.mark.parametrize("therapy", CLEARED)
def test_a_dose_in_the_long_run_is_its_amount_over_clearance(therapy: str) -> None:
    """Whatever the route and the grid: area under each level of one dose, years later."""
    drug = load_therapy(therapy)
    for route in drug.routes:
        arm = make_arm([DoseCourse(therapy, route, 1.0, 0.0, 0.0, 1)], [0, 1, 120])
        for name, effect in drug.levels.items():
            before, after = level_of(arm, name)
            raised = not effect.routes or route in effect.routes
            area = np.sum(0.5 * (before + after) * arm.grid.length)
            expected = effect.amount * drug.routes[route].fraction / drug.reference_rate
            assert area == pytest.approx(expected * raised, rel=1e-3), f"{route} {name}"


def test_an_operation_is_for_good() -> None:
    arm = make_arm([("parathyroidectomy", "1 operation surgery once from 1")], [0, 1, 120])
    _, level = level_of(arm, "parathyroid_suppression")
    done = arm.grid.start >= DAYS_PER_MONTH
    np.testing.assert_allclose(level[done], 1.0, atol=0.04)
    np.testing.assert_array_equal(level[arm.grid.end < DAYS_PER_MONTH], 0.0)


def test_estrogens_by_route_and_to_the_assay() -> None:
    """Through the skin none passes the liver; of conjugated estrogens an assay sees a part."""
    sentences = {
        "oral": ("estradiol", "1 mg oral daily from 0 to 6"),
        "skin": ("estradiol", "50 ug transdermal daily from 0 to 6"),
        "conjugated": ("conjugated_estrogens", "0.625 mg oral daily from 0 to 6"),
    }
    late = {
        key: {name: level_of(make_arm([one], [0, 6]), name)[1][-1] for name in ESTROGENS}
        for key, one in sentences.items()
    }
    for found in late.values():
        assert found["estrogen"] == pytest.approx(1.0, rel=1e-3)
    assert late["oral"]["oral_estrogen"] == pytest.approx(1.0, rel=1e-3)
    assert late["skin"]["oral_estrogen"] == 0.0
    assert late["skin"]["estradiol_assay"] == pytest.approx(1.0, rel=1e-3)
    # 15 to 30 pg/mL under 0.625 mg, half of what estradiol 1 mg brings.
    assert 0.35 < late["conjugated"]["estradiol_assay"] < 0.6


@pytest.mark.parametrize("action", ANTIBODIES)
def test_antibody_dose_reaches_serum_whole(action: str) -> None:
    drug = next(t for t in therapies().values() if t.action == action)
    arm = make_arm([(drug.name, f"{drug.reference_amount:g} mg sc once")], [0, 6])
    flux = np.asarray(arm.steps.forcing.antibody)[:, list(ANTIBODIES).index(action)]
    volume = drug.pk["apparent_volume"].value
    assert np.sum(flux * arm.grid.length) == pytest.approx(drug.reference_amount / volume, rel=1e-9)
    absorbed = np.cumsum(flux * arm.grid.length) * volume / drug.reference_amount
    closed = 1.0 - np.exp(-drug.pk["absorption_rate"].value * arm.grid.end)
    np.testing.assert_allclose(absorbed, closed, rtol=1e-9, atol=1e-12)


def serum_of(arm: Arm, target: str, **effects: Any) -> np.ndarray:
    """Concentration at the end of every step, by the fast path's own steps."""
    person = typical(drugs=arm.numbers, **effects)

    @jax.jit
    def run(fluxes, lengths):
        def body(serum, x):
            serum = serum_step(arm.numbers, person, serum, *x)
            return serum, serum[target][0]

        empty = {name: jnp.zeros(1) for name in ANTIBODIES.values()}
        return jax.lax.scan(body, empty, (fluxes, lengths))[1]

    return np.asarray(run(arm.steps.forcing.antibody, arm.steps.length))


@pytest.mark.parametrize(
    ("therapy", "target", "sentence"),
    [
        ("denosumab", "denosumab", "60 mg sc once"),
        ("denosumab", "denosumab", "14 mg iv once"),
        ("romosozumab", "romosozumab", "210 mg sc monthly from 0 to 3"),
    ],
)
@pytest.mark.parametrize("clearance", [0.6, 1.0, 1.6])
def test_serum_against_scipy(therapy: str, target: str, sentence: str, clearance: float) -> None:
    """Depot and saturable loss as one system under LSODA, doses as jumps."""
    drug = load_therapy(therapy)
    course = courses_of([(therapy, sentence)])[0]
    route, pk = drug.routes[course.route], {name: v.value for name, v in drug.pk.items()}
    arm = make_arm([(therapy, sentence)], [0, 6], pad=1)
    name = "dmab_clearance" if target == "denosumab" else "romo_clearance"
    found = serum_of(arm, target, **{name: clearance})

    def slope(_, y):
        loss = pk["elimination_rate"] * clearance
        loss += pk["saturable_rate"] / (pk["saturable_constant"] + y[1])
        absorbed = pk["absorption_rate"] * y[0]
        return [-absorbed, absorbed - loss * y[1]]

    at = arm.grid.end
    expected, y = np.zeros_like(at), np.zeros(2)
    for start, stop in itertools.pairwise([*course.days, at[-1] + 1.0]):
        y[0 if route.to == "depot" else 1] += course.amount * route.fraction / pk["apparent_volume"]
        run = solve_ivp(slope, (start, stop), y, "LSODA", dense_output=True, rtol=1e-9, atol=1e-12)
        inside = (at > start + 1e-9) & (at <= stop + 1e-9)
        assert run.sol is not None
        expected[inside], y = run.sol(at[inside])[1], run.y[:, -1].copy()
    last_dose = np.array([max((d for d in course.days if d < t), default=t) for t in at])
    settled = at - last_dose > 1.0
    np.testing.assert_allclose(found[settled], expected[settled], rtol=0.01, atol=1e-3)


def test_half_life_of_denosumab_at_high_and_low_concentration() -> None:
    """ln 2 / (k + Vmax / (Km + C)): about 26 days at label concentrations, 10 at low ones."""
    arm = make_arm([("denosumab", "600 mg iv once")], [0, 36], pad=1)
    real = arm.grid.length > 0
    serum, length = serum_of(arm, "denosumab")[real], arm.grid.length[real]
    pk = {name: v.value for name, v in load_therapy("denosumab").pk.items()}
    rate = -np.diff(np.log(serum)) / length[1:]
    middle = np.sqrt(serum[:-1] * serum[1:])
    closed = pk["elimination_rate"] + pk["saturable_rate"] / (pk["saturable_constant"] + middle)
    np.testing.assert_allclose(rate, closed, rtol=2e-3)
    assert serum.max() > 50.0
    assert serum.min() < 0.01


@pytest.mark.parametrize("therapy", HORMONAL)
@pytest.mark.parametrize("clearance", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("dose", [0.25, 1.0, 4.0])
def test_signal_of_an_injection_against_quadrature(
    therapy: str, clearance: float, dose: float
) -> None:
    """The mean of c / (clearance + c) over a day, over the same of the label's dose."""
    drug = load_therapy(therapy)
    amount = dose * drug.reference_amount
    courses = courses_of([(therapy, f"{amount:g} ug sc daily from 0 to 1")])
    numbers = drug_numbers(study_drugs({"arm": courses}), values())
    ((anabolic, catabolic),) = pulse_drives(numbers, typical(pth_clearance=clearance))

    hour = np.log(2.0)
    ka = hour / drug.pk["absorption_half_life"].value
    k = hour / drug.pk["elimination_half_life"].value
    times = np.linspace(0.0, 24.0, 200_001)
    peak = np.max(np.exp(-k * times) - np.exp(-ka * times))

    def signal(size: float, half: float) -> float:
        def answer(t: float) -> float:
            level = size * (np.exp(-k * t) - np.exp(-ka * t)) / peak
            level /= drug.pk["half_effect_dose"].value
            return level / (half + level)

        return sum(quad(answer, a, b)[0] for a, b in itertools.pairwise((0, 0.5, 2, 6, 24)))

    expected = signal(amount, clearance) / signal(drug.reference_amount, 1.0)
    own = {name: float(value) for name, value in values().items()}
    np.testing.assert_allclose(
        anabolic, expected * own.get(drug.parameters["anabolic_ratio"], 1.0), rtol=1e-4
    )
    np.testing.assert_allclose(
        catabolic, expected * own.get(drug.parameters["catabolic_ratio"], 1.0), rtol=1e-4
    )


@pytest.mark.parametrize("therapy", HORMONAL)
def test_both_paths_know_one_label_signal(therapy: str) -> None:
    drug = load_therapy(therapy)
    weights, shape = pulse_shape(drug)
    # The weights are the nodes' days over the signal of the label's dose. The fast path's day ends
    # after 24 hours, the reference's signal fades for as long as it takes.
    assert 1.0 / np.sum(weights) == pytest.approx(label_signal(drug), rel=2e-4)
    level = drug.reference_amount * shape
    assert np.sum(weights * level / (1.0 + level)) == pytest.approx(1.0, rel=1e-12)


def test_doses_add_up() -> None:
    """Two half doses at once are one, and two courses bring what each brings."""
    months = [0, 3, 12]
    whole = make_arm([("denosumab", "60 mg sc every 6 months from 0 to 12")], months)
    halves = make_arm([("denosumab", "30 mg sc every 6 months from 0 to 12")] * 2, months)
    np.testing.assert_allclose(
        halves.steps.forcing.antibody, whole.steps.forcing.antibody, rtol=1e-12
    )
    both = make_arm(
        [
            ("alendronate", "10 mg oral daily from 0 to 12"),
            ("alendronate", "5 mg oral daily from 3 to 12"),
        ],
        months,
    )
    share = np.asarray(both.steps.forcing.bisphosphonate)[:, 0, 0]
    middle = both.grid.start + 0.5 * both.grid.length
    real = both.grid.length > 0
    early = real & (middle < 3 * 30.4375)
    np.testing.assert_allclose(share[early], 1.0, rtol=1e-9)
    np.testing.assert_allclose(share[real & ~early], 1.5, rtol=1e-9)


@pytest.mark.parametrize(
    ("regimens", "drug"),
    [
        (("60 mg sc once", "60000 ug sc once", "0.06 g sc once"), "denosumab"),
        (("70 mg oral weekly from 0 to 6", "10 mg oral daily from 0 to 6"), "alendronate"),
        (("50 ug transdermal daily from 0 to 6", "1 mg oral daily from 0 to 6"), "estradiol"),
    ],
)
def test_units_and_equivalent_regimens_bring_the_same(regimens: tuple[str, ...], drug: str) -> None:
    """Micrograms or milligrams, 70 mg a week or 10 a day, and the patch that equals a tablet."""
    drugs = study_drugs({"arm": courses_of([(drug, sentence) for sentence in regimens])})
    arms = [make_arm([(drug, sentence)], [0, 6], drugs=drugs) for sentence in regimens]
    for other in arms[1:]:
        # By the skin nothing passes the liver first.
        kept = [i for i, (name, _) in enumerate(drugs.levels) if name != "oral_estrogen"]
        for field in ("antibody", "bisphosphonate", "level_end"):
            first, second = (getattr(arm.steps.forcing, field) for arm in (arms[0], other))
            if field == "level_end":
                first, second = first[:, kept], second[:, kept]
            late = min(len(first), len(second)) // 4
            np.testing.assert_allclose(
                np.asarray(first)[late:], np.asarray(second)[late:], rtol=1e-6, atol=1e-9
            )


def test_number_of_injections_is_kept() -> None:
    """A course of n daily injections brings n, on the grid it is laid on."""
    arm = make_arm([("teriparatide", "20 ug sc daily from 0 to 90 days")], [0, 1, 6])
    brought = np.sum(np.asarray(arm.steps.forcing.pulses)[:, 0] * arm.grid.length)
    assert brought == pytest.approx(90.0, rel=1e-12)


def test_infused_bisphosphonate_is_all_there_in_a_day() -> None:
    drug = load_therapy("zoledronate")
    arm = make_arm([("zoledronate", "5 mg iv once")], [0, 6])
    share = np.asarray(arm.steps.forcing.bisphosphonate)[:, 0, 1] * arm.grid.length
    label_days = 5.0 / drug.pk["reference_systemic_rate"].value
    assert share[arm.grid.end <= 1.0].sum() == pytest.approx(label_days, rel=1e-12)
    assert share.sum() == pytest.approx(label_days, rel=1e-12)


def test_every_depot_of_the_reference_path_is_emptied() -> None:
    """What leaves a depot arrives, but for the peptides, whose unit is a concentration."""
    courses = courses_of(
        [
            ("denosumab", "60 mg sc once"),
            ("estradiol", "1 mg oral once"),
            ("estradiol", "25 mg implant once"),
            ("raloxifene", "60 mg oral once"),
        ]
    )
    rooms = compartments(courses)
    matrix = linear_flow(rooms)
    for column, name in enumerate(rooms.names):
        if name.startswith("depot"):
            assert matrix[column, column] < 0
            arrives = np.delete(matrix[:, column], column)
            assert np.count_nonzero(arrives) == 1
            assert arrives.max() > 0
