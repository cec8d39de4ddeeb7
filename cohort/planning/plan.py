"""A power file made ready: arms as numbers, the method, the hypothesis, the critical values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cohort.analysis.statistics.futility import Futility, Looks, planned_looks
from cohort.analysis.statistics.margins import Hypothesis
from cohort.analysis.statistics.methods import Method
from cohort.analysis.statistics.multiplicity import Procedure
from cohort.analysis.statistics.trial import Comparison
from cohort.planning.schema import Claim, PowerJob
from cohort.trial.randomisation import Randomisation
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
        looks: share of participants at each look and its critical values; one look without
            interim looks.
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
    looks: Looks
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

    def null_holds(self, pair: Comparison, dropout: Sequence[float]) -> bool:
        """Whether arms without effects, moved to the margin, make the null of this pair true.

        Args:
            pair: the comparison.
            dropout: share who leave in a year, by arm: where leaving is part of what is estimated,
                arms that differ in it differ.
        """
        moved = self.hypothesis.margin == 0 or self.references[pair.control] == pair.control
        alike = dropout[pair.treated] == dropout[pair.control]
        return moved and (alike or self.method.missing not in ("carried_forward", "non_response"))

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
    hypothesis = Hypothesis(job.test.claim, job.test.margin, job.test.higher_is_better)
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
        looks=looks_of(job.test),
        randomisation=job.randomisation,
        covariates=job.analysis.covariates,
    )


def looks_of(test: Claim) -> Looks:
    """Return the looks of a trial with their boundaries."""
    asked = test.futility
    stops = Futility(asked.rule, asked.binding, asked.power, asked.conditional_power)
    # A one-sided test at alpha / 2 stops where a two-sided one at alpha does.
    return planned_looks(test.looks or (1.0,), test.alpha, test.boundary, stops)
