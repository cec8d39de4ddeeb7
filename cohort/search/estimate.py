"""What a search will cost, before it starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from cohort.search.climb import STARTS, STEPS
from cohort.search.doses import climbs
from cohort.search.load import Prepared
from cohort.search.space import Space

SPEED = 30_000.0
"""Patient-years a second assumed: what XLA makes on two ordinary CPU cores."""


@dataclass(frozen=True)
class Size:
    """What a search will compute.

    Attributes:
        candidates: sequences that slots and options allow, those that break a rule included.
        simulated: most schedules that are simulated.
        persons: persons on whom each is tried.
        patient_years: patient-years to simulate.
        seconds: time to compute at the assumed speed, compiling left out.
    """

    candidates: int
    simulated: int
    persons: int
    patient_years: float
    seconds: float

    def as_dict(self) -> dict[str, float | int]:
        """Return plain values, for `--json`."""
        return asdict(self)

    def sentence(self) -> str:
        """Return the size for people."""
        return (
            f"{self.candidates:,} candidates, of which at most {self.simulated:,} are simulated on "
            f"{self.persons:,} persons each: {self.patient_years:,.0f} patient-years, about "
            f"{self.seconds:,.0f} s at {SPEED:,.0f} a second, and compiling."
        )


def size(prepared: Prepared) -> Size:
    """Return what a search will cost."""
    space, search = Space(prepared.search), prepared.search
    persons = prepared.study.patients
    simulated = search.method.evaluations
    if search.method.name == "enumerate":
        simulated = sum(not space.broken(code) for code in space.codes())
    if search.method.name == "gradient":
        # A step has a derivative by each dose, about as much work as the candidate itself.
        simulated = len(climbs(space)) * len(STARTS) * STEPS * (1 + len(space.slots))
    else:
        simulated = min(simulated, space.size)
    years = simulated * persons * search.objective.month / 12.0
    return Size(space.size, simulated, persons, years, years / SPEED)
