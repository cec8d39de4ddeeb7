"""Sentences: the doses they stand for follow from the calendar alone."""

from __future__ import annotations

import pytest

from cohort.errors import BadInput
from cohort.therapy import load_therapy, therapies
from cohort.trial.regimen import DoseCourse, parse_sentence

MONTH = 30.4375
DENOSUMAB = load_therapy("denosumab")


def course(sentence: str, therapy: str = "denosumab") -> DoseCourse:
    return parse_sentence(sentence, load_therapy(therapy), until_day=36 * MONTH)


@pytest.mark.parametrize(
    ("sentence", "route", "amount", "start", "interval", "doses"),
    [
        ("60 mg sc every 6 months from 0 to 36", "sc", 60, 0, 6 * MONTH, 6),
        ("60 MG SC EVERY 6 MONTHS FROM 0 TO 36", "sc", 60, 0, 6 * MONTH, 6),
        ("60mg every 6 months", "sc", 60, 0, 6 * MONTH, 6),
        ("60 mg subcutaneous every 6 months x 3", "sc", 60, 0, 6 * MONTH, 3),
        ("60 mg sc every 6 months x 3 doses from 12", "sc", 60, 12 * MONTH, 6 * MONTH, 3),
        ("0.06 g intravenously monthly to 12", "iv", 60, 0, MONTH, 12),
        ("60 mg every other week from 0 to 1", "sc", 60, 0, 14, 3),
        ("60 mg once", "sc", 60, 0, 0, 1),
        ("60 mg sc once from 12", "sc", 60, 12 * MONTH, 0, 1),
        ("60 mg sc yearly from -36 to 0", "sc", 60, -36 * MONTH, 365.25, 3),
        ("60 mg sc daily from 2 weeks to 12 months", "sc", 60, 14, 1, 352),
        ("60 mg sc weekly for 10 weeks", "sc", 60, 0, 7, 10),
        ("60 mg sc once a week for 2 weeks", "sc", 60, 0, 7, 2),
        ("60 mg sc twice daily for 10 days", "sc", 60, 0, 0.5, 20),
        ("60 mg sc 3 times a week for 4 weeks", "sc", 60, 0, 7 / 3, 12),
        ("60 mg sc every 36 hours x 2", "sc", 60, 0, 1.5, 2),
        ("60 mg sc every month until 3", "sc", 60, 0, MONTH, 3),
    ],
)
def test_sentence_gives_its_doses(
    sentence: str, route: str, amount: float, start: float, interval: float, doses: int
) -> None:
    found = course(sentence)
    assert (found.therapy, found.route, found.doses) == ("denosumab", route, doses)
    assert (found.amount, found.start_day) == (amount, start)
    assert found.interval_days == pytest.approx(interval, rel=1e-14)


def test_doses_lie_strictly_before_the_end() -> None:
    days = course("60 mg sc every 6 months from 0 to 24").days
    assert days == tuple(pytest.approx(month * MONTH) for month in (0, 6, 12, 18))
    assert course("60 mg sc every 6 months from 0 to 24.1").doses == 5


def test_micrograms_in_every_spelling() -> None:
    spelt = {course(f"20 {unit} sc daily", "teriparatide") for unit in ("ug", "mcg", "µg", "UG")}
    assert len(spelt) == 1
    assert course("20 ug sc daily", "teriparatide") == course("0.02 mg sc daily", "teriparatide")


def test_route_in_two_words() -> None:
    assert course("70 mg by mouth weekly", "alendronate").route == "oral"
    assert course("70 mg po weekly", "alendronate").route == "oral"


def test_end_is_asked_for_where_none_is_known() -> None:
    with pytest.raises(BadInput, match="the end is missing"):
        parse_sentence("60 mg sc every 6 months", DENOSUMAB)
    assert parse_sentence("60 mg sc once", DENOSUMAB).doses == 1


def test_all_problems_of_a_sentence_come_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        course("-1 mL oral evry 6 months from nan")
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "denosumab",
        "60 mg",
        "60 mg sc sc daily",
        "60 mg sc daily from 0 from 3",
        "60 mg sc daily for 3 to 3",
        "60 mg sc once x 3",
        "60 mg sc 0 times a week",
        "60 mg sc every 6 months x 1.5",
        "60 mg sc daily from",
        "60 mg sc daily at noon",
    ],
)
def test_sentence_that_cannot_be_read_is_refused(sentence: str) -> None:
    with pytest.raises(BadInput):
        course(sentence)


@pytest.mark.parametrize("name", therapies())
def test_labelled_regimens_can_be_read(name: str) -> None:
    for regimen in therapies()[name].regimens:
        found = course(regimen.sentence, name)
        assert found.amount > 0
        assert found.doses >= 1
