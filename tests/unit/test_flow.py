"""The flow of participants: counts by hand, and boxes that hold their words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from measured_results import write_measured

from cohort.analysis.flow import ArmFlow, Flow, read_flow
from cohort.analysis.flow_figure import MOST_RULES, flow_figure
from cohort.results.layout import Layout


def flow_of(root: Path) -> Flow:
    return read_flow(root, json.loads(Layout(root).manifest.read_text()))


def test_persons_of_a_paired_run_are_counted_in_every_arm(tmp_path: Path) -> None:
    found = flow_of(write_measured(tmp_path / "run"))
    assert (found.screened, found.enrolled, found.paired) == (200, 60, True)
    assert sum(found.rejected.values()) == 200 - 60
    # Of sixty: six die, six leave, six cannot be computed under the drug.
    assert found.arms == (
        ArmFlow("drug", 60, True, failed=6, died=6, left=6, analysed=42),
        ArmFlow("placebo", 60, False, failed=0, died=6, left=6, analysed=48),
    )
    assert all(arm.not_seen == 0 and arm.changed is None for arm in found.arms)


def test_a_randomised_run_enrolls_the_sum_of_its_arms(tmp_path: Path) -> None:
    found = flow_of(write_measured(tmp_path / "run", design="randomised"))
    assert (found.enrolled, [arm.allocated for arm in found.arms]) == (60, [30, 30])
    # Those whose number ends in 3, 5 or 7 are in the second arm.
    assert [(arm.died, arm.left, arm.failed) for arm in found.arms] == [(0, 0, 0), (6, 6, 0)]


def test_who_missed_the_last_visit_is_told_apart_from_leavers(tmp_path: Path) -> None:
    root = write_measured(tmp_path / "run")
    summary = pq.read_table(Layout(root).summary)
    fewer = pa.array(np.where(np.array(summary["n"]) == 48, 45, np.array(summary["n"])))
    column = summary.schema.get_field_index("n")
    pq.write_table(summary.set_column(column, "n", fewer), Layout(root).summary)
    assert [arm.not_seen for arm in flow_of(root).arms] == [0, 3]


def test_changes_of_treatment_are_counted_where_a_study_decides_them(tmp_path: Path) -> None:
    root = write_measured(tmp_path / "run")
    patients = pq.read_table(Layout(root).patients)
    courses = ["rescue@12+late@18"] * 2 + ["rescue@24"] * 3 + ["late@18"] * 4
    courses += ["planned"] * (patients.num_rows - 9)
    pq.write_table(patients.append_column("course", pa.array(courses)), Layout(root).patients)
    assert [arm.changed for arm in flow_of(root).arms] == [{"rescue": 5, "late": 6}, {}]


def many(arms: int) -> Flow:
    rules = {f"{i} <= t_score_total_hip <= {i + 1}": 10 * i for i in range(1, 12)}
    moved = {"denosumab_late": 123, "rescue_by_zoledronate_and_calcium": 45}
    rows = tuple(ArmFlow(f"arm_{i}", 12345, i > 0, 12, 345, 678, 11000, moved) for i in range(arms))
    return Flow(1234567, rules, 12345, False, 120.0, rows)


@pytest.mark.parametrize(("arms", "across"), [(1, 4), (2, 4), (3, 1), (7, 4)])
def test_words_stay_in_their_boxes_and_boxes_apart(arms: int, across: int) -> None:
    flow = many(arms)
    labels = {arm.arm: "Teriparatide 20 ug then denosumab 60 mg" for arm in flow.arms}
    figure = flow_figure(flow, dict.fromkeys(labels, "#0072B2"), labels, across)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,) = figure.axes
    boxes = [patch.get_window_extent() for patch in axes.patches]
    # Screening, those rejected, and three boxes an arm.
    assert len(boxes) == 2 + 3 * arms
    for place, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])
    for text in axes.texts:
        if text.get_text():
            words = text.get_window_extent(canvas.get_renderer())
            assert (
                sum(
                    box.x0 < words.x0
                    and words.x1 < box.x1
                    and box.y0 < words.y0
                    and words.y1 < box.y1
                    for box in boxes
                )
                == 1
            ), text.get_text()


def test_further_rules_are_added_up() -> None:
    labels = {"arm_0": "A"}
    figure = flow_figure(many(1), {"arm_0": "#0072B2"}, labels, 4)
    words = " ".join(text.get_text() for text in figure.axes[0].texts)
    # Eleven rules; the three smallest are 10, 20 and 30.
    assert f"60  {11 - MOST_RULES} further rules" in words
