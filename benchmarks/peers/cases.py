"""Who does the work, for how many patients and how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.peers import others
from benchmarks.peers.work import Work, engine

Run = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """A way to do the work.

    Attributes:
        label: in the table.
        group: whose it is: `engine`, `kernel`, `diffrax` or `scipy`.
        patients: in scenario B, in scenario A.
        months: that are simulated where not all of a scenario's are; time is linear in them.
        make: work, number of patients -> a function of no arguments that does it, compiled.
    """

    label: str
    group: str
    patients: dict[str, int]
    months: dict[str, int]
    make: Callable[[Work, int], Run]

    def work(self, whole: Work) -> Work:
        """Return a scenario in the length that this case does."""
        return replace(whole, months=self.months.get(whole.name, whole.months))


def of_engine(precision: str, fused: bool) -> Callable[[Work, int], Run]:
    """Return how this engine does it."""

    def make(work: Work, patients: int) -> Run:
        engine(replace(work, months=1), patients, precision, fused=fused)  # compiled for any length
        return lambda: engine(work, patients, precision, fused=fused)

    return make


def of_diffrax(solver: str, rtol: float) -> Callable[[Work, int], Run]:
    """Return how diffrax does it."""
    return lambda work, patients: others.with_diffrax(work, solver, rtol, patients)


def of_scipy(method: str, rtol: float) -> Callable[[Work, int], Run]:
    """Return how SciPy does it."""
    return lambda work, patients: others.with_scipy(work, method, rtol, patients)


FEW_MONTHS = {"A": 2}
"""Daily doses keep the others so long that they get two months of them."""

ENGINE = tuple(
    Case(
        f"this engine, {precision}",
        "engine",
        {"B": 5000, "A": 2048},
        {},
        of_engine(precision, False),
    )
    for precision in ("float32", "float64")
)
KERNEL = tuple(
    Case(
        f"its fused kernel, {precision}",
        "kernel",
        {"B": 5000, "A": 2048},
        {},
        of_engine(precision, True),
    )
    for precision in ("float32", "float64")
)
OTHERS = (
    *(
        Case(
            f"diffrax Kvaerno3, rtol 1e-{places}",
            "diffrax",
            {"B": 128, "A": 32},
            FEW_MONTHS,
            of_diffrax("Kvaerno3", 10.0**-places),
        )
        for places in (3, 4, 5)
    ),
    Case(
        "diffrax Kvaerno5, rtol 1e-4",
        "diffrax",
        {"B": 32, "A": 16},
        FEW_MONTHS,
        of_diffrax("Kvaerno5", 1e-4),
    ),
    Case("SciPy LSODA, rtol 1e-4", "scipy", {"B": 4, "A": 1}, FEW_MONTHS, of_scipy("LSODA", 1e-4)),
    Case("SciPy BDF, rtol 1e-4", "scipy", {"B": 2, "A": 1}, FEW_MONTHS, of_scipy("BDF", 1e-4)),
)


CASES = ENGINE + KERNEL + OTHERS
