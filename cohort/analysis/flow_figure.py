"""The flow of participants as a figure: boxes joined by arrows, a column an arm.

Laid out in inches on a blank canvas. Arms that do not fit side by side go into further rows, so
that one drawing serves a wide page (four across) and a telephone (one).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cohort.analysis.baseline import CHARACTERISTICS
from cohort.analysis.facts import number
from cohort.analysis.flow import ArmFlow, Flow
from cohort.analysis.look import INK, STYLE
from cohort.analysis.protocol import in_words

_WIDTH, _GAP, _MARGIN = 2.65, 0.30, 0.12  # of a box, between boxes, around everything
_LINE, _PAD, _STEP = 0.185, 0.11, 0.30  # of a line of text, within a box, between rows of boxes
_ASIDE, _RAIL = 3.45, 0.48  # width of the box of those rejected, room above a row of arms
_NARROW, _WIDE, _TITLE = 31, 46, 30  # characters of a line
_GREY = "#9AA3AD"
_NAMES = {
    column: title if title[:2].isupper() else title[0].lower() + title[1:]
    for column, title, _, _ in CHARACTERISTICS
}
MOST_RULES = 8
"""Rules of eligibility that the figure names; the report's table has all."""


def flow_figure(
    flow: Flow, colors: Mapping[str, str], labels: Mapping[str, str], across: int
) -> Figure:
    """Draw who went through a trial.

    Args:
        flow: the counts.
        colors: colour of each arm.
        labels: words for each arm.
        across: arms side by side.
    """
    columns = min(across, len(flow.arms))
    groups = [flow.arms[i : i + columns] for i in range(0, len(flow.arms), columns)]
    rows = [[_stack(arm, flow, labels[arm.arm]) for arm in group] for group in groups]
    head, aside = _head(flow), _rejected(flow, _WIDE if columns > 1 else _NARROW)
    beside = columns > 1 and bool(aside)
    tall = [_height(block) for block in (head, aside) if block]
    top = max(tall) if beside else sum(tall) + _STEP * (len(tall) - 1)
    arms_width = columns * _WIDTH + (columns - 1) * _GAP
    width = 2 * _MARGIN + _GAP + max(arms_width, _WIDTH + _GAP + _ASIDE if beside else 0.0)
    heights = [max(map(_stack_height, row)) + _RAIL for row in rows]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, 2 * _MARGIN + top + sum(heights)))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, width)
        axes.set_ylim(2 * _MARGIN + top + sum(heights), 0)  # downwards, as it is read
        axes.axis("off")
        _draw_head(axes, head, aside, beside)
        y = _MARGIN + top
        for group, row, tall_row in zip(groups, rows, heights, strict=True):
            _draw_row(axes, y, row, [colors[arm.arm] for arm in group])
            y += tall_row
    return figure


def _draw_head(axes: Axes, head: Sequence[str], aside: Sequence[str], beside: bool) -> None:
    """Draw who was screened, and who was rejected: beside it, or beneath where it is narrow."""
    left, bottom = _MARGIN + _GAP, _MARGIN + _height(head)
    _box(axes, left, _MARGIN, head, INK)
    if aside and beside:
        x, middle = left + _WIDTH + _GAP, _MARGIN + _height(head) / 2
        _arrow(axes, (left + _WIDTH, middle), (x, middle))
        _box(axes, x, _MARGIN, aside, _GREY, width=_ASIDE)
    elif aside:
        _arrow(axes, (left + 0.4, bottom), (left + 0.4, bottom + _STEP))
        _box(axes, left, bottom + _STEP, aside, _GREY)


def _draw_row(
    axes: Axes, y: float, row: Sequence[Sequence[Sequence[str]]], colors: Sequence[str]
) -> None:
    """Draw arms side by side under a rail that comes from the head along the left margin."""
    left, trunk, rail = _MARGIN + _GAP, _MARGIN + _GAP / 2, y + _RAIL / 2
    centres = [left + place * (_WIDTH + _GAP) + _WIDTH / 2 for place in range(len(row))]
    begin = _MARGIN + 0.25
    line = ([left, trunk, trunk, centres[-1]], [begin, begin, rail, rail])
    axes.plot(*line, color=_GREY, lw=1.2)
    for centre, blocks, color in zip(centres, row, colors, strict=True):
        _arrow(axes, (centre, rail), (centre, y + _RAIL))
        _draw_stack(axes, centre - _WIDTH / 2, y + _RAIL, blocks, color)


def _head(flow: Flow) -> list[str]:
    lines = [] if flow.screened is None else [f"Screened: {number(flow.screened)}"]
    how = "each followed in every arm" if flow.paired else "randomised"
    return [*lines, f"Enrolled: {number(flow.enrolled)}", how]


def _rejected(flow: Flow, width: int) -> list[str]:
    if not flow.rejected:
        return []
    total = sum(flow.rejected.values())
    rules = sorted(flow.rejected.items(), key=lambda item: -item[1])
    lines = [f"Not eligible: {number(total)}"]
    for rule, n in rules[:MOST_RULES]:
        lines += _folded(f"{number(n)}  not {rule_in_words(rule)}", width)
    if len(rules) > MOST_RULES:
        rest = sum(n for _, n in rules[MOST_RULES:])
        lines.append(f"{number(rest)}  {len(rules) - MOST_RULES} further rules")
    return lines


def rule_in_words(rule: str) -> str:
    """Return a rule of eligibility as a reader takes it."""
    words = rule.replace("<=", "≤").replace("-", "\u2212")
    for column, title in _NAMES.items():
        words = re.sub(rf"\b{column}\b", title, words)
    return words.replace("_", " ")


def _stack(arm: ArmFlow, flow: Flow, label: str) -> list[list[str]]:
    """Return the boxes of one arm, top down, each its lines, the first of them bold."""
    given = f"treated: {number(arm.allocated)}" if arm.treated else "no study treatment"
    changed = [
        words
        for name, n in sorted((arm.changed or {}).items())
        for words in _folded(f"{in_words(name)}: {number(n)}", _TITLE)
    ]
    lost = [
        (arm.left, "dropped out"),
        (arm.died, "died"),
        (arm.failed, "could not be computed"),
        (arm.not_seen, "missed the last visit"),
    ]
    out = sum(n for n, _ in lost)
    return [
        [*_folded(label, _TITLE), f"allocated: {number(arm.allocated)}", given, *changed],
        [f"Not analysed: {number(out)}", *(f"{number(n)}  {why}" for n, why in lost if n)],
        [f"Analysed: {number(arm.analysed)}", f"measured at month {flow.month:g}"],
    ]


def _folded(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, width, subsequent_indent="    ")


def _height(block: Sequence[str]) -> float:
    return 2 * _PAD + _LINE * len(block)


def _stack_height(blocks: Sequence[Sequence[str]]) -> float:
    return sum(map(_height, blocks)) + _STEP * (len(blocks) - 1)


def _draw_stack(
    axes: Axes, x: float, y: float, blocks: Sequence[Sequence[str]], color: str
) -> None:
    for place, block in enumerate(blocks):
        _box(axes, x, y, block, color)
        y += _height(block)
        if place < len(blocks) - 1:
            _arrow(axes, (x + _WIDTH / 2, y), (x + _WIDTH / 2, y + _STEP))
            y += _STEP


def _box(
    axes: Axes, x: float, y: float, lines: Sequence[str], color: str, width: float = _WIDTH
) -> None:
    shape = "round,pad=0,rounding_size=0.06"
    edge: dict[str, Any] = {"fc": "white", "ec": color, "lw": 1.4}
    axes.add_patch(FancyBboxPatch((x, y), width, _height(lines), boxstyle=shape, **edge))
    for place, line in enumerate(lines):
        axes.text(
            x + _PAD,
            y + _PAD + _LINE * (place + 0.5),
            line,
            va="center",
            fontsize=9.5,
            fontweight="bold" if place == 0 else "normal",
            color=INK,
        )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style: dict[str, Any] = {
        "arrowstyle": "-|>",
        "color": _GREY,
        "lw": 1.2,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.annotate("", xy=end, xytext=start, arrowprops=style)
