"""ADSL: one row a subject, from `patients.parquet`, one row group at a time.

Who could not be computed for numerical reasons was enrolled and has no value anywhere: ITTFL is Y,
SAFFL is N, and DCSREAS is OTHER with the reason. True baseline densities and levels are left out:
what was measured at baseline is BASE in ADBMD and ADLB.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.handover.periods import subject_periods
from cohort.handover.trial import ExportedTrial, TrialArm, day_of, numbers, same, words, yes
from cohort.results.block import ResultCode
from cohort.results.outcomes import PLANNED
from cohort.results.schema import COURSE
from cohort.results.tables import DAYS_A_MONTH

PROTOCOL_SHARE = 0.8
"""Share of the doses that a subject of the per-protocol set takes, where a run records it."""

_OPTIONAL = {
    "YSMBL": "years_since_menopause",
    "BMIBL": "bmi",
    "VFXBLFL": "vertebral_fractures",
    "DTHFL": "death_month",
    "DTHDY": "death_month",
}
_READ = ("patient_id", "arm", "sex", "age", "last_month", "result_code", "adherence")
_READ += (COURSE,)
_AGES = [65.0, 75.0]
_AGE_GROUPS = ["<65", "65-74", ">=75"]
_REASONS = ["DEATH", "LOST TO FOLLOW-UP", "OTHER"]


def missing_variables(trial: ExportedTrial) -> frozenset[str]:
    """Return the variables of ADSL that the run cannot fill."""
    names = pq.read_schema(trial.layout.patients).names
    return frozenset(variable for variable, column in _OPTIONAL.items() if column not in names)


def subject_tables(trial: ExportedTrial, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of ADSL, a table a row group and arm.

    Args:
        trial: the run.
        schema: of the data set.
    """
    for arm in trial.arms:
        for columns in patients_of(trial, arm):
            found = _columns(trial, arm, columns)
            yield pa.table([found[name] for name in schema.names], schema=schema)


def patients_of(trial: ExportedTrial, arm: TrialArm) -> Iterator[dict[str, npt.NDArray]]:
    """Yield what `patients.parquet` holds of an arm, a row group at a time, by `patient_id`."""
    file = pq.ParquetFile(trial.layout.patients)
    present = file.schema_arrow.names
    wanted = [name for name in dict.fromkeys([*_READ, *_OPTIONAL.values()]) if name in present]
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=wanted)
        own = table["arm"].cast(pa.string()).to_numpy() == arm.name
        if own.any():
            rows = table.filter(pa.array(own)).drop_columns(["arm"]).sort_by("patient_id")
            yield {
                name: (
                    column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
                ).to_numpy()
                for name, column in zip(rows.column_names, rows.columns, strict=True)
            }


def _columns(
    trial: ExportedTrial, arm: TrialArm, patients: dict[str, npt.NDArray]
) -> dict[str, pa.Array]:
    ids = patients["patient_id"]
    n = ids.size
    subjects = trial.subjects(arm, ids)
    found = {
        "STUDYID": same(trial.study, n),
        "SUBJID": words(np.arange(n), subjects),
        "USUBJID": words(np.arange(n), [f"{trial.study}-{subject}" for subject in subjects]),
        "PERSID": numbers(ids),
        "ARMCD": same(arm.code, n),
        "AGE": numbers(patients["age"]),
        "AGEU": same("YEARS", n),
        "AGEGR1": words(np.digitize(patients["age"], _AGES), _AGE_GROUPS),
        "AGEGR1N": numbers(np.digitize(patients["age"], _AGES) + 1.0),
        "SEX": words(np.where(patients["sex"] == "female", 0, 1), ["F", "M"]),
        "RANDDY": numbers(np.ones(n)),
        "TRTSDY": numbers(np.ones(n)),
    }
    found |= dict.fromkeys(("ARM", "TRT01P", "TRT01A"), same(arm.treatment, n))
    found |= dict.fromkeys(("TRT01PN", "TRT01AN"), numbers(np.full(n, float(arm.number))))
    for variable in ("YSMBL", "BMIBL"):
        if _OPTIONAL[variable] in patients:
            found[variable] = numbers(patients[_OPTIONAL[variable]])
    if "vertebral_fractures" in patients:
        found["VFXBLFL"] = yes(patients["vertebral_fractures"] > 0)
    if trial.periods:
        last = patients["last_month"].astype(float) * DAYS_A_MONTH
        seen = np.where(patients["result_code"] == 0, last, np.nan)
        course = patients.get(COURSE, np.full(n, PLANNED))
        found |= subject_periods(trial.periods, arm, course.astype(str), seen)
    return found | _ends(trial, patients)


def _ends(trial: ExportedTrial, patients: dict[str, npt.NDArray]) -> dict[str, pa.Array]:
    """Return how and when each subject ended, and the populations that follow from it."""
    last = patients["last_month"].astype(float)
    code = patients["result_code"].astype(np.int64)
    never = np.full(last.size, np.nan)
    death = patients.get("death_month", never).astype(float)
    computed, died = code == 0, np.isfinite(death)
    completed = computed & ~died & (last >= trial.end)
    kept = patients.get("adherence", np.ones(last.size)) >= PROTOCOL_SHARE
    reason = np.select([completed, ~computed, died], [-1, 2, 0], default=1)
    told = [ResultCode(int(c)).words for c in np.unique(code)]
    detail = np.where(computed, -1, np.searchsorted(np.unique(code), code))
    return {
        "ITTFL": same("Y", last.size),
        "SAFFL": yes(computed),
        "PPROTFL": yes(completed & kept),
        "COMPLFL": yes(completed),
        "EOSSTT": words(np.where(completed, 0, 1), ["COMPLETED", "DISCONTINUED"]),
        "EOSDY": numbers(day_of(np.where(computed, last, np.nan))),
        "DCSREAS": words(reason, _REASONS),
        "DCSREASP": words(detail, told),
        "DTHFL": yes(died & computed, otherwise=None),
        "DTHDY": numbers(day_of(np.where(computed, death, np.nan))),
    }
