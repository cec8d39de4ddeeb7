"""The objective: how far the predictions of all targets are from what was published.

A prediction is that of the one typical person of each arm plus a correction, `cohort mean - typical
person`, which is computed with a whole cohort at the current parameters and held while the typical
persons are fitted. The correction changes little with the parameters, so two or three rounds settle
it, and derivatives cost one person an arm instead of hundreds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from calibration.cohorts import Group, make_groups, predict, study_lanes
from calibration.natural_history import natural_history
from calibration.targets import Target, study_arms, study_targets
from cohort.analysis.compare import ArmFacts, published_predictions
from cohort.model.arrays import Patients
from cohort.model.parameters import PARAMETERS
from cohort.trial.schema import Study

NEAR = 0.51  # months between a row and its visit


@dataclass(frozen=True)
class Problem:
    """Targets with the arms that predict them.

    Attributes:
        studies: the replicas, in order.
        targets: rows to fit, in the order of the predictions.
        arms: facts of every study's arms.
        typical: one person an arm.
    """

    studies: tuple[Study, ...]
    targets: tuple[Target, ...]
    arms: Mapping[str, Mapping[str, ArmFacts]]
    typical: tuple[Group, ...]

    def predict(self, groups: Sequence[Group], values: Mapping[str, Patients]) -> Patients:
        """Return the prediction of every target."""
        seen = {}
        for group in groups:
            outputs = predict(group, values)
            for index, lane in enumerate(group.lanes):
                own = {name: out[index] for name, out in outputs.items()}
                seen[lane.trial, lane.arm] = own, lane.months
        by_row: dict[str, Patients] = {}
        for name, facts in self.arms.items():
            rows = [target.row for target in self.targets if target.row.trial == name]
            arms = {arm: seen[name, arm] for arm in facts}
            for prediction in published_predictions(rows, facts, _Seen(arms)):
                by_row[f"{name}/{prediction.row.row_id}"] = prediction.predicted
        return jnp.stack(
            [jnp.asarray(by_row[f"{t.row.trial}/{t.row.row_id}"]) for t in self.targets]
        )

    def cohort(self, values: Mapping[str, float], patients: int) -> np.ndarray:
        """Return the predictions by whole cohorts of so many patients."""
        lanes = [lane for s in self.studies for lane in study_lanes(s, patients, typical=False)]
        run = jax.jit(lambda v: self.predict(make_groups(lanes), v))
        return np.asarray(run({k: jnp.asarray(x) for k, x in values.items()}))


@dataclass(frozen=True)
class _Seen:
    """Relative outputs of a study's arms as the statistics that a comparison asks for."""

    arms: Mapping[str, tuple[Mapping[str, Patients], tuple[float, ...]]]

    def center(
        self, arm: str, column: str, month: float, statistic: str, since: float | None = None
    ) -> Patients | None:
        """Return the mean or median percent change at a visit."""
        outputs, months = self.arms[arm]
        visit, first = _nearest(months, month), _nearest(months, since or 0.0)
        if visit is None or first is None:
            return None
        series = outputs[column.removesuffix("_change")]
        change = 100.0 * (series[visit] / series[first] - 1.0)
        return jnp.median(change) if statistic == "median" else jnp.mean(change)


def _nearest(months: Sequence[float], month: float) -> int | None:
    index = int(np.argmin(np.abs(np.array(months) - month)))
    return index if abs(months[index] - month) < NEAR else None


def make_problem(studies: Sequence[Study], patients: int = 512) -> Problem:
    """Gather targets and typical persons.

    Args:
        studies: replicas to fit.
        patients: how many are drawn to find each study's typical person.
    """
    every = [*studies, *natural_history()]
    targets = [target for study in every for target in study_targets(study)]
    used = {target.row.trial for target in targets}
    kept = tuple(study for study in every if study.name in used)
    lanes = [lane for study in kept for lane in study_lanes(study, patients, typical=True)]
    return Problem(
        kept,
        tuple(targets),
        {study.name: study_arms(study) for study in kept},
        tuple(make_groups(lanes)),
    )


def to_scale(values: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    """Return parameters on the scales of their priors."""
    return np.array([PARAMETERS[name].to_scale(values[name]) for name in names])


def from_scale(scaled: Patients, names: Sequence[str]) -> dict[str, Patients]:
    """Inverse of `to_scale`, differentiable."""
    return {
        name: jnp.exp(x) if PARAMETERS[name].scale == "log" else jax.nn.sigmoid(x)
        for name, x in zip(names, scaled, strict=True)
    }
