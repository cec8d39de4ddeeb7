"""The progress bar: patients finished, patients per second, time left, and the compile phase."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cohort.execute.progress import (
    Advanced,
    Began,
    Compiled,
    Compiling,
    Event,
    Finished,
    Progress,
    Started,
    Writing,
    silent,
)


@contextmanager
def progress_bar(title: str, *, quiet: bool = False, transient: bool = False) -> Iterator[Progress]:
    """Show a run's events on a terminal; nothing when stderr is piped or when asked to be quiet.

    Args:
        title: what runs.
        quiet: show nothing.
        transient: remove the bar when the run is over.

    Yields:
        A callback for `run_study`.
    """
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("[bold]{task.fields[title]}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[words]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=transient) as bar:
        task = bar.add_task("", total=None, title=title, words="starting")

        def show(event: Event, /) -> None:
            if isinstance(event, Began):
                which = f"{event.name} ({event.number} of {event.of})"
                bar.reset(task, total=None, title=which, words="starting")
            elif isinstance(event, Started):
                bar.update(task, total=event.total, completed=event.kept)
            elif isinstance(event, Compiled):
                bar.update(task, words=f"compiled in {event.seconds:.1f} s")
            elif isinstance(event, Advanced):
                bar.update(task, total=event.total, completed=event.done, words=words_for(event))
            else:
                bar.update(task, words=words_for(event))

        yield show


def words_for(event: Event) -> str:
    """Words beside the bar for one event."""
    if isinstance(event, Compiling):
        return f"compiling (once) on {event.device}"
    if isinstance(event, Advanced):
        left = "" if event.seconds_left is None else f" · {duration(event.seconds_left)} left"
        return f"{event.done:,}/{event.total:,} · {event.per_second:,.0f} patients/s{left}"
    if isinstance(event, Writing):
        return f"writing {event.what}"
    if isinstance(event, Finished):
        return f"done in {duration(event.seconds)}"
    return ""


def duration(seconds: float) -> str:
    """A duration for people: `8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
