"""The sample size that gives a wanted power, interpolated over the grid.

Probit power is nearly linear in the square root of the number of participants (exactly so for a
normal test with one relevant tail), so a straight line between the two sizes that bracket the
target, in these scales, is read off at it. The limits come from the Monte Carlo error of power
there, by the slope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from cohort.planning.summary import table_of
from cohort.planning.tables import SAMPLE_SIZE

_OWN = [column[0] for column in SAMPLE_SIZE[:15]]


def sample_sizes(power: pa.Table, target: float) -> pa.Table:
    """Return `sample_size.parquet` from `power.parquet`.

    Args:
        power: the table of power.
        target: power that is wanted.
    """
    curves: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in power.to_pylist():
        if not row["null"]:
            curves.setdefault(tuple(row[name] for name in _OWN), []).append(row)
    lines = []
    for key, rows in curves.items():
        line = dict(zip(_OWN, key, strict=True)) | {"target": target}
        ordered = sorted(rows, key=lambda row: row["participants"])
        lines.append(
            line
            | interpolated(
                [row["participants"] for row in ordered],
                [row["power"] for row in ordered],
                [row["replicates"] for row in ordered],
                target,
            )
        )
    return table_of(lines, SAMPLE_SIZE)


def interpolated(
    sizes: Sequence[int], powers: Sequence[float], replicates: Sequence[int], target: float
) -> dict[str, Any]:
    """Return participants with limits, or a note that says why there is no number.

    Args:
        sizes: participants, rising.
        powers: power at each.
        replicates: trials behind each.
        target: power that is wanted.
    """
    from scipy.stats import norm

    if len(sizes) < 2:
        return {"note": "one size alone has no curve"}
    if powers[0] > target:
        return {"note": f"below {sizes[0]} participants"}
    above = [i for i, power in enumerate(powers) if power >= target]
    if not above:
        return {"note": f"above {sizes[-1]} participants"}
    upper = max(above[0], 1)
    pair = [upper - 1, upper]
    counts = np.array([replicates[i] for i in pair], dtype=float)
    # A share of exactly 0 or 1 is moved by half a trial, where its probit is finite.
    share = np.clip([powers[i] for i in pair], 0.5 / counts, 1 - 0.5 / counts)
    probit, root = norm.ppf(share), np.sqrt([sizes[i] for i in pair])
    slope = (probit[1] - probit[0]) / (root[1] - root[0])
    if slope <= 0:
        return {"note": "power does not rise with size here: more replicates are needed"}
    at = root[0] + (norm.ppf(target) - probit[0]) / slope
    error = np.sqrt(share * (1 - share) / counts) / norm.pdf(probit)
    part = (at - root[0]) / (root[1] - root[0])
    spread = 1.96 * np.hypot((1 - part) * error[0], part * error[1]) / slope
    return {
        "participants": float(at**2),
        "participants_low": float(max(at - spread, 0.0) ** 2),
        "participants_high": float((at + spread) ** 2),
    }
