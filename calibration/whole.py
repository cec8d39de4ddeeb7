"""Whole cohorts: hundreds of persons an arm, who wander and differ as those of `cohort run` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from calibration.groups import make_groups, predict
from calibration.lanes import whole_lanes
from calibration.reading import Reading, arm_facts, flat, published_rows, read_rows
from cohort.model.arrays import Patients
from cohort.patients.variability import Variability
from cohort.results.published import PublishedRow
from cohort.trial.schema import Study


class WholeCohort:
    """Predicts rows by whole cohorts; made ready at the first call."""

    def __init__(
        self,
        rows: Sequence[PublishedRow],
        studies: Mapping[str, Study],
        patients: int,
        variability: Variability,
    ) -> None:
        """Take what is predicted.

        Args:
            rows: published rows.
            studies: their trials, by name.
            patients: persons of each trial.
            variability: how they differ.
        """
        self._rows, self._studies, self._patients = rows, studies, patients
        self._variability = variability

    def rows(self, values: Mapping[str, Patients]) -> np.ndarray:
        """Return the predicted rows under these parameters, `(row,)`; NaN for untreated lives.

        Args:
            values: value by parameter name.
        """
        known = {name: jnp.asarray(value) for name, value in values.items()}
        rows = np.full(len(self._rows), np.nan)
        for reading, outputs in self._groups:
            rows[reading.rows] = published_rows(outputs(known), reading)
        return rows

    @cached_property
    def _groups(self) -> list[tuple[Reading, Callable]]:
        lanes = [
            lane
            for study in self._studies.values()
            for lane in whole_lanes(study, self._variability, self._patients)
        ]
        facts = arm_facts(self._studies)
        return [
            (
                read_rows(self._rows, facts, group),
                jax.jit(lambda values, group=group: flat(predict(group, values))),
            )
            for group in make_groups(lanes)
        ]
