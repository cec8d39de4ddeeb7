"""What is wrong with the rows of a trial's table, before anything is fitted to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from calibration.job.schema import ENDPOINTS, VERIFICATIONS
from calibration.job.trials import Source
from cohort.analysis.compare import arms_of, reference_of
from cohort.errors import did_you_mean
from cohort.results.published import PublishedRow
from cohort.trial.schema import Study
from cohort.trial.study import resolved

SPLITS = ("calibration", "validation", "do_not_fit")
PERCENT = "percent change"
NEAR = 0.51  # months between a row and the visit that answers it
_TRUST = (*VERIFICATIONS, "approximate")


def table_problems(rows: Sequence[PublishedRow], study: Study, source: Source) -> list[str]:
    """Return what is wrong with a table as a whole, as sentences.

    The tables that ship are held to this by the project's own tests, so only their units are looked
    at again.
    """
    sentences = []
    for row in rows:
        if row.split == "calibration" and _claims_a_change(row) and row.unit != PERCENT:
            sentences.append(
                f"{_where(source, row)}: the unit is '{row.unit}', but the model predicts "
                f"{row.quantity} as '{PERCENT}' from {row.versus}; give it so, or mark the row "
                "do_not_fit."
            )
    if source.own:
        sentences += _words(rows, study, source)
        twice = [name for name, count in Counter(row.row_id for row in rows).items() if count > 1]
        sentences += [f"{source.table}: row_id '{name}' stands there twice." for name in twice]
    return sentences


def _claims_a_change(row: PublishedRow) -> bool:
    """Whether a row is a mean or median, against something, of what the model predicts."""
    return row.quantity in ENDPOINTS and row.center is not None and row.versus != "none"


def _words(rows: Sequence[PublishedRow], study: Study, source: Source) -> list[str]:
    arms = [arm.name for arm in study.arms]
    sentences = []
    for row in rows:
        for column, found, allowed in (
            ("arm", row.arm, arms),
            ("split", row.split, SPLITS),
            ("verification", row.verification, _TRUST),
        ):
            if found not in allowed:
                sentences.append(
                    f"{_where(source, row)}: {column} is '{found}'; allowed is "
                    f"{', '.join(allowed)}.{did_you_mean(found, allowed)}"
                )
    return sentences


def row_problems(rows: Sequence[PublishedRow], study: Study, source: Source) -> list[str]:
    """Return what keeps rows from being fitted, as sentences."""
    arms = arms_of(resolved(study)) if rows else {}
    sentences = []
    for row in rows:
        if row.standard_error <= 0:
            sentences.append(
                f"{_where(source, row)}: the standard error is {row.standard_error:g}; it must be "
                "above 0."
            )
        if row.arm not in arms:
            continue
        reference = reference_of(row, arms)
        if reference is None:
            sentences.append(
                f"{_where(source, row)}: versus is '{row.versus}', which is no arm of the study; "
                "allowed is baseline, placebo, 'month N' or active:ARM."
            )
        months = [row.month, *([reference.month] if reference and reference.month else [])]
        sentences += [
            f"{_where(source, row)}: {source.name} has no visit near month {month:g}; add it to "
            "visits.months of its trial.toml."
            for month in months
            if min(abs(month - visit) for visit in study.visits.months) > NEAR
        ]
    return sentences


def _where(source: Source, row: PublishedRow) -> str:
    return f"{source.table}: row '{row.row_id}'"
