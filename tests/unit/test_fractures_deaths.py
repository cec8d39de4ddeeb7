"""Deaths: by the life table over decades, and more of them after a hip fracture."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cohort.fractures.events import Events, Person
from cohort.fractures.law import KINDS
from cohort.fractures.mortality import hip_mortality, months_to_death, months_to_death_with_hips
from cohort.resources import data_root
from cohort.results.layout import Layout
from cohort.results.yearly import write_yearly
from cohort.solve.fractures import Clocks, Entered
from cohort.trial.study import parse_study

N = 60_000
DRAWS = np.random.default_rng(11).exponential(size=N)


def life_table(male: bool) -> np.ndarray:
    """Return the probability of dying within each year of age."""
    with (data_root() / "fractures" / "life_table.csv").open(encoding="utf-8") as file:
        return np.array([float(row["male" if male else "female"]) for row in csv.DictReader(file)])


def relative(male: bool) -> list[tuple[float, float, float]]:
    with (data_root() / "fractures" / "hip_mortality.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["sex"] == ("male" if male else "female")]
    return [
        (float(r["from_month"]), float(r["to_month"] or 1e4), float(r["relative_hazard"]))
        for r in rows
    ]


def alive(age: int, male: bool, months: int, share: float, hips: tuple[int, ...] = (0,)) -> float:
    """Return the survival from an age on, month by month of the life table."""
    hazard = 0.0
    for month in range(months):
        last = max((hip for hip in hips if hip <= month), default=None)
        ratio = 1.0
        if last is not None:
            ratio = next(r for a, b, r in relative(male) if a <= month - last < b)
        yearly = -math.log1p(-life_table(male)[age + month // 12])
        hazard += (1 + share * (ratio - 1)) * yearly / 12
    return math.exp(-hazard)


def share_alive(death: np.ndarray, month: float) -> float:
    return float(np.mean(death > month))


def close(found: float, expected: float) -> bool:
    return abs(found - expected) < 4 * math.sqrt(expected * (1 - expected) / N)


@pytest.mark.parametrize(("age", "male"), [(80, False), (72, True)])
@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_survival_after_a_hip_fracture_is_the_life_tables_times_the_relative_hazard(
    age: int, male: bool, share: float
) -> None:
    ages, men = np.full(N, float(age)), np.full(N, float(male))
    everyone = np.arange(N)
    found = months_to_death_with_hips(ages, men, DRAWS, everyone, np.zeros(N), share)
    for months in (2, 6, 12, 60, 180):
        assert close(share_alive(found, months), alive(age, male, months, share))
    assert (found <= months_to_death(ages, men, DRAWS) + 1e-9).all()


def test_the_last_hip_fracture_counts() -> None:
    ages, men = np.full(N, 75.0), np.zeros(N)
    person, month = np.repeat(np.arange(N), 2), np.tile([12.0, 30.0], N)
    found = months_to_death_with_hips(ages, men, DRAWS, person, month, 1.0)
    for months in (12, 30, 33, 48):
        assert close(share_alive(found, months), alive(75, False, months, 1.0, (12, 30)))
    only = months_to_death_with_hips(ages, men, DRAWS, np.array([5]), np.array([12.0]), 1.0)
    untouched = np.arange(N) != 5
    np.testing.assert_array_equal(only[untouched], months_to_death(ages, men, DRAWS)[untouched])


@pytest.mark.parametrize(
    ("male", "published", "room"), [(False, (8, 11, 18, 22), 1.0), (True, (18, 22, 26, 20), 4.5)]
)
def test_excess_deaths_at_eighty_are_those_of_the_meta_analysis(
    male: bool, published: tuple[int, ...], room: float
) -> None:
    """Haentjens 2010, abstract: excess mortality 1, 2, 5 and 10 years after a fracture at 80.

    Its life table was another one (white people of the United States, some ten years earlier), by
    which men of 80 died more often: hence the room.
    """
    for years, excess in zip((1, 2, 5, 10), published, strict=True):
        found = alive(80, male, 12 * years, 0.0) - alive(80, male, 12 * years, 1.0)
        assert 100 * found == pytest.approx(excess, abs=room)


def test_relative_hazards_cover_all_time_and_are_above_one() -> None:
    for periods in hip_mortality().values():
        assert periods[0][0] == 0
        assert math.isinf(periods[-1][1])
        assert all(a[1] == b[0] for a, b in itertools.pairwise(periods))
        assert all(ratio > 1 for *_, ratio in periods)


def entered(last_month: float = 360.0) -> tuple[Entered, Events]:
    """Women of 80 half of whom break a hip in month 6 and a wrist in month 9, if they live."""
    ages, none = np.full(N, 80.0), np.zeros(N)
    death = months_to_death(ages, none, DRAWS)
    person = Person(np.zeros(N, np.int8), np.ones(N), np.minimum(death, last_month))
    month = np.where(death < last_month, death, np.nan)
    who = Entered(person, ages, none, Clocks(0, np.arange(N)), month, DRAWS)
    breaks = np.repeat(np.arange(0, N, 2), 2)
    when = np.tile([6.0, 9.0], N // 2)
    kind = np.tile([KINDS.index("hip"), KINDS.index("other")], N // 2)
    events = Events(breaks, when, kind)
    return who, events.until(person.exit_month)


def test_who_dies_of_a_hip_fracture_has_no_later_events() -> None:
    who, events = entered()
    ended = who.with_hips(events, 1.0)
    left = events.until(ended.person.exit_month)
    others = events.kind == KINDS.index("other")
    assert (left.kind == KINDS.index("other")).sum() < others.sum()
    assert (left.month <= ended.person.exit_month[left.person]).all()
    hurt = np.arange(0, N, 2)
    n = len(hurt)
    found = float(np.mean(ended.person.exit_month[hurt] > 18))
    expected = alive(80, False, 18, 1.0, (6,))
    assert abs(found - expected) < 4 * math.sqrt(expected * (1 - expected) / n)
    np.testing.assert_array_equal(ended.person.exit_month[1::2], who.person.exit_month[1::2])
    dead = np.isfinite(ended.death_month)
    np.testing.assert_array_equal(ended.death_month[dead], ended.person.exit_month[dead])
    assert who.with_hips(events, 0.0) is who
    # Who is not followed so long is not known to have died.
    short, few = entered(last_month=7.0)
    assert np.nanmax(short.with_hips(few, 1.0).death_month) < 7.0


def test_yearly_tables_hold_the_life_table_for_thirty_years(tmp_path: Path) -> None:
    """Of women of 60 and of men of 70: deaths in a year over who begins it, for 30 years."""
    layout, years = Layout(tmp_path), 30
    parts = []
    for arm, age, male in (("women", 60, False), ("men", 70, True)):
        death = months_to_death(np.full(N, float(age)), np.full(N, float(male)), DRAWS)
        last = np.minimum(death, 12.0 * years)
        columns = {
            "arm": pa.array([arm] * N).dictionary_encode(),
            "patient_id": np.arange(N),
            "last_month": pa.array(last, pa.float32()),
            "death_month": pa.array(np.where(death < 12 * years, death, np.nan), pa.float32()),
            "result_code": pa.array(np.zeros(N), pa.int8()),
        }
        parts.append(pa.table(columns))
    pq.write_table(pa.concat_tables(parts).unify_dictionaries(), layout.patients)
    write_yearly(layout, ["women", "men"], 12.0 * years, {}, {"draws": None})
    table = pq.read_table(layout.yearly).to_pandas()
    for arm, age, male in (("women", 60, False), ("men", 70, True)):
        own = table[table["arm"] == arm]
        assert own["year"].tolist() == list(range(1, years + 1))
        died = life_table(male)[age : age + years]
        begin, deaths = own["patients"].to_numpy(), own["deaths"].to_numpy()
        error = np.sqrt(died * (1 - died) / begin)
        assert (np.abs(deaths / begin - died) < 4.5 * error).all()
        assert own["left"].sum() == 0
        np.testing.assert_array_equal(begin[1:], begin[:-1] - deaths[:-1])
        # Who dies in a year of constant hazard h has lived q / h of it on average.
        lived = died / -np.log1p(-died)
        np.testing.assert_allclose(own["person_years"] / begin, lived, atol=4.5 * error.max())


def test_a_study_states_how_much_of_the_excess_it_counts() -> None:
    study = parse_study(
        {
            "name": "own",
            "arms": [{"name": "nothing"}],
            "visits": {"months": [0, 12]},
            "outputs": {"fractures": True, "hip_fracture_mortality": 0.25},
        }
    )
    assert study.outputs.hip_fracture_mortality == 0.25
