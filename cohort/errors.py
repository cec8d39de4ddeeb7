"""The few ways a command can fail, each with the exit code that the product promises."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class CohortError(Exception):
    """A failure that is told to the user as sentences, never as a traceback.

    Attributes:
        exit_code: the process exit code of the command that meets this error.
    """

    exit_code = 1


class BadInput(CohortError):
    """Input that cannot be run: every problem found, each one sentence; nothing was written.

    Args:
        problems: one sentence a problem: which file and key, what was found, what is allowed.
    """

    exit_code = 2

    def __init__(self, problems: str | Sequence[str]) -> None:
        """Keep the problems apart, so that a caller can list or count them."""
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class TooManyFailed(CohortError):
    """The run is complete, but more patients failed than `engine.max_failed` allows."""

    exit_code = 3


class MachineFailure(CohortError):
    """Disk, memory or device gave out; what was finished stays where it is."""

    exit_code = 4


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest allowed word, or an empty string."""
    folded = {name.casefold(): name for name in allowed}
    near = difflib.get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    return f" Did you mean '{folded[near[0]]}'?" if near else ""
