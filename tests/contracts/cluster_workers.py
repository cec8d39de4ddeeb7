"""What the tests have computed on a cluster; its workers import this module."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fake_simulator import FakeSimulator

from cohort.errors import BadInput
from cohort.results.block import BlockResult


@dataclass
class Dying(FakeSimulator):
    """Kills its own process when it is to simulate one person.

    Attributes:
        person: who.
        marks: folder in which every process that is killed leaves its number.
        deaths: processes that are killed; the next one lives.
    """

    person: int = 0
    marks: Path = Path()
    deaths: int = 1

    def block(self, slots: np.ndarray, arms: tuple[str, ...], draw: int) -> BlockResult:
        if self.person in slots and len(list(self.marks.iterdir())) < self.deaths:
            (self.marks / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().block(slots, arms, draw)


@dataclass(frozen=True)
class Recipe:
    """Makes a simulator that dies."""

    person: int
    marks: Path
    deaths: int

    def __call__(self) -> Dying:
        return Dying(person=self.person, marks=self.marks, deaths=self.deaths)


def refusing() -> FakeSimulator:
    raise BadInput(["engine.precision: no.", "patients: none."])


def breaking() -> FakeSimulator:
    return FakeSimulator(error=ValueError("a defect"))


class Formula:
    """Evaluations in closed form: of each factor its square."""

    rows, device = 100, "a formula"

    def __init__(self, columns: int) -> None:
        self.columns = columns

    def compile(self) -> None:
        pass

    def evaluate(self, values: np.ndarray) -> np.ndarray:
        return values[:, : self.columns] ** 2

    def derivatives(self) -> tuple[np.ndarray, np.ndarray]:
        raise AssertionError("only the method `local` asks for derivatives, and no job here is one")


@dataclass(frozen=True)
class FormulaRecipe:
    """Makes a formula."""

    columns: int

    def __call__(self) -> Formula:
        return Formula(self.columns)


def environment(_: object) -> dict[str, str]:
    """Return what a worker's process was given."""
    return {name: os.environ.get(name, "") for name in ("NPROC", "JAX_PLATFORMS")}
