"""Fractures of whole replicas: placebo arms, drugs never fitted, and the engine's promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cohort
from cohort.analysis.fractures import INCIDENCE, RATIO, FracturePrediction
from cohort.resources import bundled
from cohort.results.outcomes import visit_columns
from cohort.results.published import published_of
from cohort.trial.study import load_study

FRACTURE_TRIALS = tuple(name for name in bundled("trials") if load_study(name).outputs.fractures)
SHORT = ["visits.months=[0, 12, 24]", "engine.accuracy=draft"]
WORDS = {"arm", "event", "sex"}
COUNTED = ("fracture_vertebral", "fracture_hip", "fracture_nonvertebral")


def test_every_trial_with_published_fractures_asks_for_them() -> None:
    with_rows = {
        name
        for name in bundled("trials")
        if any("fracture" in row.endpoint for row in published_of(name))
    }
    assert with_rows == set(FRACTURE_TRIALS)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> cohort.Results:
    out = tmp_path_factory.mktemp("fractures") / "run"
    return cohort.run("freedom", out=out, patients=2500, config=SHORT)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("block_size", "workers"), [(2048, 2)])
def test_events_do_not_depend_on_blocks_or_workers(
    tmp_path: Path, run: cohort.Results, block_size: int, workers: int
) -> None:
    config = [*SHORT, f"engine.block_size={block_size}"]
    cohort.run("freedom", out=tmp_path / "again", patients=2500, config=config, workers=workers)
    for name in ("events/arm=placebo/part-00000", "visits/arm=denosumab/part-00000", "yearly"):
        one, other = (folder / f"{name}.parquet" for folder in (run.root, tmp_path / "again"))
        assert one.read_bytes() == other.read_bytes()


Table = dict[str, np.ndarray]


def table(path: Path, arm: str | None = None) -> Table:
    """A Parquet file or folder as arrays, of one arm where asked."""
    chosen = None if arm is None else [("arm", "==", arm)]
    read = pq.read_table(path, filters=chosen)
    return {name: read[name].to_numpy() for name in read.column_names if name not in WORDS} | {
        name: read[name].cast(pa.string()).to_numpy() for name in WORDS & set(read.column_names)
    }


def last_visit(visits: Table) -> dict[int, float]:
    """Month of the last visit by person."""
    order = np.argsort(visits["month"], kind="stable")
    return dict(zip(visits["patient_id"][order], visits["month"][order], strict=True))


def test_the_dead_have_no_later_visits(run: cohort.Results) -> None:
    people = table(run.root / "patients.parquet", "placebo")
    dead = np.isfinite(people["death_month"])
    assert dead.sum() > 50
    np.testing.assert_array_equal(people["death_month"][dead], people["last_month"][dead])
    seen = last_visit(table(run.root / "visits" / "arm=placebo"))
    for person, month in zip(people["patient_id"][dead], people["death_month"][dead], strict=True):
        assert seen[person] <= month


def test_death_is_the_same_in_every_arm(run: cohort.Results) -> None:
    one, other = (table(run.root / "patients.parquet", arm) for arm in ("denosumab", "placebo"))
    np.testing.assert_array_equal(one["patient_id"], other["patient_id"])
    np.testing.assert_array_equal(one["death_month"], other["death_month"])


@pytest.mark.parametrize("arm", ["denosumab", "placebo"])
def test_visits_and_events_tell_of_the_same_fractures(run: cohort.Results, arm: str) -> None:
    visits = table(run.root / "visits" / f"arm={arm}")
    events = table(run.root / "events" / f"arm={arm}")
    # A visit counts what happened since the one before; what happens after the last is not seen.
    seen = last_visit(visits)
    found = np.array([seen[person] for person in events["patient_id"]]) >= events["month"]
    kinds, numbers = np.unique(events["event"][found], return_counts=True)
    count = dict(zip(kinds, numbers, strict=True))
    assert visits["fracture_vertebral"].sum() == count["vertebral"]
    assert visits["fracture_hip"].sum() == count["hip"]
    both = count["hip"] + count["other_nonvertebral"]
    assert visits["fracture_nonvertebral"].sum() == both


def test_studies_that_do_not_ask_have_no_columns_of_fractures() -> None:
    assert not set(COUNTED) & set(visit_columns(["fall_rate"]))


@pytest.fixture(scope="module")
def compared() -> tuple[FracturePrediction, ...]:
    return cohort.compare(FRACTURE_TRIALS, patients=512).fractures


@pytest.mark.slow
def test_placebo_arms_of_the_calibration_split(compared: tuple[FracturePrediction, ...]) -> None:
    placebo = {
        (name, arm.name)
        for name in FRACTURE_TRIALS
        for arm in load_study(name).arms
        if arm.role == "control"
    }
    off = {
        p.row.row_id: p.predicted / p.observed - 1.0
        for p in compared
        if p.measure == INCIDENCE
        and p.row.split == "calibration"
        and p.row.endpoint == "vertebral_fracture_incidence"
        and (p.row.trial, p.row.arm) in placebo
    }
    assert len(off) >= 10
    assert {row: error for row, error in off.items() if abs(error) > 0.25} == {}


@pytest.mark.slow
def test_relative_risks_that_were_never_fitted(compared: tuple[FracturePrediction, ...]) -> None:
    own = [p for p in compared if p.measure == RATIO and p.row.split == "validation"]
    known = [p for p in own if p.inside is not None]
    assert len(known) >= 20
    outside = [(p.row.trial, p.row.arm, p.row.endpoint) for p in known if not p.inside]
    assert len(outside) <= 0.2 * len(known), outside
