"""The command line: thin callers of the package's functions.

Nothing heavy is imported here or in `cohort.cli.commands`: each command imports what it needs when
it runs, so that `cohort --help` and `cohort list` answer at once.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: the words after `cohort`; those of the process by default.
    """
    from cohort.cli.app import run

    return run(arguments)
