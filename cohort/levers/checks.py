"""Everything about a sensitivity job that one key alone cannot tell, checked before any compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from cohort.errors import did_you_mean
from cohort.levers.design import Design, correlation_matrix
from cohort.levers.factors import (
    COVARIATES,
    Factor,
    expanded,
    job_factors,
    named,
    parameter_groups,
    pk_names,
    study_drugs,
)
from cohort.levers.schema import Factors, Job
from cohort.model.parameters import KNOCKOUTS, PARAMETERS
from cohort.parameter import value_problems
from cohort.results.outcomes import BY_NAME, MEASURED, visit_columns
from cohort.trial.problems import Problem
from cohort.trial.schema import Study

_CORRELATED = {
    "sobol": "shares of variance are those of independent inputs",
    "morris": "a step of one input alone is a point that correlated inputs never take",
    "local": "derivatives move one factor at a time and know no distribution",
}

WATCHED = visit_columns((name for name, own in BY_NAME.items() if own.extra), measured=False)
"""Outcomes that can be watched: those that follow from a person's state without chance."""


def check(job: Job, study: Study) -> list[Problem]:
    """Return every problem of a job whose shape is right and whose study is valid."""
    found = [
        *_decided(job, study),
        *_outputs(job, study),
        *_names(job, study),
        *_ranges(job, study),
    ]
    if not found:  # what follows needs factors that are whole
        factors = job_factors(job, study)
        found = [*_method(job, factors), *_correlations(job, factors)]
    return found


def _decided(job: Job, study: Study) -> Iterator[Problem]:
    """A derivative knows no decisions: a small change moves nobody, or somebody at once."""
    for arm in study.arms if job.method.name == "local" else ():
        if arm.rules:
            yield Problem(
                ("method", "name"),
                f"found 'local', and arm {arm.name} of {study.name} has rules: a derivative leaves "
                "out whom a change of a factor brings across a rule's limit; allowed is morris, "
                "sobol or prcc, or a study without rules.",
            )


def _outputs(job: Job, study: Study) -> Iterator[Problem]:
    if not job.outputs:
        yield Problem(("outputs",), "nothing is watched; at least one [[outputs]] is needed.")
    arms = [arm.name for arm in study.arms]
    months = [month for month in study.visits.months if month > 0]
    for index, output in enumerate(job.outputs):
        place = ("outputs", index)
        for key, arm in (("arm", output.arm), ("against", output.against)):
            if arm is not None and arm not in arms:
                yield Problem(
                    (*place, key),
                    f"'{arm}' is no arm of {study.name}; allowed is {', '.join(arms)}."
                    f"{did_you_mean(arm, arms)}",
                )
        if output.against == output.arm:
            yield Problem((*place, "against"), f"an arm against itself, '{output.arm}', is 0.")
        yield from _words(output.outcomes, (*place, "outcomes"))
        if not output.months:
            yield Problem((*place, "months"), "the list is empty; at least one visit is needed.")
        for month in output.months:
            if month not in months:
                allowed = ", ".join(f"{m:g}" for m in months)
                yield Problem(
                    (*place, "months"),
                    f"month {month:g} is no visit of {study.name} after entry; allowed is "
                    f"{allowed}.",
                )


def _words(outcomes: Iterable[str], place: tuple) -> Iterator[Problem]:
    if not outcomes:
        yield Problem(place, "the list is empty; at least one outcome is needed.")
    for outcome in outcomes:
        if outcome.startswith(MEASURED) and outcome.removeprefix(MEASURED) in BY_NAME:
            yield Problem(
                place,
                f"'{outcome}' holds random error of measurement, which no lever moves; use "
                f"'{outcome.removeprefix(MEASURED)}'.",
            )
        elif outcome not in BY_NAME:
            yield Problem(place, f"'{outcome}' is no outcome.{did_you_mean(outcome, WATCHED)}")
        elif outcome not in WATCHED:
            yield Problem(
                place,
                f"'{outcome}' counts events, of which a small cohort has too few for its mean to "
                "say anything; watch bone density or markers.",
            )


def _names(job: Job, study: Study) -> Iterator[Problem]:
    """Words for factors: known, named once, and free to be varied."""
    if not job.factors:
        yield Problem(("factors",), "nothing is varied; at least one [[factors]] is needed.")
    drugs = study_drugs(study)
    allowed = {
        "parameter": (
            [*PARAMETERS, *parameter_groups()],
            "neither a parameter nor a group of them",
        ),
        "covariate": (list(COVARIATES), f"no covariate; allowed is {', '.join(COVARIATES)}"),
        "pk": (list(pk_names(drugs)), f"no PK number of the drugs in {study.name}"),
    }
    every: list[str] = []
    for index, table in enumerate(job.factors):
        place = ("factors", index)
        kinds = _kinds(table)
        if len(kinds) != 1:
            what = "names nothing" if not kinds else f"names {' and '.join(kinds)}"
            yield Problem(
                place, f"the table {what}; one of parameters, covariates and pk is needed."
            )
            continue
        kind, words = named(table)
        known, sentence = allowed[kind]
        for word in words:
            if word not in known:
                yield Problem(
                    (*place, kinds[0]), f"'{word}' is {sentence}.{did_you_mean(word, known)}"
                )
        every += expanded(table, drugs)
    for name, count in Counter(every).items():
        if count > 1:
            yield Problem(
                ("factors",), f"{name} is varied {count} times, by itself or by its group."
            )
    off = {KNOCKOUTS[mechanism]: mechanism for mechanism in study.outputs.knockout}
    for name in every:
        if name in off:
            yield Problem(
                ("factors",), f"{name} is held at 0 by the study's knockout of {off[name]}."
            )


def _kinds(table: Factors) -> list[str]:
    return [key for key in ("parameters", "covariates", "pk") if getattr(table, key)]


def _ranges(job: Job, study: Study) -> Iterator[Problem]:
    drugs = study_drugs(study)
    for index, table in enumerate(job.factors):
        if len(_kinds(table)) != 1:  # told already
            continue
        kind, _ = named(table)
        names = expanded(table, drugs)
        place = ("factors", index)
        strange = [
            Problem((*place, key), f"it is read for {own} factors only, not {kind}s.")
            for key, own in (("sds", "parameter"), ("fold", "pk"))
            if getattr(table, key) is not None and kind != own
        ]
        yield from strange
        if strange:
            continue
        if (table.low is None) != (table.high is None):
            yield Problem(place, "low and high go together; one of them is missing.")
        elif table.low is None:
            if kind == "covariate":
                words = " and ".join(names) or "it"
                yield Problem(place, f"low and high are needed: by how much {words} is shifted.")
        elif table.sds is not None or table.fold is not None:
            yield Problem(place, "low and high already say the range; leave sds and fold out.")
        else:
            yield from (Problem(place, words) for words in _ends(table, kind, names))


def _ends(table: Factors, kind: str, names: tuple[str, ...]) -> Iterator[str]:
    low, high = float(table.low or 0.0), float(table.high or 0.0)
    if not low < high:
        yield f"low is {low:g} and high {high:g}; low must be below high."
    if len(names) > 1:
        yield f"one range for {', '.join(names)}; give each a table of its own."
    for name in names:
        if kind == "parameter":
            for key, value in (("low", low), ("high", high)):
                yield from value_problems(PARAMETERS[name], value, f"{key} of {name}")
        elif kind == "pk" and low <= 0:
            yield f"low of {name} is {low:g}; it must be above 0."


def _method(job: Job, factors: tuple[Factor, ...]) -> Iterator[Problem]:
    method, design = job.method, Design(factors, job.method)
    samples, name = method.samples, method.name
    place = ("method", "samples")
    if name == "sobol" and design.samples & (design.samples - 1):
        yield Problem(
            place, f"found {samples}; a Sobol sequence is balanced at powers of 2, such as 1024."
        )
    if name == "prcc" and design.samples < len(factors) + 4:
        yield Problem(
            place, f"found {samples}; with {len(factors)} factors at least {len(factors) + 4}."
        )
    if method.levels % 2:
        yield Problem(("method", "levels"), f"found {method.levels}; an even number is needed.")
    if method.by != "factors" and name in ("local", "prcc"):
        yield Problem(
            ("method", "by"),
            f"'{method.by}' is for morris and sobol; {name} has an index for each factor.",
        )
    elif method.by == "groups" and not any(table.group for table in job.factors):
        yield Problem(("method", "by"), "'groups', but no factor names a group.")
    elif method.by == "kinds" and len(design.levers) == 1:
        yield Problem(("method", "by"), f"'kinds', but all factors are {design.levers[0]}.")


def _correlations(job: Job, factors: tuple[Factor, ...]) -> Iterator[Problem]:
    names = [factor.name for factor in factors]
    unknown = False
    for index, pair in enumerate(job.correlations):
        place = ("correlations", index, "between")
        for name in pair.between:
            if name not in names:
                unknown = True
                yield Problem(place, f"'{name}' is not varied.{did_you_mean(name, names)}")
        if pair.between[0] == pair.between[1]:
            unknown = True
            yield Problem(place, f"'{pair.between[0]}' with itself.")
    if unknown or not job.correlations:
        return
    pairs = Counter(frozenset(pair.between) for pair in job.correlations)
    for pair in (sorted(pair) for pair, count in pairs.items() if count > 1):
        yield Problem(("correlations",), f"{' and '.join(pair)} are there more than once.")
    if np.linalg.eigvalsh(correlation_matrix(factors, job.correlations)).min() <= 1e-9:
        yield Problem(("correlations",), "together they are impossible (not positive definite).")
    yield from _independence(job, factors)


def _independence(job: Job, factors: tuple[Factor, ...]) -> Iterator[Problem]:
    """Methods that need independent inputs bear correlations inside a group only."""
    name = job.method.name
    if name == "prcc":
        return
    lever = dict(zip((f.name for f in factors), Design(factors, job.method).groups, strict=True))
    for index, pair in enumerate(job.correlations):
        first, second = pair.between
        if name == "local" or lever[first] != lever[second]:
            advice = "use method.name = 'prcc'"
            if name != "local":
                advice += ", or put both into one group and set method.by = 'groups'"
            yield Problem(
                ("correlations", index),
                f"{first} and {second} are correlated, but {_CORRELATED[name]}; {advice}.",
            )
