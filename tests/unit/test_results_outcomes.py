"""The table of outcomes: complete, without contradictions, and kind to slips."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cohort.errors import BadInput
from cohort.results.outcomes import (
    BY_NAME,
    BY_PUBLISHED,
    FRACTURE_RISK,
    OUTCOMES,
    SITES,
    Outcome,
    outcome,
    visit_columns,
)

PROMISED = """
bmd_lumbar_spine bmd_total_hip bmd_femoral_neck bmd_lumbar_spine_change bmd_total_hip_change
bmd_femoral_neck_change t_score_lumbar_spine t_score_total_hip t_score_femoral_neck ctx p1np bsap
ctx_change p1np_change bsap_change estradiol igf1 pth sclerostin
measured_bmd_lumbar_spine measured_bmd_total_hip_change measured_ctx measured_p1np_change
""".split()


def test_promised_columns_are_written_by_default() -> None:
    assert set(PROMISED) <= set(visit_columns())


def test_columns_without_measurement_error_have_no_measured_version() -> None:
    assert not [c for c in visit_columns(measured=False) if c.startswith("measured_")]


def test_extras_are_written_when_asked_for() -> None:
    assert "osteoclasts" not in visit_columns()
    asked = visit_columns(["osteoclasts", "wnt"])
    assert {"osteoclasts", "wnt"} <= set(asked)
    assert len(asked) == len(set(asked)) == len(visit_columns()) + 2


@pytest.mark.parametrize("row", OUTCOMES, ids=lambda row: row.name)
def test_every_row_is_whole(row: Outcome) -> None:
    assert row.unit
    assert row.description[0].isupper()
    assert not row.description.endswith(".")
    assert row.name == row.name.lower()
    assert (row.unit == "%") == (row.is_change or row.name.startswith(FRACTURE_RISK))
    assert row.site is None or row.name.find(row.site) > 0
    if row.is_change:
        base = BY_NAME[row.base_name]
        assert base.measured == row.measured
        assert row.published is not None


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(OUTCOMES)


@pytest.mark.parametrize("code", SITES)
def test_published_bmd_is_a_change(code: str) -> None:
    assert BY_PUBLISHED["BMD", code].name == f"bmd_{SITES[code]}_change"


@pytest.mark.parametrize("marker", ["CTX", "P1NP", "BSAP"])
def test_published_markers_are_changes(marker: str) -> None:
    assert BY_PUBLISHED[marker, None].name == f"{marker.lower()}_change"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bmd_lumbar_spin", "Did you mean 'bmd_lumbar_spine'"),
        ("measured_ctxx", "Did you mean 'ctx'"),
        ("measured_sclerostin", "no measured version"),
        ("", "unknown outcome"),
    ],
)
def test_unknown_names_are_refused_with_a_suggestion(name: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        outcome(name)


def test_unknown_extra_is_refused() -> None:
    with pytest.raises(BadInput, match="osteoclasts"):
        visit_columns(["osteoclast"])


def test_declarations_and_reader_do_not_import_jax() -> None:
    program = (
        "import sys, cohort.results.reader, cohort.results.schema, cohort.execute.run, "
        "cohort.execute.estimate, cohort.execute.progress; sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
