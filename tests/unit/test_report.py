"""The report: self-contained, complete, honest on evidence; its figures say what they show."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib import colors as mpl_colors
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from synthetic_results import OUTCOMES_CSV, STUDY, write_results

from cohort.analysis import facts, figures
from cohort.analysis.baseline import baseline_table
from cohort.analysis.report import signed, write_report
from cohort.analysis.series import Series, read_persons, read_series
from cohort.errors import BadInput
from cohort.results import published as published_module
from cohort.results.published import load_published

SPINE = "bmd_lumbar_spine_change"
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Tags in balance, words, images and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.drawings = 0
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.drawings += tag == "svg"
        if tag == "img":
            self.images.append(dict(attrs))
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += " " + " ".join(data.split())


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trials") / "synthetic"
    folder.mkdir()
    (folder / "trial.toml").write_text("")
    (folder / "outcomes.csv").write_text(OUTCOMES_CSV)
    return folder


@pytest.fixture(scope="module")
def results(trial: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Results of the made-up replica, with its report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published_module, "bundled", lambda kind: {"synthetic": trial / "trial.toml"})
        folder = write_results(tmp_path_factory.mktemp("results"))
        write_report(folder)
        yield folder


@pytest.fixture(scope="module")
def page(results: Path) -> Page:
    return Page((results / "report.html").read_text(encoding="utf-8"))


def test_page_is_whole_and_needs_nothing_beside_itself(page: Page) -> None:
    assert page.open == []
    outside = [a for a in page.addresses if not a.startswith("data:image/png;base64,")]
    assert outside == ["https://doi.org/10.1000/example"]


def test_page_tells_what_a_reader_asks(page: Page) -> None:
    for words in (
        "Made-up trial of denosumab against placebo",
        "Journal of Examples 2026",
        "Denosumab: 60 mg sc every 6 months from 0 to 36",
        "Predicted against published",
        "95 % confidence interval of that mean",
        "5th to 95th percentile of persons",
        "Candidates drawn",
        "Age",
        "0123456789abcdef",
        "CPU, 2 cores",
        "jax 0.10.2",
        "4.5 s",
    ):
        assert words in page.words, words


def test_every_figure_is_inline_described_and_a_file(page: Page, results: Path) -> None:
    names = {path.stem for path in (results / "figures").glob("*.png")}
    sites = ("lumbar_spine", "total_hip", "femoral_neck")
    changes = {f"bmd_{s}_change" for s in sites} | {"ctx_change", "p1np_change", "bsap_change"}
    persons = {f"persons_{c}" for c in (SPINE, "ctx_change")}
    checks = {f"check_{c}" for c in (SPINE, "bmd_total_hip_change", "ctx_change")}
    effects = {"forest_sites", "forest_subgroups"}
    waterfalls = {f"waterfall_{c}" for c in (SPINE, "bmd_total_hip_change")}
    flow = {"flow", "flow_narrow"}
    assert names == changes | persons | checks | effects | waterfalls | flow
    assert names == {path.stem for path in (results / "figures").glob("*.svg")}
    assert len(page.images) == len(names - flow)  # the flow is drawn in the page itself
    assert page.drawings == 2
    assert all(len(image["alt"] or "") > 30 for image in page.images)


def test_table_shows_published_beside_predicted(page: Page) -> None:
    assert re.search(r"BMD LS\s+36\s+\+9\.2\s", page.words)
    assert re.search(r"BMD FN\s+against placebo\s+36\s+\+4\.8\s", page.words)
    assert re.search(r"BMD LS\s+from month 12\s+36\s+\+4\.0\s", page.words)
    assert "+5.5 to +6.5" in page.words
    assert "\u221286.0" in page.words


def study_with(**changes: object) -> dict:
    return copy.deepcopy(STUDY) | changes


@pytest.mark.usefixtures("undrawn")
def test_study_that_nobody_published_has_a_report(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "own", study=study_with(name="own", citation="", doi=""))
    text = write_report(folder).read_text(encoding="utf-8")
    assert "Predicted against published" not in text
    assert "Time courses" in text


@pytest.mark.usefixtures("undrawn")
def test_extrapolated_therapies_are_said_to_be(tmp_path: Path) -> None:
    arms = copy.deepcopy(STUDY["arms"])
    arms[0]["treatments"] = [
        {"therapy": "micronised_progesterone", "regimen": "100 mg oral daily from 0 to 36"}
    ]
    folder = write_results(tmp_path / "own", study=study_with(name="own", arms=arms))
    words = Page(write_report(folder).read_text(encoding="utf-8")).words
    assert "Evidence. The effect of micronised progesterone is extrapolated" in words


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"it has no manifest\.json"):
        write_report(tmp_path)


def test_unfinished_run_is_refused(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "own", status="running")
    (folder / "summary.parquet").unlink()
    with pytest.raises(BadInput, match="cohort resume"):
        write_report(folder)


@pytest.mark.usefixtures("undrawn")
def test_title_is_escaped(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "own", study=study_with(name="own", title="<b>5 & 6</b>"))
    assert "<b>5 & 6</b>" not in write_report(folder).read_text(encoding="utf-8")


@pytest.fixture
def drawn(trial: Path, results: Path) -> Figure:
    """The CTX figure of the made-up replica."""
    arms = {"denosumab": "active", "placebo": "control"}
    rows = [r for r in load_published(trial / "outcomes.csv") if r.column == "ctx_change"]
    lines = read_series(results)["ctx_change"]
    labels = {name: name.capitalize() for name in arms}
    return figures.outcome_figure(
        "CTX", "Change from baseline (%)", lines, rows, figures.arm_colors(arms), labels
    )


def test_axes_have_units_and_arms_have_names(drawn: Figure) -> None:
    (axes,) = drawn.axes
    assert "(%)" in axes.get_ylabel()
    assert axes.get_xlabel() == "Months from baseline"
    (legend,) = drawn.legends
    names = {text.get_text() for text in legend.get_texts()}
    assert {"Denosumab", "Placebo", "median of persons", "published median"} <= names


def test_nothing_drawn_covers_anything_else(drawn: Figure) -> None:
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    renderer = canvas.get_renderer()
    (legend,), (axes,) = drawn.legends, drawn.axes
    around = axes.get_tightbbox(renderer)
    assert around is not None
    assert not legend.get_window_extent(renderer).overlaps(around)
    inside = drawn.bbox.padded(1)
    box = legend.get_window_extent(renderer)
    assert inside.x0 <= box.x0
    assert box.x1 <= inside.x1
    ticks = [t.get_window_extent(renderer) for t in axes.get_xticklabels()]
    assert not any(a.overlaps(b) for a, b in pairwise(ticks))


def test_published_points_lie_inside_the_frame(drawn: Figure, trial: Path) -> None:
    low, high = drawn.axes[0].get_ylim()
    rows = [r for r in load_published(trial / "outcomes.csv") if r.column == "ctx_change"]
    assert all(low < r.value < high for r in rows)


def luminance(color: str) -> float:
    """Relative luminance of a colour: what is left of it for who sees no hue."""
    rgb = np.asarray(mpl_colors.to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_arms_have_colours_of_their_own_that_stand_out_on_white() -> None:
    roles = {f"arm_{i}": "active" for i in range(8)} | {"placebo": "control"}
    found = figures.arm_colors(roles)
    assert len(set(found.values())) == 9
    assert all(1.05 / (luminance(c) + 0.05) >= 2.0 for c in found.values())


def test_wide_ranges_of_persons_do_not_flatten_the_means() -> None:
    months = np.array([0.0, 12.0])
    small, wide = np.array([0.0, -10.0]), np.array([0.0, 900.0])
    series = Series("a", months, small, small, small, -wide / 10, small, wide)
    figure = figures.outcome_figure("CTX", "(%)", [series], [], {"a": "#000000"}, {"a": "A"})
    low, high = figure.axes[0].get_ylim()
    assert high - low < 40


def test_bands_under_draws_are_apart_and_named() -> None:
    months, one = np.array([0.0, 12.0]), np.array([0.0, 1.0])
    series = Series("a", months, 5 * one, 4 * one, 6 * one, one, 5 * one, 9 * one, drawn=True)
    figure = figures.outcome_figure("LS", "(%)", [series], [], {"a": "#0072B2"}, {"a": "A"})
    outer, inner = figure.axes[0].collections
    assert (outer.get_datalim(figure.axes[0].transData).ymax, outer.get_alpha()) == (9, 0.10)
    assert (inner.get_datalim(figure.axes[0].transData).ymax, inner.get_alpha()) == (6, 0.35)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["A", "mean, 90 % of draws", "persons and draws, 90 %"]


def test_the_band_of_draws_is_never_cut() -> None:
    months, zero = np.array([0.0, 12.0]), np.zeros(2)
    wide = np.array([0.0, 80.0])
    series = Series("a", months, zero, -wide, wide, -2 * wide, zero, 2 * wide, drawn=True)
    figure = figures.outcome_figure("CTX", "(%)", [series], [], {"a": "#000000"}, {"a": "A"})
    low, high = figure.axes[0].get_ylim()
    assert low < -80
    assert high > 80


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [(0, 36, [0, 6, 12, 18, 24, 30, 36]), (0, 12, [0, 2, 4, 6, 8, 10, 12]), (0, 120, None)],
)
def test_ticks_are_whole_months_or_years(first: float, last: float, ticks: list | None) -> None:
    figure = figures.outcome_figure(
        "x",
        "(%)",
        [Series("a", np.array([first, last], float), *([np.zeros(2)] * 6))],
        [],
        {"a": "#000000"},
        {"a": "A"},
    )
    found = list(figure.axes[0].get_xticks())
    assert len(found) <= 9
    assert all(tick == round(tick) for tick in found)
    assert ticks is None or found == ticks


def test_baseline_table_is_that_of_the_persons(results: Path) -> None:
    persons, rows = baseline_table(results)
    assert persons == {"denosumab": 60, "placebo": 60}
    table = pq.read_table(results / "patients.parquet").to_pandas()
    by_label = {row.label: row.arms for row in rows}
    age = table[table["arm"] == "placebo"]["age"].astype(float)
    assert by_label["Age"]["placebo"] == pytest.approx((age.mean(), age.std()), rel=1e-5)
    assert by_label["Years since menopause"]["placebo"] == pytest.approx((24.0, 0.0))
    assert "PTH" not in by_label


def test_persons_are_the_same_in_every_arm_and_end_at_dropout(results: Path) -> None:
    column = "bmd_lumbar_spine_change"
    found = read_persons(results, ("denosumab", "placebo"), [column], 24)
    months, active = found["denosumab"][column]
    _, control = found["placebo"][column]
    assert active.shape == control.shape == (24, 8)
    np.testing.assert_array_equal(np.isnan(active), np.isnan(control))
    gone = np.isnan(active[:, months > 18]).all(axis=1)
    assert gone.any()
    assert not np.isnan(active[:, months <= 18]).any()


@pytest.mark.parametrize(
    ("value", "words"),
    [(2.34, "+2.3"), (-0.44, "\u22120.4"), (float("nan"), "–"), (0.0, "+0.0")],
)
def test_signed_numbers(value: float, words: str) -> None:
    assert signed(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (20000, "20\u202f000"), (3.0, "3"), (1234.5, "1\u202f234"), (2.25, "2.2")],
)
def test_counts_for_people(value: float | None, words: str) -> None:
    assert facts.number(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(2.99, "3"), (36.0, "36"), (0.25, "0.25"), (120.04, "120"), (1.5, "1.5")]
)
def test_digitised_months_are_told_as_the_visit(value: float, words: str) -> None:
    assert facts.month(value) == words
