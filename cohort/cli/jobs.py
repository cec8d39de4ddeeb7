"""How a command runs long work: under a progress bar, told at its end, failures last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cohort.cli.progress import progress_bar
from cohort.errors import TooManyFailed


def run_and_tell(
    name: str, work: Callable[..., Any], tell: Callable[[], None], *, silent: bool
) -> None:
    """Run work to its end and tell what it wrote, even where too many could not be computed.

    Args:
        name: what the progress bar is called.
        work: the work; it takes the events by `progress`.
        tell: tells what was written.
        silent: show no progress.

    Raises:
        TooManyFailed: everything is written and told, but too many could not be computed.
    """
    too_many = None
    with progress_bar(name, quiet=silent) as progress:
        try:
            work(progress=progress)
        except TooManyFailed as error:
            too_many = error
    tell()
    if too_many is not None:
        raise too_many
