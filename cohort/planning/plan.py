"""A power file made ready: arms as numbers, the method, the hypothesis, the critical values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cohort.analysis.statistics.interim import boundaries
from cohort.analysis.statistics.margins import Hypothesis
from cohort.analysis.statistics.methods import Method
from cohort.analysis.statistics.multiplicity import Procedure
from cohort.analysis.statistics.trial import Comparison
from cohort.planning.schema import PowerJob, Randomisation
from cohort.trial.schema import Study


@dataclass(frozen=True)
class Plan:
    """What every replicate of every design shares.

    Attributes:
        seed: root of the replicates' seeds.
        arms: names of the arms.
        comparisons: which arms are compared, in testing order.
        method: the analysis.
        hypothesis: what is to be shown.
        alpha: two-sided type I error.
        procedure: how comparisons share it.
        looks: share of participants at each look; `(1.0,)` without interim looks.
        critical: critical value of |Z| at each look.
        randomisation: how participants are put into arms.
        covariates: what is adjusted for, strata apart.
    """

    seed: int
    arms: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    method: Method
    hypothesis: Hypothesis
    alpha: float
    procedure: Procedure
    looks: tuple[float, ...]
    critical: np.ndarray
    randomisation: Randomisation
    covariates: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Words for each comparison, such as `denosumab - placebo`."""
        return tuple(f"{self.arms[c.treated]} - {self.arms[c.control]}" for c in self.comparisons)

    @property
    def references(self) -> tuple[int, ...]:
        """The arm that each arm is without its effect: one for all that are compared."""
        return _references(len(self.arms), self.comparisons)

    def null_holds(self, pair: Comparison) -> bool:
        """Whether arms without effects, moved to the margin, make the null of this pair true."""
        return self.hypothesis.margin == 0 or self.references[pair.control] == pair.control

    @property
    def counts_events(self) -> bool:
        """Whether the outcome counts events instead of being a measurement."""
        return self.method.name == "log_rank"


def _references(arms: int, comparisons: Sequence[Comparison]) -> tuple[int, ...]:
    """Return one reference for arms that are compared, directly or through others.

    It is the first control among them that is nobody's treated arm, else their first control.
    """
    group = list(range(arms))
    for pair in comparisons:
        old, new = group[pair.treated], group[pair.control]
        group = [new if number == old else number for number in group]
    treated = {pair.treated for pair in comparisons}
    found = {}
    for pair in sorted(comparisons, key=lambda pair: pair.control in treated):
        found.setdefault(group[pair.control], pair.control)
    return tuple(found.get(number, arm) for arm, number in enumerate(group))


def comparison_names(job: PowerJob, study: Study) -> tuple[tuple[str, str], ...]:
    """Return the arms that are compared, treated first: as stated, or every arm with the control.

    The control is the first arm with that role, else the last arm.
    """
    if job.test.comparisons:
        return tuple((pair.treated, pair.control) for pair in job.test.comparisons)
    controls = [arm.name for arm in study.arms if arm.role == "control"]
    control = controls[0] if controls else study.arms[-1].name
    return tuple((arm.name, control) for arm in study.arms if arm.name != control)


def make_plan(job: PowerJob, study: Study) -> Plan:
    """Return the plan of a checked power file."""
    names = tuple(arm.name for arm in study.arms)
    pairs = comparison_names(job, study)
    looks = job.test.looks or (1.0,)
    hypothesis = Hypothesis(job.test.claim, job.test.margin, job.test.higher_is_better)
    # A one-sided test at alpha / 2 stops where a two-sided one at alpha does.
    critical = boundaries(looks, job.test.alpha, job.test.boundary)
    return Plan(
        seed=job.seed,
        arms=names,
        comparisons=tuple(Comparison(names.index(a), names.index(b)) for a, b in pairs),
        method=Method(
            job.analysis.method,
            job.analysis.missing,
            job.analysis.imputations,
            0.0 if job.analysis.threshold is None else job.analysis.threshold,
            job.test.higher_is_better,
        ),
        hypothesis=hypothesis,
        alpha=job.test.alpha,
        procedure=job.test.multiplicity,
        looks=looks,
        critical=critical,
        randomisation=job.randomisation,
        covariates=job.analysis.covariates,
    )
