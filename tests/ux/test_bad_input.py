"""Every bad input of the table is refused with its sentence, and all problems come at once."""

from __future__ import annotations

import copy
import math
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from bad_input_case import BASE, BadInputCase, arrange
from bad_inputs import BAD_INPUTS

from cohort.errors import BadInput
from cohort.trial.study import arm_courses, load_study, parse_study


@pytest.mark.parametrize("case", BAD_INPUTS, ids=lambda case: case.id)
def test_bad_input_gets_its_sentence(case: BadInputCase, tmp_path: Path) -> None:
    study, overrides = arrange(case, tmp_path)
    with pytest.raises(BadInput) as caught:
        load_study(study, overrides)
    message = str(caught.value)
    assert not [fragment for fragment in case.says if fragment not in message], message
    assert caught.value.exit_code == 2
    for sentence in caught.value.problems:
        assert "\n" not in sentence
        assert sentence.endswith((".", "?"))


def test_table_is_large_and_its_names_differ() -> None:
    assert len(BAD_INPUTS) >= 60
    assert len({case.id for case in BAD_INPUTS}) == len(BAD_INPUTS)


def test_good_study_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(BASE)
    assert load_study(path).patients == 100


@pytest.mark.parametrize(
    ("good", "bad"),
    [("60 mg sc", "60 mL sc"), ('regimen = "60', 'regime = "60'), ("[visits]", "[visit]")],
)
def test_one_mistake_gives_one_problem(good: str, bad: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(BASE.replace(good, bad))
    with pytest.raises(BadInput) as caught:
        load_study(path)
    assert len(caught.value.problems) == 1


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        BASE.replace("60 mg sc", "60 mL skin")
        .replace("patients = 100", "patient = 0")
        .replace("[0, 6, 12, 24]", "[0, 12, 6]")
    )
    with pytest.raises(BadInput) as caught:
        load_study(path, ["engine.max_failed=2", "arms.none.ratio=1"])
    message = str(caught.value)
    for fragment in ("'mL'", "'skin'", "patient:", "month 6 follows 12", "max_failed", "'none'"):
        assert fragment in message


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.toml"
    path.write_text(BASE)

    def refuse(self: Path, *args: object, **kwargs: object) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(BadInput, match=r"own\.toml: cannot be read: Permission denied\."):
        load_study(path)


JUNK = [-1, 1.5, math.nan, math.inf, 10**400, "", "x", "\x00.toml", "1e400 mg daily", [], {}, [{}]]
JUNK += [True, date(2020, 1, 1), [None], {"name": 3}, "~nobody/x.toml"]


def places(value: object, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if here:
        yield here
    inner = value.items() if isinstance(value, dict) else ()
    for key, member in enumerate(value) if isinstance(value, list) else inner:
        yield from places(member, (*here, key))


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk_anywhere_is_told_and_never_a_traceback(junk: object) -> None:
    good = tomllib.loads(BASE)
    refused: list[str] = []
    for place in places(good):
        study = copy.deepcopy(good)
        table: Any = study
        for step in place[:-1]:
            table = table[step]
        table[place[-1]] = junk
        try:
            arm_courses(parse_study(study))
        except BadInput as error:
            refused += error.problems
    assert refused
