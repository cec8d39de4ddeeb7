"""`import cohort`: quick, complete, and the same functions that the commands call."""

from __future__ import annotations

import ast
import doctest
import json
import subprocess
import sys
from pathlib import Path

import pytest

import cohort
from cohort.api import comparison, populations, runs, studies
from cohort.errors import BadInput

SOURCE = Path(cohort.__file__).read_text(encoding="utf-8")


def declared_for_types() -> set[str]:
    """Names that type checkers see, from the block that never runs."""
    block = next(n for n in ast.parse(SOURCE).body if isinstance(n, ast.If))
    names = [a for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names]
    return {a.asname or a.name for a in names}


def test_every_public_name_is_there_for_readers_and_type_checkers() -> None:
    assert set(cohort.__all__) == declared_for_types() == set(dir(cohort))
    for name in cohort.__all__:
        assert getattr(cohort, name).__doc__, name


def test_unknown_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rnu'"):
        cohort.rnu  # noqa: B018 - to look it up is the test


@pytest.mark.parametrize("name", ["cohort", "cohort.run", "cohort.load_study", "cohort.compare"])
def test_looking_a_function_up_loads_no_jax(name: str) -> None:
    script = f"import cohort, json, sys; {name}; print(json.dumps('jax' in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) is False


@pytest.mark.parametrize("module", [cohort, comparison, populations, runs, studies])
def test_examples_run(module) -> None:
    assert doctest.testmod(module).failed == 0


def test_a_study_comes_from_a_name_a_table_or_a_study() -> None:
    named = cohort.load_study("freedom", patients=10)
    again = cohort.load_study(named, seed=3, config=["visits.months=[0, 12]"])
    assert (again.seed, again.patients, again.visits.months) == (3, 10, (0.0, 12.0))
    table = {"name": "own", "arms": [{"name": "one"}], "visits": {"months": [0, 12]}}
    assert cohort.load_study(table, patients=7).patients == 7
    assert cohort.load_study(named) is named


def test_problems_of_study_and_options_come_together() -> None:
    with pytest.raises(BadInput) as caught:
        cohort.load_study("freedom", patients=0, config=["dropout.annual_rate=2"])
    assert len(caught.value.problems) == 2


def test_population_refuses_numbers_that_cannot_be() -> None:
    with pytest.raises(BadInput) as caught:
        cohort.population("premenopausal", patients=0, seed=-1)
    assert len(caught.value.problems) == 2
