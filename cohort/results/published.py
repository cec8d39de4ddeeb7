"""Published outcomes of a trial, as rows: what was measured, in which arm, when, against what.

A row of `outcomes.csv` is one number of one paper. It is *scored* (enters an error) when it is the
primary value of its measurement, was read in a paper or digitised from its figure, and is a percent
change of BMD at lumbar spine, total hip or femoral neck, or of CTX, P1NP or BSAP. Levels of
hormones are compared on a scale of their own (`cohort.analysis.hormones`). Everything else is shown
where it can be and never scored.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cohort.errors import BadInput
from cohort.resources import bundled
from cohort.results import outcomes

SITES = tuple(outcomes.SITES)
MARKERS = ("CTX", "P1NP", "BSAP")
_READ = ("checked", "digitised")
_TRUST = (*_READ, "unchecked", "approximate")
_MEDIANS = ("median", "median (assumed)")
_MEANS = (
    "mean",
    "mean_pct_change_range_midpoint",
    "mean_pct_change_since_stop",
    "fold_change_midpoint",
)
_FIELDS = ("row_id", "arm", "endpoint", "site", "month", "statistic", "value", "unit", "versus")
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class PublishedRow:
    """One published number.

    Attributes:
        trial: name of the bundled trial (its folder).
        row_id: stable name of the row.
        arm: name of the arm in the trial's study file.
        endpoint: what was measured (`BMD`, `CTX`, ...), at `site`.
        month: nominal month of the measurement; NaN when the source gives none.
        statistic: `mean`, `median`, ...
        value: the number; NaN when the source reports only words.
        versus: `baseline`, `placebo`, `month N` or `active:ARM`.
        low: lower end of the published 95 % interval (or of the bar as drawn in a digitised figure,
            whatever it is), or NaN.
        high: upper end, or NaN.
        standard_error: of `value`, or NaN.
        spread: how far persons lie apart, as limits of the middle of them: of two thirds (mean
            -+ standard deviation, `sd`) or of half (quartiles, `iqr`); NaN where none is given.
        spread_kind: `sd`, `iqr`, or an empty string.
    """

    trial: str
    row_id: str
    arm: str
    endpoint: str
    site: str
    month: float
    statistic: str
    value: float
    unit: str
    versus: str
    verification: str
    split: str
    primary: bool
    low: float
    high: float
    standard_error: float
    citation: str
    note: str
    spread: tuple[float, float] = (math.nan, math.nan)
    spread_kind: str = ""

    @property
    def quantity(self) -> str:
        """Site of a BMD row (`LS`), the marker of a marker row (`CTX`), else the endpoint."""
        return self.site if self.endpoint == "BMD" else self.endpoint

    @property
    def column(self) -> str | None:
        """Column of `visits` that predicts this row, or None where there is none."""
        if self.unit != "percent change" or self.quantity not in SITES + MARKERS:
            return None
        if self.is_marker and self.site not in ("serum", ""):
            return None
        site = None if self.is_marker else self.site
        return outcomes.BY_PUBLISHED[self.endpoint, site].name

    @property
    def is_marker(self) -> bool:
        """Whether the row is of a turnover marker."""
        return self.quantity in MARKERS

    @property
    def hormone(self) -> str | None:
        """Column of `visits` that holds the hormone of a row of serum levels, or None."""
        found = outcomes.BY_PUBLISHED.get((self.endpoint, None))
        level = found is not None and not found.is_change and self.site == "serum"
        return found.name if found is not None and level else None

    @property
    def is_level(self) -> bool:
        """Whether the row is a number of a hormone, on whatever scale."""
        known = math.isfinite(self.value) and math.isfinite(self.month)
        return known and self.hormone is not None and self.center is not None

    @property
    def read(self) -> bool:
        """Whether the number was read in a paper or digitised from its figure."""
        return self.verification in _READ

    @property
    def from_baseline(self) -> bool:
        """Whether the number is a change of the arm from its own baseline."""
        return self.versus.startswith("baseline")

    @property
    def source(self) -> str:
        """Citation, statistic, and how the number was obtained."""
        return f"{self.citation} ({self.statistic}; {self.verification})"

    @property
    def center(self) -> str | None:
        """`mean` or `median`: the statistic to compute; None where it is neither.

        Digitised rows that do not say which (`median_or_mean`) are means for BMD and medians for
        markers, as the trials report them.
        """
        if self.statistic in _MEANS:
            return "mean"
        if self.statistic in _MEDIANS:
            return "median"
        if self.statistic == "median_or_mean":
            return "median" if self.is_marker else "mean"
        return None

    @property
    def comparable(self) -> bool:
        """Whether the model computes this number at all."""
        known = math.isfinite(self.value) and math.isfinite(self.month)
        return known and self.column is not None and self.center is not None

    @property
    def scored(self) -> bool:
        """Whether the row counts in an error: primary, and read in a paper or its figure."""
        return self.comparable and self.primary and self.read

    @property
    def unchecked(self) -> bool:
        """Whether the row is primary but known only from the literature at large."""
        return self.comparable and self.primary and self.verification == "unchecked"


def load_published(path: Path, trial: str | None = None) -> tuple[PublishedRow, ...]:
    """Read a trial's `outcomes.csv`.

    Args:
        path: the CSV file.
        trial: name of the trial; default the name of the file's folder.

    Raises:
        BadInput: the file cannot be read, a column is missing, or a number is none; all problems
            at once.
    """
    trial = trial or path.parent.name
    problems: list[str] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            absent = [name for name in _FIELDS if name not in (reader.fieldnames or ())]
            if absent:
                words = f"column{'s' * (len(absent) > 1)} {', '.join(absent)}"
                raise BadInput(f"{path}: {words} missing.")
            rows = [_row(record, trial, f"{path}:{reader.line_num}", problems) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from error
    if problems:
        raise BadInput(problems)
    return tuple(rows)


def published_of(trial: str) -> tuple[PublishedRow, ...]:
    """Published rows of a bundled trial; empty where nothing is bundled under that name."""
    study = bundled("trials").get(trial)
    path = study.parent / "outcomes.csv" if study else None
    return load_published(path) if path is not None and path.is_file() else ()


def has_prediction(trial: str) -> bool:
    """Whether the model computes any number that a bundled trial published."""
    return any(row.comparable or row.is_level for row in published_of(trial))


def beside_means(rows: Iterable[PublishedRow]) -> dict[tuple[str, str, float], PublishedRow]:
    """Return the row that stands beside an arm's mean, by (arm, column of `visits`, month).

    Only changes of an arm from its own baseline do. Where a trial gave one number twice, its
    primary analysis stands before others, then the better checked.
    """
    best: dict[tuple[str, str, float], PublishedRow] = {}

    def rank(row: PublishedRow) -> tuple[bool, int]:
        trust = _TRUST.index(row.verification) if row.verification in _TRUST else len(_TRUST)
        return not row.primary, trust

    for row in rows:
        if row.column is None or not row.comparable or not row.from_baseline:
            continue
        key = row.arm, row.column, row.month
        if key not in best or rank(row) < rank(best[key]):
            best[key] = row
    return best


def _row(record: dict[str, str], trial: str, where: str, problems: list[str]) -> PublishedRow:
    def text(name: str) -> str:
        return (record.get(name) or "").strip()

    def number(name: str) -> float:
        if not text(name):
            return math.nan
        try:
            found = float(text(name))
        except ValueError:
            problems.append(f"{where}: {name} is '{text(name)}', not a number.")
            return math.nan
        if not math.isfinite(found):
            problems.append(
                f"{where}: {name} is '{text(name)}', not a finite number; leave it empty where the "
                "source gives none."
            )
        return found

    value = number("value")
    given = (
        value,
        text("spread_kind"),
        number("spread_value"),
        (number("ci_low"), number("ci_high")),
    )
    low, high, error = _interval(*given)
    spread, spread_kind = _spread(*given)
    return PublishedRow(
        trial=trial,
        row_id=text("row_id"),
        arm=text("arm"),
        endpoint=text("endpoint"),
        site=text("site"),
        month=number("month"),
        statistic=text("statistic"),
        value=value,
        unit=text("unit"),
        versus=text("versus"),
        verification=text("verification"),
        split=text("split"),
        primary=text("primary_use") != "0",
        low=low,
        high=high,
        standard_error=error,
        citation=text("citation"),
        note=text("note"),
        spread=spread,
        spread_kind=spread_kind,
    )


def _spread(
    value: float, kind: str, spread: float, limits: tuple[float, float]
) -> tuple[tuple[float, float], str]:
    """Limits of the middle of the persons, from a standard deviation or from quartiles."""
    if kind == "sd" and math.isfinite(spread):
        return (value - spread, value + spread), kind
    if kind == "iqr" and math.isfinite(limits[0]) and math.isfinite(limits[1]):
        return limits, kind
    return (math.nan, math.nan), ""


def _interval(
    value: float, kind: str, spread: float, limits: tuple[float, float]
) -> tuple[float, float, float]:
    """95 % limits and standard error from whatever the source gives.

    A standard deviation or an interquartile range of persons says nothing of the mean without the
    number of persons, so it gives no interval.
    """
    low, high = limits
    drawn = math.isfinite(low) and math.isfinite(high)
    if drawn and kind == "ci95":
        return low, high, (high - low) / (2 * _Z95)
    if drawn and kind == "as_drawn":
        return low, high, math.nan
    if math.isfinite(spread) and kind == "se":
        return value - _Z95 * spread, value + _Z95 * spread, spread
    if math.isfinite(spread) and kind == "ci95":
        return value - spread, value + spread, spread / _Z95
    return math.nan, math.nan, math.nan
