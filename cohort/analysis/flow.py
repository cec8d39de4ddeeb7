"""Who went through a trial (CONSORT 2025, 10.1136/bmj-2024-081123), counted from a run's tables.

Screening is counted in the manifest, which adds up what every part file recorded. What became of
the persons of an arm is in `patients.parquet`: who could not be computed (`result_code`), who died
(`death_month`), who left before the end (`last_month`). Analysed is who has a value of the leading
outcome at the last visit, as `summary.parquet` counts them. Under draws of the parameters the
persons are those of the first draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cohort.analysis.compare import given
from cohort.results.layout import Layout
from cohort.results.outcomes import MEASURED, PLANNED
from cohort.results.schema import COURSE, DRAW

LEADING = ("bmd_lumbar_spine_change", "bmd_total_hip_change", "ctx_change")
"""Outcomes of which the first that a run has decides who was analysed."""


@dataclass(frozen=True)
class ArmFlow:
    """What became of the persons of one arm.

    Attributes:
        arm: the arm.
        allocated: persons in it.
        treated: whether the arm is given anything beside the background.
        failed: persons without results, for numerical reasons.
        died: persons who died before the end.
        left: persons who dropped out before the end.
        analysed: persons with a value at the last visit.
        changed: persons by what changed their course of treatment (a rule, a phase after
            randomisation again, a late dose), each who met several under every one; None in a
            study that decides nothing.
    """

    arm: str
    allocated: int
    treated: bool
    failed: int
    died: int
    left: int
    analysed: int
    changed: Mapping[str, int] | None = None

    @property
    def not_seen(self) -> int:
        """Persons who stayed to the end and yet have no value there: visits that were missed."""
        return self.allocated - self.failed - self.died - self.left - self.analysed


@dataclass(frozen=True)
class Flow:
    """Who went through a trial.

    Attributes:
        screened: candidates drawn; None where the run did not count them.
        rejected: candidates who met a rule not, by rule; who fails several counts under the first.
        enrolled: persons.
        paired: whether every person is in every arm.
        month: of the last visit.
        arms: the arms, in the study's order.
    """

    screened: int | None
    rejected: Mapping[str, int]
    enrolled: int
    paired: bool
    month: float
    arms: tuple[ArmFlow, ...]


def read_flow(folder: Path, manifest: Mapping[str, Any]) -> Flow:
    """Count who went through the trial of a results folder.

    Args:
        folder: results folder of a complete run.
        manifest: its manifest.
    """
    counts = manifest.get("counts") or {}
    screened, rejected = counts.get("screened"), dict(counts.get("rejected") or {})
    end = float(max(manifest["months"]))
    fates = _fates(folder, tuple(manifest["arms"]), end)
    analysed = _analysed(folder, end)
    treated = {arm["name"]: bool(given(arm)) for arm in manifest["study"]["arms"]}
    changed = _changed(folder)
    arms = []
    for arm in manifest["arms"]:
        allocated, failed, died, left = fates[arm].tolist()
        seen = analysed.get(arm, 0)
        moved = None if changed is None else changed.get(arm, {})
        arms.append(ArmFlow(arm, allocated, treated[arm], failed, died, left, seen, moved))
    paired = manifest["design"] == "paired"
    enrolled = arms[0].allocated if paired else sum(arm.allocated for arm in arms)
    return Flow(screened or None, rejected, enrolled, paired, end, tuple(arms))


def _fates(folder: Path, arms: tuple[str, ...], end: float) -> dict[str, np.ndarray]:
    """Return allocated, failed, died and left by arm, one row group at a time."""
    file = pq.ParquetFile(Layout(folder).patients)
    names = file.schema_arrow.names
    wanted = (DRAW, "result_code", "last_month", "death_month")
    optional = [n for n in wanted if n in names]
    total = {arm: np.zeros(len(wanted), np.int64) for arm in arms}
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=["arm", *optional])
        arm_of = table["arm"].cast(pa.string()).to_numpy()
        own = table[DRAW].to_numpy() == 0 if DRAW in names else np.ones(table.num_rows, bool)

        def column(name: str, otherwise: float, table: pa.Table = table) -> np.ndarray:
            if name not in table.column_names:
                return np.full(table.num_rows, otherwise)
            return table[name].to_numpy().astype(float)

        failed = column("result_code", 0.0) != 0
        died = np.isfinite(column("death_month", np.nan)) & ~failed
        left = (column("last_month", end) < end) & ~failed & ~died
        for arm in arms:
            here = own & (arm_of == arm)
            total[arm] += [here.sum(), *((here & what).sum() for what in (failed, died, left))]
    return total


def _changed(folder: Path) -> dict[str, Counter[str]] | None:
    """Return persons by arm and by what changed their course; None where nothing is decided."""
    path = Layout(folder).patients
    names = pq.read_schema(path).names
    if COURSE not in names:
        return None
    found: dict[str, Counter[str]] = {}
    own = [(DRAW, "=", 0)] if DRAW in names else None
    table = pq.read_table(path, columns=["arm", COURSE], filters=own)
    for row in table.group_by(["arm", COURSE]).aggregate([([], "count_all")]).to_pylist():
        steps = [] if row[COURSE] in (None, PLANNED) else row[COURSE].split("+")
        for name in {step.partition("@")[0] for step in steps}:
            found.setdefault(row["arm"], Counter())[name] += row["count_all"]
    return found


def _analysed(folder: Path, end: float) -> dict[str, int]:
    """Return the persons with a value of the leading outcome at the last visit, by arm."""
    table = pq.read_table(Layout(folder).summary, columns=["arm", "outcome", "month", "n"])
    rows = [row for row in table.to_pylist() if abs(row["month"] - end) < 1e-3]
    known = {row["outcome"] for row in rows}
    columns = [seen for name in LEADING for seen in (MEASURED + name, name)]
    leading = next((name for name in columns if name in known), None)
    return {row["arm"]: row["n"] for row in rows if row["outcome"] == leading}
