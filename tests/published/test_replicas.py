"""Replicas of published trials: arms' means and the spread between women, within stated limits."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

import pytest

import cohort
from cohort.analysis.compare import Prediction, errors_by_quantity
from cohort.analysis.replicas import compare_folder
from cohort.api.comparison import Comparison
from cohort.resources import bundled, data_root
from cohort.results.outcomes import SITES
from cohort.results.published import published_of
from cohort.results.reader import Results
from cohort.therapy import load_therapy
from cohort.trial.study import arm_courses, load_study


@pytest.fixture(scope="module")
def freedom(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, float], float]:
    """Predicted minus published change from baseline, by arm, site or marker, and month."""
    folder = tmp_path_factory.mktemp("freedom")
    cohort.run("freedom", out=folder, patients=2000)
    return {
        (p.row.arm, p.row.quantity, p.row.month): p.difference
        for p in compare_folder(folder)
        if p.row.from_baseline and p.row.primary
    }


@pytest.mark.parametrize("month", [12.0, 24.0, 36.0])
@pytest.mark.parametrize("site", ["LS", "TH", "FN"])
def test_freedom_bmd_on_denosumab(freedom: dict, site: str, month: float) -> None:
    assert freedom["denosumab", site, month] == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("month", [1.0, 6.0, 36.0])
def test_freedom_ctx_on_denosumab(freedom: dict, month: float) -> None:
    assert freedom["denosumab", "CTX", month] == pytest.approx(0.0, abs=12.0)


@pytest.mark.parametrize("site", ["LS", "TH"])
def test_freedom_bmd_on_placebo(freedom: dict, site: str) -> None:
    assert freedom["placebo", site, 36.0] == pytest.approx(0.0, abs=1.5)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """Every replica that has rows of the calibration split."""
    fitted = [
        trial
        for trial in bundled("trials")
        if any(row.scored and row.split == "calibration" for row in published_of(trial))
    ]
    return cohort.compare(fitted, patients=512)


@pytest.fixture(scope="module")
def calibrated(comparison: Comparison) -> list[Prediction]:
    """The scored calibration rows of all replicas."""
    return [
        p for p in comparison.predictions if p.kind == "scored" and p.row.split == "calibration"
    ]


@pytest.fixture(scope="module")
def errors(calibrated: list[Prediction]) -> dict[str, float]:
    """Their root mean square error."""
    return {e.group: e.rmse for e in errors_by_quantity(calibrated)}


@pytest.mark.parametrize("site", ["LS", "TH", "FN"])
def test_arms_of_all_replicas(errors: dict[str, float], site: str) -> None:
    assert errors[site] <= 1.2


def gives_hormones(trial: str) -> bool:
    """Whether an arm of the trial is given a hormone, or a drug that moves one."""
    given = {c.therapy for courses in arm_courses(load_study(trial)).values() for c in courses}
    return any(set(load_therapy(name).levels) - {"serm", "calcium_vitamin_d"} for name in given)


def test_hormones_and_men(comparison: Comparison, calibrated: list[Prediction]) -> None:
    """BMD of trials in men, in both sexes, or of a hormone: three sites together."""
    trials = {p.row.trial for p in calibrated}
    meant = {t for t in trials if comparison.participants[t] != "women" or gives_hormones(t)}
    squares = [
        p.difference**2 for p in calibrated if p.row.trial in meant and p.row.endpoint == "BMD"
    ]
    assert len(squares) >= 60
    assert math.sqrt(sum(squares) / len(squares)) <= 1.3


class Spread(NamedTuple):
    """A published standard deviation of the change of BMD between women, percentage points."""

    trial: str
    arm: str
    site: str
    month: float
    sd: float


# Those that print SDs of response beside the means. What digitised bars and standard errors say of
# other trials is fitted and judged with the parameters (`calibration.spread`, docs/validation.md).
PRINTED = ("Brown 2002", "Delmas 2CDM 2-y", "DATA extension (Leder 2013)")


def published_spreads() -> list[Spread]:
    path = data_root() / "variability" / "published_sd.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Spread(row["trial"], row["arm"], row["site"], float(row["month"]), float(row["sd"]))
            for row in csv.DictReader(file)
            if row["study"] in PRINTED and row["site"] in ("LS", "FN")
        ]


SPREADS = published_spreads()


@pytest.fixture(scope="module", params=sorted({spread.trial for spread in SPREADS}))
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """One of the trials that published such standard deviations."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    return cohort.run(request.param, out=folder, patients=2000)


# Spread that is beyond its limit. Slow swings of turnover count for more in teriparatide's wide
# remodeling space than its femoral necks showed; at 12 months and at the spine they do not.
TOO_WIDE = {("data", "teriparatide", "FN", 24.0)}


def test_spread_between_women(trial: Results) -> None:
    """The measured response's SD is within 25 % of every published one but those named above."""
    rows = trial.summary().to_dict("records")
    spreads = {(row["arm"], row["outcome"], row["month"]): row["sd"] for row in rows}
    outside = {}
    for spread in SPREADS:
        if spread.trial == trial.manifest["name"]:
            column = f"measured_bmd_{SITES[spread.site]}_change"
            ratio = float(spreads[spread.arm, column, spread.month]) / spread.sd
            if abs(ratio - 1.0) > 0.25:
                outside[spread] = round(ratio, 2)
    known = {missed for missed in TOO_WIDE if missed[0] == trial.manifest["name"]}
    assert {spread[:4] for spread in outside} == known, outside
