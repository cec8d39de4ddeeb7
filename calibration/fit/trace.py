"""What a fit tells while it runs and keeps for its tables."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from calibration.progress import Progress, Step


class Trace:
    """Takes every step, hands it on, and keeps it."""

    def __init__(self, progress: Progress) -> None:
        """Hand steps on to a listener."""
        self._progress = progress
        self._began = time.perf_counter()
        self.rows: list[dict[str, Any]] = []

    def descent(self, step: int, steps: int, losses: np.ndarray, norms: np.ndarray) -> None:
        """Take a step of all starts together."""
        for start, (loss, norm) in enumerate(zip(losses, norms, strict=True)):
            self._keep(start, "fit", step, float(loss), float(norm), {})
        best = int(np.argmin(np.where(np.isnan(losses), np.inf, losses)))
        self._progress(Step(best, "fit", step, steps, float(losses[best]), float(norms[best]), {}))

    def polish(
        self, start: int, step: int, steps: int, loss: float, norm: float, errors: Mapping
    ) -> None:
        """Take a step of one start."""
        self._keep(start, "polish", step, loss, norm, errors)
        self._progress(Step(start, "polish", step, steps, loss, norm, errors))

    def take(self, rows: list[dict[str, Any]], steps: int) -> None:
        """Take the steps of a start that was polished elsewhere; hand on the last of them."""
        self.rows += rows
        if rows:
            last = rows[-1]
            errors = {k.removeprefix("rmse_"): v for k, v in last.items() if k.startswith("rmse_")}
            told = (last["start"], last["stage"], last["step"], steps)
            self._progress(Step(*told, last["loss"], last["gradient_norm"], errors))

    def table(self) -> pd.DataFrame:
        """Return all steps, a row each."""
        return pd.DataFrame(self.rows)

    def _keep(
        self, start: int, stage: str, step: int, loss: float, norm: float, errors: Mapping
    ) -> None:
        row = {"start": start, "stage": stage, "step": step, "loss": loss, "gradient_norm": norm}
        row["seconds"] = time.perf_counter() - self._began
        self.rows.append(row | {f"rmse_{quantity}": error for quantity, error in errors.items()})
