"""What the simulator hands over for one block of patients, and what a result code means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np


class ResultCode(IntEnum):
    """Why a patient has no results in an arm; 0 for a patient who has them."""

    OK = 0
    NOT_FINITE = 1
    NO_STEADY_STATE = 2
    NOT_ELIGIBLE = 3
    INACCURATE = 4

    @property
    def words(self) -> str:
        """The code as a phrase for people."""
        return _WORDS[self]


_WORDS = {
    ResultCode.OK: "completed",
    ResultCode.NOT_FINITE: "a number became infinite or undefined",
    ResultCode.NO_STEADY_STATE: "no steady state was found for the patient's parameters",
    ResultCode.NOT_ELIGIBLE: "no eligible candidate was found in the allowed number of draws",
    ResultCode.INACCURATE: "the fine grid disagreed with the coarse one",
}


EVENTS = ("vertebral", "hip", "other_nonvertebral", "death")
"""What can happen to a patient, in the order of the codes of `FractureEvents.event`."""


@dataclass(frozen=True)
class FractureEvents:
    """Fractures and deaths in one arm of a block, one a row, by patient and then by time.

    Attributes:
        patient: place of the patient in the block, (E,).
        month: when, (E,).
        event: place in `EVENTS`, (E,).
    """

    patient: np.ndarray
    month: np.ndarray
    event: np.ndarray


@dataclass(frozen=True)
class Taken:
    """The courses of treatment that the patients of one arm of a block were on.

    Attributes:
        labels: of the arm's courses, `planned` first.
        months: month of each course's last change, NaN where there is none.
        number: of the course after what was decided at a visit, (N, V).
    """

    labels: tuple[str, ...]
    months: np.ndarray
    number: np.ndarray


@dataclass(frozen=True)
class BlockResult:
    """One simulated block: N patients, V visits, in the arms that were asked for.

    Attributes:
        patients: the columns of `patients.parquet` that do not depend on the arm, each (N,):
            covariates, baselines, `weight`, `theta_<name>`; `sex` holds strings.
        visits: arm -> column -> (N, V): `day` and every outcome column, true and `measured_`.
        months: nominal months of the visits, (V,).
        last_month: arm -> month of dropout, of death, or of the end, (N,).
        result_code: arm -> (N,) int8, a `ResultCode`; only `OK` patients get visits' values.
        first_bad_day: arm -> (N,) float32, NaN where the code is `OK` or no day is known.
        rejected: candidates rejected while drawing these patients, by reason.
        screened: candidates drawn for these patients, the accepted included.
        events: arm -> fractures and deaths; empty where the study does not ask for fractures.
        of_arm: arm -> further columns of `patients.parquet`, those that depend on the arm, (N,).
        courses: arm -> who was on which course; empty where no arm decides anything.
        missed: who missed which visit, (N, V); None where nobody misses any.
    """

    patients: Mapping[str, np.ndarray]
    visits: Mapping[str, Mapping[str, np.ndarray]]
    months: np.ndarray
    last_month: Mapping[str, np.ndarray]
    result_code: Mapping[str, np.ndarray]
    first_bad_day: Mapping[str, np.ndarray]
    rejected: Mapping[str, int] = field(default_factory=dict)
    screened: int = 0
    events: Mapping[str, FractureEvents] = field(default_factory=dict)
    of_arm: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    courses: Mapping[str, Taken] = field(default_factory=dict)
    missed: np.ndarray | None = None


class Simulator(Protocol):
    """What the executor needs of the solver; safe to call from several threads at once."""

    @property
    def device(self) -> str:
        """The device in words, as the manifest records it."""
        ...

    @property
    def theta_fields(self) -> Mapping[str, tuple[str, str]]:
        """Unit and description of individual parameters, by name without `theta_`."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Sentences that a reader of the results must know, as the manifest records them."""
        ...

    def compile(self) -> None:
        """Compile everything that `block` will call, so that compile time is counted apart."""
        ...

    def block(self, slots: np.ndarray, arms: tuple[str, ...], draw: int) -> BlockResult:
        """Simulate the persons of these slots in these arms.

        Args:
            slots: person numbers, int64 (N,), of any length, not always contiguous.
            arms: arms to simulate; every arm in a paired design, one in a randomised one.
            draw: number of the parameter draw; 0 where the run has none. It changes nothing in
                who the persons are.
        """
        ...
