"""Baseline characteristics by arm, read from `patients.parquet` one column at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.results.schema import DRAW

CHARACTERISTICS = (
    ("age", "Age", "years", 1),
    ("years_since_menopause", "Years since menopause", "years", 1),
    ("bmi", "Body mass index", "kg/m²", 1),
    ("bmd_lumbar_spine", "BMD, lumbar spine", "g/cm²", 3),
    ("bmd_total_hip", "BMD, total hip", "g/cm²", 3),
    ("bmd_femoral_neck", "BMD, femoral neck", "g/cm²", 3),
    ("t_score_lumbar_spine", "T-score, lumbar spine", "SD", 2),
    ("t_score_total_hip", "T-score, total hip", "SD", 2),
    ("t_score_femoral_neck", "T-score, femoral neck", "SD", 2),
    ("ctx", "CTX", "ng/mL", 3),
    ("p1np", "P1NP", "ng/mL", 1),
    ("bsap", "BSAP", "µg/L", 1),
    ("estradiol", "Estradiol", "pg/mL", 1),
    ("testosterone", "Testosterone", "ng/dL", 0),
    ("igf1", "IGF-1", "ng/mL", 0),
    ("pth", "PTH", "pg/mL", 1),
)

SHARES = (
    ("sex", "Women", "female"),
    ("sex", "Men", "male"),
    ("vertebral_fractures", "Vertebral fracture, one or more", 1),
)


@dataclass(frozen=True)
class Characteristic:
    """One row of a baseline table.

    Attributes:
        label: words for the characteristic.
        unit: its unit.
        digits: digits after the point.
        arms: arm -> (mean, standard deviation) of those who have a value.
    """

    label: str
    unit: str
    digits: int
    arms: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Share:
    """A row of a baseline table that counts persons.

    Attributes:
        label: words for who is counted.
        arms: arm -> (persons counted, their share of the arm in percent).
    """

    label: str
    arms: dict[str, tuple[int, float]]


def baseline_table(folder: Path) -> tuple[dict[str, int], list[Characteristic]]:
    """Return persons by arm and the baseline table; columns that nobody has are left out.

    Under draws of the parameters statistics are over persons and draws together.
    """
    file = pq.ParquetFile(folder / "patients.parquet")
    masks, draws = _masks(file)
    rows = []
    for column, label, unit, digits in CHARACTERISTICS:
        if column not in file.schema_arrow.names:
            continue
        values = file.read(columns=[column])[column].to_numpy()
        arms = {}
        for name, mask in masks.items():
            known = values[mask].astype(float)
            known = known[np.isfinite(known)]
            if known.size:
                spread = float(np.std(known, ddof=1)) if known.size > 1 else 0.0
                arms[name] = (float(np.mean(known)), spread)
        if arms:
            rows.append(Characteristic(label, unit, digits, arms))
    return {name: int(mask.sum()) // draws for name, mask in masks.items()}, rows


def baseline_shares(folder: Path) -> list[Share]:
    """Return how many persons are women and men, and how many have had a vertebral fracture.

    Under draws of the parameters each person is counted once.
    """
    file = pq.ParquetFile(folder / "patients.parquet")
    masks, draws = _masks(file)
    rows = []
    for column, label, value in SHARES:
        if column not in file.schema_arrow.names:
            continue
        found = file.read(columns=[column])[column]
        counted = (
            found.cast(pa.string()).to_numpy() == value
            if isinstance(value, str)
            else found.to_numpy() >= value
        )
        arms = {
            name: (int(counted[mask].sum()) // draws, 100.0 * float(counted[mask].mean()))
            for name, mask in masks.items()
        }
        if any(n for n, _ in arms.values()):
            rows.append(Share(label, arms))
    return rows


def _masks(file: pq.ParquetFile) -> tuple[dict[str, np.ndarray], int]:
    """Return the rows of each arm, and how many draws of the parameters there are."""
    draws = 1
    if DRAW in file.schema_arrow.names:
        draws = 1 + max(file.read(columns=[DRAW])[DRAW].to_pylist())
    arm = file.read(columns=["arm"])["arm"].cast(pa.string()).dictionary_encode()
    chunks = arm.unify_dictionaries().chunks
    codes = np.concatenate([np.asarray(chunk.indices) for chunk in chunks])
    names = chunks[0].dictionary.to_pylist()
    return {name: codes == i for i, name in enumerate(names)}, draws
