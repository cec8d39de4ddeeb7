"""The application: its commands, where further ones come from, and how a failure is told.

Commands of this package are named in `_COMMANDS`; those of other packages come through the entry
point group `cohort.commands`, each an object that typer can register (a function).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from cohort.cli.failures import INTERRUPTED, tell, usage_sentence
from cohort.errors import CohortError, MachineFailure, did_you_mean

_COMMANDS = (
    "run",
    "list",
    "show",
    "report",
    "population",
    "compare",
    "resume",
    "sensitivity",
    "optimize",
    "analyse",
    "export",
    "power",
    "doctor",
)
_GROUP = "cohort.commands"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = application(words)(words, standalone_mode=False, prog_name="cohort")
        if code == INTERRUPTED:  # how typer hands on a keyboard interrupt
            raise KeyboardInterrupt
        return code if isinstance(code, int) else 0
    except CohortError as error:
        tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted: what is finished stays; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    except MemoryError:
        tell(MachineFailure("out of memory; what is finished stays."))
        return MachineFailure.exit_code
    except SystemExit:
        # All that typer itself exits for here: the reader of a pipe (`head`) has seen enough.
        return 0
    except OSError as error:
        tell(MachineFailure(f"{error.strerror or error}: {error.filename or 'no file named'}."))
        return MachineFailure.exit_code
    except Exception as error:
        # Usage errors are classes of whichever click typer carries, so they are told by shape.
        sentence = usage_sentence(error, [*_COMMANDS, *_contributed(words)])
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        return 2


def application(words: Sequence[str]) -> Callable[..., Any]:
    """Build the command line that can answer these words.

    Packages that contribute commands are looked up only where the words ask for something that is
    not built in, so that no other package can slow or break a built-in command.
    """
    app = typer.Typer(
        name="cohort",
        help="Virtual trials on a mechanistic model of bone remodeling.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    named = words[0] if words and words[0] in _COMMANDS else None
    for name in _COMMANDS:
        module = importlib.import_module(f"cohort.cli.commands.{name}")
        app.command(name)(module.command)
    if named is None:
        for name, command in _contributed(words).items():
            app.command(name)(command)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"cohort {version('bone-cohort')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options of `cohort` itself, before any command."""


def _contributed(words: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """Commands of other packages: all of them for a listing, else the one that is called."""
    from importlib.metadata import entry_points

    called = next((word for word in words if not word.startswith("-")), None)
    found = {}
    for entry in entry_points(group=_GROUP):
        if entry.name in _COMMANDS:
            continue
        if called in (None, entry.name) or did_you_mean(called or "", [entry.name]):
            found[entry.name] = entry.load()
    return found
