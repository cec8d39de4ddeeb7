"""Effects of arms and their forest plots: against scipy and statsmodels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from matplotlib.backends.backend_agg import FigureCanvasAgg
from measured_results import write_measured
from scipy import stats

from cohort.analysis.analysis_figure import write_analysis_figures
from cohort.analysis.effects import EffectRow, Effects
from cohort.analysis.forest import forest_figure
from cohort.analysis.persons import Persons
from cohort.results.reader import open_results

SPINE = "bmd_lumbar_spine_change"


def effects_of(root: Path, *, paired: bool) -> Effects:
    persons = {arm: Persons(root, arm) for arm in ("drug", "placebo")}
    return Effects(persons, "placebo", paired)


def last_values(root: Path) -> Any:
    visits = open_results(root).visits([f"measured_{SPINE}", "measured_bmd_lumbar_spine"])
    start = visits[visits.month == 0].set_index(["arm", "patient_id"])["measured_bmd_lumbar_spine"]
    end = visits[visits.month == 24].set_index(["arm", "patient_id"])[f"measured_{SPINE}"]
    return start, end.dropna()


def test_of_a_paired_run_it_is_the_paired_t_interval(tmp_path: Path) -> None:
    root = write_measured(tmp_path / "run")
    _, end = last_values(root)
    drug, placebo = end["drug"].align(end["placebo"], join="inner")
    expected = stats.ttest_rel(drug, placebo)
    low, high = expected.confidence_interval(0.95)
    (row,) = effects_of(root, paired=True).whole(SPINE, "Spine")
    assert row.n == len(drug) == 42
    assert row.estimate == pytest.approx((drug - placebo).mean(), rel=1e-5)
    assert (row.low, row.high) == pytest.approx((low, high), rel=1e-4)


def test_of_a_randomised_run_it_is_least_squares_given_baseline(tmp_path: Path) -> None:
    root = write_measured(tmp_path / "run", design="randomised")
    start, end = last_values(root)
    treated = end.index.get_level_values("arm") == "drug"
    x = sm.add_constant(np.column_stack([treated.astype(float), start.loc[end.index]]))
    fit = sm.OLS(end.to_numpy(float), x).fit()
    (row,) = effects_of(root, paired=False).whole(SPINE, "Spine")
    assert row.n == len(end)
    assert row.estimate == pytest.approx(fit.params[1], rel=1e-4)
    assert (row.low, row.high) == pytest.approx(tuple(fit.conf_int()[1]), rel=1e-4)


def test_subgroups_split_everybody_and_are_tested_against_each_other(tmp_path: Path) -> None:
    root = write_measured(tmp_path / "run")
    rows = list(effects_of(root, paired=True).by_subgroup(root, SPINE))
    whole, *parts = rows
    groups = {row.group: [r for r in parts if r.group == row.group] for row in parts}
    names = {"Age", "T-score, lumbar spine", "Prevalent vertebral fracture", "Sex"}
    assert set(groups) == names
    _, end = last_values(root)
    drug, placebo = end["drug"].align(end["placebo"], join="inner")
    women = drug.index % 2 == 0
    difference = drug - placebo
    by_sex = {row.level: row for row in groups["Sex"]}
    assert by_sex["women"].estimate == pytest.approx(difference[women].mean(), rel=1e-5)
    assert by_sex["men"].estimate == pytest.approx(difference[~women].mean(), rel=1e-5)
    for pair in groups.values():
        assert sum(row.n for row in pair) == whole.n
        assert len({row.interaction for row in pair}) == 1
        z = (pair[0].estimate - pair[1].estimate) / np.hypot(pair[0].se, pair[1].se)
        assert pair[0].interaction == pytest.approx(stats.chi2.sf(z**2, 1))


def test_persons_are_the_first_of_an_arm(tmp_path: Path) -> None:
    root = write_measured(tmp_path / "run")
    some = Persons(root, "drug", most=20)
    assert some.ids.tolist() == list(range(20))
    every = Persons(root, "drug").as_seen(SPINE)
    np.testing.assert_array_equal(some.as_seen(SPINE), every[:20])
    # Number 3 died before month 24, number 5 could not be computed.
    assert np.isnan(every[3]).tolist() == [False, False, True]
    assert np.isnan(every[5]).all()


def test_true_values_stand_in_where_nothing_was_measured(tmp_path: Path) -> None:
    root = write_measured(tmp_path / "run", measured=False)
    (row,) = effects_of(root, paired=True).whole(SPINE, "Spine")
    assert row.estimate == pytest.approx(6.0, abs=1e-3)


@pytest.mark.parametrize(
    ("arms", "label"), [(1, "Raloxifene 120"), (3, "Denosumab to a target, then zoledronate")]
)
def test_forest_has_room_for_its_words(arms: int, label: str) -> None:
    rows = [
        EffectRow(f"arm_{i}", group, level, 12345, -10.25 - i, -12.25, -8.25, 1.0, p)
        for i in range(arms)
        for group, level, p in (
            ("Everybody", "", float("nan")),
            ("Prevalent vertebral fracture", "none", 0.0004),
            ("Prevalent vertebral fracture", "one or more", 0.0004),
        )
    ]
    labels = {f"arm_{i}": label for i in range(arms)}
    figure = forest_figure(
        "Title", "Difference (%)", rows, dict.fromkeys(labels, "#0072B2"), labels, "Placebo"
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,) = figure.axes
    assert axes.get_xlabel() == "Difference (%)"
    renderer = canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    words = {text.get_text() for text in axes.texts}
    assert "interaction p < 0.001" in words
    assert any("\u221212.25 to \u22128.25" in word for word in words)


def test_an_analysis_is_drawn_beside_the_truth(tmp_path: Path) -> None:
    known = {"comparison": "drug - placebo", "set": "full analysis", "subgroup": None, "n": 90.0}
    known |= {"unit": "percentage points", "se": 0.5, "ci_low": 4.0, "ci_high": 6.0}
    known |= {"p_interaction": None, "estimate": 5.0, "true_effect": 5.4, "missing": "observed"}
    rows = [
        known | {"analysis": "ancova"},
        known | {"analysis": "mmrm", "true_effect": None},
        known | {"analysis": "responders", "unit": "1", "estimate": 0.2},
        known | {"analysis": "ancova", "subgroup": "age: below 70", "p_interaction": 0.2},
        known | {"analysis": "ancova", "subgroup": "age: 70 and above", "p_interaction": 0.2},
    ]
    made = write_analysis_figures(rows, SPINE, 36.0, tmp_path)
    assert made == ["analysis", "subgroups"]
    svg = (tmp_path / "analysis.svg").read_text()
    assert "ANCOVA, observed (90)" in svg
    assert "Difference (percentage points)" in svg
    assert "responders" not in svg
    other = [row | {"comparison": "other - placebo"} for row in rows]
    mixed = [row for pair in zip(rows, other, strict=True) for row in pair]
    write_analysis_figures(mixed, SPINE, 36.0, tmp_path)
    svg = (tmp_path / "analysis.svg").read_text()
    assert svg.count("ANCOVA, observed (90)") == svg.count("MMRM (90)") == 2
    assert svg.count("Other against placebo") == 1
    write_analysis_figures(rows, SPINE, 36.0, tmp_path)
    parts = (tmp_path / "subgroups.svg").read_text()
    assert "Drug against placebo:" in parts
    assert "below 70 (90)" in parts
    assert "interaction p = 0.200" in parts
    assert (tmp_path / "analysis.png").stat().st_size > 1000
    ratios = [known | {"analysis": name, "unit": "1"} for name in ("relative risk", "cox")]
    assert write_analysis_figures(ratios, "fracture_hip", 36.0, tmp_path) == ["analysis"]
    drawn = (tmp_path / "analysis.svg").read_text()
    assert "Ratio, treated to control" in drawn
    assert "Hip fracture, month 36" in drawn
    assert "estimate (95 % CI)" in drawn
    write_analysis_figures(ratios, "fracture_hip", 36.0, tmp_path, alpha=0.1)
    assert "estimate (90 % CI)" in (tmp_path / "analysis.svg").read_text()
