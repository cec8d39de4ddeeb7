"""How a failure is told: sentences on stderr, one a line, and never a traceback."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from cohort.errors import BadInput, CohortError, did_you_mean

INTERRUPTED = 130


def tell(error: CohortError) -> None:
    """Print every problem of an error, one a line."""
    problems = error.problems if isinstance(error, BadInput) else [str(error)]
    for problem in problems:
        print(f"error: {' '.join(problem.split())}", file=sys.stderr)


def usage_sentence(error: Exception, commands: Iterable[str]) -> str | None:
    """Return one sentence for a mistake in the command line itself, None for any other error.

    Args:
        error: what was raised.
        commands: commands there are, for a near miss.
    """
    words = getattr(error, "format_message", None)
    if words is None or not hasattr(error, "exit_code"):
        return None
    if type(error).__name__ == "NoArgsIsHelpError":
        return None if not str(error) else str(error)
    sentence = " ".join(str(words()).split()).rstrip(".").replace("Value error, ", "")
    unknown = re.match(r"No such command '([^']*)'", sentence)
    if unknown:
        allowed = sorted(commands)
        sentence = (
            f"'{unknown[1]}' is no command; there are {', '.join(allowed)}."
            f"{did_you_mean(unknown[1], allowed)}"
        )
        return f"error: {sentence}"
    near = re.match(r"No such option: (\S+)(?: \(Possible options: (.*)\))?", sentence)
    if near:
        options = [] if near[2] is None else near[2].split(", ")
        sentence = f"{near[1]} is no option of this command.{did_you_mean(near[1], options)}"
    else:
        sentence = f"{sentence[:1].lower()}{sentence[1:]}."
    context = getattr(error, "ctx", None)
    place = getattr(context, "command_path", "cohort")
    return f"error: {sentence} `{place} --help` shows what is allowed."
