"""The fit of the fracture hazards, on arms whose answers are known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibration.fractures.arms import ArmCourse
from calibration.fractures.fit import INCIDENCE_SD, Pair, Problem, fit, line
from cohort.fractures.hazard import FALLS_AT_AGE, Course, log_hazards
from cohort.fractures.history import Prevalence
from cohort.fractures.law import Law, load_law
from cohort.resources import data_root
from cohort.results.outcomes import SITES
from cohort.results.published import PublishedRow

PRIORS = load_law(data_root() / "fractures" / "priors.toml")
PLACE = ("made_up", "placebo")


def arm(t_score: float = -1.0, hip_change: float = 0.0) -> ArmCourse:
    """Ten women of 65 alike, in whom nothing changes for a year."""
    level = np.ones((10, 2))
    course = Course(
        months=np.array([0.0, 12.0]),
        age=np.full(10, 65.0),
        male=np.zeros(10),
        t_score={site: t_score * level for site in SITES.values()},
        ctx=0.307 * level,
        p1np=40.0 * level,
        fall_rate=FALLS_AT_AGE * level,
    )
    return ArmCourse(course, np.ones(10), Prevalence(0.0, 0.0), None, hip_change * level)


def rate(law: Law, kind: str, of: ArmCourse) -> float:
    """Cumulative hazard of a year: the logarithm of the rate is a straight line."""
    first, last = np.exp(log_hazards(law, of.course)[kind][0])
    return float((last - first) / np.log(last / first))


@pytest.mark.parametrize("share", [1.0, 0.31])
def test_incidence_is_the_gamma_mixture(share: float) -> None:
    variance = PRIORS.common.frailty_variance.value
    grown = share * rate(PRIORS, "vertebral", arm(-4.0))
    expected = 1.0 - (1.0 + variance * grown) ** (-1.0 / variance)
    assert arm(-4.0).incidence(PRIORS, {"vertebral": share}, 12.0) == pytest.approx(expected)


def test_a_rate_goes_as_far_as_its_prior_lets_it() -> None:
    """Three times as many as foreseen: ln 3, shared by the weights of row and prior."""
    foreseen = arm().incidence(PRIORS, {"hip": 1.0}, 12.0)
    row = PublishedRow(
        *("made_up", "row", "placebo", "hip_fracture_incidence", "hip", 12.0, "mean"),
        *(300.0 * foreseen, "percent", "baseline", "checked", "calibration", True),
        *(math.nan, math.nan, math.nan, "", ""),
    )
    problem = Problem((row,), (), (), (), {PLACE: arm()})
    fitted = fit(PRIORS, problem, told=lambda words: None).hip.log_rate
    sd = PRIORS.hip.log_rate.sd
    assert sd is not None
    weight = INCIDENCE_SD**-2 / (INCIDENCE_SD**-2 + sd**-2)
    assert fitted.value - PRIORS.hip.log_rate.value == pytest.approx(weight * math.log(3), rel=0.01)
    assert (fitted.found, fitted.prior) == ("fitted", PRIORS.hip.log_rate.value)


def test_the_line_is_that_through_the_trials() -> None:
    """Two drugs: the line goes through both, whatever they do."""
    arms = {
        PLACE: arm(-2.0),
        ("made_up", "weak"): arm(-1.8, 2.0),
        ("made_up", "strong"): arm(-1.0, 6.0),
    }
    pairs = tuple(Pair(("made_up", name), PLACE, 12.0) for name in ("weak", "strong"))
    found = line(PRIORS, Problem((), (), pairs, (), arms), "hip")
    for pair, gained in zip(pairs, (2.0, 6.0), strict=True):
        risk = [arms[place].incidence(PRIORS, {"hip": 1.0}, 12.0) for place in (pair.active, PLACE)]
        assert np.polyval(found, gained) == pytest.approx(math.log(risk[0] / risk[1]))
