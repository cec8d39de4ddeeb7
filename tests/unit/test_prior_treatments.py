"""What the members of a population are on already, beside a study's own treatments."""

import pytest

from cohort.errors import BadInput
from cohort.trial.study import arm_courses, parse_study

ON_INHIBITOR = {
    "name": "made_up",
    "population": {"name": "women_on_aromatase_inhibitor"},
    "arms": [{"name": "untreated"}],
    "visits": {"months": [0, 12]},
}


def test_every_arm_goes_on_with_it():
    (course,) = arm_courses(parse_study(ON_INHIBITOR))["untreated"]
    assert course.therapy == "anastrozole"
    assert course.start_day < 0 < 365 < course.end_day


def test_giving_it_once_more_is_refused_as_a_slip():
    treatment = {"therapy": "anastrozole", "regimen": "1 mg oral daily from 0 to 12"}
    again = ON_INHIBITOR | {"arms": [{"name": "again", "treatments": [treatment]}]}
    with pytest.raises(BadInput, match="where the population gives it too") as caught:
        parse_study(again)
    assert len(caught.value.problems) == 1
    meant = {"name": "again", "treatments": [treatment | {"overlap": True}]}
    assert len(arm_courses(parse_study(ON_INHIBITOR | {"arms": [meant]}))["again"]) == 2
