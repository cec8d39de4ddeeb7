"""A simulator in closed form with every usual column: commands are tested without a model.

Draws of the parameters differ in the size of the response, by a tenth from one to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from cohort.results.block import BlockResult
from cohort.results.outcomes import CHANGE, MEASURED, visit_columns
from cohort.trial.schema import Study

Run = Callable[..., tuple[int, str, str]]
"""Runs a command from its words; exit code, stdout and stderr."""

_LEVELS = {
    "bmd_lumbar_spine": (0.80, 6.0),
    "bmd_total_hip": (0.74, 4.0),
    "bmd_femoral_neck": (0.62, 3.0),
    "ctx": (0.55, -60.0),
    "p1np": (50.0, -45.0),
    "bsap": (14.0, -30.0),
}


class PretendSimulator:
    """Closed-form patients: active arms move, controls do not."""

    device = "pretended"
    notes = ("population.baseline.age: published mean 99, reached 80.",)
    theta_fields: Mapping[str, tuple[str, str]] = {"bE": ("1", "Estrogen's effect")}

    def __init__(self, study: Study) -> None:
        self._study = study
        self._columns = visit_columns(study.outputs.extra, measured=study.measurement.enabled)

    def compile(self) -> None:
        """Nothing to compile."""

    def block(self, slots: np.ndarray, arms: tuple[str, ...], draw: int) -> BlockResult:
        months = np.asarray(self._study.visits.months, dtype=float)
        count = len(slots)
        uniform = (slots * 2654435761 % 4294967296) / 4294967296
        fine = np.full(count, np.nan)
        return BlockResult(
            patients={
                "sex": np.full(count, "female"),
                "age": 60 + 20 * uniform,
                "years_since_menopause": 10 + 20 * uniform,
                "bmi": 22 + 6 * uniform,
                "weight": np.ones(count),
                **{name: level * (0.9 + 0.2 * uniform) for name, (level, _) in _LEVELS.items()},
                "theta_bE": 0.8 + 0.4 * uniform,
            },
            visits={arm: self._arm(arm, uniform, months, draw) for arm in arms},
            months=months,
            last_month={arm: np.full(count, months[-1]) for arm in arms},
            result_code={arm: np.zeros(count, np.int8) for arm in arms},
            first_bad_day={arm: fine for arm in arms},
            rejected={"age below 60": count // 2},
            screened=count + count // 2,
        )

    def _arm(
        self, arm: str, uniform: np.ndarray, months: np.ndarray, draw: int
    ) -> dict[str, np.ndarray]:
        active = 0.0 if self._study.arm(arm).role == "control" else 1.0 + draw / 10
        course = active * (1 - np.exp(-months / 12))[None, :] * (0.5 + uniform)[:, None]
        values = {"day": np.broadcast_to(months * 30.4375, course.shape)}
        for column in self._columns:
            name = column.removeprefix(MEASURED)
            level, effect = _LEVELS.get(name.removesuffix(CHANGE), (1.0, 0.0))
            change = effect * course
            moved = level * (0.9 + 0.2 * uniform)[:, None] * (1 + change / 100)
            values[column] = change if name.endswith(CHANGE) else moved
        return values
