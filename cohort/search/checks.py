"""What a search must meet beyond its shape: small checks, each reporting every problem it sees."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from cohort.errors import BadInput, did_you_mean
from cohort.results.outcomes import BY_NAME, MEASURED
from cohort.search.doses import climbs
from cohort.search.schema import Search
from cohort.search.space import Space, option_doses
from cohort.therapy import load_therapy
from cohort.trial.problems import Problem
from cohort.trial.visits import MAX_MONTH
from cohort.units import DAYS_PER_MONTH

MOST_LOOKED_AT = 10_000
"""Candidates up to which it is told beforehand that all of them break a rule."""
MOST_CLIMBED = 1_000
"""Candidates up to which the doses of each can be sought."""
MOST_ENUMERATED = 200_000
"""More candidates than this are not worth writing out; `evolve` finds the best among any number."""


def check_options(search: Search) -> Iterator[Problem]:
    """Options have names of their own, and none gives a therapy that everybody is on."""
    if not search.options:
        yield Problem(("options",), "is empty; a search has at least one, under [[options]].")
    seen: set[str] = set()
    background = {treatment.therapy for treatment in search.background}
    for number, option in enumerate(search.options):
        if option.name in seen:
            yield Problem(
                ("options", number, "name"),
                f"'{option.name}' names two options; every option needs its own name.",
            )
        seen.add(option.name)
        therapies = [given.therapy for given in option.treatments]
        for index, therapy in enumerate(therapies):
            place = "options", number, "treatments", index, "therapy"
            if therapy in background:
                yield Problem(place, f"'{therapy}' is in the background too; give it in one place.")
            if therapy in therapies[:index]:
                yield Problem(place, f"'{therapy}' is given twice in one option; write it once.")


def check_slots(search: Search) -> Iterator[Problem]:
    """Slots name options that there are."""
    if not search.slots:
        yield Problem(("slots",), "is empty; a search has at least one, under [[slots]].")
    names = [option.name for option in search.options]
    for number, slot in enumerate(search.slots):
        if not slot.months:
            yield Problem(("slots", number, "months"), "is empty; give at least one length.")
        for key, values in (("options", slot.options), ("months", slot.months)):
            twice = [v for i, v in enumerate(values) if v in values[:i]]
            for value in dict.fromkeys(twice):
                yield Problem(("slots", number, key), f"holds {value!r} twice; write it once.")
        for index, name in enumerate(slot.options):
            if name not in names:
                yield Problem(
                    ("slots", number, "options", index),
                    f"'{name}' is no option; allowed is {', '.join(names)}."
                    f"{did_you_mean(name, names)}",
                )


def check_regimens(search: Search) -> Iterator[Problem]:
    """Every regimen can be read, and its doses lie within every course that may hold it."""
    lengths: dict[str, set[float]] = {option.name: set() for option in search.options}
    for slot in search.slots:
        for name in slot.options or lengths:
            lengths.setdefault(name, set()).update(slot.months)
    for number, option in enumerate(search.options):
        for index, given in enumerate(option.treatments):
            if not _known(given.therapy):
                continue
            place = "options", number, "treatments", index, "regimen"
            for months in sorted(lengths[option.name]):
                try:
                    sentences = list(_outside(given.therapy, given.regimen, months))
                except BadInput as error:
                    sentences = error.problems
                yield from (Problem(place, sentence) for sentence in sentences)


def _known(therapy: str) -> bool:
    """Whether a therapy can be read; settling the search has said so where it cannot."""
    try:
        load_therapy(therapy)
    except BadInput:
        return False
    return True


def _outside(therapy: str, regimen: str, months: float) -> Iterator[str]:
    doses = option_doses(therapy, regimen, months)
    if doses.start_day < 0:
        yield (
            f"starts at month {doses.start_day / DAYS_PER_MONTH:g} of the course; allowed is 0 or "
            "later."
        )
    if doses.last_day >= months * DAYS_PER_MONTH:
        yield (
            f"gives its last dose at month {doses.last_day / DAYS_PER_MONTH:g} of a course of "
            f"{months:g} months; allowed is before its end."
        )


def check_constraints(search: Search) -> Iterator[Problem]:
    """Rules are about options and therapies that can be given."""
    names = [option.name for option in search.options]
    given = sorted({t.therapy for option in search.options for t in option.treatments})
    for key, rules in (
        ("max_uses", search.constraints.max_uses),
        ("max_months", search.constraints.max_months),
    ):
        for therapy in rules:
            if therapy not in given:
                yield Problem(
                    ("constraints", key, therapy),
                    f"no option gives this therapy; allowed is {', '.join(given)}."
                    f"{did_you_mean(therapy, given)}",
                )
    for number, pair in enumerate(search.constraints.forbidden):
        for index, name in enumerate(pair):
            if name not in names:
                yield Problem(
                    ("constraints", "forbidden", number, index),
                    f"'{name}' is no option; allowed is {', '.join(names)}."
                    f"{did_you_mean(name, names)}",
                )


def check_objective(search: Search) -> Iterator[Problem]:
    """The outcome is one that there is, at a month that can be computed."""
    goal = search.objective
    known = [name for name, outcome in BY_NAME.items() if not outcome.fracture]
    if goal.outcome in BY_NAME and goal.outcome not in known:
        yield Problem(
            ("objective", "outcome"),
            f"'{goal.outcome}' is about fractures, which a search does not simulate; allowed is "
            "bone density, such as 'bmd_total_hip_change', markers and hormones.",
        )
    elif goal.outcome.startswith(MEASURED) and goal.outcome.removeprefix(MEASURED) in known:
        yield Problem(
            ("objective", "outcome"),
            f"'{goal.outcome}' is read with error; a search looks at the true value, "
            f"'{goal.outcome.removeprefix(MEASURED)}'.",
        )
    elif goal.outcome not in known:
        yield Problem(
            ("objective", "outcome"),
            f"'{goal.outcome}' is not an outcome; allowed: see `cohort list outcomes`."
            f"{did_you_mean(goal.outcome, known)}",
        )
    if goal.at_least is not None and goal.at_most is not None:
        yield Problem(("objective", "at_most"), "stands beside at_least; give one of them.")
    if goal.month > MAX_MONTH:
        yield Problem(
            ("objective", "month"), f"found {goal.month:g}; allowed is up to {MAX_MONTH:g}."
        )


def check_costs(search: Search) -> Iterator[Problem]:
    """What is weighed against cost has a cost."""
    costs = [cost for o in search.options for cost in (o.cost, o.monthly_cost)]
    if search.objective.against == "cost" and not any(costs):
        yield Problem(
            ("objective", "against"),
            "is 'cost', but no option has a cost or monthly_cost; give them, or say "
            "'treated_months'.",
        )


def check_size(search: Search) -> Iterator[Problem]:
    """There is a candidate that breaks no rule, and they can be counted."""
    names = {option.name for option in search.options}
    if any(not slot.months or not names.issuperset(slot.options) for slot in search.slots):
        return
    space = Space(search)
    if search.method.name == "gradient":
        if space.size > MOST_CLIMBED:
            yield Problem(
                ("method", "name"),
                f"is 'gradient', but there are {space.size:,} candidates; allowed is up to "
                f"{MOST_CLIMBED:,}.",
            )
        elif search.slots and search.method.prices and not climbs(space):
            yield Problem(("constraints",), "leave no candidate over, not at the least doses.")
        return
    if search.method.name == "enumerate" and space.size > MOST_ENUMERATED:
        yield Problem(
            ("method", "name"),
            f"is 'enumerate', but there are {space.size:,} candidates; allowed is up to "
            f"{MOST_ENUMERATED:,}: say 'evolve', or allow fewer.",
        )
    elif search.slots and 0 < space.size <= MOST_LOOKED_AT and not any_allowed(space):
        first = "; ".join(space.broken(next(space.codes())))
        yield Problem(
            ("constraints",),
            f"leave none of the {space.size:,} candidates over; the first one: {first}.",
        )


def any_allowed(space: Space) -> bool:
    """Whether some candidate breaks no rule."""
    return any(not space.broken(code) for code in space.codes())


def check_action(search: Search) -> Iterator[Problem]:
    """No two antibodies have one target: the simulator keeps one serum level for each."""
    by_target: dict[str, str] = {}
    for number, option in enumerate(search.options):
        for index, given in enumerate(option.treatments):
            if not _known(given.therapy):
                continue
            therapy = load_therapy(given.therapy)
            other = by_target.setdefault(therapy.action, therapy.name)
            if therapy.action.endswith("_antibody") and other != therapy.name:
                yield Problem(
                    ("options", number, "treatments", index, "therapy"),
                    f"'{therapy.name}' and '{other}' are both a {therapy.drug_class}; a search can "
                    "use one.",
                )


def check_doses(search: Search) -> Iterator[Problem]:
    """Doses that are sought have bounds that they can be sought between."""
    sought = search.method.name == "gradient"
    for number, option in enumerate(search.options):
        if option.dose is None:
            continue
        place = "options", number, "dose"
        if not sought:
            yield Problem(place, "is given, but only the method 'gradient' seeks doses.")
        if option.dose[0] >= option.dose[1]:
            yield Problem(place, f"found {list(option.dose)}; allowed is the least, then the most.")
        for given in option.treatments:
            if _known(given.therapy) and load_therapy(given.therapy).action == "pth_analogue":
                yield Problem(
                    place,
                    f"of '{given.therapy}' cannot be sought: what an injection of a PTH analogue "
                    "does is not in proportion to it; give doses as options.",
                )
    if not sought:
        return
    if not any(option.dose for option in search.options):
        yield Problem(("method", "name"), "is 'gradient', but no option has bounds of its dose.")
    if search.objective.is_share:
        yield Problem(
            ("method", "name"),
            "is 'gradient', which has no derivative of a share of persons; leave out at_least and "
            "at_most.",
        )
    if not search.method.prices:
        yield Problem(("method", "prices"), "is empty; give at least one, such as 0.")


CHECKS: tuple[Callable[[Search], Iterator[Problem]], ...] = (
    check_options,
    check_slots,
    check_regimens,
    check_constraints,
    check_objective,
    check_costs,
    check_doses,
    check_size,
    check_action,
)
"""Every check, in the order of a search file's tables."""


def check(search: Search) -> list[Problem]:
    """Return everything that the checks find."""
    return list(itertools.chain.from_iterable(one(search) for one in CHECKS))
