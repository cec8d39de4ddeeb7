"""What `cohort calibrate` shows: progress on a terminal, the estimate, the outcome."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from calibration.job.estimate import Estimate
from calibration.job.schema import ENDPOINTS
from calibration.progress import Event, Members, Progress, Stage, silent
from cohort.cli.progress import duration
from cohort.cli.tables import print_json, print_table


@contextmanager
def progress_shown(title: str, *, quiet: bool = False) -> Iterator[Progress]:
    """Show a job's events on a terminal; nothing when stderr is piped or when asked to be quiet.

    Args:
        title: the job's name.
        quiet: show nothing.

    Yields:
        A listener for `run_job`.
    """
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("[bold]{task.fields[title]}"),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, title=title, words="starting")

        def show(event: Event, /) -> None:
            if isinstance(event, Stage):
                bar.update(task, total=None, words=words_for(event))
            elif isinstance(event, Members):
                bar.update(task, total=event.of, completed=event.done, words=words_for(event))
            else:
                bar.update(task, total=event.steps, completed=event.step, words=words_for(event))

        yield show


def words_for(event: Event) -> str:
    """Words beside the bar for one event."""
    if isinstance(event, Stage):
        return f"{event.words} ({event.number} of {event.of})"
    if isinstance(event, Members):
        words = f"ensemble · {event.done} of {event.of} members"
        lost = event.done - event.settled
        failed = f" · {lost} without an optimum" if lost else ""
        return f"{words} · {event.evaluations} evaluations{failed}"
    errors = " ".join(f"{name} {error:.2f}" for name, error in event.errors.items())
    return (
        f"{event.stage}, start {event.start + 1} · step {event.step}/{event.steps} · "
        f"loss {event.loss:.5g} · gradient {event.gradient_norm:.2g} · {errors}"
    ).removesuffix(" · ")


def show_estimate(found: Estimate, folder: Path, as_json: bool) -> None:
    """Tell what a job would fit and cost; it has been checked whole by now."""
    if as_json:
        print_json({"valid": True, "out": str(folder), **found.as_dict()})
        return
    print(f"{found.job.name} is valid and would be written to {folder}.")
    counts = found.rows_by_trial()
    rows = [(trial, *(_count(n) for n in by.values())) for trial, by in counts.items()]
    total = [sum(by[name] for by in counts.values()) for name in ENDPOINTS]
    rows.append(("all", *map(_count, total)))
    print_table(
        ("trial", *ENDPOINTS), rows, title="Rows to fit", numbers=range(1, 1 + len(ENDPOINTS))
    )
    free = [(group, ", ".join(names)) for group, names in found.free_by_group().items()]
    print_table(("group", "parameters"), free, title=f"{len(found.free)} free parameters")
    print(
        f"{len(found.selection.rows)} rows of {found.arms} arms, {found.job.start.starts} starts: "
        f"about {duration(found.seconds)} on two CPU cores."
    )


def _count(number: int) -> str:
    return str(number) if number else ""


def tell_outcome(folder: Path, manifest: Mapping[str, Any], *, quiet: bool, as_json: bool) -> None:
    """Tell what a finished job's folder holds.

    Args:
        folder: the results folder.
        manifest: its manifest.
        quiet: print nothing, unless `as_json`.
        as_json: print the summary as JSON.
    """
    report = folder / "report.html"
    if as_json:
        kept = ("name", "seed", "status", "hash", "fit", "posterior", "scores", "notes")
        facts = {key: manifest.get(key) for key in kept}
        print_json({"out": str(folder), "report": str(report), **facts})
        return
    if quiet:
        return
    scores = manifest.get("scores", [])
    print_table(
        ("split", "rows of", "site or marker", "rows", "RMSE", "bias"),
        [_score(score) for score in scores],
        title="Errors, percentage points (each trial once for markers)",
        numbers=(3, 4, 5),
    )
    for note in manifest.get("notes", ()):
        print(f"note: {note}")
    if not manifest["fit"]["converged"]:
        print(
            "note: the best start has not converged; raise polish.steps, or see starts.parquet "
            "and the waterfall in the report."
        )
    print(f"loss {manifest['fit']['loss']:.6g}; parameters: {folder / 'parameters.toml'}")
    print(f"results: {folder}")
    print(f"report: {report}")


def _score(score: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = (f"{score['rmse']:.2f}", f"{score['bias']:+.2f}")
    return (score["split"], score["kind"], score["quantity"], str(score["rows"]), *numbers)
