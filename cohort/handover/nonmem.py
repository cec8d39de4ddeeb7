"""A run as one NONMEM-style data set: a row a dose (or a row of equal ones) and a measured value.

Subjects one after another; in each, rows rise by TIME (days since entry), and at one time what was
measured comes before what is given, as at a visit. Doses that act one by one have rows of their
own, so that this order holds whatever a program makes of ADDL; daily and weekly ones are one row
with II and ADDL. Doses are those of the course of treatment that the person was on, up to the day
on which she was last seen. A dot is a missing value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.handover.measures import Parameter, every_measure
from cohort.handover.trial import ExportedTrial, TrialArm
from cohort.results.outcomes import BY_NAME, MEASURED, PLANNED
from cohort.results.schema import COURSE
from cohort.results.tables import DAYS_A_MONTH
from cohort.results.writer import atomic_write, write_json

Doses = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
"""By arm and course: rows with `TIME`, `AMT`, `II`, `ADDL`, `CMT`, `THERAPY` and `ROUTE`."""

PERSONS = 4096
"""Persons of whom rows are made at once."""

_COVARIATES = {
    "AGE": ("age", "year", "Age at entry"),
    "SEXF": ("sex", "1", "1 in women, 0 in men"),
    "BMI": ("bmi", "kg/m2", "Body mass index at entry"),
    "YSM": ("years_since_menopause", "year", "Years since menopause at entry; missing in men"),
}
_TOLD = {
    "ID": ("1", "Subject: a person in an arm, numbered through the file"),
    "TIME": ("day", "Days since entry, on which the visit or the dose really took place"),
    "DV": ("by DVID", "Measured value"),
    "AMT": ("by DRUG", "Amount of a dose"),
    "EVID": ("1", "0: observation, 1: dose"),
    "MDV": ("1", "1 where DV is missing: in rows of doses"),
    "CMT": ("1", "Where a dose enters: 1 depot, 2 circulation, 3 bone"),
    "DVID": ("1", "What was measured"),
    "II": ("day", "Days between the doses of a row"),
    "ADDL": ("1", "Further doses of a row after the first"),
    "DRUG": ("1", "Therapy of a dose"),
    "ARM": ("1", "Arm, by its number"),
    "PERSON": ("1", "Virtual person: the same in every arm"),
    **{name: (unit, meaning) for name, (_, unit, meaning) in _COVARIATES.items()},
    "THERAPY": ("", "Therapy of a dose in words; to be dropped by NONMEM"),
    "ROUTE": ("", "Route of a dose in words; to be dropped by NONMEM"),
}
COLUMNS = tuple(_TOLD)
"""Columns, in their order."""
_WHOLE = ("ID", "EVID", "MDV", "CMT", "DVID", "ADDL", "DRUG", "ARM", "PERSON", "SEXF")


def write_nonmem(
    trial: ExportedTrial, doses: Doses, out: Path, *, begin: Callable[[str], None]
) -> dict[str, int]:
    """Write `nonmem.csv`, and `schema.json` that tells its columns and codes.

    Args:
        trial: the run.
        doses: what is given on every course of every arm.
        out: the folder.
        begin: called with the name of the table.

    Returns:
        Rows by table.
    """
    begin("nonmem")
    drugs = _drugs(doses)
    rows = 0

    def fill(file: IO[bytes]) -> None:
        nonlocal rows
        file.write((",".join(COLUMNS) + "\n").encode())
        for frame in _frames(trial, doses, drugs):
            text = frame.to_csv(header=False, index=False, na_rep=".", float_format="%.9g")
            file.write(text.encode())
            rows += len(frame)

    atomic_write(out / "nonmem.csv", fill)
    write_json(out / "schema.json", _described(trial, doses, drugs))
    return {"nonmem": rows}


def _drugs(doses: Doses) -> list[str]:
    """Return the therapies that anybody may be given; a drug's number is its place, from 1."""
    rows = (row for arm in doses.values() for course in arm.values() for row in course)
    return sorted({str(row["THERAPY"]) for row in rows})


def _measures(trial: ExportedTrial) -> list[tuple[int, Parameter]]:
    """Return what the run measured, with its DVID; T-scores only repeat the densities."""
    return [(number, own) for number, own in every_measure(trial) if own.ratio]


def _described(trial: ExportedTrial, doses: Doses, drugs: list[str]) -> dict[str, Any]:
    units = {
        str(row["THERAPY"]): str(row["UNIT"])
        for arm in doses.values()
        for course in arm.values()
        for row in course
    }
    return {
        "nonmem": [
            {"column": name, "unit": unit, "description": meaning}
            for name, (unit, meaning) in _TOLD.items()
        ],
        "DVID": [
            {"code": number, "column": MEASURED + own.outcome, "unit": BY_NAME[own.outcome].unit}
            for number, own in _measures(trial)
        ],
        "DRUG": [
            {"code": number, "therapy": name, "unit": units[name]}
            for number, name in enumerate(drugs, start=1)
        ],
        "ARM": [
            {"code": arm.number, "arm": arm.name, "title": arm.treatment} for arm in trial.arms
        ],
    }


def _frames(trial: ExportedTrial, doses: Doses, drugs: list[str]) -> Iterator[pd.DataFrame]:
    """Yield the rows of some thousand subjects at a time."""
    measures = _measures(trial)
    columns = ["patient_id", "day", *(MEASURED + own.outcome for _, own in measures)]
    before = 0
    for arm in trial.arms:
        for seen in trial.seen(arm, columns, PERSONS):
            subjects = _subjects(trial, arm, seen["patient_id"].to_numpy(), before)
            before += len(subjects)
            given = _given(subjects, doses[arm.name], drugs)
            yield _ordered(subjects, [_observed(subjects, seen, measures), given])


def _subjects(
    trial: ExportedTrial, arm: TrialArm, ids: npt.NDArray[np.int64], before: int
) -> pd.DataFrame:
    """Return the subjects who could be computed, by person: ID, covariates, course, last day."""
    persons = np.unique(ids)
    names = pq.read_schema(trial.layout.patients).names
    wanted = ["patient_id", "arm", "last_month", "result_code", COURSE]
    wanted += [column for column, _, _ in _COVARIATES.values()]
    span = [("patient_id", ">=", int(persons[0])), ("patient_id", "<=", int(persons[-1]))]
    kept = [name for name in wanted if name in names]
    table = pq.read_table(trial.layout.patients, columns=kept, filters=span)
    of_arm = table["arm"].cast(pa.string()).to_numpy() == arm.name
    own = table.filter(pa.array(of_arm)).to_pandas()
    own = own[(own["result_code"] == 0) & own["patient_id"].isin(persons)].sort_values("patient_id")
    found = {"ID": before + 1 + np.arange(len(own)), "ARM": arm.number}
    found |= {"PERSON": own["patient_id"], "LAST": own["last_month"].astype(float) * DAYS_A_MONTH}
    found["COURSE"] = own[COURSE].astype(str) if COURSE in own else PLANNED
    for name, (column, _, _) in _COVARIATES.items():
        if column == "sex":
            found[name] = (own["sex"].astype(str) == "female").astype(int)
        else:
            found[name] = own[column] if column in own else np.nan
    return pd.DataFrame(found).reset_index(drop=True)


def _observed(
    subjects: pd.DataFrame, seen: pa.Table, measures: list[tuple[int, Parameter]]
) -> pd.DataFrame:
    """Return the rows of what was measured; what was not has none."""
    values = np.stack([seen[MEASURED + own.outcome].to_numpy() for _, own in measures])
    # A subject who could not be computed has no value, hence no row.
    which, row = np.nonzero(np.isfinite(values.astype(float)))
    place = np.searchsorted(subjects["PERSON"], seen["patient_id"].to_numpy()[row])
    return pd.DataFrame(
        {
            "subject": place,
            "TIME": seen["day"].to_numpy()[row].astype(float),
            "DV": values[which, row],
            "EVID": 0,
            "MDV": 0,
            "DVID": np.array([number for number, _ in measures])[which],
        }
    )


def _given(
    subjects: pd.DataFrame, courses: Mapping[str, Sequence[Mapping[str, Any]]], drugs: list[str]
) -> pd.DataFrame:
    """Return the rows of the doses that were due before each subject was last seen."""
    frames = []
    for label, rows in courses.items():
        place = np.flatnonzero(subjects["COURSE"] == label)
        last = subjects["LAST"].to_numpy()[place]
        for row in rows:
            step = row["II"] if row["ADDL"] else 1.0
            addl = np.minimum(np.ceil((last - row["TIME"]) / step - 1e-6) - 1, row["ADDL"])
            there = addl >= 0
            told: dict[str, Any] = {"subject": place[there]}
            told |= {name: row[name] for name in ("TIME", "AMT", "CMT", "II", "THERAPY", "ROUTE")}
            told |= {"EVID": 1, "MDV": 1, "ADDL": addl[there]}
            told["DRUG"] = drugs.index(str(row["THERAPY"])) + 1
            frames.append(pd.DataFrame(told))
    return pd.concat(frames) if frames else pd.DataFrame({"subject": []})


def _ordered(subjects: pd.DataFrame, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of subjects in the order of the file."""
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    rows = rows.merge(subjects, left_on="subject", right_index=True)
    rows = rows.reindex(columns=COLUMNS)
    rows = rows.sort_values(["ID", "TIME", "EVID", "DVID", "DRUG"], kind="stable")
    return rows.astype(dict.fromkeys(_WHOLE, "Int64"))
