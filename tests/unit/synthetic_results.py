"""A small results folder with made-up smooth responses, for tests of what reads one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.results.layout import Layout
from cohort.results.summary import write_summary
from cohort.trial.evidence import evidence_sentences

MONTHS = (0.0, 1.0, 3.0, 6.0, 12.0, 18.0, 24.0, 36.0)

_HEADER = (
    "row_id,arm,endpoint,site,month,statistic,value,unit,spread_kind,spread_value,ci_low,ci_high,"
    "versus,verification,split,primary_use,citation,source_url,note"
)

# arm, endpoint, site, month, statistic, value | spread | versus, verification, split
_PUBLISHED = """\
denosumab,BMD,LS,36,mean,9.2|none,,,|baseline,checked,calibration
denosumab,BMD,TH,36,mean,6.0|ci95,,5.5,6.5|baseline,checked,calibration
denosumab,BMD,FN,36,mean,4.8|se,0.3,,|placebo,checked,calibration
denosumab,CTX,serum,1,median,-86|none,,,|baseline,checked,calibration
denosumab,CTX,serum,6,median,-72|iqr,,-80,-60|baseline,checked,calibration
denosumab,P1NP,serum,6,median,-50|none,,,|placebo,unchecked,calibration
placebo,BMD,LS,36,mean,0.2|none,,,|baseline,approximate,calibration
denosumab,BMD,LS,36,mean,4.0|none,,,|month 12,digitised,validation
denosumab,BMD,radius,36,mean,3.0|none,,,|baseline,checked,calibration
denosumab,BMD,LS,24,mean,|none,,,|baseline,checked,calibration
"""


def _line(number: int, text: str) -> str:
    what, spread, rest = text.split("|")
    return f"outcomes-{number},{what},percent change,{spread},{rest},1,Paper,,"


OUTCOMES_CSV = "\n".join(
    [_HEADER, *(_line(i, text) for i, text in enumerate(_PUBLISHED.splitlines(), start=1)), ""]
)
"""The made-up trial's published numbers."""

STUDY = {
    "name": "synthetic",
    "title": "Made-up trial of denosumab against placebo",
    "citation": "Nobody et al., Journal of Examples 2026",
    "doi": "10.1000/example",
    "nct": None,
    "design": "paired",
    "population": {"name": "postmenopausal_osteoporosis"},
    "arms": [
        {
            "name": "denosumab",
            "title": "Denosumab 60 mg every 6 months",
            "role": "active",
            "treatments": [
                {"therapy": "denosumab", "regimen": "60 mg sc every 6 months from 0 to 36"}
            ],
        },
        {"name": "placebo", "title": "Placebo", "role": "control", "treatments": []},
    ],
    "background": [{"therapy": "calcium_vitamin_d", "regimen": "1 dose daily from 0 to 36"}],
}

_LEVELS = {
    "bmd_lumbar_spine": (0.80, 0.10, 9.0, 14.0),
    "bmd_total_hip": (0.75, 0.09, 6.0, 14.0),
    "bmd_femoral_neck": (0.62, 0.08, 4.8, 14.0),
    "ctx": (0.60, 0.20, -80.0, 0.4),
    "p1np": (55.0, 18.0, -65.0, 3.0),
    "bsap": (14.0, 4.0, -40.0, 3.0),
}


def write_results(
    root: Path, persons: int = 60, study: Mapping = STUDY, status: str = "done"
) -> Path:
    """Write a complete results folder and return it."""
    layout = Layout(root)
    rng = np.random.default_rng(20)
    months = np.asarray(MONTHS)
    ids = np.arange(persons)
    levels = {
        name: mean * np.exp(rng.normal(0, sd / mean, persons))
        for name, (mean, sd, _, _) in _LEVELS.items()
    }
    gains = {name: rng.normal(1, 0.3, persons) for name in _LEVELS}
    last = np.where(ids % 8 == 5, 18.0, 36.0)
    patients = []
    arms = [arm["name"] for arm in study["arms"]]
    for place, arm in enumerate(arms):
        effect = 0.0 if arm == "placebo" else 1.0 / (1 + place)
        columns: dict[str, np.ndarray] = {}
        for name, (_, _, change, scale) in _LEVELS.items():
            course = 1.0 - np.exp(-months / scale)
            percent = effect * change * gains[name][:, None] * course
            percent = percent + rng.normal(-0.03, 0.02, (persons, 1)) * months
            columns[name] = levels[name][:, None] * (1 + percent / 100)
            columns[f"{name}_change"] = percent
        here = (months[None, :] <= last[:, None]).ravel()
        table = {
            "patient_id": np.repeat(ids, months.size)[here],
            "month": np.tile(months, persons)[here].astype(np.float32),
            **{k: v.ravel()[here].astype(np.float32) for k, v in columns.items()},
        }
        half = np.searchsorted(table["patient_id"], persons // 2)
        for part, rows in enumerate((slice(0, half), slice(half, None))):
            path = layout.visits_part(arm, part)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({k: v[rows] for k, v in table.items()}), path)
        patients.append(
            pa.table(
                {
                    "patient_id": ids,
                    "arm": pa.array([arm] * persons).dictionary_encode(),
                    "age": rng.normal(72, 5, persons).astype(np.float32),
                    "years_since_menopause": pa.array([None] + [24.0] * (persons - 1)),
                    **{k: v.astype(np.float32) for k, v in levels.items()},
                    "t_score_lumbar_spine": rng.normal(-2.8, 0.6, persons).astype(np.float32),
                }
            )
        )
    pq.write_table(pa.concat_tables(patients, promote_options="permissive"), layout.patients)
    layout.manifest.write_text(json.dumps(manifest(study, persons, status)))
    write_summary(layout, arms, {"name": study["name"]}, {})
    return root


def manifest(study: Mapping, persons: int, status: str) -> dict:
    """Return a manifest like that of a finished run."""
    arms = [arm["name"] for arm in study["arms"]]
    return {
        "format": 1,
        "name": study["name"],
        "design": "paired",
        "arms": arms,
        "ratios": [1] * len(arms),
        "months": list(MONTHS),
        "seed": 0,
        "persons": persons,
        "study": dict(study),
        "parameter_set": "default",
        "parameter_hash": "0123456789abcdef0123",
        "version": "0.1.0",
        "precision": "float32",
        "hash": "fedcba9876543210fedc",
        "status": status,
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
        "device": "CPU, 2 cores",
        "evidence": evidence_sentences(study),
        "workers": 1,
        "versions": {"python": "3.11.7", "jax": "0.10.2"},
        "counts": {
            "patients": persons * len(arms),
            "visits": persons * len(arms) * len(MONTHS),
            "screened": persons * 3,
            "rejected": {"age": persons, "t_score_lumbar_spine": persons},
            "failed_patients": 0,
            "failed": {},
            "worst": None,
        },
        "seconds": {
            "compile": 12.3,
            "compute": 4.5,
            "write": 0.6,
            "summary": 0.2,
            "patient_years_computed": 3.0 * persons * len(arms),
            "patient_years_per_second": 1234.5,
        },
    }
