"""From a job's declared selection to the published rows that are fitted.

A row is fitted when the model computes it (a mean or median percent change of BMD or of a marker),
it is the primary number of its measurement, it belongs to the calibration split, and it passes the
job's own filters. Rows that a source reports only in words have no value and are never fitted.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from calibration.job.rows import row_problems, table_problems
from calibration.job.schema import Job
from calibration.job.tables import NATURAL_HISTORY, read_tables
from calibration.job.trials import Source, sources
from cohort.errors import BadInput, did_you_mean
from cohort.resources import data_root
from cohort.results.published import PublishedRow
from cohort.trial.problems import Problem
from cohort.trial.schema import Study

_MEN = "_men"  # how the name of a man's life ends
_TRIALS = ("targets", "trials")
_SEXES = {"female": "women", "male": "men"}

Filter = tuple[str, Callable[[PublishedRow], bool]]
"""What a filter is called in a message, and whether a row passes it."""


@dataclass(frozen=True)
class Chosen:
    """A trial with its rows.

    Attributes:
        source: where its files lie.
        study: its design.
        rows: those to fit, in the order of its table.
    """

    source: Source
    study: Study
    rows: tuple[PublishedRow, ...]


@dataclass(frozen=True)
class Selection:
    """Everything that a job fits, the spread between persons left out.

    Attributes:
        trials: those with a row to fit, in the order in which the job names them.
        lives: rows of natural history.
    """

    trials: tuple[Chosen, ...]
    lives: tuple[PublishedRow, ...]

    @property
    def rows(self) -> tuple[PublishedRow, ...]:
        """All rows, those of trials first."""
        return tuple(row for trial in self.trials for row in trial.rows) + self.lives


def select(job: Job) -> Selection:
    """Return what a job fits.

    Raises:
        BadInput: every problem of the selection and of the tables, one sentence each.
    """
    selection, problems = gather(job)
    if problems:
        raise BadInput([problem.sentence for problem in problems])
    return selection


def gather(job: Job) -> tuple[Selection, list[Problem]]:
    """Return what a job fits, and everything that is wrong with it."""
    found, problems = sources(job)
    if job.petab is not None:
        return _of_tables(job, found, problems)
    trials: list[Chosen] = []
    left: list[list[int]] = []
    arms: set[str] = set()
    for source in found:
        try:
            rows = source.rows()
            # Most bundled tables hold nothing to fit, and reading their studies takes longest.
            needed = source.own or any(_computed(row) and _of_split(row) for row in rows)
            study = source.study(job.cohort.accuracy) if needed else None
        except BadInput as error:
            problems += [Problem(_TRIALS, sentence) for sentence in error.problems]
            continue
        filters = _filters(job, study)
        counts, kept = _narrow(rows, filters)
        left.append(counts)
        if study is not None:
            arms |= {word for arm in study.arms for word in (arm.name, f"{study.name}.{arm.name}")}
            sentences = table_problems(rows, study, source) + row_problems(kept, study, source)
            problems += [Problem(_TRIALS, sentence) for sentence in sentences]
            if kept:
                trials.append(Chosen(source, study, tuple(kept)))
        if not kept and job.targets.trials != "all":
            sentence = f"'{source.name}' has no row to fit: {_emptied(counts, filters)}"
            problems.append(Problem(_TRIALS, sentence))
    problems += _unknown_arms(job, arms)
    lives = tuple(row for row in natural_history_rows() if _is_chosen_life(job, row))
    if not trials and not lives and not problems:
        problems.append(Problem(("targets",), f"nothing is left to fit: {_nothing(job, left)}"))
    return Selection(tuple(trials), lives), problems


def _of_tables(
    job: Job, found: Sequence[Source], problems: list[Problem]
) -> tuple[Selection, list[Problem]]:
    """Return the rows of a job's PEtab tables with the trials that they are of."""
    rows = [target.row for target in read_tables(job.petab or "").targets]
    by_name = {source.name: source for source in found}
    trials = []
    for name in dict.fromkeys(row.trial for row in rows if row.trial != NATURAL_HISTORY):
        if name not in by_name:
            near = did_you_mean(name, by_name)
            sentence = f"the tables hold rows of '{name}', which is none of these trials; a trial "
            problems.append(
                Problem(_TRIALS, f"{sentence}of your own is named by its folder.{near}")
            )
            continue
        try:
            study = by_name[name].study(job.cohort.accuracy)
        except BadInput as error:
            problems += [Problem(_TRIALS, sentence) for sentence in error.problems]
            continue
        own = [row for row in rows if row.trial == name]
        sentences = row_problems(own, study, by_name[name])
        problems += [Problem(("petab",), sentence) for sentence in sentences]
        trials.append(Chosen(by_name[name], study, tuple(own)))
    lives = tuple(row for row in rows if row.trial == NATURAL_HISTORY)
    return Selection(tuple(trials), lives), problems


def _computed(row: PublishedRow) -> bool:
    return row.comparable and row.primary


def _of_split(row: PublishedRow) -> bool:
    return row.split == "calibration"


def _filters(job: Job, study: Study | None) -> list[Filter]:
    """Return what a trial's row must pass, in the order in which messages count them."""
    targets = job.targets

    def of_sex(_: PublishedRow) -> bool:
        if targets.sex is None or study is None:
            return True
        from cohort.api.comparison import recruits

        return recruits(study) == _SEXES[targets.sex]

    def of_arm(row: PublishedRow) -> bool:
        return not targets.arms or bool({row.arm, f"{row.trial}.{row.arm}"} & {*targets.arms})

    return [
        ("what the model computes (changes of BMD, CTX, P1NP and BSAP, in percent)", _computed),
        ("split 'calibration' (other rows are predicted, never fitted)", _of_split),
        (f"targets.sex '{targets.sex}'", of_sex),
        (f"targets.arms {[*targets.arms]}", of_arm),
        (
            f"targets.endpoints {[*targets.endpoints]}",
            lambda row: row.quantity in targets.endpoints,
        ),
        (
            f"targets.verification {[*targets.verification]}",
            lambda row: row.verification in targets.verification,
        ),
    ]


def _narrow(
    rows: Iterable[PublishedRow], filters: Iterable[Filter]
) -> tuple[list[int], list[PublishedRow]]:
    """Return how many rows there are before and after each filter, and those that pass all."""
    left = list(rows)
    counts = [len(left)]
    for _, passes in filters:
        left = [row for row in left if passes(row)]
        counts.append(len(left))
    return counts, left


def _emptied(counts: Sequence[int], filters: Sequence[Filter]) -> str:
    """Say which filter leaves nothing."""
    if not counts[0]:
        return "there are no rows."
    place = counts.index(0)
    return f"of {counts[place - 1]} rows, {filters[place - 1][0]} keeps none."


def _nothing(job: Job, left: Sequence[Sequence[int]]) -> str:
    """Say why neither trials nor lives are left."""
    lives = "no life passes them" if job.targets.natural_history else "natural_history is false"
    if not left:
        return f"no trial is chosen, and {lives}."
    counts = [sum(column) for column in zip(*left, strict=True)]
    return f"{_emptied(counts, _filters(job, None)).removesuffix('.')}, and {lives}."


def _unknown_arms(job: Job, arms: set[str]) -> list[Problem]:
    return [
        Problem(
            ("targets", "arms"),
            f"'{word}' is an arm of none of the chosen trials.{did_you_mean(word, sorted(arms))}",
        )
        for word in job.targets.arms
        if word not in arms
    ]


def _is_chosen_life(job: Job, row: PublishedRow) -> bool:
    targets = job.targets
    sex = "male" if row.arm.endswith(_MEN) else "female"
    of_sex = targets.sex is None or targets.sex == sex
    checked = row.verification in targets.verification
    return targets.natural_history and of_sex and checked and row.quantity in targets.endpoints


def natural_history_rows() -> tuple[PublishedRow, ...]:
    """Read the rows of untreated lives, each with its own standard error."""
    path = data_root() / "natural_history" / "targets.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_life(record) for record in csv.DictReader(file))


def _life(record: dict[str, str]) -> PublishedRow:
    return PublishedRow(
        trial=NATURAL_HISTORY,
        row_id=record["row_id"],
        arm=record["arm"],
        endpoint=record["endpoint"],
        site=record["site"],
        month=float(record["month"]),
        statistic="mean",
        value=float(record["value"]),
        unit="percent change",
        versus=record["versus"],
        verification="checked",
        split="calibration",
        primary=True,
        low=math.nan,
        high=math.nan,
        standard_error=float(record["standard_error"]),
        citation=record["source"],
        note=record["note"],
    )
