"""A population as a table, to look at before any trial is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cohort.patients.population import COVARIATES, load_population
from cohort.patients.variability import EFFECTS, load_variability, with_spread


@dataclass(frozen=True)
class PopulationTable:
    """Sampled patients of a population.

    Attributes:
        patients: a row per patient: `patient_id`, `sex`, covariates, individual effects as
            `theta_<name>`; `years_since_menopause` is empty before menopause and in men, like
            `age_at_menopause`.
        rejected: candidates excluded, by reason.
        screened: candidates looked at.
    """

    patients: pd.DataFrame
    rejected: dict[str, int]
    screened: int

    @property
    def sexes(self) -> tuple[str, ...]:
        """The sexes that there are, women first."""
        return tuple(sorted(set(self.patients["sex"])))

    def summary(self, sex: str | None = None) -> pd.DataFrame:
        """Return mean, SD and percentiles of every column, a row each.

        Args:
            sex: `female` or `male` where only these are asked for.
        """
        values = self.patients.drop(columns=["patient_id", "sex"])
        if sex is not None:
            values = values[self.patients["sex"] == sex]
        table = values.describe(percentiles=[0.05, 0.25, 0.5, 0.75, 0.95]).T
        return table.drop(columns=["min", "max"]).rename(columns={"std": "sd", "50%": "median"})

    def correlations(self) -> pd.DataFrame:
        """Return the correlations of the covariates."""
        return self.patients.loc[:, list(COVARIATES)].corr()


def population_table(
    name: str | Path,
    n: int = 2000,
    seed: int = 0,
    spread: Mapping[str, float] | None = None,
) -> PopulationTable:
    """Sample a population on its own, with its own limits and selection.

    Args:
        name: a bundled population, or the path of a file.
        n: how many patients.
        seed: of the draws.
        spread: standard deviations of a parameter set that replace the bundled ones.

    Raises:
        BadInput: no such population, or its file is wrong.
    """
    population, variability = load_population(name), with_spread(load_variability(), spread or {})
    from cohort.patients.sampling import sample  # brings in JAX: after the input was checked

    drawn = sample(population, variability, None, (), seed, np.arange(n))
    sex = np.where(drawn.covariates["male"] > 0, "male", "female")
    columns = {"patient_id": drawn.ids, "sex": sex}
    columns |= {name: drawn.covariates[name] for name in COVARIATES}
    columns |= {f"theta_{name}": drawn.eta[name] for name in EFFECTS}
    since = columns["years_since_menopause"]
    columns["years_since_menopause"] = np.where(since >= 0, since, np.nan)
    return PopulationTable(pd.DataFrame(columns), dict(drawn.rejected), drawn.screened)
