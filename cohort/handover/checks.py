"""What a run must have before it is exported: every problem one sentence, before any work."""

from __future__ import annotations

import importlib.util

import pyarrow.parquet as pq

from cohort.errors import did_you_mean
from cohort.handover.files import MOST_XPT_ROWS
from cohort.handover.measures import parameters_of
from cohort.handover.trial import ExportedTrial
from cohort.results.outcomes import MEASURED
from cohort.results.schema import has_draws

FORMATS = ("adam", "csv", "nonmem")


def problems_of(trial: ExportedTrial, kind: str, *, xpt: bool) -> list[str]:
    """Return why a run cannot be exported; empty where it can.

    Args:
        trial: the run.
        kind: one of `FORMATS`.
        xpt: whether SAS transport files are asked for.
    """
    root = trial.layout.root
    if kind not in FORMATS:
        near = did_you_mean(kind, FORMATS)
        return [f"--format is {kind!r}; allowed is {', '.join(FORMATS)}.{near}"]
    if "study" not in trial.manifest:
        return [f"{root} holds no virtual trial; `cohort export` takes a folder of `cohort run`."]
    if not trial.layout.summary.is_file():
        return [f"{root} holds no complete run yet; finish it with `cohort resume {root}`."]
    problems = []
    if kind in ("adam", "nonmem"):
        problems += _as_analysed(trial)
    if xpt and kind != "adam":
        problems.append("--xpt goes with --format adam only.")
    if xpt and importlib.util.find_spec("pyreadstat") is None:
        problems.append("--xpt needs pyreadstat: pip install 'bone-cohort[adam]'.")
    if xpt and not problems:
        problems += _of_size(trial)
    return problems


def _as_analysed(trial: ExportedTrial) -> list[str]:
    root, problems = trial.layout.root, []
    if has_draws(trial.manifest):
        problems.append(
            f"{root} holds draws of the parameters: many trials, not one; --format csv takes it."
        )
    first = trial.visits(trial.arms[0])[0]
    if not any(name.startswith(MEASURED) for name in pq.read_schema(first).names):
        problems.append(
            f"{root} holds no measured values, and an analyst sees no true ones: run the study "
            "with measurement.enabled = true, or take --format csv."
        )
    return problems


def _of_size(trial: ExportedTrial) -> list[str]:
    """Return a sentence for each data set that is too long for a transport file."""
    visits = sum(
        pq.ParquetFile(p).metadata.num_rows for arm in trial.arms for p in trial.visits(arm)
    )
    found = []
    for name in ("adbmd", "adlb"):
        rows = visits * len(parameters_of(trial, name))
        if rows > MOST_XPT_ROWS:
            found.append(
                f"--xpt would make {name.upper()} of up to {rows:,} rows; a transport file is made "
                f"in memory and takes at most {MOST_XPT_ROWS:,}. Parquet and CSV have no limit."
            )
    return found
