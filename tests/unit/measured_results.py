"""A results folder as a run writes one: measured values, both sexes, fractures, deaths, leavers.

Sixty persons (id 0 to 59) in two arms. By id: every tenth cannot be computed under the drug (5, 15,
...), every tenth dies in month 18 (3, 13, ...), every tenth leaves in month 12 (7, 17, ...).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.results.incidence import write_incidence
from cohort.results.layout import Layout
from cohort.results.summary import write_summary

MONTHS = (0.0, 12.0, 24.0)
ARMS = ("drug", "placebo")
PERSONS = 60
DAYS = {0.0: 0.0, 12.0: 366.5, 24.0: 729.2}
SITES = {"bmd_lumbar_spine": 0.8, "bmd_total_hip": 0.7, "bmd_femoral_neck": 0.6}
GAINS = {"drug": 6.0, "placebo": 0.0}
FRACTURES = {
    # arm -> (person, month, kind); person 0 twice, so that the first counts
    "drug": [(0, 5.0, "vertebral"), (0, 9.0, "vertebral"), (21, 20.0, "hip")],
    "placebo": [
        *((person, 6.0, "vertebral") for person in range(0, 60, 6) if person % 10 not in (3, 7)),
        (21, 10.0, "hip"),
        (22, 14.0, "other_nonvertebral"),
    ],
}

DIED, LEFT, FAILED = 3, 7, 5  # last digit of the ids


def study(name: str = "made_up") -> dict[str, Any]:
    """Return the study as a manifest holds it."""
    treatment = {"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 0 to 24"}
    arms = [
        {"name": "drug", "title": "Denosumab 60 mg", "role": "active", "treatments": [treatment]},
        {"name": "placebo", "title": "", "role": "control", "treatments": []},
    ]
    population = {"name": "postmenopausal_osteoporosis"}
    measurement = {"enabled": True, "dxa_cv": {"lumbar_spine": 0.01}}
    return {
        "name": name,
        "arms": arms,
        "population": population,
        "visits": {"months": list(MONTHS)},
        "measurement": measurement,
    }


def write_measured(
    root: Path, *, design: str = "paired", measured: bool = True, persons: int = PERSONS
) -> Path:
    """Write a complete results folder and return it."""
    layout = Layout(root)
    rng = np.random.default_rng(11)
    noise = rng.normal(0, 1, (2, persons, 3, len(SITES) + 1))
    slope = rng.normal(0, 1.5, persons)
    patients = []
    for number, arm in enumerate(ARMS):
        ids = np.arange(persons) if design == "paired" else np.arange(number, persons, 2)
        failed = (ids % 10 == FAILED) & (arm == "drug")
        last = np.where(ids % 10 == DIED, 18.0, np.where(ids % 10 == LEFT, 12.0, 24.0))
        kept = np.asarray(MONTHS)[None] <= last[:, None]
        columns: dict[str, Any] = {
            "patient_id": np.broadcast_to(ids[:, None], kept.shape)[kept],
            "month": np.broadcast_to(np.array(MONTHS, np.float32), kept.shape)[kept],
            "day": np.broadcast_to(np.array([*DAYS.values()], np.float32), kept.shape)[kept],
        }
        null = np.broadcast_to(failed[:, None], kept.shape)[kept]
        for place, (site, level) in enumerate([*SITES.items(), ("ctx", 0.5)]):
            change = (GAINS[arm] + slope[ids])[:, None] * np.array([0.0, 0.6, 1.0])
            true = level * (1 + ids[:, None] / 1000) * (1 + change / 100)
            seen = true * (1 + 0.01 * noise[0, ids, :, place])
            given = {site: true, f"{site}_change": 100 * (true / true[:, :1] - 1)}
            if measured:
                given[f"measured_{site}"] = seen
                given[f"measured_{site}_change"] = 100 * (seen / seen[:, :1] - 1)
            for name, values in given.items():
                columns[name] = pa.array(values[kept].astype(np.float32), mask=null)
        path = layout.visits_part(arm, 0)
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table(columns), path)
        patients.append(_patients(arm, ids, failed, last))
        _write_events(layout, arm, ids)
    pq.write_table(pa.concat_tables(patients), layout.patients)
    layout.manifest.write_text(json.dumps(manifest(design)))
    identity = {"name": "made_up"}
    write_summary(layout, ARMS, identity, {})
    write_incidence(layout, ARMS, MONTHS, identity)
    return root


def _patients(arm: str, ids: np.ndarray, failed: np.ndarray, last: np.ndarray) -> pa.Table:
    died = ids % 10 == DIED
    return pa.table(
        {
            "patient_id": ids,
            "arm": pa.array([arm] * ids.size).dictionary_encode(),
            "sex": pa.array(np.where(ids % 2 == 0, "female", "male")).dictionary_encode(),
            "age": (60.0 + ids % 25).astype(np.float32),
            "years_since_menopause": pa.array(
                np.full(ids.size, 15.0, np.float32), mask=ids % 2 == 1
            ),
            "bmi": np.full(ids.size, 25.5, np.float32),
            "t_score_lumbar_spine": (-3.5 + (ids % 20) / 10).astype(np.float32),
            "last_month": last.astype(np.float32),
            "death_month": pa.array(last.astype(np.float32), mask=~died),
            "vertebral_fractures": (ids % 4 == 0).astype(np.float32),
            "result_code": np.where(failed, 4, 0).astype(np.int8),
        }
    )


def _write_events(layout: Layout, arm: str, ids: np.ndarray) -> None:
    dead = [(int(i), 18.0, "death") for i in ids if i % 10 == DIED]
    rows = sorted([*(row for row in FRACTURES[arm] if row[0] in ids), *dead])
    path = layout.events_part(arm, 0)
    path.parent.mkdir(parents=True)
    person, month, event = zip(*rows, strict=True)
    table = {
        "patient_id": np.array(person),
        "month": np.array(month, np.float32),
        "event": pa.array(event).dictionary_encode(),
    }
    pq.write_table(pa.table(table), path)


def manifest(design: str) -> dict[str, Any]:
    """Return a manifest like that of a finished run."""
    counts = {"screened": 200, "rejected": {"60 <= age <= 90": 110, "bmi": 30}}
    return {
        "name": "made_up",
        "design": design,
        "arms": list(ARMS),
        "ratios": [1, 1],
        "months": list(MONTHS),
        "seed": 0,
        "persons": PERSONS,
        "study": study(),
        "version": "0.1.0",
        "precision": "float32",
        "parameter_set": "default",
        "hash": "abc",
        "status": "done",
        "counts": counts | {"failed_patients": 6, "failed": {}},
    }
