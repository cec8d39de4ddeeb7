"""Levels of hormones under therapy, as ratio to baseline, within 20 % of what trials measured."""

from __future__ import annotations

from pathlib import Path

import pytest

import cohort
from cohort.results.published import PublishedRow, published_of

LIMIT = 20.0  # percent
TRIALS = (
    "leder2005",
    "burnett_bowie2009",
    "snyder1999",
    "murphy1999",
    "murphy2001",
    "teichman2006",
    "ionescu2006",
    "ultra",
)
# Trial -> why its level cannot be met. Only for trials that contradict each other.
CONTRADICTED = {
    "ionescu2006": "1.45-fold; Teichman 2006, which is followed, measured 1.5 to 3 on this dose",
    "ultra": (
        "14 ug a day added 3.8 pg/mL by mass spectrometry; Scott 1991 measured 41 pg/mL by "
        "immunoassay under 50 ug a day, of which 14 ug are at least 7 in linear kinetics"
    ),
}


def levels() -> list:
    """Every level that these trials published after baseline, as parameters of a test."""
    found = []
    for trial in TRIALS:
        for row in published_of(trial):
            if row.is_level and row.month > 0:
                words = CONTRADICTED.get(trial)
                marks = [pytest.mark.xfail(strict=True, reason=words)] if words else []
                name = f"{trial}-{row.arm}-{row.endpoint}-{row.month:g}"
                found.append(pytest.param(row, id=name, marks=marks))
    return found


@pytest.fixture(scope="module")
def off() -> dict[tuple[str, str], float]:
    """Predicted over published ratio minus 1, percent, by trial and row."""
    return {
        (p.row.trial, p.row.row_id): p.difference
        for p in cohort.compare(TRIALS, patients=256).hormones
    }


@pytest.mark.parametrize("row", levels())
def test_ratio_to_baseline(off: dict[tuple[str, str], float], row: PublishedRow) -> None:
    assert off[row.trial, row.row_id] == pytest.approx(0.0, abs=LIMIT)


# Scott 1991 (Obstet Gynecol 77:758): estradiol of postmenopausal women at steady state, pg/mL.
SCOTT = {
    "gel_3_mg": ("3 mg gel daily", 102.9),
    "gel_1_5_mg": ("1.5 mg gel daily", 68.1),
    "patch_50_ug": ("50 ug transdermal daily", 41.1),
}


@pytest.fixture(scope="module")
def scott(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Mean estradiol after three months by arm, pg/mL."""
    study = {
        "name": "scott",
        "population": {"name": "perimenopause_through_80"},
        "eligibility": [{"variable": "years_since_menopause", "min": 2, "max": 15}],
        "arms": [
            {"name": name, "treatments": [{"therapy": "estradiol", "regimen": regimen}]}
            for name, (regimen, _) in SCOTT.items()
        ],
        "visits": {"months": [0, 3]},
    }
    folder: Path = tmp_path_factory.mktemp("scott")
    last = cohort.run(study, out=folder, patients=256).visits().query("month == 3")
    return {arm: float(last.loc[last["arm"] == arm, "estradiol"].mean()) for arm in SCOTT}


@pytest.mark.parametrize("arm", SCOTT)
def test_estradiol_through_the_skin(scott: dict[str, float], arm: str) -> None:
    assert scott[arm] == pytest.approx(SCOTT[arm][1], rel=LIMIT / 100.0)
