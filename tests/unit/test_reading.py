"""Rows out of the outputs of arms: changes, differences, ratios, means and medians, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published_rows import row

from calibration.groups import COLUMNS
from calibration.reading import Reading, flat, mean_rows, published_rows, read_rows
from cohort.analysis.compare import ArmFacts
from cohort.results.published import PublishedRow

if TYPE_CHECKING:
    from calibration.groups import Group

PERSONS = 5
MONTHS = {"drug": (0.0, 6.0, 12.0), "placebo": (0.0, 6.0, 12.0), "other": (0.0, 3.0)}
ARMS = {"trial": ("drug", "placebo"), "second": ("other",)}


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def outputs() -> dict[str, jax.Array]:
    """Skewed numbers of three arms at three visits, `(arm, visit, patient)` each."""
    rng = np.random.default_rng(4)
    shape = (3, 3, PERSONS)
    return {column: jnp.asarray(np.exp(rng.normal(0.0, 0.5, shape))) for column in COLUMNS}


def reading(*rows: PublishedRow) -> Reading:
    lanes = [
        SimpleNamespace(trial=trial, arm=arm, months=MONTHS[arm])
        for trial, arms in ARMS.items()
        for arm in arms
    ]
    group = cast("Group", SimpleNamespace(lanes=lanes, visits=3))
    facts = {
        trial: {a: ArmFacts(a, a, "control" if a == "placebo" else "active", ()) for a in arms}
        for trial, arms in ARMS.items()
    }
    return read_rows(rows, facts, group)


def change(outputs: dict[str, jax.Array], column: str, arm: int, visit: int, since: int = 0):
    """Return the percent changes of an arm's persons, `(patient,)`."""
    series = np.asarray(outputs[column])[arm]
    return 100.0 * (series[visit] / series[since] - 1.0)


def test_a_mean_is_that_of_the_persons_changes(outputs):
    found = published_rows(flat(outputs), reading(row(month=12.0)))
    assert found == pytest.approx([change(outputs, "bmd_lumbar_spine", 0, 2).mean()])


def test_a_median_is_that_of_whole_cohorts_and_a_mean_of_a_few(outputs):
    rows = reading(row(endpoint="CTX", site="serum", month=6.0, statistic="median"))
    persons = change(outputs, "ctx", 0, 1)
    assert published_rows(flat(outputs), rows) == pytest.approx([np.median(persons)])
    assert mean_rows(flat(outputs), rows) == pytest.approx([persons.mean()])
    assert abs(np.median(persons) - persons.mean()) > 1.0


def test_against_placebo_bone_density_is_a_difference(outputs):
    found = published_rows(flat(outputs), reading(row(site="TH", versus="placebo")))
    own, other = (change(outputs, "bmd_total_hip", arm, 2).mean() for arm in (0, 1))
    assert found == pytest.approx([own - other])


def test_against_placebo_a_marker_is_a_ratio(outputs):
    marker = {"endpoint": "P1NP", "site": "serum", "versus": "placebo"}
    found = published_rows(flat(outputs), reading(row(**marker), row(**marker, statistic="median")))
    for statistic, one in zip((np.mean, np.median), found, strict=True):
        own, other = (statistic(change(outputs, "p1np", arm, 2)) for arm in (0, 1))
        assert one == pytest.approx(100.0 * ((1 + own / 100) / (1 + other / 100) - 1))


def test_a_later_month_is_the_origin_where_the_row_says_so(outputs):
    found = published_rows(flat(outputs), reading(row(site="FN", month=12.0, versus="month 6")))
    assert found == pytest.approx([change(outputs, "bmd_femoral_neck", 0, 2, since=1).mean()])


def test_an_arm_may_be_compared_with_any_other(outputs):
    found = published_rows(flat(outputs), reading(row(arm="placebo", versus="active:drug")))
    own, other = (change(outputs, "bmd_lumbar_spine", arm, 2).mean() for arm in (1, 0))
    assert found == pytest.approx([own - other])


def test_only_rows_of_the_groups_arms_are_answered(outputs):
    rows = reading(
        row(trial="elsewhere"),
        row(trial="second", arm="other", month=3.0),
        row(trial="second", arm="drug"),
        row(month=6.0),
    )
    assert rows.rows.tolist() == [1, 3]
    expected = [change(outputs, "bmd_lumbar_spine", arm, 1).mean() for arm in (2, 0)]
    assert published_rows(flat(outputs), rows) == pytest.approx(expected)


def test_the_visit_is_the_nearest_and_near():
    assert np.array_equal(reading(row(month=6.4)).visit, reading(row(month=6.0)).visit)
    with pytest.raises(ValueError, match="no visit near month 9"):
        reading(row(month=9.0))


def test_an_unknown_arm_is_named():
    with pytest.raises(ValueError, match="active:nobody"):
        reading(row(versus="active:nobody"))
