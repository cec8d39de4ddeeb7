"""Reference trajectories of the peers' models, and what was dosed in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

POINTS = 1e-3
"""Percentage points of density: a hundred-thousandth of it."""
TRACE = 1e-6

FOLDER = Path(__file__).resolve().parents[1] / "data" / "peers"


def trajectories(model: str) -> dict[str, pd.DataFrame]:
    """Every reference trajectory of a model, by scenario."""
    table = pd.read_parquet(FOLDER / f"{model}.parquet")
    table["scenario"] = table["scenario"].astype(str)
    return {str(name): rows.drop(columns="scenario") for name, rows in table.groupby("scenario")}


def regimens(model: str, scenarios: list[str]) -> list[list[tuple]]:
    """What was dosed in each scenario."""
    table = pd.read_csv(FOLDER / f"{model}_doses.csv")
    if "kind" in table.columns:  # a single dose ends where it begins
        single = table["start_day"] == table["end_day"]
        np.testing.assert_array_equal(table["kind"] == "bolus", single)
        table = table.drop(columns="kind")
    rows = {name: [] for name in scenarios}
    for scenario, *dose in table.itertuples(index=False):
        if scenario in rows:
            rows[scenario].append(tuple(dose))
    return list(rows.values())


def shared_visits(tables: list[pd.DataFrame], first: list[float]) -> np.ndarray:
    """Every time that any of the trajectories reports."""
    return np.unique(np.concatenate([first, *(table.iloc[:, 0] for table in tables)]))


def misses(
    seen: dict[str, np.ndarray], visits: np.ndarray, tables: dict[str, pd.DataFrame]
) -> Iterator[tuple[float, str, str, float]]:
    """Worst error of each column of each scenario as a fraction of what is allowed.

    Allowed are 1e-3 of the value and 1e-3 of the baseline. What is zero at baseline leaves the
    second to nothing, which no two solvers keep where a value crosses zero or has decayed to
    nothing: a change of density may besides differ by `POINTS`, an amount by `TRACE` of its peak.
    """
    for lane, (scenario, table) in enumerate(tables.items()):
        times = table.iloc[:, 0].to_numpy()
        rows = np.searchsorted(visits, times)
        assert (visits[rows] == times).all()
        for column in table.columns[1:]:
            if column == "t_trial_day":
                continue
            expected = table[column].to_numpy(float)
            found = seen[column][rows, lane]
            spare = POINTS if column.endswith("_pctchg") else TRACE * np.abs(expected).max()
            allowed = 1e-3 * (np.abs(expected) + abs(expected[0])) + spare
            gap = np.abs(found - expected)
            ratio = np.divide(gap, allowed, out=np.zeros_like(gap), where=gap != 0.0)
            worst = int(np.argmax(ratio)) if np.isfinite(ratio).all() else 0
            yield float(ratio.max()), scenario, column, float(times[worst])
