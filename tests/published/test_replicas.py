"""Replicas of published trials: arms' means and the spread between women, within stated limits."""

from __future__ import annotations

import math

import pytest

import cohort
from cohort.analysis.compare import Prediction, errors_by_quantity
from cohort.analysis.replicas import compare_folder
from cohort.api.comparison import recruits
from cohort.api.runs import simulate
from cohort.api.studies import load_study
from cohort.resources import bundled
from cohort.results.published import published_of
from cohort.results.reader import Results
from docs.validation import of_men_or_hormones, printed_spreads

SPREADS = printed_spreads()
PRINTING = sorted({row.trial for row in SPREADS})
FITTED = [
    trial
    for trial in bundled("trials")
    if any(row.scored and row.split == "calibration" for row in published_of(trial))
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Results]:
    """Every replica that has rows of the calibration split or prints a spread."""
    folder, names = tmp_path_factory.mktemp("replicas"), dict.fromkeys([*FITTED, *PRINTING])
    for name in names:
        simulate(load_study(name, patients=2000), folder / name)
    return {name: cohort.open_results(folder / name) for name in names}


@pytest.fixture(scope="module")
def freedom(runs: dict[str, Results]) -> dict[tuple[str, str, float], float]:
    """Predicted minus published change from baseline, by arm, site or marker, and month."""
    return {
        (p.row.arm, p.row.quantity, p.row.month): p.difference
        for p in compare_folder(runs["freedom"].root)
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
def calibrated(runs: dict[str, Results]) -> list[Prediction]:
    """The scored calibration rows of all replicas."""
    every = (p for name in FITTED for p in compare_folder(runs[name].root))
    return [p for p in every if p.kind == "scored" and p.row.split == "calibration"]


@pytest.fixture(scope="module")
def errors(calibrated: list[Prediction]) -> dict[str, float]:
    """Their root mean square error."""
    return {e.group: e.rmse for e in errors_by_quantity(calibrated)}


@pytest.mark.parametrize("site", ["LS", "TH", "FN"])
def test_arms_of_all_replicas(errors: dict[str, float], site: str) -> None:
    assert errors[site] <= 1.2


def test_hormones_and_men(calibrated: list[Prediction]) -> None:
    """BMD of trials in men, in both sexes, or of a hormone: three sites together."""
    participants = {name: recruits(load_study(name)) for name in FITTED}
    meant = of_men_or_hormones({p.row.trial for p in calibrated}, participants)
    squares = [
        p.difference**2 for p in calibrated if p.row.trial in meant and p.row.endpoint == "BMD"
    ]
    assert len(squares) >= 60
    assert math.sqrt(sum(squares) / len(squares)) <= 1.3


# Spread that is beyond its limit. Slow swings of turnover count for more in teriparatide's wide
# remodeling space than its femoral necks showed; at 12 months and at the spine they do not.
TOO_WIDE = {("data", "teriparatide", "FN", 24.0)}


@pytest.mark.parametrize("trial", PRINTING)
def test_spread_between_women(runs: dict[str, Results], trial: str) -> None:
    """The measured response's SD is within 25 % of every published one but those named above."""
    summary = runs[trial].summary().to_dict("records")
    found = {(row["arm"], row["outcome"], row["month"]): row["sd"] for row in summary}
    outside = {}
    for row in (row for row in SPREADS if row.trial == trial):
        ratio = float(found[row.arm, f"measured_{row.column}_change", row.month]) / row.sd
        if abs(ratio - 1.0) > 0.25:
            outside[row.trial, row.arm, row.quantity, row.month] = round(ratio, 2)
    assert set(outside) == {known for known in TOO_WIDE if known[0] == trial}, outside
