"""The report of a results folder: one HTML file that needs nothing beside itself, and its figures.

Everything is read from the folder and from the bundled publications; nothing is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import jinja2
import numpy as np

from cohort.analysis import facts, figures, titles
from cohort.analysis.baseline import baseline_shares, baseline_table
from cohort.analysis.compare import (
    ArmFacts,
    Prediction,
    arms_of,
    errors_by_quantity,
    in_reading_order,
)
from cohort.analysis.flow import Flow, read_flow
from cohort.analysis.flow_figure import flow_figure, rule_in_words
from cohort.analysis.pictures import Picture, inline, picture
from cohort.analysis.protocol import decisions
from cohort.analysis.replicas import compare_folder
from cohort.analysis.sections import Run, sections
from cohort.analysis.series import Series, read_persons, read_series
from cohort.errors import BadInput
from cohort.results.layout import Layout
from cohort.results.published import PublishedRow, published_of
from cohort.results.reader import read_manifest
from cohort.results.schema import has_draws
from cohort.results.writer import atomic_write

PERSONS = 24
"""Individual trajectories drawn in each arm."""

_MOVED = 0.1
"""Relative change of an arm's mean from which a hormone's level is drawn."""

_INDIVIDUAL = ("bmd_lumbar_spine_change", "ctx_change")


def write_report(folder: Path) -> Path:
    """Write `report.html`, `figures/*.png` and `figures/*.svg` of a results folder.

    Args:
        folder: results folder of a complete run.

    Returns:
        Path of the HTML file.

    Raises:
        BadInput: the folder holds no complete run.
    """
    manifest = read_manifest(folder)
    if not Layout(folder).summary.is_file():
        raise BadInput(
            f"{folder} holds no complete run yet; finish it with `cohort resume {folder}`."
        )
    study = manifest["study"]
    run = _run(folder, manifest)
    arms = run.arms
    predictions = in_reading_order(compare_folder(folder))
    pictures, individuals = draw(run)
    persons, baseline = baseline_table(folder)
    flow = read_flow(folder, manifest)
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            manifest=manifest,
            draws=manifest.get("draws"),
            study=study,
            arms=[(a, _protocol(study, a.name)) for a in arms.values()],
            labels=run.labels,
            flow=flow,
            flow_pictures=_flow_pictures(run, flow),
            rules=rule_in_words,
            warnings=manifest.get("evidence") or (),
            predictions=predictions,
            errors=errors_by_quantity(p for p in predictions if p.kind == "scored"),
            pictures=pictures,
            individuals=individuals,
            sections=sections(run),
            ranges=len(arms) <= figures.MOST_RANGES,
            drawn=PERSONS,
            persons=persons,
            baseline=baseline,
            shares=baseline_shares(folder),
            counts=manifest.get("counts") or {},
            facts=facts.run_facts(manifest),
            style=files("cohort.analysis").joinpath("templates", "report.css").read_text("utf-8"),
        )
    )
    path = Layout(folder).report

    def fill(file: IO[bytes]) -> None:
        file.write(page.encode())

    atomic_write(path, fill)
    return path


def _run(folder: Path, manifest: Mapping[str, Any]) -> Run:
    """Return what the sections need of a run."""
    study = manifest["study"]
    arms = arms_of(study)
    rows = published_of(study["name"])
    return Run(
        folder=folder,
        study=study,
        paired=manifest["design"] == "paired",
        drawn=has_draws(manifest),
        arms=arms,
        colors=figures.arm_colors({a.name: a.role for a in arms.values()}),
        labels=_labels(arms),
        published=[row for row in rows if _drawable(row, arms)],
        everything=rows,
    )


def _flow_pictures(run: Run, flow: Flow) -> list[tuple[str, str]]:
    """Draw the flow for wide and for narrow pages: class of the page's part, and the SVG."""
    found = []
    for name, kind, across in (("flow", "wide", 4), ("flow_narrow", "phone", 1)):
        figure = flow_figure(flow, run.colors, run.labels, across)
        words = "Flow of participants: " + "; ".join(
            f"{run.labels[a.arm]} {a.allocated} allocated, {a.analysed} analysed" for a in flow.arms
        )
        found.append((kind, inline(picture(figure, run.figures, name, "Flow", words))))
    return found


def draw(run: Run) -> tuple[list[Picture], list[Picture]]:
    """Draw the outcomes over time, and the individual trajectories."""
    pictures = []
    for column, lines in read_series(run.folder).items():
        if column in titles.CHANGES or (column in titles.LEVELS and _moves(lines)):
            pictures.append(_outcome_picture(run, column, lines))
    pictures.sort(key=lambda p: list(titles.TITLES.values()).index(p.title))
    individuals = []
    available = [c for c in _INDIVIDUAL if any(p.title == titles.CHANGES[c] for p in pictures)]
    persons = read_persons(run.folder, tuple(run.arms), available, PERSONS)
    for column in available:
        shown = {arm: values[column] for arm, values in persons.items()}
        title = f"{titles.CHANGES[column]}, {PERSONS} persons"
        axis = titles.axis(column)
        figure = figures.persons_figure(title, axis, shown, run.colors, run.labels)
        words = f"{title}: percent change from baseline, one panel for each arm"
        individuals.append(picture(figure, run.figures, f"persons_{column}", title, words))
    return pictures, individuals


def _outcome_picture(run: Run, column: str, lines: Sequence[Series]) -> Picture:
    """Draw one outcome and describe it for who does not see it."""
    title = titles.TITLES[column]
    points = [row for row in run.published if row.column == column]
    figure = figures.outcome_figure(
        title, titles.axis(column), lines, points, run.colors, run.labels
    )
    ends = "; ".join(
        f"{run.labels[s.arm]} {titles.in_words(s.mean[-1], column)} at month {s.months[-1]:g}"
        for s in lines
        if math.isfinite(s.mean[-1])
    )
    drawn = "mean percent change from baseline" if column in titles.CHANGES else "mean level"
    words = f"{title}, {drawn}. {ends}. {len(points)} published points."
    return picture(figure, run.figures, column, title, words)


def _drawable(row: PublishedRow, arms: Mapping[str, ArmFacts]) -> bool:
    return row.comparable and row.primary and row.from_baseline and row.arm in arms


def _moves(lines: Sequence[Series]) -> bool:
    """Whether some arm's mean leaves where it starts."""
    starts = [(line.mean, line.mean[0]) for line in lines if line.mean[0]]
    return any(np.nanmax(np.abs(mean / start - 1.0)) > _MOVED for mean, start in starts)


def _labels(arms: Mapping[str, ArmFacts]) -> dict[str, str]:
    """Short words for each arm: its name; the report's first section gives the long title."""
    words = {name: name.replace("_", " ") for name in arms}
    return {name: text[:1].upper() + text[1:] for name, text in words.items()}


def _protocol(study: Mapping[str, Any], arm: str) -> list[str]:
    """Say what an arm is given and what its protocol decides, a sentence each."""
    declared = next(a for a in study["arms"] if a["name"] == arm)
    return [*(facts.regimens(declared, study) or ["no treatment at entry"]), *decisions(declared)]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cohort.analysis", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = facts.number
    environment.filters["month"] = facts.month
    environment.filters["signed"] = signed
    environment.globals["interval"] = interval
    environment.globals["against"] = against
    return environment


def signed(value: float, digits: int = 1) -> str:
    """A percent with its sign and a real minus; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    return f"{value:+.{digits}f}".replace("-", "\u2212")


def against(prediction: Prediction) -> str:
    """What a change is counted against, in words; nothing where that is the arm's baseline."""
    versus = prediction.row.versus
    if prediction.row.from_baseline:
        return ""
    if versus.startswith("month"):
        return f"from {versus}"
    return "against " + versus.removeprefix("active:").replace("_", " ")


def interval(prediction: Prediction) -> str:
    """The published interval in words, or an empty string."""
    row = prediction.row
    if not (math.isfinite(row.low) and math.isfinite(row.high)):
        return ""
    return f"{signed(row.low)} to {signed(row.high)}"
