"""ADBMD and ADLB: one row a subject, parameter and visit, from what was measured.

Only `measured_` columns become AVAL: an analyst sees no true value. BASE is the value of the visit
at month 0; CHG and PCHG are null in the baseline record and where BASE is. A visit without a value
has no row. PCHG of a T-score, whose zero is arbitrary, is null.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.handover.periods import record_periods
from cohort.handover.trial import ExportedTrial, TrialArm, numbers, same, words, yes
from cohort.results.outcomes import BY_NAME, MEASURED, OUTCOMES, PLANNED, Outcome
from cohort.results.schema import COURSE

PERSONS = 4096
"""Persons of whom rows are made at once."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a data set.

    Attributes:
        outcome: column of `visits`, without `measured_`.
        code: PARAMCD.
        words: PARAM, without its unit.
        category: PARCAT1.
        ratio: whether percent changes have a meaning.
    """

    outcome: str
    code: str
    words: str
    category: str
    ratio: bool = True

    @property
    def text(self) -> str:
        """PARAM."""
        unit = BY_NAME[self.outcome].unit
        return f"{self.words} ({'SD' if unit == '1' else unit})"


_SITES = (("lumbar_spine", "LS", "Lumbar Spine"), ("total_hip", "TH", "Total Hip"))
_SITES += (("femoral_neck", "FN", "Femoral Neck"),)
_DXA, _TURNOVER, _HORMONES = "DXA", "BONE TURNOVER MARKERS", "HORMONES AND MINERALS"

_NAMED = {
    "adbmd": (
        *(
            Parameter(f"bmd_{site}", f"BMD{code}", f"{name} Bone Mineral Density", _DXA)
            for site, code, name in _SITES
        ),
        *(
            Parameter(f"t_score_{site}", f"TSC{code}", f"{name} T-Score", _DXA, ratio=False)
            for site, code, name in _SITES
        ),
    ),
    "adlb": (
        Parameter("ctx", "CTX", "C-Telopeptide of Type I Collagen", _TURNOVER),
        Parameter("p1np", "P1NP", "Procollagen Type I N-Propeptide", _TURNOVER),
        Parameter("bsap", "BSAP", "Bone-Specific Alkaline Phosphatase", _TURNOVER),
        Parameter("estradiol", "ESTRDIOL", "Estradiol", _HORMONES),
        Parameter("testosterone", "TESTOS", "Testosterone", _HORMONES),
        Parameter("testosterone_free", "TESTOSFR", "Testosterone, Free", _HORMONES),
        Parameter("shbg", "SHBG", "Sex Hormone Binding Globulin", _HORMONES),
        Parameter("lh", "LH", "Luteinizing Hormone", _HORMONES),
        Parameter("progesterone", "PROGEST", "Progesterone", _HORMONES),
        Parameter("igf1", "IGF1", "Insulin-like Growth Factor 1", _HORMONES),
        Parameter("pth", "PTH", "Parathyroid Hormone, Intact", _HORMONES),
        Parameter("calcium", "CA", "Calcium", _HORMONES),
    ),
}
"""Parameters with words and a code of their own."""


def unnamed(outcomes: Iterable[Outcome]) -> tuple[Parameter, ...]:
    """Return the parameters of measured outcomes without a line above: a new one has its place.

    >>> unnamed([Outcome("vitamin_d", "ng/mL", "Serum 25-OH vitamin D", measured=True)])[0].code
    'VITAMIND'
    """
    named = {p.outcome for part in _NAMED.values() for p in part}
    return tuple(
        Parameter(o.name, o.name.replace("_", "").upper()[:8], o.description[:60], "OTHER")
        for o in outcomes
        if o.measured and not o.is_change and o.name not in named
    )


PARAMETERS = _NAMED | {"adlb": (*_NAMED["adlb"], *unnamed(OUTCOMES))}
"""Parameters of the data sets, in the order of PARAMN."""


def parameters_of(trial: ExportedTrial, name: str) -> list[tuple[int, Parameter]]:
    """Return the parameters that a run measured, with their numbers (PARAMN)."""
    parts = [part for arm in trial.arms for part in trial.visits(arm)]
    present = pq.read_schema(parts[0]).names
    every = enumerate(PARAMETERS[name], start=1)
    return [(number, p) for number, p in every if MEASURED + p.outcome in present]


def every_measure(trial: ExportedTrial) -> list[tuple[int, Parameter]]:
    """Return the parameters of all data sets that a run measured, numbered through."""
    present = pq.read_schema(trial.visits(trial.arms[0])[0]).names
    every = enumerate(itertools.chain.from_iterable(PARAMETERS.values()), start=1)
    return [(number, p) for number, p in every if MEASURED + p.outcome in present]


def measure_tables(trial: ExportedTrial, name: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of ADBMD or ADLB, a table some thousand persons.

    Args:
        trial: the run.
        name: `adbmd` or `adlb`.
        schema: of the data set.
    """
    parameters = parameters_of(trial, name)
    columns = ["patient_id", "month", "day", *(MEASURED + p.outcome for _, p in parameters)]
    if COURSE in pq.read_schema(trial.visits(trial.arms[0])[0]).names:
        columns.append(COURSE)
    for arm in trial.arms:
        for rows in trial.seen(arm, columns, PERSONS):
            found = _columns(trial, arm, rows, parameters)
            yield pa.table([found[n] for n in schema.names], schema=schema)


def _columns(
    trial: ExportedTrial, arm: TrialArm, rows: pa.Table, parameters: list[tuple[int, Parameter]]
) -> dict[str, pa.Array]:
    ids, person = np.unique(rows["patient_id"].to_numpy(), return_inverse=True)
    month = rows["month"].to_numpy().astype(float)
    measured = np.stack(
        [rows[MEASURED + p.outcome].to_numpy().astype(float) for _, p in parameters]
    )
    which, row = np.nonzero(np.isfinite(measured))
    order = np.lexsort((month[row], which, person[row]))
    which, row = which[order], row[order]
    value, start = measured[which, row], _baselines(measured, person, month, ids.size)
    base = start[which, person[row]]
    first = month[row] == 0
    change = np.where(first, np.nan, value - base)
    ratio = np.array([p.ratio for _, p in parameters])[which]
    percent = np.where(ratio, 100.0 * change / np.where(base == 0, np.nan, base), np.nan)
    months, visit = np.unique(month[row], return_inverse=True)
    names = ["Baseline" if m == 0 else f"Month {m:g}" for m in months]
    subjects = [f"{trial.study}-{subject}" for subject in trial.subjects(arm, ids)]
    n = value.size
    return {
        "STUDYID": same(trial.study, n),
        "USUBJID": words(person[row], subjects),
        **_treatments(trial, arm, _courses(rows, person, ids.size)[person[row]], month[row]),
        "PARAM": words(which, [p.text for _, p in parameters]),
        "PARAMCD": words(which, [p.code for _, p in parameters]),
        "PARAMN": numbers(np.array([number for number, _ in parameters], float)[which]),
        "PARCAT1": words(which, [p.category for _, p in parameters]),
        "AVISIT": words(visit, names),
        "AVISITN": numbers(month[row]),
        "ADY": numbers(_days(rows["day"].to_numpy().astype(float)[row])),
        "AVAL": numbers(value),
        "BASE": numbers(base),
        "CHG": numbers(change),
        "PCHG": numbers(percent),
        "ABLFL": yes(first, otherwise=None),
        "ANL01FL": same("Y", n),
        "ITTFL": same("Y", n),
        "SAFFL": same("Y", n),  # who could not be computed has no value, hence no row
    }


def _treatments(
    trial: ExportedTrial,
    arm: TrialArm,
    course: npt.NDArray[np.str_],
    month: npt.NDArray[np.float64],
) -> dict[str, pa.Array]:
    if trial.periods is None:
        return treatment(arm, month.size)
    return record_periods(trial.periods, arm, course, month)


def _courses(rows: pa.Table, person: npt.NDArray[np.int64], persons: int) -> npt.NDArray[np.str_]:
    """Return the course on which each person was last seen, `(person,)`."""
    if COURSE not in rows.column_names:
        return np.full(persons, PLANNED)
    # Rows of a person rise by month, so that her last one stays.
    last = np.zeros(persons, dtype=np.int64)
    last[person] = np.arange(person.size)
    return rows[COURSE].cast(pa.string()).to_numpy()[last].astype(str)


def treatment(arm: TrialArm, rows: int) -> dict[str, pa.Array]:
    """Return the treatment variables of a data set by record."""
    number = numbers(np.full(rows, float(arm.number)))
    given = same(arm.treatment, rows)
    return {"TRTP": given, "TRTPN": number, "TRTA": given, "TRTAN": number}


def _baselines(
    measured: npt.NDArray[np.float64],
    person: npt.NDArray[np.int64],
    month: npt.NDArray[np.float64],
    persons: int,
) -> npt.NDArray[np.float64]:
    """Return the value at month 0, `(parameter, person)`; NaN where there is none."""
    start = np.full((len(measured), persons), np.nan)
    first = month == 0
    start[:, person[first]] = measured[:, first]
    return start


def _days(day: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the relative day; there is no day 0."""
    whole = np.floor(day)
    return np.where(whole >= 0, whole + 1.0, whole)
