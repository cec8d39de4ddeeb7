"""The report of a calibration: self-contained, remade from Parquet alone, its figures right."""

from __future__ import annotations

import base64
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from published_rows import row
from test_report import Page

from calibration.judgement.predictions import judge, write_predictions
from calibration.report import figures
from calibration.report.page import write_report
from calibration.report.trial_panels import trial_figure
from calibration.targets import Target
from cohort.errors import BadInput
from cohort.trial.study import load_study

STUDIES = {name: load_study(name) for name in ("arch", "romo_ph2")}
CTX: dict[str, Any] = {"endpoint": "CTX", "site": "serum", "statistic": "median"}
SWITCH: dict[str, Any] = {"trial": "arch", "arm": "romosozumab_alendronate", "split": "validation"}
STAY: dict[str, Any] = {"trial": "arch", "arm": "alendronate", "split": "validation"}

ROWS: list[tuple[dict[str, Any], float, float]] = [
    # published, its standard error, predicted
    ({**SWITCH, "month": 12.0, "value": 13.7}, 0.3, 13.0),
    ({**SWITCH, "month": 24.0, "value": 15.2}, 0.3, 12.5),
    ({**STAY, "month": 12.0, "value": 5.0}, 0.3, 5.5),
    ({**STAY, "month": 24.0, "value": 7.1}, 0.3, 7.4, ),
    ({**SWITCH, "month": 24.0, "value": -5.0, "versus": "active:alendronate"}, 1.0, 9.0),
    ({**SWITCH, **CTX, "month": 12.0, "value": -20.0}, 5.0, -28.0),
    ({**STAY, "month": 24.0, "value": 3.4, "site": "TH", "verification": "unchecked"}, 0.4, 3.0),
    ({"trial": "romo_ph2", "arm": "placebo", "value": -0.1}, 0.4, -0.5),
    ({"trial": "romo_ph2", "arm": "romosozumab_210_qm", "value": 11.3}, 0.4, 12.3),
    ({"trial": "natural_history", "arm": "ageing", "value": -3.0, "month": 120.0}, 0.5, -3.5),
]  # fmt: skip


def made_predictions() -> pd.DataFrame:
    published = [row(row_id=f"row-{i}", **changes) for i, (changes, _, _) in enumerate(ROWS)]
    targets = [
        Target(row=one, sampling=error, error=2 * error, block=(one.trial, one.quantity))
        for one, (_, error, _) in zip(published, ROWS, strict=True)
    ]
    offset = np.array([8.0 if one.is_marker else 0.8 for one in published])
    return judge(targets, np.array([predicted for *_, predicted in ROWS]), offset, STUDIES)


STARTS = pd.DataFrame(
    {
        "start": [0, 1, 2, 0, 1],
        "stage": ["fit", "fit", "fit", "polish", "polish"],
        "step": [3, 3, 3, 2, 2],
        "loss": [50.0, 45.0, 90.0, 40.0, 30.0],
        "converged": [False, False, False, False, True],
    }
)
TRACE = pd.DataFrame(
    {
        "start": [0, 0, 0, 1, 1],
        "stage": ["fit", "fit", "polish", "fit", "fit"],
        "step": [1, 2, 1, 1, 2],
        "loss": [100.0, 50.0, 40.0, 80.0, 60.0],
        "gradient_norm": [9.0, 3.0, 0.1, 8.0, 4.0],
    }
)
KNOWN = pd.DataFrame(
    {
        "parameter": ["kQ", "phiQ", "kappa"],
        "sd_ratio": [0.9, 0.2, 1.0],
        "evidence": ["partly", "data", "prior"],
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "one_drug"
    folder.mkdir()
    write_predictions(made_predictions(), folder / "predictions.parquet")
    for name, table in (("starts", STARTS), ("trace", TRACE), ("identifiability", KNOWN)):
        table.to_parquet(folder / f"{name}.parquet")
    assert write_report(folder) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_stands_alone(page: Page) -> None:
    assert page.open == []
    assert page.images
    assert all(image["alt"] for image in page.images)
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)


def test_every_picture_of_the_page_lies_in_the_folder(folder: Path, page: Page) -> None:
    shown = {base64.b64decode((i["src"] or "").partition(",")[2]) for i in page.images}
    files = {path.name: path.read_bytes() for path in (folder / "figures").glob("*.png")}
    assert shown == set(files.values())
    assert set(files) == {
        "forest_LS.png",
        "forest_TH.png",
        "forest_CTX.png",
        "starts.png",
        "traces.png",
        "identifiability.png",
        "scatter.png",
        "trial_arch.png",
        "trial_romo_ph2.png",
    }


def test_the_page_says_how_far_off_predictions_are(page: Page) -> None:
    # Spine of the validation split: -0.7, -2.7, 0.5, 0.3 and 14 points off.
    rmse = math.sqrt((0.49 + 7.29 + 0.25 + 0.09 + 196.0) / 5)
    assert f"{rmse:.2f}" in page.words
    assert f"{math.sqrt((0.16 + 1.0) / 2):.2f}" in page.words  # of the calibration split
    # 1.645 sqrt(0.64 + 0.09) = 1.41 < 2.7, so two of the six scored rows lie outside.
    assert "67 % (4 of 6)" in " ".join(page.words.split())
    assert "one_drug" in page.words


def test_a_wrong_sign_and_the_worst_row_are_named(page: Page) -> None:
    assert "clear differences have the right sign; these have not:" in page.words
    assert "romosozumab alendronate against alendronate \u22125.0 1.0 +9.0 wrong" in page.words
    worst = page.words.partition("Rows explained worst")[2]
    # 14 / sqrt(1 + 0.64) = 10.9 standard deviations
    assert worst.index("+10.9") < worst.index("\u22123.2")  # -2.7 / sqrt(0.73)
    assert "mechanism" in worst


def test_the_page_is_remade_from_the_parquet_files_alone(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / folder.name
    again.mkdir()
    for path in folder.glob("*.parquet"):
        shutil.copy(path, again)
    write_report(again)
    assert (again / "report.html").read_bytes() == (folder / "report.html").read_bytes()


def test_a_folder_without_a_fit_leaves_it_out(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "predictions.parquet", tmp_path)
    words = Page(write_report(tmp_path).read_text(encoding="utf-8")).words
    assert "Validation rows" in words
    assert "The fit" not in words


def test_a_folder_without_predictions_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no predictions\.parquet"):
        write_report(tmp_path)


# Figures: what is drawn where


def lines(figure: Figure, axes: int = 0) -> list[tuple[list[float], list[float]]]:
    """Coordinates of the lines that are drawn, those of the legend left out."""
    drawn = figure.axes[axes].get_lines()
    found = [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in drawn]
    return [(x.tolist(), y.tolist()) for x, y in found if x.size]


def test_the_forest_draws_each_row_on_its_line() -> None:
    table = made_predictions()
    spine = table.loc[(table.quantity == "LS") & (table.trial == "arch")]
    figure = figures.forest(spine, "Spine")
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels[0] == "arch · alendronate · 12 mo"
    assert "arch · romosozumab alendronate vs alendronate · 24 mo" in labels
    drawn = lines(figure)
    place = labels.index("arch · romosozumab alendronate · 12 mo")
    reach = 1.6448536 * math.sqrt(0.8**2 + 0.3**2)
    on_line = [x for x, y in drawn if set(y) == {place}]
    assert on_line[0] == pytest.approx([13.0 - reach, 13.0 + reach])
    assert on_line[1] == [13.0]
    assert on_line[2] == pytest.approx([13.7 - 1.96 * 0.3, 13.7 + 1.96 * 0.3], abs=1e-4)
    assert on_line[3] == [13.7]


def test_the_waterfall_ranks_what_each_start_reached() -> None:
    figure = figures.waterfall(STARTS)
    drawn = lines(figure)
    # After the descent, through which all went: losses of the polish have other errors.
    assert drawn[0] == ([1, 2, 3], [45.0, 50.0, 90.0])
    assert drawn[1] == ([1], [45.0])  # converged in the polish
    assert drawn[2] == ([2, 3], [50.0, 90.0])
    assert figure.axes[0].get_ylabel() == "Loss after the descent"
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "0", "2"]


def test_traces_have_a_line_a_stage_one_after_the_other() -> None:
    figure = figures.traces(TRACE)
    upper, lower = lines(figure, 0), lines(figure, 1)
    assert upper[0] == ([1, 2], [100.0, 50.0])
    assert upper[1] == ([3], [40.0])  # the polish
    assert lower[:2] == [([1, 2], [9.0, 3.0]), ([3], [0.1])]
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log"]
    flat = figures.traces(TRACE.assign(loss=TRACE.loss - 45.0))
    assert [axes.get_yscale() for axes in flat.axes] == ["linear", "log"]


def test_parameters_are_ranked_by_what_the_data_leave() -> None:
    figure = figures.identifiability(KNOWN)
    axes = figure.axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["phiQ", "kQ", "kappa"]
    bars = [patch for patch in axes.patches[:3] if isinstance(patch, Rectangle)]
    assert [bar.get_width() for bar in bars] == [0.2, 0.9, 1.0]
    colors = [bar.get_facecolor() for bar in bars]
    assert len(set(colors)) == 3


def test_many_parameters_are_all_drawn() -> None:
    names = [f"parameter_{i}" for i in range(50)]
    table = pd.DataFrame({"parameter": names, "sd_ratio": np.linspace(1.0, 0.0, 50)})
    figure = figures.identifiability(table.assign(evidence="data"))
    found = [text.get_text() for axes in figure.axes for text in axes.get_yticklabels()]
    assert found == names[::-1]


def test_the_scatter_shares_its_scales() -> None:
    table = made_predictions()
    figure = figures.scatter(table.loc[table.kind == "scored"])
    spine = figure.axes[0]
    assert spine.get_xlim() == spine.get_ylim()
    points = {line.get_label(): line for line in spine.get_lines()}
    validation = points["validation"]
    assert np.asarray(validation.get_xdata()).tolist() == [13.7, 15.2, 5.0, 7.1, -5.0]
    assert np.asarray(validation.get_ydata()).tolist() == [13.0, 12.5, 5.5, 7.4, 9.0]


def test_a_trials_panels_hold_its_lines_bands_and_points() -> None:
    table = made_predictions()
    arch = table.loc[table.trial == "arch"]
    figure = trial_figure(arch, "arch")
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["Lumbar spine BMD", "Total hip BMD", "CTX", "LS against alendronate"]
    drawn = lines(figure)
    assert ([0.0, 12.0, 24.0], [0.0, 13.0, 12.5]) in drawn
    assert ([24.0], [15.2]) in drawn
    bands = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
    switch = arch.loc[(arch.arm == "romosozumab_alendronate") & (arch.versus == "baseline")]
    corners = np.asarray(bands[0].get_paths()[0].vertices)
    band = switch.loc[switch.quantity == "LS", ["low", "high"]].to_numpy()
    assert set(band.ravel()) <= set(corners[:, 1])
    assert [axes.get_xlabel() for axes in figure.axes[:4]] == [
        "Months",
        "Month 24",
        "Month 12",
        "Month 24",
    ]


def test_arms_looked_at_once_stand_side_by_side() -> None:
    table = made_predictions()
    figure = trial_figure(table.loc[table.trial == "romo_ph2"], "romo_ph2")
    places = sorted(x[0] for x, y in lines(figure) if y in ([-0.1], [11.3]))
    assert places == [0.0, 1.0]
    colors = {line.get_color() for line in figure.axes[0].get_lines()}
    assert len(colors) == 3  # two arms and the line of no change
