"""The page of a calibration job: one HTML file that needs nothing beside itself, and its figures.

Everything is read from the Parquet files of the results folder, so the page can be made again
without fitting; what a folder lacks is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import IO

import jinja2
import pandas as pd
from matplotlib.figure import Figure

from calibration.job.layout import Layout
from calibration.judgement.frames import parts_by
from calibration.judgement.predictions import NATURAL_HISTORY, SPREAD
from calibration.judgement.scores import score_tables
from calibration.report import figures
from calibration.report.trial_panels import trial_figure
from cohort.analysis.pictures import Picture, picture
from cohort.analysis.report import signed
from cohort.analysis.titles import QUANTITIES
from cohort.errors import BadInput
from cohort.results.published import MARKERS, SITES
from cohort.results.writer import atomic_write

_ORDER = (*SITES, *MARKERS)
_DPI = 120  # a page carries a hundred figures
_TABLES = ("starts", "trace", "identifiability")


def write_report(folder: Path) -> Path:
    """Write `report.html`, `figures/*.png` and `*.svg` of a job's results folder.

    Args:
        folder: results folder with `predictions.parquet`.

    Returns:
        Path of the HTML file.

    Raises:
        BadInput: the folder holds no predictions.
    """
    layout = Layout(folder)
    if not layout["predictions.parquet"].is_file():
        raise BadInput(f"{folder} holds no predictions.parquet; finish its job first.")
    predictions = pd.read_parquet(layout["predictions.parquet"])
    tables = {
        name: pd.read_parquet(layout[f"{name}.parquet"])
        for name in _TABLES
        if layout[f"{name}.parquet"].is_file()
    }
    scores = score_tables(predictions)
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=folder.resolve().name,
            trials=predictions.loc[~predictions.kind.isin((NATURAL_HISTORY,))].trial.nunique(),
            rows=len(predictions),
            scores=scores,
            errors=_errors(scores["errors"]),
            questions=_by_question(scores),
            fit=list(_fit_pictures(tables, layout)),
            fitted=list(_scatter(predictions, layout)),
            forests=list(_forests(predictions, layout)),
            panels=list(_trial_pictures(predictions, layout)),
            style=files("cohort.analysis").joinpath("templates", "report.css").read_text("utf-8"),
        )
    )
    path = layout["report.html"]

    def fill(file: IO[bytes]) -> None:
        file.write(page.encode())

    atomic_write(path, fill)
    return path


def _fit_pictures(tables: dict[str, pd.DataFrame], layout: Layout) -> Iterator[Picture]:
    if "starts" in tables:
        alt = "Loss that each start of the fit reached, best first"
        yield _picture(figures.waterfall(tables["starts"]), layout, "starts", "Starts", alt)
    if "trace" in tables:
        alt = "Loss and norm of the gradient along the steps of every start"
        yield _picture(figures.traces(tables["trace"]), layout, "traces", "Traces", alt)
    if "identifiability" in tables:
        figure = figures.identifiability(tables["identifiability"])
        alt = "Posterior standard deviation over that of the prior, a bar a parameter"
        yield _picture(figure, layout, "identifiability", "Identifiability", alt)


def _scatter(predictions: pd.DataFrame, layout: Layout) -> Iterator[Picture]:
    shown = predictions.loc[predictions.quantity.isin(_ORDER) & (predictions.kind == "scored")]
    if not shown.empty:
        alt = "Predicted against published changes, a panel a site or marker"
        yield _picture(
            figures.scatter(shown), layout, "scatter", "Predicted against published", alt
        )


def _forests(predictions: pd.DataFrame, layout: Layout) -> Iterator[Picture]:
    """Draw what was never fitted, a figure a site or marker."""
    kept = predictions.kind.isin(("scored", "unchecked")) & (predictions.split == "validation")
    for quantity in _ORDER:
        rows = predictions.loc[kept & (predictions.quantity == quantity)]
        if not rows.empty:
            title = f"{QUANTITIES[quantity]}, validation rows"
            inside = f"{int(rows.inside.sum())} of {len(rows)} inside their 90 % interval"
            words = f"{QUANTITIES[quantity]}: {inside}"
            yield _picture(
                figures.forest(rows, title),
                layout,
                f"forest_{quantity}",
                words,
                f"{title}: {inside}",
            )


def _trial_pictures(predictions: pd.DataFrame, layout: Layout) -> Iterator[Picture]:
    """Draw every trial, those with validation rows first."""
    drawn = predictions.loc[~predictions.kind.isin((SPREAD, NATURAL_HISTORY))]
    validated = set(drawn.loc[drawn.split == "validation"].trial)
    trials = sorted(parts_by(drawn, ["trial"]), key=lambda t: (t[0][0] not in validated, t[0][0]))
    for (trial,), rows in trials:
        splits = " and ".join(sorted(set(rows.split.str.replace("_", " "))))
        alt = f"{trial}: published numbers and predictions with bands, {len(rows)} rows"
        figure = trial_figure(rows, f"{trial} ({splits})")
        yield _picture(figure, layout, f"trial_{trial}", trial, alt)


def _picture(figure: Figure, layout: Layout, name: str, title: str, alt: str) -> Picture:
    return picture(figure, layout["figures"], name, title, alt, dpi=_DPI)


def _errors(errors: pd.DataFrame) -> list[dict]:
    """Errors of scored rows: a line a quantity, calibration and validation side by side."""
    scored = errors.loc[errors.kind == "scored"]
    lines = []
    for quantity in _ORDER:
        own = scored.loc[scored.quantity == quantity].set_index("split")
        if not own.empty:
            lines.append({"quantity": quantity, "splits": own.to_dict("index")})
    return lines


def _by_question(scores: dict[str, pd.DataFrame]) -> list[dict]:
    """Errors and coverage of validation rows: a line a question."""
    coverage, errors = scores["coverage"], scores["errors_by_question"]
    coverage = coverage.loc[(coverage.split == "validation") & (coverage.by == "question")]
    errors = errors.loc[errors.split == "validation"]
    return [
        record
        | {
            "rmse": dict(
                zip(
                    errors.loc[errors.question == record["group"]].quantity,
                    errors.loc[errors.question == record["group"]].rmse,
                    strict=True,
                )
            )
        }
        for record in coverage.to_dict("records")
    ]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("calibration.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["signed"] = signed
    environment.filters["words"] = figures.words
    environment.filters["month"] = lambda month: f"{month:.3g}"
    environment.globals["ORDER"] = _ORDER
    return environment
