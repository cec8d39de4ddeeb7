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

from cohort.analysis import facts, figures
from cohort.analysis.baseline import baseline_table
from cohort.analysis.compare import (
    ArmFacts,
    Prediction,
    arms_of,
    errors_by_quantity,
    in_reading_order,
)
from cohort.analysis.pictures import Picture, picture
from cohort.analysis.replicas import compare_folder
from cohort.analysis.series import Series, read_persons, read_series
from cohort.errors import BadInput
from cohort.results.layout import Layout
from cohort.results.outcomes import BY_NAME
from cohort.results.published import PublishedRow, published_of
from cohort.results.reader import read_manifest
from cohort.results.writer import atomic_write

PERSONS = 24
"""Individual trajectories drawn in each arm."""

_OUTCOMES = {
    "bmd_lumbar_spine_change": "Lumbar spine BMD",
    "bmd_total_hip_change": "Total hip BMD",
    "bmd_femoral_neck_change": "Femoral neck BMD",
    "ctx_change": "CTX, bone resorption",
    "p1np_change": "P1NP, bone formation",
    "bsap_change": "BSAP, bone formation",
}
_LEVELS = {
    "estradiol": "Estradiol",
    "testosterone": "Testosterone",
    "testosterone_free": "Free testosterone",
    "lh": "LH",
    "shbg": "SHBG",
    "progesterone": "Progesterone",
    "igf1": "IGF-1",
    "pth": "PTH",
    "calcium": "Calcium",
    "tnf_alpha": "TNF-alpha",
    "il_6": "Interleukin 6",
    "lean_mass": "Lean mass",
}
_TITLES = _OUTCOMES | _LEVELS
_MOVED = 0.1
"""Relative change of an arm's mean from which a hormone's level is drawn."""

_INDIVIDUAL = ("bmd_lumbar_spine_change", "ctx_change")


def write_report(folder: Path) -> Path:
    """Write `report.html` and `figures/*.png` of a results folder.

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
    arms = arms_of(study)
    predictions = in_reading_order(compare_folder(folder))
    pictures, individuals = draw(folder, study["name"], arms)
    persons, baseline = baseline_table(folder)
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            manifest=manifest,
            draws=manifest.get("draws"),
            study=study,
            arms=[(a, facts.regimens(_declared(study, a.name), study)) for a in arms.values()],
            labels=_labels(arms),
            warnings=manifest.get("evidence") or (),
            predictions=predictions,
            errors=errors_by_quantity(p for p in predictions if p.kind == "scored"),
            pictures=pictures,
            individuals=individuals,
            ranges=len(arms) <= figures.MOST_RANGES,
            drawn=PERSONS,
            persons=persons,
            baseline=baseline,
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


def draw(
    folder: Path, study: str, arms: Mapping[str, ArmFacts]
) -> tuple[list[Picture], list[Picture]]:
    """Draw every figure: the outcomes, then the individual trajectories."""
    colors = figures.arm_colors({a.name: a.role for a in arms.values()})
    labels = _labels(arms)
    rows = [r for r in published_of(study) if _drawable(r, arms)]
    pictures = []
    for column, lines in read_series(folder).items():
        if column in _OUTCOMES or (column in _LEVELS and _moves(lines)):
            pictures.append(_outcome_picture(folder, column, lines, rows, colors, labels))
    pictures.sort(key=lambda p: list(_TITLES.values()).index(p.title))
    individuals = []
    available = [c for c in _INDIVIDUAL if any(p.title == _OUTCOMES[c] for p in pictures)]
    persons = read_persons(folder, tuple(arms), available, PERSONS)
    for column in available:
        shown = {arm: values[column] for arm, values in persons.items()}
        title = f"{_OUTCOMES[column]}, {PERSONS} persons"
        figure = figures.persons_figure(title, _axis(column), shown, colors, labels)
        words = f"{title}: percent change from baseline, one panel for each arm"
        individuals.append(picture(figure, _figure_file(folder, f"persons_{column}"), title, words))
    return pictures, individuals


def _outcome_picture(
    folder: Path,
    column: str,
    lines: Sequence[Series],
    rows: Sequence[PublishedRow],
    colors: Mapping[str, str],
    labels: Mapping[str, str],
) -> Picture:
    """Draw one outcome and describe it for who does not see it."""
    title = _TITLES[column]
    points = [row for row in rows if row.column == column]
    figure = figures.outcome_figure(title, _axis(column), lines, points, colors, labels)
    change = column in _OUTCOMES
    ends = "; ".join(
        f"{labels[s.arm]} {_in_words(s.mean[-1], column)} at month {s.months[-1]:g}"
        for s in lines
        if math.isfinite(s.mean[-1])
    )
    drawn = "mean percent change from baseline" if change else "mean level"
    words = f"{title}, {drawn}. {ends}. {len(points)} published points."
    return picture(figure, _figure_file(folder, column), title, words)


def _drawable(row: PublishedRow, arms: Mapping[str, ArmFacts]) -> bool:
    return row.comparable and row.primary and row.from_baseline and row.arm in arms


def _moves(lines: Sequence[Series]) -> bool:
    """Whether some arm's mean leaves where it starts."""
    starts = [(line.mean, line.mean[0]) for line in lines if line.mean[0]]
    return any(np.nanmax(np.abs(mean / start - 1.0)) > _MOVED for mean, start in starts)


def _in_words(value: float, column: str) -> str:
    unit = BY_NAME[column].unit
    if column in _OUTCOMES:
        return f"{value:+.1f} {unit}"
    return f"{value:.3g}" if unit == "1" else f"{value:.3g} {unit}"


def _axis(column: str) -> str:
    unit = BY_NAME[column].unit
    if column in _OUTCOMES:
        return f"Change from baseline ({unit})"
    return f"{_LEVELS[column]} ({'relative' if unit == '1' else unit})"


def _figure_file(folder: Path, name: str) -> Path:
    return Layout(folder).root / "figures" / f"{name}.png"


def _labels(arms: Mapping[str, ArmFacts]) -> dict[str, str]:
    """Short words for each arm: its name; the report's first section gives the long title."""
    words = {name: name.replace("_", " ") for name in arms}
    return {name: text[:1].upper() + text[1:] for name, text in words.items()}


def _declared(study: Mapping[str, Any], arm: str) -> Mapping[str, Any]:
    return next(a for a in study["arms"] if a["name"] == arm)


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
