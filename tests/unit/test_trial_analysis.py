"""A results folder analysed as a trial: what is read, and that it is the analysis by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import statsmodels.api as sm
from scipy.stats import norm

import cohort
from cohort.errors import BadInput
from cohort.results.layout import Layout

MONTHS = (0.0, 12.0, 24.0)
ARMS = ("high", "low", "placebo")
RISKS = {"high": 10.0, "low": 10.0, "placebo": 20.0}
EFFECTS = {"high": 6.0, "low": 3.0, "placebo": 0.0}


def write_run(
    root: Path, *, persons: int = 900, design: str = "paired", draws: bool = False
) -> Path:
    """Write a run of a made-up trial: additive effects, measured with error, some leave."""
    rng = np.random.default_rng(8)
    layout = Layout(root)
    level = rng.normal(0.8, 0.1, persons)
    natural = rng.normal(-1.0, 2.0, (persons, 1)) * np.array([0.0, 0.5, 1.0])
    noise = rng.normal(0, 1.0, (persons, 3)) * np.array([0.0, 1.0, 1.0])
    last = np.where(np.arange(persons) % 10 == 3, 15.0, 24.0)
    patients = []
    for number, arm in enumerate(ARMS):
        mine = np.arange(persons) if design == "paired" else np.arange(number, persons, 3)
        true = natural + EFFECTS[arm] * np.array([0.0, 0.6, 1.0])
        here = (np.asarray(MONTHS)[None] <= last[:, None]) & np.isin(np.arange(persons), mine)[
            :, None
        ]
        person, visit = np.nonzero(here)
        columns: dict[str, Any] = {"draw": np.zeros(person.size, np.int32)} if draws else {}
        columns |= {
            "patient_id": person,
            "month": np.asarray(MONTHS)[visit].astype(np.float32),
            "bmd_lumbar_spine_change": true[here].astype(np.float32),
            "measured_bmd_lumbar_spine": (level[:, None] * np.ones(3))[here].astype(np.float32),
            "measured_bmd_lumbar_spine_change": (true + noise)[here].astype(np.float32),
            "fracture_risk_vertebral": np.full(person.size, RISKS[arm], np.float32),
            "fracture_vertebral": (_fractures(arm, persons) & (np.arange(3) > 0))[here].astype(
                np.float32
            ),
        }
        path = layout.visits_part(arm, 0)
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table(columns), path)
        patients.append(
            pd.DataFrame(
                {
                    "patient_id": mine,
                    "arm": arm,
                    "age": 60.0 + mine % 20,
                    "sex": np.where(mine % 2 == 0, "female", "male"),
                    "weight": 1.0,
                    "last_month": last[mine],
                    "result_code": np.where(mine == 7, 2, 0).astype(np.int8),
                }
            )
        )
    pq.write_table(pa.Table.from_pandas(pd.concat(patients), preserve_index=False), layout.patients)
    study = {"arms": [{"name": a, "role": "control" if a == "placebo" else "active"} for a in ARMS]}
    study |= {"measurement": {"dxa_cv": {"lumbar_spine": 0.01}}}
    manifest = {"name": "made_up", "design": design, "arms": list(ARMS), "ratios": [1, 1, 1]}
    manifest |= {"months": list(MONTHS), "study": study, "hash": "abc", "status": "done"}
    layout.manifest.write_text(json.dumps(manifest))
    return root


def _fractures(arm: str, persons: int) -> np.ndarray:
    """At month 12: every fifth person on placebo, every tenth on a drug."""
    every = 5 if arm == "placebo" else 10
    return (np.arange(persons)[:, None] % every == 0) & (np.arange(3) == 1)


Rows = list[dict[str, Any]]
PRIMARY = {"analysis": "ancova", "missing": "observed", "set": "full analysis"}


def rows(root: Path, **options: Any) -> Rows:
    return cohort.analyse(root, **options).table.to_pylist()


def row(found: Rows, **keys: str) -> dict[str, Any]:
    """The one row of everybody with these values."""
    wanted = {"subgroup": None} | keys
    kept = [r for r in found if all(r[name] == value for name, value in wanted.items())]
    assert len(kept) == 1
    return kept[0]


def test_ancova_of_a_randomised_run_is_ordinary_least_squares(tmp_path: Path) -> None:
    root = write_run(tmp_path / "run", design="randomised")
    found = rows(root)
    visits = pq.read_table(root / "visits").to_pylist()
    start = {v["patient_id"]: v["measured_bmd_lumbar_spine"] for v in visits if v["month"] == 0}
    end = [v for v in visits if v["month"] == 24 and v["patient_id"] != 7]
    y = np.array([v["measured_bmd_lumbar_spine_change"] for v in end])
    x = np.array([[v["arm"] == "high", v["arm"] == "low", start[v["patient_id"]]] for v in end])
    fit = sm.OLS(y, sm.add_constant(x.astype(float))).fit()
    for number, name in enumerate(("high", "low"), start=1):
        line = row(found, comparison=f"{name} - placebo", **PRIMARY)
        assert line["estimate"] == pytest.approx(fit.params[number], rel=1e-5)
        assert line["se"] == pytest.approx(fit.bse[number], rel=1e-5)
        assert line["estimand"] == "hypothetical"
        # Arms of different people: the true means differ by chance too, SD 2 in 270 each.
        assert line["true_effect"] == pytest.approx(EFFECTS[name], abs=4 * 2 * np.sqrt(2 / 270))
        assert row(found, comparison=f"{name} - placebo", analysis="mmrm")["n"] > line["n"]


def test_a_paired_run_is_a_trial_of_each_person_once(tmp_path: Path) -> None:
    root = write_run(tmp_path / "run")
    found = rows(root, subgroups={"age": (70.0,), "sex": ()}, out=tmp_path / "out")
    line = row(found, comparison="high - placebo", **PRIMARY)
    # 899 persons in three arms, nine in ten of them seen to the end.
    assert line["n"] == pytest.approx(899 * 2 / 3 * 0.9, abs=20)
    assert line["true_effect"] == pytest.approx(6.0, abs=1e-5)
    assert line["estimate"] == pytest.approx(6.0, abs=4 * line["se"])
    parts = [r for r in found if r["subgroup"] is not None]
    words = {"age: below 70", "age: 70 and above", "sex: female", "sex: male"}
    assert {r["subgroup"] for r in parts} == words
    assert {r["comparison"] for r in parts} == {"high - placebo", "low - placebo"}
    again = pq.read_table(tmp_path / "out" / "analysis.parquet")
    assert again.to_pylist() == found
    assert all(field.metadata[b"description"] for field in again.schema)
    other = row(rows(root, seed=1), comparison="high - placebo", **PRIMARY)
    assert other["estimate"] != line["estimate"]


def test_estimands_say_what_becomes_of_those_who_left(tmp_path: Path) -> None:
    found = [r for r in rows(write_run(tmp_path / "run")) if r["comparison"] == "high - placebo"]
    by = {r["missing"]: r["estimate"] for r in found if r["analysis"] == "ancova"}
    # A tenth leaves after month 12, where 0.6 of the effect is reached.
    assert by["carried_forward"] == pytest.approx(0.9 * 6.0 + 0.1 * 3.6, abs=0.8)
    assert by["carried_forward"] < by["observed"]
    assert by["copy_reference"] < by["imputed"]
    assert {r["estimand"] for r in found} == {
        *("hypothetical", "treatment_policy"),
        *("while_on_treatment", "composite"),
    }
    # A change has to exceed 2.77 times the precision error of 1 %.
    notes = {r["note"] for r in found if r["analysis"] == "responders"}
    assert notes == {"response: 2.77 or beyond"}


def test_non_inferiority_within_a_margin(tmp_path: Path) -> None:
    root = write_run(tmp_path / "run")
    wide, narrow = (
        row(rows(root, comparisons=[("low", "high")], non_inferiority=margin), **PRIMARY)
        for margin in (4.5, 2.0)
    )
    # The true difference is -3.
    assert wide["p_value"] < 0.025
    assert narrow["p_value"] > 0.5


def test_fractures_are_analysed_as_time_to_event(tmp_path: Path) -> None:
    root = write_run(tmp_path / "run", design="randomised")
    found = {
        r["analysis"]: r
        for r in rows(root, outcome="fracture_vertebral")
        if r["comparison"] == "high - placebo"
    }
    events: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for visit in pq.read_table(root / "visits").to_pylist():
        if visit["month"] == 12 and visit["patient_id"] != 7:
            events[visit["arm"]].append(visit["fracture_vertebral"])
    high, placebo = (float(np.mean(events[arm])) for arm in ("high", "placebo"))
    # Nobody leaves before month 12, so that Kaplan-Meier is a proportion.
    assert found["risk, treated"]["estimate"] == pytest.approx(high)
    assert found["absolute risk reduction"]["estimate"] == pytest.approx(placebo - high)
    assert found["number needed to treat"]["estimate"] == pytest.approx(1 / (placebo - high))
    assert found["relative risk"]["estimate"] == pytest.approx(high / placebo)
    # True risks are those that the run was given, 10 and 20 %.
    assert found["absolute risk reduction"]["true_effect"] == pytest.approx(0.1)
    assert found["relative risk"]["true_effect"] == pytest.approx(0.5)
    assert found["number needed to treat"]["true_effect"] == pytest.approx(10.0)
    ratio = found["cox"]
    assert ratio["ci_low"] < ratio["estimate"] < ratio["ci_high"]
    # All events at one time: the log-rank test is that of a two-by-two table.
    assert found["log_rank"]["p_value"] == pytest.approx(ratio["p_value"], abs=0.02)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"outcome": "bmd_lumbar_spine_chang"}, ["Did you mean 'bmd_lumbar_spine_change'?"]),
        ({"outcome": "ctx_change"}, ["no column 'measured_ctx_change'"]),
        ({"month": 13.0}, ["--month is 13", "visits at 12, 24"]),
        ({"covariates": ("baseline", "agee")}, ["--covariate is 'agee'", "Did you mean 'age'?"]),
        ({"comparisons": [("hig", "placebo")]}, ["no arm 'hig'", "Did you mean 'high'?"]),
        (
            {"subgroups": {"agee": ()}, "alpha": 0.7, "multiplicity": "holmes", "month": 1.0},
            ["--subgroup names 'agee'", "--alpha is 0.7", "Did you mean 'holm'?", "--month is 1"],
        ),
        ({"non_inferiority": 0.0}, ["the margin must be above 0"]),
    ],
)
def test_bad_requests_get_their_sentences(
    options: Mapping[str, Any], says: Sequence[str], tmp_path: Path
) -> None:
    root = write_run(tmp_path / "run", persons=60)
    with pytest.raises(BadInput) as caught:
        cohort.analyse(root, **options)
    text = "\n".join(caught.value.problems)
    assert not [words for words in says if words not in text], text


def test_draws_of_parameters_are_many_trials(tmp_path: Path) -> None:
    root = write_run(tmp_path / "run", persons=60, draws=True)
    with pytest.raises(BadInput, match="many trials, not one"):
        cohort.analyse(root)


def test_interim_looks_are_the_analyses_of_who_came_first(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", design="parallel")
    found = cohort.analyse(
        run, comparisons=[("high", "placebo")], looks=(0.1, 0.5, 1.0), boundary="pocock"
    )
    assert found.looks is not None
    rows = found.looks.to_pylist()
    # Pocock 1977 at equal spacing is 2.289; Z here by hand from the first tenth of participants.
    visits = pd.read_parquet(run / "visits")
    end = visits[visits["month"] == 24].set_index("patient_id")
    base = visits[visits["month"] == 0].set_index("patient_id")["measured_bmd_lumbar_spine"]
    first = end[(end.index <= 90) & (end.index != 7)]  # 90 of 899: who failed is not there
    y = np.asarray(first["measured_bmd_lumbar_spine_change"])
    x = np.column_stack([first["arm"] == "high", first["arm"] == "low", base[first.index]])
    ols = sm.OLS(y, sm.add_constant(x.astype(float))).fit()
    assert rows[0]["estimate"] == pytest.approx(ols.params[1], rel=1e-5)
    assert rows[0]["se"] == pytest.approx(ols.bse[1], rel=1e-5)
    assert norm.sf(rows[0]["z"]) == pytest.approx(ols.pvalues[1] / 2, rel=1e-4)
    assert rows[0]["decision"] == "shown"
    assert [row["decision"] for row in rows[1:]] == ["has stopped"] * 2
    harm = cohort.analyse(
        run,
        comparisons=[("high", "placebo")],
        looks=(0.5, 1.0),
        futility="conditional_power",
        higher_is_better=False,
        out=tmp_path / "out",
    )
    kept = pq.read_table(tmp_path / "out" / "looks.parquet").to_pylist()
    assert harm.looks is not None
    assert kept == harm.looks.to_pylist()
    assert [row["decision"] for row in kept] == ["stops for futility", "has stopped"]
    assert json.loads((tmp_path / "out" / "schema.json").read_text()).keys() == {
        *("analysis", "looks")
    }


def test_looks_that_cannot_be(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", persons=60)
    with pytest.raises(BadInput) as caught:
        cohort.analyse(run, looks=(0.5, 0.4), boundary="pocok", futility="none")
    assert len(caught.value.problems) == 2
    assert "Did you mean 'pocock'?" in str(caught.value)
    with pytest.raises(BadInput, match="needs interim looks"):
        cohort.analyse(run, futility="conditional_power")
