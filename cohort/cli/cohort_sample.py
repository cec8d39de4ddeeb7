"""A virtual population sampled on its own: its distribution in words, its persons as Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cohort.errors import BadInput
from cohort.patients.population import UNITS, load_population
from cohort.patients.variability import load_variability
from cohort.results.writer import write_tables


@dataclass(frozen=True)
class CohortSample:
    """Persons drawn from a population.

    Attributes:
        name: of the population.
        title: of the population.
        ids: person numbers.
        covariates: by name, one value a person; NaN where it does not apply.
        eta: individual parameters by name.
        screened: candidates drawn.
        rejected: candidates rejected, by reason.
    """

    name: str
    title: str
    ids: np.ndarray
    covariates: Mapping[str, np.ndarray]
    eta: Mapping[str, np.ndarray]
    screened: int
    rejected: Mapping[str, int]

    def statistics(self) -> list[dict[str, Any]]:
        """Mean, SD and percentiles of each covariate over those to whom it applies."""
        rows = []
        for name, values in self.covariates.items():
            known = values[np.isfinite(values)].astype(float)
            if known.size == 0:
                continue
            low, median, high = np.percentile(known, (5, 50, 95))
            rows.append(
                {
                    "covariate": name,
                    "unit": UNITS[name],
                    "n": int(known.size),
                    "mean": float(known.mean()),
                    "sd": float(known.std(ddof=1)) if known.size > 1 else 0.0,
                    "p5": float(low),
                    "p50": float(median),
                    "p95": float(high),
                }
            )
        return rows


def draw_cohort(name_or_path: str, *, persons: int, seed: int) -> CohortSample:
    """Sample persons of a population by its own selection.

    Raises:
        BadInput: no such population, or a number that cannot be.
    """
    problems = []
    if persons < 1:
        problems.append(f"--patients is {persons}; it must be at least 1.")
    if not 0 <= seed < 2**32:
        problems.append(f"--seed is {seed}; it must be in 0 to {2**32 - 1}.")
    if problems:
        raise BadInput(problems)
    population, variability = load_population(name_or_path), load_variability()
    from cohort.patients.sampling import sample

    drawn = sample(population, variability, None, (), seed, np.arange(persons, dtype=np.int64))
    covariates = {name: np.asarray(values) for name, values in drawn.covariates.items()}
    since = covariates["years_since_menopause"]
    covariates["years_since_menopause"] = np.where(since < 0, np.nan, since)
    return CohortSample(
        name=population.name,
        title=population.title,
        ids=np.asarray(drawn.ids),
        covariates=covariates,
        eta={name: np.asarray(values) for name, values in drawn.eta.items()},
        screened=drawn.screened,
        rejected=drawn.rejected,
    )


def write_cohort(cohort: CohortSample, path: Path) -> None:
    """Write the persons as Parquet, with unit and description on every field."""
    columns = {"patient_id": (cohort.ids, "1", "Person")}
    for name, values in cohort.covariates.items():
        columns[name] = (values, UNITS[name], name.replace("_", " ").capitalize())
    for name, values in cohort.eta.items():
        words = f"Individual value of {name}, relative to the parameter set's"
        columns[f"theta_{name}"] = (values, "1", words)
    arrays, fields = [], []
    for name, (values, unit, words) in columns.items():
        array = pa.array(values, from_pandas=True)
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata={"unit": unit, "description": words}))
    schema = pa.schema(fields)
    write_tables(path, schema, [pa.Table.from_arrays(arrays, schema=schema)])
