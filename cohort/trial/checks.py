"""What a study must meet beyond its shape: small checks, each reporting every problem it sees.

They read the raw table and pass over what has the wrong type, which the schema reports; so one
reading of a study lists the problems of both kinds together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

from pydantic import ValidationError

from cohort.errors import BadInput, did_you_mean
from cohort.patients.population import (
    COVARIATES,
    TARGETS,
    UNITS,
    load_population,
    recruitment_problems,
)
from cohort.trial.decision_checks import check_decisions, visit_months
from cohort.trial.doses import check_doses
from cohort.trial.problems import Problem, shown
from cohort.trial.randomisation import AT_ENROLMENT, Randomisation, strata_problems
from cohort.trial.raw import Document, absent, number, numbers
from cohort.trial.schema import Baseline
from cohort.trial.settle import table, tables
from cohort.trial.source import Key
from cohort.trial.visits import rhythm, visit_problems
from cohort.units import DAYS_PER_MONTH


def check_visits(document: Document) -> Iterator[Problem]:
    """Visits rise from month 0, none twice; or their rhythm can be read."""
    visits = document.get("visits")
    if not isinstance(visits, dict):
        return
    rhythmic = [key for key in ("every", "until", "extra") if visits.get(key)]
    if "months" in visits and (visits["months"] or not rhythmic):
        for key in rhythmic:
            yield Problem(("visits", key), "stands beside months; give one of them.")
        months = numbers(visits["months"])
        if months is not None and all(map(math.isfinite, months)):
            yield from (Problem(("visits", "months"), text) for text in visit_problems(months))
        return
    if not {"every", "until"} <= visits.keys():
        yield Problem(
            ("visits",), "holds no schedule; give months = [0, 6, 12], or every and until."
        )
        return
    every, until = visits["every"], number(visits["until"])
    extra = numbers(visits.get("extra", []))
    if isinstance(every, str) and until is not None and extra is not None:
        try:
            sentences = visit_problems(rhythm(every, until, extra))
        except BadInput as error:
            sentences = error.problems
        for sentence in sentences:
            yield Problem(("visits", "every"), sentence)


def check_arms(document: Document) -> Iterator[Problem]:
    """There is an arm, and no two have one name."""
    arms = document.get("arms")
    if isinstance(arms, (list, tuple)) and not arms:
        yield Problem(("arms",), "is empty; a study has at least one arm, under [[arms]].")
    seen: dict[str, int] = {}
    for index, arm in tables(arms):
        name = arm.get("name")
        if not isinstance(name, str):
            continue
        if name in seen:
            yield Problem(
                ("arms", index, "name"), f"'{name}' names two arms; every arm needs its own name."
            )
        seen.setdefault(name, index)


def check_eligibility(document: Document) -> Iterator[Problem]:
    """Every rule names a covariate and a range with something in it."""
    for index, rule in tables(document.get("eligibility")):
        place: Key = ("eligibility", index)
        variable = rule.get("variable")
        if isinstance(variable, str) and variable not in COVARIATES:
            yield Problem(
                (*place, "variable"),
                f"'{variable}' is not known at screening; allowed is {', '.join(COVARIATES)}."
                f"{did_you_mean(variable, COVARIATES)}",
            )
        if "min" not in rule and "max" not in rule:
            yield Problem(place, "has neither min nor max; give at least one of them.")
        low, high = number(rule.get("min")), number(rule.get("max"))
        if low is not None and high is not None and low > high:
            yield Problem(
                place,
                f"min {low:g} lies above max {high:g}; nobody can be eligible; exchange them.",
            )


_PLAUSIBLE = {
    "age": (18.0, 110.0),
    "years_since_menopause": (-40.0, 70.0),
    "bmi": (10.0, 80.0),
    "testosterone": (1.0, 2000.0),
    "igf1": (5.0, 1000.0),
}


def check_baseline(document: Document) -> Iterator[Problem]:
    """The published baseline is that of living adults."""
    baseline = table(table(document, "population"), "baseline")
    for variable in Baseline.model_fields:
        mean = number(table(baseline, variable).get("mean"))
        low, high = _PLAUSIBLE.get(variable, (-8.0, 8.0))
        if mean is not None and math.isfinite(mean) and not low <= mean <= high:
            yield Problem(
                ("population", "baseline", variable, "mean"),
                f"found {mean:g}; allowed is {low:g} to {high:g} ({UNITS.get(variable, '1')}).",
            )


def check_population(document: Document) -> Iterator[Problem]:
    """The population can be read, and its members can be what the study asks of them."""
    choice = table(document, "population")
    name = choice.get("name")
    if not isinstance(name, str) or absent(name):
        return
    try:
        population = load_population(name)
    except BadInput as error:
        yield from (Problem(("population", "name"), sentence) for sentence in error.problems)
        return
    moved = [key for key in table(choice, "baseline") if key in TARGETS]
    words = (rule.get("variable") for _, rule in tables(document.get("eligibility")))
    looked_at = [word for word in words if isinstance(word, str) and word in UNITS]
    for sentence in recruitment_problems(population, moved, looked_at):
        place, _, told = sentence.partition(": ")
        yield Problem(tuple(place.split(".")), told)


def check_adherence(document: Document) -> Iterator[Problem]:
    """The spread of adherence is one that a share between 0 and 1 can have."""
    adherence = table(document, "adherence")
    mean, sd = number(adherence.get("mean", 1.0)), number(adherence.get("sd", 0.0))
    if mean is None or sd is None or not 0 < mean <= 1 or not sd > 0:
        return
    most = math.sqrt(mean * (1.0 - mean))
    if sd >= most:
        yield Problem(
            ("adherence", "sd"),
            f"found {sd:g}; allowed is below {most:.3g}, since a share with mean {mean:g} cannot "
            f"spread further.",
        )


def check_randomisation(document: Document) -> Iterator[Problem]:
    """Strata are known when participants are enrolled."""
    try:
        randomisation = Randomisation.model_validate(document.get("randomisation") or {})
    except ValidationError:
        return  # the schema says what is wrong with it
    yield from strata_problems(randomisation, ("randomisation",), AT_ENROLMENT)


def check_seen(document: Document) -> Iterator[Problem]:
    """Leaving by what was measured, and visits that are missed, go with something measured."""
    from cohort.results.outcomes import BY_NAME, CHANGE

    changes = [n for n, outcome in BY_NAME.items() if outcome.measured and n.endswith(CHANGE)]
    unmeasured = table(document, "measurement").get("enabled") is False
    law = table(document, "dropout").get("informative")
    word = law.get("outcome") if isinstance(law, dict) else None
    if isinstance(word, str) and word not in changes:
        yield Problem(
            ("dropout", "informative", "outcome"),
            f"'{word}' is no change that is measured; allowed: {', '.join(changes)}."
            f"{did_you_mean(word, changes)}",
        )
    if isinstance(law, dict) and unmeasured:
        yield Problem(
            ("dropout", "informative"),
            "goes by what is measured, and measurement.enabled is false.",
        )
    for key, told in (("missed", "where nothing"), ("window_days", "when it")):
        if number(table(document, "visits").get(key)) and unmeasured:
            yield Problem(
                ("visits", key), f"tells {told} is measured, and measurement.enabled is false."
            )


def check_windows(document: Document) -> Iterator[Problem]:
    """The windows of two visits stay apart, so that visits keep their order."""
    width, months = number(table(document, "visits").get("window_days")), visit_months(document)
    if not width or width < 0 or not months or not all(map(math.isfinite, months)):
        return
    for before, after in itertools.pairwise(months):
        if before >= 0:
            sides, gap = 2 if before > 0 else 1, (after - before) * DAYS_PER_MONTH
            most = max(math.ceil(gap / sides) - 1, 0)
            if width > most:
                yield Problem(
                    ("visits", "window_days"),
                    f"found {width:g}; allowed is up to {most}, so that the visits of months "
                    f"{before:g} and {after:g} stay apart.",
                )
                return


def check_outputs(document: Document) -> Iterator[Problem]:
    """Extra outputs and knocked-out mechanisms exist."""
    from cohort.model.parameters import KNOCKOUTS
    from cohort.results.outcomes import BY_NAME

    outputs = table(document, "outputs")
    for key, known, what in (
        ("extra", list(BY_NAME), "an outcome"),
        ("knockout", list(KNOCKOUTS), "a mechanism"),
    ):
        words = outputs.get(key)
        for index, word in enumerate(words if isinstance(words, (list, tuple)) else ()):
            place: Key = ("outputs", key, index)
            if isinstance(word, str) and word in BY_NAME and BY_NAME[word].fracture:
                yield Problem(place, f"'{word}' comes with `fractures = true`; leave it out here.")
            elif isinstance(word, str) and word not in known:
                listed = "see `cohort list outcomes`" if key == "extra" else ", ".join(known)
                hint = did_you_mean(word, known)
                yield Problem(place, f"'{word}' is not {what}; allowed: {listed}.{hint}")


def check_fractures(document: Document) -> Iterator[Problem]:
    """Fractures at entry are possible, and a background is one that is known."""
    from cohort.fractures.law import load_law

    population = table(document, "population")
    stated = table(population, "prevalent_fracture")
    some, several = (number(stated.get(key)) for key in ("vertebral", "several"))
    if some is not None and several is not None and several > some:
        yield Problem(
            ("population", "prevalent_fracture", "several"),
            f"found {several:g}; allowed is `vertebral` ({some:g}) or less, being a part of it.",
        )
    name, known = population.get("fracture_background"), load_law().background
    if isinstance(name, str) and name not in known:
        yield Problem(
            ("population", "fracture_background"),
            f"'{name}' is none that is known; allowed: {', '.join(known)}."
            f"{did_you_mean(name, known)}",
        )


def check_parameters(document: Document) -> Iterator[Problem]:
    """The parameter set exists, and overrides are finite numbers inside their bounds."""
    from cohort.model.parameters import PARAMETERS, parameter_set

    choice = table(document, "parameters")
    override = choice.get("override")
    for name, value in (override if isinstance(override, dict) else {}).items():
        place: Key = ("parameters", "override", name)
        if name not in PARAMETERS:
            hint = did_you_mean(str(name), PARAMETERS)
            listed = "`cohort list parameters` shows those there are"
            yield Problem(place, f"is not a parameter of the model; {listed}.{hint}")
            continue
        stated = number(value)
        low, high = PARAMETERS[name].bounds
        if stated is not None and math.isfinite(stated) and not low < stated < high:
            unit = PARAMETERS[name].unit
            yield Problem(
                place, f"found {shown(value)}; allowed is {low:.4g} to {high:.4g} {unit}."
            )
    name = choice.get("set")
    if not isinstance(name, str) or absent(name):
        return
    try:
        parameter_set(name)
    except BadInput as error:
        yield from (Problem(("parameters", "set"), sentence) for sentence in error.problems)


CHECKS: tuple[Callable[[Document], Iterator[Problem]], ...] = (
    check_visits,
    check_arms,
    check_doses,
    check_decisions,
    check_eligibility,
    check_baseline,
    check_population,
    check_adherence,
    check_seen,
    check_windows,
    check_randomisation,
    check_outputs,
    check_fractures,
    check_parameters,
)
"""Every check, in the order of a study file's tables."""


def check(document: Document) -> list[Problem]:
    """Return everything that the checks find."""
    return list(itertools.chain.from_iterable(one(document) for one in CHECKS))
