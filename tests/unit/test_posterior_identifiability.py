"""What the data know, on problems small enough to work out by hand."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
from linear_objective import LinearObjective, as_objective, example, linear

from calibration.posterior.identifiability import Identifiability, identify
from calibration.posterior.laplace import approximate


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def tables(known: LinearObjective) -> Identifiability:
    return identify(as_objective(known), approximate(as_objective(known), known.mean))


def rows(table: pd.DataFrame, key: str, and_key: str | None = None) -> dict[Any, dict[str, Any]]:
    """The table's rows by one column or two."""
    found = table.to_dict("records")
    return {(row[key], row[and_key]) if and_key else row[key]: row for row in found}


def test_a_sum_that_is_measured_leaves_the_difference_at_its_prior():
    found = tables(linear([[1, 1], [1, 1]], [1.0, 2.0], ["one", "two"], error=0.5))
    directions = rows(found.directions, "direction", "parameter")
    half = np.sqrt(0.5)
    # Two rows of error 0.5: information 2 * 2 / 0.25 along (1, 1) / sqrt(2).
    for name in "ab":
        assert directions[0, name]["information"] == pytest.approx(16.0)
        assert directions[0, name]["data_share"] == pytest.approx(16 / 17)
        assert directions[0, name]["weight"] == pytest.approx(half)
        assert directions[1, name]["information"] == pytest.approx(0.0, abs=1e-12)
        assert abs(directions[1, name]["weight"]) == pytest.approx(half)
    assert directions[1, "a"]["weight"] == pytest.approx(-directions[1, "b"]["weight"])
    # Variances 1/2 (1/17 + 1), covariance 1/2 (1/17 - 1).
    pair = found.pairs.to_dict("records")[0]
    assert (pair["first"], pair["second"]) == ("a", "b")
    assert pair["correlation"] == pytest.approx(-16 / 18)


def test_a_direction_lists_the_parameters_that_make_it_up():
    # Information along (3, 0, 4) / 5 only: squared weights 0.64 and 0.36.
    found = tables(linear([[3, 0, 4]], [0.0], ["one"]))
    best = [row for row in found.directions.to_dict("records") if row["direction"] == 0]
    assert [(row["rank"], row["parameter"]) for row in best] == [(0, "c"), (1, "a")]
    assert [row["weight"] for row in best] == pytest.approx([0.8, 0.6])
    assert best[0]["information"] == pytest.approx(25.0)


def test_a_parameter_without_data_is_left_at_its_prior():
    found = tables(linear([[1, 0]], [3.0], ["one"], error=0.5, centre=1.0, sd=2.0))
    known, left = (rows(found.parameters, "parameter")[name] for name in "ab")
    assert (left["evidence"], left["informed"]) == ("prior", False)
    assert left["sd_ratio"] == pytest.approx(1.0)
    assert left["shift"] == pytest.approx(0.0)
    # Precision 4 of the row against 1/4 of the prior: (3 * 4 + 1 / 4) / 4.25.
    assert (known["evidence"], known["informed"]) == ("data", True)
    assert known["posterior_sd"] == pytest.approx(4.25**-0.5)
    assert known["shift"] == pytest.approx((12.25 / 4.25 - 1.0) / 2.0)
    assert known["value"] == pytest.approx(np.exp(12.25 / 4.25))
    assert known["prior"] == pytest.approx(np.e)
    assert set(found.trials["parameter"]) == {"a"}


@pytest.mark.parametrize(
    ("information", "evidence"),
    [(1.05, "data"), (0.95, "partly"), (0.12, "partly"), (0.1, "prior")],
)
def test_the_variance_that_is_gone_says_how_well_a_parameter_is_known(information, evidence):
    # Information i against 1 of the prior takes i / (1 + i) off the variance.
    known = linear([[1]], [0.0], ["one"], error=information**-0.5)
    found = tables(known).parameters.to_dict("records")[0]
    assert (found["evidence"], found["informed"]) == (evidence, evidence != "prior")


def test_shares_of_trials_with_offsets():
    # n rows of one trial know n / (error^2 + n offset^2): 2 / (1 + 2 / 4) and 1 / (1 + 1 / 4).
    known = linear([[1], [1], [1]], [0, 0, 0], ["one", "one", "two"], offset=0.5)
    found = rows(tables(known).trials, "trial")
    one, two = 2 / 1.5, 1 / 1.25
    assert found["one"]["share"] == pytest.approx(one / (one + two))
    assert found["two"]["share"] == pytest.approx(two / (one + two))
    assert found["one"]["sd_without"] == pytest.approx((1 + two) ** -0.5)
    assert found["one"]["sd_ratio"] == pytest.approx(((1 + one + two) / (1 + two)) ** 0.5)


def test_a_trial_that_unlocks_another_has_its_share():
    # Trial one sees a (precision 4), trial two a + b (precision 1).
    known = linear([[2, 0], [1, 1]], [0, 0], ["one", "two"])
    found = rows(tables(known).trials, "parameter", "trial")
    # Of a: 1 + 4 + 1/2 with both, less 4 without one, less 1/2 without two.
    assert found["a", "one"]["share"] == pytest.approx(4 / 4.5)
    assert found["a", "two"]["share"] == pytest.approx(0.5 / 4.5)
    # Of b: 1 + 1 - 1/6 with both, 1 + 1 - 1/2 without one, 1 without two.
    one, two = 1 / 2 - 1 / 6, 1 - 1 / 6
    assert found["b", "one"]["share"] == pytest.approx(one / (one + two))
    assert found["b", "two"]["share"] == pytest.approx(two / (one + two))


def test_shares_sum_to_one_over_trials():
    found = tables(example()).trials.to_dict("records")
    for name in "abc":
        own = [row["share"] for row in found if row["parameter"] == name]
        assert len(own) == 3
        assert sum(own) == pytest.approx(1.0)
        assert min(own) >= 0
    assert min(row["sd_ratio"] for row in found) >= 1


def test_tables_can_be_written_as_parquet(tmp_path):
    for name, table in vars(tables(example())).items():
        table.to_parquet(tmp_path / name)
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / name), table)
