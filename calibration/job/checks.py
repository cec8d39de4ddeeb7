"""Everything about a job that one key alone cannot tell, checked before any compute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec

from calibration.job.optimizers import is_optimizer, optimizers
from calibration.job.parameters import (
    bounds,
    expand,
    followers,
    free_names,
    free_parameters,
    groups,
    start_values,
)
from calibration.job.schema import Job, Prior
from calibration.job.selection import NATURAL_HISTORY, gather
from calibration.job.trials import sources
from cohort.errors import BadInput, did_you_mean
from cohort.model.parameters import PARAMETERS
from cohort.parameter import Parameter, value_problems
from cohort.resources import bundled
from cohort.trial.problems import Problem
from cohort.trial.source import Key


def check(job: Job) -> list[Problem]:
    """Return every problem of a job whose shape is right."""
    return [problem for one in _CHECKS for problem in one(job)]


def _split(job: Job) -> Iterator[Problem]:
    """Only calibration rows are ever fitted: the others are what a fit is judged by."""
    found = job.targets.split
    if found != "calibration":
        meaning = {
            "validation": "validation rows are predicted and never fitted",
            "do_not_fit": "do_not_fit rows are context and never fitted",
        }.get(found, "there is no such split to fit")
        yield Problem(
            ("targets", "split"), f"found '{found}'; {meaning}; allowed is 'calibration'."
        )


def _selection(job: Job) -> Iterator[Problem]:
    yield from gather(job)[1]


def _emphasis(job: Job) -> Iterator[Problem]:
    found, problems = sources(job)
    if problems:  # which trials there would be is not known until these are mended
        return
    # A bundled trial that is not chosen is no slip: `--config` may narrow a job that weighs it.
    names = dict.fromkeys([*(source.name for source in found), *bundled("trials"), NATURAL_HISTORY])
    for index, emphasis in enumerate(job.targets.emphasis):
        if emphasis.trial not in names:
            yield Problem(
                ("targets", "emphasis", index, "trial"),
                f"'{emphasis.trial}' is no trial.{did_you_mean(emphasis.trial, names)}",
            )


def _names(job: Job) -> Iterator[Problem]:
    """Words for parameters, and for groups of them where these are allowed."""
    chosen, single = job.parameters, list(PARAMETERS)
    either = [*single, *groups()]
    free = () if chosen.free == "all" else chosen.free
    lists: list[tuple[Key, Iterable[str], list[str]]] = [
        (("parameters", "free"), free, either),
        (("parameters", "fixed"), chosen.fixed, either),
        (("parameters", "fix"), chosen.fix, single),
        (("parameters", "prior"), chosen.prior, single),
        (("start", "values"), job.start.values, single),
        (("posterior", "profile"), job.posterior.profile, single),
    ]
    lists += [
        (("parameters", "tied", index, "names"), tie.names, single)
        for index, tie in enumerate(chosen.tied)
    ]
    for place, words, allowed in lists:
        what = "neither a parameter nor a group of them" if allowed is either else "no parameter"
        for word in words:
            if word not in allowed:
                yield Problem(place, f"'{word}' is {what}.{did_you_mean(word, allowed)}")


def _roles(job: Job) -> Iterator[Problem]:
    """A parameter is free, fixed or tied, and is said to be so once."""
    chosen = job.parameters
    free = [] if chosen.free == "all" else expand(chosen.free)
    for name in _repeated(free):
        yield Problem(("parameters", "free"), f"{name} is named twice, by itself or by its group.")
    for name in _repeated(expand(chosen.fixed)):
        yield Problem(("parameters", "fixed"), f"{name} is named twice, by itself or by its group.")
    stated = set() if chosen.free == "all" else {*chosen.free}
    for name in chosen.fixed:
        if name in stated:
            yield Problem(("parameters", "fixed"), f"{name} is in parameters.free too.")
    for name in chosen.fix:
        if name in stated:
            yield Problem(("parameters", "fix", name), "it is in parameters.free too.")
        if name in job.start.values:
            yield Problem(("parameters", "fix", name), "it has a value in start.values too.")
    if not free_names(job):
        yield Problem(("parameters",), "no parameter is free; there is nothing to fit.")


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _ties(job: Job) -> Iterator[Problem]:
    chosen, following = job.parameters, followers(job)
    stated = set() if chosen.free == "all" else {*chosen.free}
    held = {*expand(chosen.fixed), *chosen.fix}
    free = set(free_names(job))
    every = [name for tie in chosen.tied for name in tie.names]
    for index, tie in enumerate(chosen.tied):
        place = ("parameters", "tied", index, "names")
        if len(tie.names) < 2:
            yield Problem(place, "at least two parameters are needed, one to follow the other.")
        for name in tie.names:
            if every.count(name) > 1:
                yield Problem(place, f"{name} is tied twice.")
            if name in held:
                yield Problem(place, f"{name} is fixed too; a tied parameter cannot be.")
        for name in tie.names[1:]:
            if name in stated:
                yield Problem(
                    place, f"{name} is in parameters.free too, but follows {following[name]}."
                )
            if name in chosen.prior:
                yield Problem(place, f"{name} has a prior, but follows {following[name]}.")
        scales = {PARAMETERS[name].scale for name in tie.names if name in PARAMETERS}
        if len(scales) > 1:
            yield Problem(
                place, f"{', '.join(tie.names)} mix positive numbers (log) and fractions (logit)."
            )
        leader = tie.names[0] if tie.names else ""
        if leader in PARAMETERS and leader not in free and leader not in held:
            yield Problem(place, f"{leader}, which the others follow, is not free.")


def _priors(job: Job) -> Iterator[Problem]:
    for name, prior in job.parameters.prior.items():
        if name in PARAMETERS:
            for sentence in _prior(PARAMETERS[name], prior):
                yield Problem(("parameters", "prior", name), sentence)


def _prior(declared: Parameter, prior: Prior) -> Iterator[str]:
    """What is wrong with a prior, by itself and against the declared bounds."""
    if prior.sd is not None and prior.sd <= 0:
        yield f"sd is {prior.sd:g}; it must be above 0."
    least, most = declared.bounds
    allowed = f"the model admits {least:.6g} to {most:.6g} {declared.unit}"
    outside = False
    for key, value in (("centre", prior.centre), ("low", prior.low), ("high", prior.high)):
        if value is not None and not least <= value <= most:
            outside = True
            yield f"{key} is {value:g}; {allowed}."
    low, high = bounds(declared, prior)
    if low >= high:
        yield f"low is {low:g} and high is {high:g}; low must be below high."
    elif not outside:
        centre = declared.prior if prior.centre is None else prior.centre
        if not low <= centre <= high:
            yield f"the centre {centre:g} contradicts the bounds {low:g} to {high:g}."


def _start(job: Job) -> Iterator[Problem]:
    """The first start lies inside every bound; the others are drawn inside them."""
    for place, values in (
        (("start", "values"), job.start.values),
        (("parameters", "fix"), job.parameters.fix),
    ):
        for name, value in values.items():
            if name in PARAMETERS:
                for sentence in value_problems(PARAMETERS[name], value, "the value"):
                    yield Problem((*place, name), sentence)
    try:
        values = start_values(job)
    except BadInput as error:
        yield from (Problem(("start", "set"), sentence) for sentence in error.problems)
        return
    least = {name: parameter.bounds for name, parameter in PARAMETERS.items()}
    for free in free_parameters(job):
        value = values[free.name]
        inside = free.low < value < free.high or free.low >= free.high
        if not inside and least[free.name][0] < value < least[free.name][1]:
            told = ("values", free.name) if free.name in job.start.values else ("set",)
            yield Problem(
                ("start", *told),
                f"{free.name} starts at {value:g}, outside its bounds {free.low:g} to "
                f"{free.high:g}.",
            )


def _methods(job: Job) -> Iterator[Problem]:
    name = job.fit.optimizer
    if not is_optimizer(name):
        yield Problem(
            ("fit", "optimizer"),
            f"optax has no optimizer '{name}'.{did_you_mean(name, optimizers())}",
        )
    if job.posterior.method == "nuts" and find_spec("numpyro") is None:
        sentence = "'nuts' needs numpyro, which is not installed; install 'bone-cohort[bayes]'."
        yield Problem(("posterior", "method"), sentence)
    if job.fit.kept > job.start.starts:
        yield Problem(
            ("fit", "kept"),
            f"found {job.fit.kept}; there are {job.start.starts} starts (start.starts).",
        )
    if not job.fit.steps and not job.polish.steps:
        yield Problem(("fit", "steps"), "found 0, as polish.steps; there is nothing to do.")
    free = set(free_names(job))
    for name in job.posterior.profile:
        if name in PARAMETERS and name not in free:
            yield Problem(("posterior", "profile"), f"{name} is not free; no profile can be made.")


_CHECKS: tuple[Callable[[Job], Iterator[Problem]], ...] = (
    _split,
    _selection,
    _emphasis,
    _names,
    _roles,
    _ties,
    _priors,
    _start,
    _methods,
)
