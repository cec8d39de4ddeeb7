"""Fractures and death against closed forms: rates, frailty, competing death, common draws."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from cohort.fractures.events import Events, Person, counts_by_visit, draw_events
from cohort.fractures.hazard import FALLS_AT_AGE, Course, log_hazards
from cohort.fractures.history import Prevalence, frailty, vertebral_at_entry
from cohort.fractures.intervals import cumulative, when
from cohort.fractures.law import KINDS, Law, load_law
from cohort.fractures.mortality import months_to_death
from cohort.fractures.risk import cumulative_hazard
from cohort.resources import data_root
from cohort.results.outcomes import SITES

N = 40_000
MONTHS = np.array([0.0, 6.0, 12.0, 24.0, 36.0])
NEVER = -700.0  # ln of a hazard that is none


def law_without_history(**common: float) -> Law:
    """The bundled law with prior fractures that change nothing."""
    document = load_law().model_dump()
    for kind in KINDS:
        for name in ("one_vertebral", "several_vertebral", "other_prior"):
            document[kind][name]["value"] = 0.0
    for name, value in common.items():
        document["common"][name]["value"] = value
    return Law.model_validate(document)


PLAIN = law_without_history()


class Drawn:
    """Unit exponential draws of N persons, the same whenever they are asked for."""

    def __init__(self, persons: int = N, seed: int = 5) -> None:
        self.persons, self.seed = persons, seed

    def __call__(self, kind: str, number: int) -> np.ndarray:
        address = (self.seed, KINDS.index(kind), number)
        return np.random.default_rng(address).exponential(size=self.persons)


def persons(count: int = N, exit_month: np.ndarray | float = 36.0, weak: np.ndarray | float = 1.0):
    full = np.ones(count)
    return Person(np.zeros(count, np.int8), full * weak, full * exit_month)


def constant(count: int = N, **rates: float) -> dict[str, np.ndarray]:
    """ln of hazards that never change, none for kinds that are not named."""
    shape = count, len(MONTHS)
    logs = {kind: math.log(rates[kind]) if kind in rates else NEVER for kind in KINDS}
    return {kind: np.full(shape, value) for kind, value in logs.items()}


def share_before(events: Events, month: float, kind: str = "hip", count: int = N) -> float:
    return float(np.mean(events.first((kind,), count) <= month))


def assert_share(found: float, expected: float, count: int = N) -> None:
    """Within four standard errors of a proportion."""
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / count))


@pytest.mark.parametrize("month", [6.0, 17.3, 36.0])
def test_a_constant_hazard_gives_exponential_incidence(month: float) -> None:
    events = draw_events(PLAIN, constant(hip=0.2), MONTHS, persons(), Drawn())
    assert_share(share_before(events, month), 1 - math.exp(-0.2 * month / 12))


def test_repeated_fractures_are_a_poisson_process() -> None:
    events = draw_events(PLAIN, constant(other=0.7), MONTHS, persons(), Drawn())
    number = counts_by_visit(events, ("other",), MONTHS, N).sum(axis=1)
    for k in range(5):
        assert_share(float(np.mean(number == k)), float(stats.poisson.pmf(k, 0.7 * 3)))


def test_no_hazard_means_no_fracture() -> None:
    events = draw_events(PLAIN, constant(), MONTHS, persons(), Drawn())
    assert events.person.size == 0
    assert not counts_by_visit(events, KINDS, MONTHS, N).any()


def test_a_hazard_that_grows_exponentially_follows_gompertz() -> None:
    rate, growth = 0.1, 0.8
    logs = constant()
    logs["hip"] = np.tile(math.log(rate) + growth * MONTHS / 12, (N, 1))
    events = draw_events(PLAIN, logs, MONTHS, persons(), Drawn())
    for month in (6.0, 20.0, 36.0):
        grown = rate * math.expm1(growth * month / 12) / growth
        assert_share(share_before(events, month), -math.expm1(-grown))


def test_interval_times_invert_the_integral() -> None:
    start, since = np.full(5, -1.0), np.array([0.0, 0.1, 0.4, 0.5, 0.9])
    slope = np.array([-2.0, -1e-12, 0.0, 0.7, 3.0])
    for s, r, u in zip(start, slope, since, strict=True):
        expected = quad(lambda t, s=s, r=r: math.exp(s + r * t), u, 1.5)[0]
        found = float(cumulative(*map(np.array, (s, r, u, 1.5))))
        assert found == pytest.approx(expected, rel=1e-9)
        assert float(when(*map(np.array, (s, r, u, found)))) == pytest.approx(1.5, rel=1e-6)
    dying = when(np.array(0.0), np.array(-2.0), np.array(0.0), np.array(0.6))
    assert np.isinf(dying)  # the whole of it is 1 / 2


def test_gamma_frailty_gives_the_mixture() -> None:
    variance, rate = 0.8, 0.3
    law = law_without_history(frailty_variance=variance)
    weak = frailty(law, np.random.default_rng(1).uniform(size=N))
    assert weak.mean() == pytest.approx(1.0, abs=4 * math.sqrt(variance / N))
    events = draw_events(law, constant(hip=rate), MONTHS, persons(weak=weak), Drawn())
    for month in (6.0, 36.0):
        grown = rate * month / 12
        assert_share(share_before(events, month), 1 - (1 + variance * grown) ** (-1 / variance))


def test_competing_death_is_as_in_closed_form() -> None:
    rate, mortality = 0.3, 0.5
    death = 12 * np.random.default_rng(2).exponential(size=N) / mortality
    who = persons(exit_month=np.minimum(death, 36.0))
    events = draw_events(PLAIN, constant(hip=rate), MONTHS, who, Drawn())
    both = rate + mortality
    assert_share(share_before(events, 36.0), rate / both * -math.expm1(-both * 3))
    assert (events.month <= who.exit_month[events.person]).all()


@pytest.mark.parametrize(("age", "male"), [(60, 0), (82, 1)])
def test_deaths_follow_the_life_table(age: int, male: int) -> None:
    with (data_root() / "fractures" / "life_table.csv").open(encoding="utf-8") as file:
        table = {int(row["age"]): row for row in csv.DictReader(file)}
    sex = "male" if male else "female"
    alive = math.prod(1 - float(table[age + year][sex]) for year in range(10))
    draws = np.random.default_rng(3).exponential(size=N)
    months = months_to_death(np.full(N, float(age)), np.full(N, male), draws)
    assert_share(float(np.mean(months <= 120)), 1 - alive)


def test_lower_hazards_never_fracture_earlier() -> None:
    count = 4000
    rng = np.random.default_rng(4)
    shape = count, len(MONTHS)
    high = {kind: rng.normal(-0.5, 1.0, shape) for kind in KINDS}
    low = {kind: logs - rng.exponential(0.5, shape) for kind, logs in high.items()}
    law, who = load_law(), persons(count)
    more = draw_events(law, high, MONTHS, who, Drawn(count))
    fewer = draw_events(law, low, MONTHS, who, Drawn(count))
    assert 0 < fewer.person.size < more.person.size
    for kind in KINDS:
        assert (fewer.first((kind,), count) >= more.first((kind,), count)).all()
        late = counts_by_visit(fewer, (kind,), MONTHS, count).cumsum(axis=1)
        assert (late <= counts_by_visit(more, (kind,), MONTHS, count).cumsum(axis=1)).all()


def test_events_do_not_depend_on_the_visits_between() -> None:
    """A straight line of ln h has the same fractures however often it is looked at."""
    count = 3000
    path = np.array([-1.0, 0.5])
    ends = np.array([0.0, 36.0])
    often = np.interp(MONTHS, ends, path)
    law, who, clock = load_law(), persons(count), Drawn(count)
    seldom = draw_events(law, dict.fromkeys(KINDS, np.tile(path, (count, 1))), ends, who, clock)
    again = draw_events(law, dict.fromkeys(KINDS, np.tile(often, (count, 1))), MONTHS, who, clock)
    np.testing.assert_array_equal(seldom.person, again.person)
    np.testing.assert_allclose(seldom.month, again.month, rtol=1e-6)


def test_a_fracture_raises_the_rate_of_the_next() -> None:
    """First and second event of a process whose rate jumps: a hypoexponential distribution."""
    document = PLAIN.model_dump()
    document["vertebral"]["one_vertebral"]["value"] = math.log(4.0)
    document["vertebral"]["several_vertebral"]["value"] = math.log(4.0)
    law = Law.model_validate(document)
    events = draw_events(law, constant(vertebral=0.1), MONTHS, persons(), Drawn())
    number = counts_by_visit(events, ("vertebral",), MONTHS, N).sum(axis=1)
    a, b, t = 0.1, 0.4, 3.0
    assert_share(
        float(np.mean(number >= 2)), 1 - (b * math.exp(-a * t) - a * math.exp(-b * t)) / (b - a)
    )


def test_expected_incidence_is_that_of_the_events() -> None:
    """With other fractures raising the rate: the mean probability is the mean of what happens."""
    law = load_law()
    who = persons()
    logs = constant(vertebral=0.1, hip=0.15, other=0.4)
    events = draw_events(law, logs, MONTHS, who, Drawn())
    grown = cumulative_hazard(law, logs, MONTHS, who, events, "vertebral")
    expected = float(np.mean(-np.expm1(-grown[:, -1])))
    assert expected > 1 - math.exp(-0.1 * 3)
    assert_share(share_before(events, 36.0, "vertebral"), expected)


def test_stated_prevalence_is_met() -> None:
    draws = np.random.default_rng(6).uniform(size=N)
    found = vertebral_at_entry(PLAIN, np.full(N, 70.0), draws, Prevalence(0.63, 0.35))
    assert_share(float(np.mean(found >= 1)), 0.63)
    assert_share(float(np.mean(found == 2)), 0.35)


def course(age: float, t_score: float, ctx: float = 0.307) -> Course:
    row = np.full((1, 2), 1.0)
    sites = {site: t_score * row for site in SITES.values()}
    return Course(
        months=np.array([0.0, 12.0]),
        age=np.array([age]),
        male=np.array([0.0]),
        t_score=sites,
        ctx=ctx * row,
        p1np=40.0 * row,
        fall_rate=FALLS_AT_AGE * row,
    )


def test_gradients_between_persons_are_the_published_ones() -> None:
    """Johnell 2005: 2.88 a standard deviation at the hip at 65; Tian 2019: 1.20 one of CTX."""
    law = load_law()

    def rate(kind: str, *who: float) -> float:
        return math.exp(log_hazards(law, course(*who))[kind][0, 0])

    assert rate("hip", 65.0, -2.0) / rate("hip", 65.0, -1.0) == pytest.approx(2.88, rel=1e-3)
    assert rate("hip", 80.0, -2.0) / rate("hip", 80.0, -1.0) < 2.88
    more = rate("vertebral", 70.0, -2.0, 0.307 * math.exp(0.627)) / rate("vertebral", 70.0, -2.0)
    assert more == pytest.approx(1.20, rel=2e-3)


def test_every_coefficient_has_a_source_and_fitted_ones_their_prior() -> None:
    law, priors = load_law(), load_law(data_root() / "fractures" / "priors.toml")
    for name in law.names():
        own = law.coefficient(name)
        assert own.source
        assert (own.found == "fitted") == (priors.coefficient(name).sd is not None)
        if own.found == "fixed":
            assert own.value == priors.coefficient(name).value
        else:
            assert own.prior == priors.coefficient(name).value
