"""ADTTE: time to first fracture by kind, and to death, from the events of a run.

AVAL is in days from the first dose, which is day 1, to the event or to the end of observation. CNSR
is 0 for an event, 1 for who completed the study, 2 for who was lost to follow-up, 3 for who died
without the event (a competing one). Who could not be computed has no row.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.handover.measures import treatment
from cohort.handover.subjects import patients_of
from cohort.handover.trial import ExportedTrial, TrialArm, day_of, numbers, same, words
from cohort.results.incidence import OUTCOMES

_DEATH = "death"
EVENTS = {
    "vertebral": ("VFX", "Time to First New Vertebral Fracture (days)", "NEW VERTEBRAL FRACTURE"),
    "hip": ("HIPFX", "Time to First Hip Fracture (days)", "HIP FRACTURE"),
    "nonvertebral": (
        "NVFX",
        "Time to First Non-Vertebral Fracture (days)",
        "NON-VERTEBRAL FRACTURE",
    ),
    "any": ("ANYFX", "Time to First Fracture (days)", "FRACTURE"),
    _DEATH: ("DEATH", "Time to Death (days)", "DEATH"),
}
"""Parameters: PARAMCD, PARAM and EVNTDESC by event."""

_CENSORED = ["COMPLETED STUDY", "LOST TO FOLLOW-UP", "DEATH"]
_DATES = ["END OF STUDY", "LAST VISIT", "DATE OF DEATH"]


def time_tables(trial: ExportedTrial, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of ADTTE, a table a row group of persons and arm.

    Args:
        trial: the run, which simulated fractures.
        schema: of the data set.
    """
    for arm in trial.arms:
        person, month, kind = _events(trial, arm)
        for patients in patients_of(trial, arm):
            computed = patients["result_code"] == 0
            patients = {name: values[computed] for name, values in patients.items()}
            ids = patients["patient_id"]
            place = np.minimum(np.searchsorted(ids, person), max(ids.size - 1, 0))
            own = ids[place] == person if ids.size else np.zeros(person.size, bool)
            first = {
                name: _first(ids.size, place, month, own & np.isin(kind, OUTCOMES.get(name, name)))
                for name in EVENTS
            }
            found = _columns(trial, arm, patients, first)
            yield pa.table([found[name] for name in schema.names], schema=schema)


def _events(
    trial: ExportedTrial, arm: TrialArm
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray]:
    """Return the events of an arm: few beside its visits, so that all are held at once."""
    parts = sorted((trial.layout.events / f"arm={arm.name}").glob("part-*.parquet"))
    tables = [pq.ParquetFile(part).read() for part in parts]
    table = pa.concat_tables(
        [
            t.set_column(t.schema.get_field_index("event"), "event", t["event"].cast(pa.string()))
            for t in tables
        ]
    )
    month = table["month"].to_numpy().astype(float)
    return table["patient_id"].to_numpy(), month, table["event"].to_numpy()


def _first(
    persons: int,
    place: npt.NDArray[np.int64],
    month: npt.NDArray[np.float64],
    counted: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    found = np.full(persons, np.inf)
    np.minimum.at(found, place[counted], month[counted])
    return found


def _columns(
    trial: ExportedTrial,
    arm: TrialArm,
    patients: dict[str, npt.NDArray],
    first: dict[str, npt.NDArray[np.float64]],
) -> dict[str, pa.Array]:
    """Return the columns, a subject's parameters one after another."""
    ids, names = patients["patient_id"], list(EVENTS)
    n, k = ids.size, len(names)
    last = patients["last_month"].astype(float)
    when = np.stack([first[name] for name in names], axis=-1)  # (person, parameter)
    happened = np.isfinite(when)
    day = day_of(np.where(happened, when, last[:, None])).ravel()
    died = np.isfinite(patients["death_month"].astype(float))
    # 1 completed, 2 lost, 3 died, as CNSR has them.
    ended = np.where(died, 3, np.where(last >= trial.end, 1, 2))[:, None] * np.ones(k, int)
    censor = np.where(happened, 0, ended).ravel()
    which = np.tile(np.arange(k), n)
    event = np.where(censor == 0, which, k + censor - 1)
    told = [EVENTS[name] for name in names]
    subjects = [f"{trial.study}-{subject}" for subject in trial.subjects(arm, ids)]
    return {
        "STUDYID": same(trial.study, n * k),
        "USUBJID": words(np.repeat(np.arange(n), k), subjects),
        **treatment(arm, n * k),
        "PARAM": words(which, [text for _, text, _ in told]),
        "PARAMCD": words(which, [code for code, _, _ in told]),
        "PARAMN": numbers(which + 1.0),
        "PARCAT1": words(np.where(which == k - 1, 1, 0), ["FRACTURE", "DEATH"]),
        "STARTDY": numbers(np.ones(n * k)),
        "ADY": numbers(day),
        "AVAL": numbers(day),
        "CNSR": numbers(censor.astype(float)),
        "EVNTDESC": words(event, [*(text for _, _, text in told), *_CENSORED]),
        "CNSDTDSC": words(censor - 1, _DATES),
        "ITTFL": same("Y", n * k),
        "SAFFL": same("Y", n * k),
    }
