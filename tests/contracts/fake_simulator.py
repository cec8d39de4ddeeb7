"""A simulator in closed form, so that the executor is tested without a model.

Every number is a function of the person's number, the arm, the month and the draw of the parameters
alone: what a part file must hold can be written down beside it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cohort.execute.crew import Local
from cohort.execute.run import run_study
from cohort.execute.spec import RunSpec
from cohort.results.block import BlockResult, ResultCode
from cohort.results.layout import PART

MONTHS = (0.0, 6.0, 12.0)
COLUMNS = (
    "bmd_lumbar_spine",
    "bmd_lumbar_spine_change",
    "measured_bmd_lumbar_spine_change",
    "ctx",
)
PERSONS = 3 * PART + 1000
SCRIPT = Path(__file__)
SLOPES = {"placebo": -0.1, "denosumab": 0.5}


def make_spec(**changes: Any) -> RunSpec:
    """Return a small run; `changes` replace its fields."""
    engine = {"block_size": changes.get("block_size", 16384), "precision": "float32"}
    values: dict[str, Any] = {
        "name": "toy",
        "design": "paired",
        "arms": ("denosumab", "placebo"),
        "ratios": (1, 1),
        "months": MONTHS,
        "seed": 0,
        "persons": 100,
        "study": {"name": "toy", "engine": engine},
        "parameter_set": "default",
        "parameter_hash": "0" * 64,
        "version": "0.1.0",
    }
    return RunSpec(**(values | changes))


def uniform(slots: np.ndarray, stream: int) -> np.ndarray:
    """Return numbers in [0, 1) that depend on the person and the stream only."""
    return (slots * 2654435761 + stream * 40503) % 4294967296 / 4294967296


@dataclass
class FakeSimulator:
    """Closed-form patients.

    Attributes:
        failing: persons whose numbers are flagged by the simulator, in the denosumab arm.
        poisoned: persons in whom a NaN is left unflagged, in every arm.
        delay: seconds that each block takes.
        calls: (first slot, length, arms, draw) of each call, in the order of arrival.
    """

    failing: tuple[int, ...] = ()
    poisoned: tuple[int, ...] = ()
    delay: float = 0.0
    error: Exception | None = None
    device: str = "fake"
    notes: tuple[str, ...] = ()
    theta_fields: Mapping[str, tuple[str, str]] = field(
        default_factory=lambda: {"bE": ("1", "Effect of estrogen deficit on RANKL")}
    )
    calls: list[tuple[int, int, tuple[str, ...], int]] = field(default_factory=list)
    compiled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def compile(self) -> None:
        self.compiled += 1

    def block(self, slots: np.ndarray, arms: tuple[str, ...], draw: int) -> BlockResult:
        with self._lock:
            self.calls.append((int(slots[0]), len(slots), arms, draw))
        if self.error is not None:
            raise self.error
        # Uneven, so that two workers' blocks come back out of order.
        time.sleep(self.delay * (1 + (int(slots[0]) // 4096) % 3))
        last = np.where(uniform(slots, 9) < 0.2, 6.0, 12.0)
        codes = np.where(np.isin(slots, self.failing), ResultCode.NO_STEADY_STATE, 0)
        none = np.zeros(len(slots), np.int8)
        return BlockResult(
            patients={
                "sex": np.full(len(slots), "female"),
                "age": 60 + 20 * uniform(slots, 1),
                "years_since_menopause": np.where(slots % 7 == 0, np.nan, slots % 30),
                "bmi": 20 + 10 * uniform(slots, 2),
                "bmd_lumbar_spine": 0.6 + 0.4 * uniform(slots, 3),
                "weight": np.ones(len(slots)),
                "theta_bE": np.exp(uniform(slots, 4)),
            },
            visits={arm: self._arm(slots, arm, draw) for arm in arms},
            months=np.array(MONTHS),
            last_month={arm: last for arm in arms},
            result_code={
                arm: codes.astype(np.int8) if arm == "denosumab" else none for arm in arms
            },
            first_bad_day={
                arm: np.where(codes, 42.0 + slots, np.nan)
                if arm == "denosumab"
                else np.full(len(slots), np.nan)
                for arm in arms
            },
            rejected={"age below 60": int((slots % 3 == 0).sum())},
            screened=int(len(slots) + (slots % 3 == 0).sum()),
        )

    def _arm(self, slots: np.ndarray, arm: str, draw: int) -> dict[str, np.ndarray]:
        months = np.array(MONTHS)
        slope = SLOPES.get(arm, 0.0) * (1 + draw / 10)
        change = slope * months[None, :] * (1 + uniform(slots, 5)[:, None])
        base = (0.6 + 0.4 * uniform(slots, 3))[:, None]
        values = {
            "day": np.broadcast_to(months * 30.4375, change.shape),
            "bmd_lumbar_spine": base * (1 + change / 100),
            "bmd_lumbar_spine_change": change,
            "measured_bmd_lumbar_spine_change": change + uniform(slots, 6)[:, None],
            "ctx": 0.4 + uniform(slots, 7)[:, None] + 0 * change,
        }
        values["ctx"][np.isin(slots, self.poisoned), 1] = np.nan
        return values


def digests(folder: Path) -> dict[str, str]:
    """Return a hash of each Parquet file of a results folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


def leftovers(folder: Path) -> list[str]:
    """Return hidden files that a finished run must not leave."""
    return [str(p.relative_to(folder)) for p in folder.rglob(".*")]


@cache
def unbroken(design: str) -> dict[str, str]:
    """Return the hashes of an unbroken run of four parts."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run_study(
            make_spec(persons=PERSONS, design=design), out=out, simulator_factory=FakeSimulator
        )
        assert leftovers(out) == []
        return digests(out)


def run_in_process(out: Path, design: str, delay: float) -> subprocess.Popen[str]:
    """Run the toy study in a process of its own; its first line is its pid."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(out), str(PERSONS), str(delay), design],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def main() -> None:
    """Run the toy study in a process of its own: FOLDER PERSONS DELAY [DESIGN]."""
    out, persons, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    design = sys.argv[4] if len(sys.argv) > 4 else "paired"
    print(os.getpid(), flush=True)
    run_study(
        make_spec(persons=persons, design=design, block_size=4096),
        out=out,
        simulator_factory=lambda: FakeSimulator(delay=delay),
        executor=Local(2),
    )


if __name__ == "__main__":
    main()
