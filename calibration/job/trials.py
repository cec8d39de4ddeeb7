"""The trials that a job names: bundled ones by name, a user's own by the folder of their files.

A trial is two data files, `trial.toml` (its design, a study that runs) and `outcomes.csv` (what it
published), and no code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from calibration.job.schema import Job
from cohort.errors import BadInput, did_you_mean
from cohort.resources import bundled
from cohort.results.published import PublishedRow, load_published
from cohort.trial.problems import Problem
from cohort.trial.schema import Study
from cohort.trial.source import read_toml
from cohort.trial.study import load_study

FILES = ("trial.toml", "outcomes.csv")
_TRIALS = ("targets", "trials")


@dataclass(frozen=True)
class Source:
    """Where a trial's files lie.

    Attributes:
        name: the trial's name, which its rows carry.
        folder: holds `trial.toml` and `outcomes.csv`.
        own: whether the trial is a user's, not a bundled one.
    """

    name: str
    folder: Path
    own: bool

    @property
    def table(self) -> Path:
        """What the trial published."""
        return self.folder / "outcomes.csv"

    @property
    def files(self) -> tuple[Path, ...]:
        """Both files."""
        return tuple(self.folder / name for name in FILES)

    def rows(self) -> tuple[PublishedRow, ...]:
        """Read what the trial published.

        Raises:
            BadInput: the table cannot be read, or holds something that is no number.
        """
        return load_published(self.table, self.name)

    def study(self, accuracy: str) -> Study:
        """Return the trial's study on a time grid of this accuracy.

        Raises:
            BadInput: every problem of the study file.
        """
        word = self.folder if self.own else self.name
        return load_study(word, [f"engine.accuracy={accuracy}"])


def sources(job: Job) -> tuple[list[Source], list[Problem]]:
    """Return the trials that a job chooses, and what is wrong with the words that name them."""
    every = bundled("trials")
    problems: list[Problem] = []
    if job.targets.trials == "all":
        words = [source.name for source in all_sources()]
    else:
        words = list(job.targets.trials)
    found: dict[str, Source] = {}
    for word in words:
        try:
            source = _source(word, every)
        except BadInput as error:
            problems += [Problem(_TRIALS, sentence) for sentence in error.problems]
            continue
        if source.name in found:
            problems.append(Problem(_TRIALS, f"two trials are named '{source.name}'."))
        found[source.name] = source
    certain = not problems  # else what is excluded may be what could not be found
    for word in job.targets.exclude:
        if certain and not any(_is(source, word) for source in found.values()):
            near = did_you_mean(word, found)
            sentence = f"'{word}' is none of the trials that targets.trials chooses.{near}"
            problems.append(Problem(("targets", "exclude"), sentence))
    excluded = job.targets.exclude
    return [s for s in found.values() if not any(_is(s, word) for word in excluded)], problems


def all_sources() -> list[Source]:
    """Return every bundled trial that published something."""
    return [
        Source(name, path.parent, own=False)
        for name, path in bundled("trials").items()
        if path.with_name("outcomes.csv").is_file()
    ]


def _is(source: Source, word: str) -> bool:
    return word in (source.name, str(source.folder))


def _source(word: str, every: Mapping[str, Path]) -> Source:
    """Return the trial that a word of the job names.

    Raises:
        BadInput: it names none.
    """
    if word in every:
        return Source(word, every[word].parent, own=False)
    folder = Path(word)
    if not folder.is_dir():
        if os.sep in word:
            raise BadInput(f"there is no folder {word}; a trial's holds {' and '.join(FILES)}.")
        raise BadInput(
            f"'{word}' is neither a bundled trial nor a folder with {' and '.join(FILES)}; "
            f"`cohort list studies` shows the bundled ones.{did_you_mean(word.lower(), every)}"
        )
    absent = [name for name in FILES if not (folder / name).is_file()]
    if absent:
        raise BadInput(
            f"{folder} lacks {' and '.join(absent)}; a trial's folder holds {' and '.join(FILES)}."
        )
    name = read_toml(folder / "trial.toml").get("name")
    if not isinstance(name, str):
        raise BadInput(f"{folder / 'trial.toml'}: name: the key is missing.")
    return Source(name, folder, own=True)
