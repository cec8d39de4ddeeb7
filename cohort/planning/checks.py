"""Everything about a power file that one key alone cannot tell, checked before any compute."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from cohort.analysis.statistics.estimands import Missing
from cohort.analysis.statistics.methods import Name
from cohort.errors import did_you_mean
from cohort.planning.designs import allocations, designs, schedules
from cohort.planning.plan import comparison_names
from cohort.planning.schema import PowerJob
from cohort.results.outcomes import BY_NAME, FRACTURE, FRACTURE_RISK, OUTCOMES, SITES
from cohort.trial.problems import Problem
from cohort.trial.randomisation import strata_problems
from cohort.trial.schema import Study
from cohort.trial.source import Key

NUMBERS = (
    *("age", "years_since_menopause", "bmi", "ctx", "p1np", "bsap"),
    *("estradiol", "testosterone", "igf1", "pth"),
    *(f"{kind}_{site}" for kind in ("bmd", "t_score") for site in SITES.values()),
)
"""Columns of `patients` that can be adjusted for, and cut into strata."""

_WAYS: dict[Name, tuple[Missing, ...]] = {
    "ancova": ("observed", "carried_forward", "imputed", "copy_reference"),
    "responders": ("observed", "carried_forward", "imputed", "copy_reference", "non_response"),
    "mmrm": ("observed",),
    "log_rank": ("observed",),
}
_LONGEST = 1200.0  # months: beyond it nobody is followed
_MOST_DESIGNS = 10_000
EVENTS = tuple(
    o.name for o in OUTCOMES if o.name.startswith(FRACTURE) and not o.name.startswith(FRACTURE_RISK)
)
"""Outcomes that count events."""


def check(job: PowerJob, study: Study | None) -> list[Problem]:
    """Return every problem of a power file whose shape is right.

    Args:
        job: the power file.
        study: its study, or None where that has problems of its own.
    """
    found = [*_outcome(job), *_analysis(job), *_looks(job), *_grid(job), *_strata(job)]
    if study is not None:
        found += [*_arms(job, study), *_allocation(job, study), *_months(job, study)]
        if not found:
            found += _size(job, study)
    return found


def _outcome(job: PowerJob) -> Iterator[Problem]:
    name, place = job.endpoint.outcome, ("endpoint", "outcome")
    if name not in BY_NAME:
        near = did_you_mean(name, BY_NAME)
        yield Problem(
            place,
            f"found {name!r}; `cohort list outcomes` shows what is allowed, without "
            f"`measured_` in front.{near}",
        )
        return
    counts = name in EVENTS
    if counts != (job.analysis.method == "log_rank"):
        yield Problem(
            ("analysis", "method"),
            f"found {job.analysis.method!r} for the outcome {name!r}; `log_rank` goes with what "
            f"counts events ({', '.join(EVENTS)}), the other methods with the rest.",
        )


def _analysis(job: PowerJob) -> Iterator[Problem]:
    method, missing = job.analysis.method, job.analysis.missing
    if missing not in _WAYS[method]:
        yield Problem(
            ("analysis", "missing"),
            f"found {missing!r} with {method!r}; allowed is {', '.join(_WAYS[method])}.",
        )
    if (job.analysis.threshold is None) == (method == "responders"):
        needed = "needed" if method == "responders" else "of use only"
        yield Problem(
            ("analysis", "threshold"), f"a threshold is {needed} with the method 'responders'."
        )
    for index, name in enumerate(job.analysis.covariates):
        yield from _known(("analysis", "covariates", index), name, ("baseline", *NUMBERS))
    if job.test.claim == "non_inferiority" and job.test.margin == 0:
        yield Problem(("test", "margin"), "found 0.0; non-inferiority needs a margin above 0.")


def _known(place: Key, name: str, allowed: Sequence[str]) -> Iterator[Problem]:
    if name not in allowed:
        near = did_you_mean(name, allowed)
        yield Problem(place, f"found {name!r}; allowed is {', '.join(allowed)}.{near}")


def _looks(job: PowerJob) -> Iterator[Problem]:
    looks = job.test.looks
    if not looks:
        if job.test.futility.rule != "none":
            yield Problem(
                ("test", "looks"), "the list is empty; stopping for futility needs interim looks."
            )
        return
    if not _rising((0.0, *looks)) or looks[-1] != 1:
        yield Problem(
            ("test", "looks"),
            f"found {list(looks)}; allowed are shares above 0 in rising order, the last one 1.",
        )
    if job.test.multiplicity != "none":
        yield Problem(
            ("test", "multiplicity"),
            f"found {job.test.multiplicity!r} with interim looks; each comparison has boundaries "
            "of its own, so allowed is none.",
        )


def _grid(job: PowerJob) -> Iterator[Problem]:
    for key in ("participants", "effect", "dropout"):
        if not getattr(job.grid, key):
            yield Problem(("grid", key), "the list is empty; at least one value is needed.")
    for index, visits in enumerate(job.grid.visits):
        if not visits or not _rising(visits):
            yield Problem(
                ("grid", "visits", index), f"found {list(visits)}; allowed are rising months."
            )
    if job.analysis.method == "log_rank":
        for index, effect in enumerate(job.grid.effect):
            if not 0 <= effect <= 1:
                yield Problem(
                    ("grid", "effect", index),
                    f"found {effect}; of events, a share from 0 to 1 of the people is affected.",
                )

    if job.grid.dropout_by_arm and any(job.grid.dropout):
        yield Problem(("grid", "dropout_by_arm"), "stands beside dropout; give one of them.")


def _strata(job: PowerJob) -> Iterator[Problem]:
    return strata_problems(job.randomisation, ("randomisation",), ("sex", *NUMBERS))


def _rising(values: Sequence[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(values))


def _arms(job: PowerJob, study: Study) -> Iterator[Problem]:
    names = [arm.name for arm in study.arms]
    if len(names) < 2:
        yield Problem(("study",), f"{study.name} has one arm; a comparison needs two.")
    for index, pair in enumerate(job.test.comparisons):
        place = ("test", "comparisons", index)
        yield from _known((*place, "treated"), pair.treated, names)
        yield from _known((*place, "control"), pair.control, names)
        if pair.treated == pair.control:
            yield Problem(place, f"found {pair.treated!r} twice; two arms are needed.")
    controls = {control for _, control in comparison_names(job, study)}
    if job.analysis.missing == "copy_reference" and len(controls) > 1:
        yield Problem(
            ("analysis", "missing"),
            "found 'copy_reference' with several controls; comparisons must share one.",
        )


def _allocation(job: PowerJob, study: Study) -> Iterator[Problem]:
    for index, ratio in enumerate(job.grid.allocation):
        if len(ratio) != len(study.arms):
            arms = ", ".join(arm.name for arm in study.arms)
            yield Problem(
                ("grid", "allocation", index),
                f"found {list(ratio)}; allowed is a number for each arm ({arms}).",
            )
    for index, rates in enumerate(job.grid.dropout_by_arm):
        if len(rates) != len(study.arms):
            arms = ", ".join(arm.name for arm in study.arms)
            yield Problem(
                ("grid", "dropout_by_arm", index),
                f"found {list(rates)}; allowed is a share for each arm ({arms}).",
            )
    fewest = max(sum(ratio) for ratio in allocations(job, study)) * 2
    for index, count in enumerate(job.grid.participants):
        if count < fewest:
            yield Problem(
                ("grid", "participants", index),
                f"found {count}; allowed is {fewest} or more, so that every arm has two.",
            )


def _months(job: PowerJob, study: Study) -> Iterator[Problem]:
    for visits in schedules(job, study):
        if visits[-1] > _LONGEST:
            yield Problem(
                ("grid", "months"), f"found {visits[-1]:g}; allowed is {_LONGEST:g} or less."
            )
    if BY_NAME.get(job.endpoint.outcome) and BY_NAME[job.endpoint.outcome].measured:
        if not study.measurement.enabled:
            yield Problem(
                ("config",), "measurement.enabled is false; trials are analysed as measured."
            )


def _size(job: PowerJob, study: Study) -> Iterator[Problem]:
    count = len(designs(job, study))
    if count > _MOST_DESIGNS:
        yield Problem(
            ("grid",), f"the lists combine to {count:,} designs; allowed are {_MOST_DESIGNS:,}."
        )
