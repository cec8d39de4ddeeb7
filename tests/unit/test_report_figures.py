"""Waterfalls, visual predictive checks and curves of incidence: against formulas and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from measured_results import ARMS, write_measured
from published_rows import row
from scipy import stats

from cohort.analysis.incidence_curves import TITLES, published_points, read_curves
from cohort.analysis.incidence_figure import incidence_figure
from cohort.analysis.predictive import check, check_figure, percentiles_for
from cohort.analysis.report import write_report
from cohort.analysis.waterfall import COLUMNS, ranked, waterfall_figure

COLORS = {"drug": "#0072B2", "placebo": "#5C6670"}
LABELS = {"drug": "Drug", "placebo": "Placebo"}


def test_few_persons_are_columns_and_many_are_quantiles() -> None:
    assert ranked(np.array([1.0, 3.0, 2.0])).tolist() == [3.0, 2.0, 1.0]
    many = np.random.default_rng(0).permutation(100_001) / 1000.0  # 0 to 100, evenly
    columns = ranked(many)
    assert columns.size == COLUMNS
    expected = 100.0 * (1.0 - (np.arange(COLUMNS) + 0.5) / COLUMNS)
    np.testing.assert_allclose(columns, expected, atol=1e-6)


def test_waterfall_tells_who_changed_by_more_than_error() -> None:
    changes = {"drug": np.array([8.0, 6.0, 1.0, np.nan]), "placebo": np.array([-7.0, 0.0])}
    figure = waterfall_figure("Spine", "Change (%)", changes, 5.0, COLORS, LABELS)
    drug, placebo = figure.axes
    assert drug.get_title(loc="left") == "Drug, n\u00a0=\u00a03"
    assert [t.get_text() for t in drug.texts] == ["gain beyond LSC: 67 %", "loss beyond LSC: 0 %"]
    assert [t.get_text() for t in placebo.texts][1] == "loss beyond LSC: 50 %"
    lines = {float(np.atleast_1d(line.get_ydata())[0]) for line in drug.lines}
    assert {5.0, -5.0} <= lines


def test_names_of_panels_keep_apart() -> None:
    labels = dict.fromkeys(COLORS, "Romosozumab for a year, then alendronate")
    changes = {arm: np.linspace(-5.0, 10.0, 2690) for arm in COLORS}
    figure = waterfall_figure("Spine", "Change (%)", changes, 5.0, COLORS, labels)
    FigureCanvasAgg(figure).draw()
    names = (axes.get_title(loc="left") for axes in figure.axes)
    left, right = (
        next(text for text in axes.findobj(Text) if text.get_text() == name).get_window_extent()
        for axes, name in zip(figure.axes, names, strict=True)
    )
    assert left.x1 < right.x0
    assert right.x1 <= figure.bbox.x1


def test_bands_are_where_percentiles_of_that_many_persons_lie() -> None:
    n = 400
    values = ((np.arange(n) + 0.5) / n)[:, None] * np.ones(2)  # uniform on 0 to 1
    found = check(np.array([0.0, 12.0]), values, (16.0, 50.0, 84.0))
    np.testing.assert_allclose(found.values[:, 0], [0.16, 0.50, 0.84], atol=0.005)
    for share, (low, high) in zip((0.16, 0.5, 0.84), found.bands[:, :, 0], strict=True):
        # A sample's percentile lies below x as often as at least k of n persons do.
        rank = round(share * n)
        assert stats.binom.sf(rank - 1, n, low) == pytest.approx(0.05, abs=0.012)
        assert stats.binom.sf(rank - 1, n, high) == pytest.approx(0.95, abs=0.012)
    half = 1.645 * np.sqrt(1 / 12 / n)
    np.testing.assert_allclose(found.mean_band[:, 0], [0.5 - half, 0.5 + half], rtol=3e-3)
    assert found.persons == n


def test_percentiles_follow_what_was_published() -> None:
    spread = {"spread": (1.0, 3.0)}
    assert percentiles_for([row(**spread, spread_kind="sd")]) == (16.0, 50.0, 84.0)
    quartiles = row(**spread, spread_kind="iqr", statistic="median")
    assert percentiles_for([quartiles]) == (25.0, 50.0, 75.0)
    assert percentiles_for([row()]) == (16.0, 50.0, 84.0)
    found = check(
        np.array([0.0, 12.0]), np.random.default_rng(1).normal(5, 2, (50, 2)), (25, 50, 75)
    )
    figure = check_figure("CTX", "Change (%)", {"drug": found}, [quartiles], COLORS, LABELS)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"simulated P25, median, P75", "published median", "published quartiles"} <= set(names)
    assert figure.axes[0].get_xlabel() == "Months from baseline"


def test_death_competes_with_fracture(tmp_path: Path) -> None:
    curves = read_curves(write_measured(tmp_path / "run"), ARMS)
    placebo = curves["hip"][1]
    # Of 60, six leave at 12 and six die at 18; the only hip fracture is in month 10.
    np.testing.assert_allclose(placebo.incidence, [0.0, 100 / 60, 100 / 60], rtol=1e-6)
    np.testing.assert_allclose(placebo.competing, placebo.incidence, rtol=1e-6)
    drug = curves["hip"][0]
    # Six of 60 have no results, six leave at 12; six of 48 die before the fracture in month 20, of
    # 42 that are left: Kaplan and Meier's is 1/42, Aalen and Johansen's that of who lived so long.
    assert drug.incidence[-1] == pytest.approx(100 / 42, rel=1e-6)
    assert drug.competing[-1] == pytest.approx(100 * (42 / 48) / 42, rel=1e-6)
    assert drug.at_risk.tolist() == [54, 54, 41]


def test_deaths_are_a_curve_of_their_own(tmp_path: Path) -> None:
    death = read_curves(write_measured(tmp_path / "run"), ARMS)["death"][1]
    np.testing.assert_allclose(death.incidence, [0.0, 0.0, 100 * 6 / 54], rtol=1e-6)
    s = 48 / 54
    # Greenwood at one time of death, on the scale of ln(-ln S).
    se = np.sqrt(6 / (54 * 48))
    ends = s ** np.exp(np.array([1.0, -1.0]) * 1.96 * se / np.log(s))
    assert (death.high[-1], death.low[-1]) == pytest.approx(
        (100 * (1 - ends.min()), 100 * (1 - ends.max())), rel=1e-3
    )
    assert np.isnan(death.low[0])


def test_curves_have_points_names_and_persons_at_risk(tmp_path: Path) -> None:
    curves = read_curves(write_measured(tmp_path / "run"), ARMS)
    rows = [
        row(endpoint="hip_fracture_incidence", unit="%", value=1.5, month=24.0, arm="placebo"),
        row(endpoint="hip_fracture_incidence", unit="ratio", value=0.5, month=24.0, arm="drug"),
        row(endpoint="clinical_fracture", unit="%", value=9.0, month=24.0, arm="drug"),
    ]
    points = published_points(rows, dict.fromkeys(ARMS))
    assert [(p.arm, p.value) for p in points["hip"]] == [("placebo", 1.5)]
    assert not any(points[name] for name in TITLES if name != "hip")
    figure = incidence_figure("hip", curves["hip"], points["hip"], COLORS, LABELS, drawn=False)
    (axes,) = figure.axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == (
        "Cumulative incidence (%)",
        "Months from baseline",
    )
    words = [text.get_text() for text in axes.texts]
    assert words.count("60") == 1
    assert {"Persons at risk", "Drug", "Placebo", "54", "41"} <= set(words)
    names = {text.get_text() for text in figure.legends[0].get_texts()}
    assert names == {"Drug", "Placebo", "95 % interval", "death competing", "published"}


def test_a_run_without_fractures_has_no_curves(tmp_path: Path) -> None:
    root = write_measured(tmp_path / "run")
    (root / "incidence.parquet").unlink()
    assert read_curves(root, ARMS) == {}


def test_the_report_holds_every_section_and_both_kinds_of_file(tmp_path: Path) -> None:
    root = write_measured(tmp_path / "run")
    text = write_report(root).read_text(encoding="utf-8")
    for title in ("Participants", "Effects", "Individual responses", "Fractures and deaths"):
        assert f"<h2>{title}</h2>" in text
    assert "Screened: 200" in text  # the flow is drawn in the page itself
    assert "<metadata" not in text
    figures = root / "figures"
    names = {path.stem for path in figures.glob("*.png")}
    assert names == {path.stem for path in figures.glob("*.svg")}
    assert {"flow", "forest_sites", "forest_subgroups", "incidence_death"} <= names
    assert "waterfall_bmd_total_hip_change" in names
    assert "2.77 times the precision error" in text
