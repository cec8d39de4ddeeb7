"""Who is in which arm of a randomised run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from cohort.errors import BadInput
from cohort.execute.assignment import assigned
from cohort.execute.spec import RunSpec
from cohort.results.layout import PART
from cohort.trial.study import parse_study, resolved

SLOTS = np.arange(3000)


def study_table(**randomisation: Any) -> dict[str, Any]:
    return {
        "name": "assigned",
        "design": "randomised",
        "population": {"name": "adults"},
        "randomisation": randomisation,
        "arms": [{"name": "drug", "ratio": 2}, {"name": "control", "role": "control"}],
        "visits": {"months": [0.0, 12.0]},
    }


def arms(seed: int = 1, slots: np.ndarray = SLOTS, **randomisation: Any) -> np.ndarray:
    study = resolved(parse_study(study_table(**randomisation)))
    return assigned(study, seed, (2, 1), slots)


def spec_of(persons: int, **changes: Any) -> RunSpec:
    study = parse_study({**study_table(), "patients": persons, **changes})
    return RunSpec.from_study(study, parameter_set="x", parameter_hash="x", version="0")


def test_a_study_that_does_not_say_how_fills_its_arms_in_turn() -> None:
    found = assigned({}, 0, (2, 1), np.arange(7))
    assert found.tolist() == [0, 0, 1, 0, 0, 1, 0]


def test_every_block_holds_each_arm_by_its_ratio_in_random_order() -> None:
    blocks = arms(block=2).reshape(-1, 6)
    assert (np.sum(blocks == 1, axis=1) == 2).all()
    orders = np.unique(blocks, axis=0, return_counts=True)[1]
    assert len(orders) == 15  # all of 6 over 2
    assert stats.chisquare(orders).pvalue > 1e-3
    assert (arms(block=2, seed=2) != arms(block=2)).any()


def test_simple_randomisation_has_the_ratio_in_the_mean() -> None:
    control = int(np.sum(arms(method="simple") == 1))
    assert stats.binomtest(control, SLOTS.size, 1 / 3).pvalue > 1e-3


def test_arms_are_balanced_within_strata_known_at_enrolment() -> None:
    """Men and women, younger and older: what is left of a last block is the only imbalance."""
    from cohort.patients.variability import load_variability
    from cohort.solve.enrolment import Enrolment

    strata = [{"variable": "sex"}, {"variable": "age", "cuts": [50.0]}]
    found = arms(block=1, strata=strata)
    study = parse_study(study_table(strata=strata))
    drawn = Enrolment(study, load_variability()).sample(SLOTS).covariates
    groups = 2 * np.asarray(drawn["male"]).astype(int) + (np.asarray(drawn["age"]) >= 50)
    for group in range(4):
        own = found[groups == group]
        assert own.size > 100
        whole = own[: own.size // 3 * 3].reshape(-1, 3)
        assert (np.sum(whole == 1, axis=1) == 1).all()


def test_parts_and_draws_leave_a_person_in_her_arm() -> None:
    spec = spec_of(PART)  # three parts, since the ratio adds up to 3
    by_part = [dict(spec.groups(part)) for part in range(3)]
    for groups in by_part:  # the last block of a part may be cut short
        assert abs(groups["drug",].size - 2 * groups["control",].size) <= 6
    under_draws = RunSpec(**{**vars(spec), "draws": 2})
    for part, groups in enumerate(by_part):
        for arm, slots in under_draws.groups(part + 3):
            np.testing.assert_array_equal(slots, groups[arm])


def test_an_arm_without_anybody_is_told() -> None:
    simple = {"randomisation": {"method": "simple"}}
    specs = [spec_of(1, seed=seed, **simple) for seed in range(40)]
    refused = []
    for spec in specs:
        try:
            spec.groups(0)
        except BadInput as error:
            refused.append(str(error))
    # All three in one arm: (2/3)^3 + (1/3)^3 of the trials.
    assert stats.binomtest(len(refused), 40, 1 / 3).pvalue > 1e-3
    assert all("leaves nobody in" in text for text in refused)


@pytest.mark.parametrize(
    ("randomisation", "says"),
    [
        ({"strata": [{"variable": "ctx", "cuts": [1.0]}]}, "randomisation.strata.0.variable: "),
        (
            {"strata": [{"variable": "age"}]},
            "randomisation.strata.0.cuts: found []; allow",
        ),
        (
            {"method": "simple", "strata": [{"variable": "sex"}]},
            "randomisation.strata: strata",
        ),
        ({"blocks": 2}, "randomisation.blocks: the key is unknown"),
    ],
)
def test_what_cannot_be_stratified_is_told(randomisation: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_study(study_table(**randomisation))
    assert says in str(caught.value)
    assert len(caught.value.problems) == 1
