"""A therapy: what is given, how it travels through the body, and which mechanism it acts on.

A therapy is a TOML file, bundled or the user's own; no Python is needed to add one. This module
reads and checks it. The mechanisms themselves (`action`) are equations of `cohort.model`; here is
only which numbers each of them needs, so that a listing of therapies costs no compute library.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cohort.errors import BadInput, did_you_mean
from cohort.resources import bundled
from cohort.toml_reader import CHECKS as CHECKS
from cohort.toml_reader import TomlReader, read_toml

EVIDENCE = ("trial", "marker", "extrapolated")
"""What stands behind the effect on bone: BMD in trials, markers only, or neither."""

ROUTE_SYNONYMS = {
    "po": "oral",
    "orally": "oral",
    "by mouth": "oral",
    "subcutaneous": "sc",
    "subcutaneously": "sc",
    "intramuscular": "im",
    "intramuscularly": "im",
    "intravenous": "iv",
    "intravenously": "iv",
    "infusion": "iv",
    "patch": "transdermal",
    "pellet": "implant",
    "pellets": "implant",
    "nasal": "intranasal",
    "nasally": "intranasal",
}
"""Other words for a route. A gel is a route of its own: its dose is what is applied to the skin,
while the dose of a patch is what it delivers."""

LEVELS = {
    "estrogen": "estrogen reaching bone; 1 = conjugated estrogens 0.625 mg, oral estradiol 1 mg or "
    "a patch of 50 ug a day",
    "oral_estrogen": "the part of `estrogen` that passes the liver first, in its unit",
    "estradiol_assay": "the part of `estrogen` that an estradiol assay sees, in its unit",
    "serm": "selective estrogen receptor modulator; 1 = raloxifene 60 mg daily",
    "progestin": "synthetic or natural progestin; 1 = medroxyprogesterone acetate 2.5 mg daily",
    "progesterone": "serum progesterone; 1 = 1 ng/mL",
    "calcium_vitamin_d": "calcium and vitamin D; 1 = given daily",
    "testosterone": "testosterone added to blood; 1 = a healthy young man's own, about 5 mg a day",
    "aromatase_inhibitor": "aromatase inhibitor in blood; 1 = its label dose",
    "aromatase_inhibition_women": "share of aromatisation that the inhibitor's label dose blocks "
    "in women",
    "aromatase_inhibition_men": "the same in men",
    "gnrh_suppression": "GnRH agonist or antagonist in blood; 1 = its label dose",
    "gnrh_pulses": "gonadorelin in pulses; 1 = replaces the hypothalamus in full",
    "growth_hormone": "1 = daily secretion of a healthy 35-year-old, as somatropin 0.5 mg sc",
    "ghrh_pulses": "relative increase of the size of growth hormone pulses",
    "ghrh_tonic": "relative increase of growth hormone secretion, between pulses as well",
    "ghrelin": "relative increase of growth hormone secretion by the ghrelin receptor",
    "igf1": "IGF-1 added to blood; 1 = mean of a healthy 35-year-old",
    "glucocorticoid": "glucocorticoid; 1 = prednisolone or prednisone 10 mg daily",
    "parathyroid_suppression": "share of an excess of PTH that is removed",
}
"""The levels that a therapy of the action `levels` can raise, with what 1 means."""

_ANTIBODY = {
    "absorption_rate": "1/day",
    "apparent_volume": "L",
    "elimination_rate": "1/day",
    "saturable_rate": "ug/mL/day",
    "saturable_constant": "ug/mL",
}
_LINEAR = {"absorption_rate": "1/day", "elimination_rate": "1/day"}


@dataclass(frozen=True)
class Action:
    """What one mechanism needs of a therapy.

    Attributes:
        pk: the unit of each pharmacokinetic number that the action reads.
        parameters: roles that name parameters of the model.
        compartments: where a route of this action may deliver.
        levels: whether the therapy says which of `LEVELS` it raises.
    """

    pk: Mapping[str, str]
    parameters: tuple[str, ...] = ()
    compartments: tuple[str, ...] = ("depot", "central")
    levels: bool = False


ACTIONS: dict[str, Action] = {
    "rankl_antibody": Action(_ANTIBODY),
    "sclerostin_antibody": Action(_ANTIBODY),
    "bisphosphonate": Action(
        {"reference_systemic_rate": "mg/day"}, ("release", "potency"), ("bone",)
    ),
    "pth_analogue": Action(
        {"absorption_half_life": "h", "elimination_half_life": "h", "half_effect_dose": "*"},
        ("anabolic_ratio", "catabolic_ratio"),
    ),
    "levels": Action(_LINEAR, levels=True),
}
"""The mechanisms by name; the unit `*` stands for the therapy's own dose unit."""


@dataclass(frozen=True)
class PkValue:
    """One number with its unit, where it comes from, and how far that was checked."""

    value: float
    unit: str
    source: str
    check: str


@dataclass(frozen=True)
class RouteSpec:
    """A way of giving the therapy.

    Attributes:
        to: `depot`, `central`, or `bone` for a bisphosphonate.
        fraction: systemic fraction, or potency relative to the usual route (see the action).
        absorption_rate: overrides the therapy's own where the form releases slowly.
        clinic: whether it is given by others, so that a person's adherence does not scale it.
    """

    name: str
    to: str
    fraction: float
    source: str
    check: str
    absorption_rate: PkValue | None = None
    clinic: bool = False


@dataclass(frozen=True)
class LevelEffect:
    """How far a therapy raises one of `LEVELS`.

    Attributes:
        amount: rise in the long run at the reference dose by a route of fraction 1, in the
            level's unit.
        routes: the routes that raise it; empty means every one.
    """

    amount: float
    routes: tuple[str, ...]
    source: str
    check: str


@dataclass(frozen=True)
class LabelledRegimen:
    """A regimen as a label or guideline states it, written as a dosing sentence."""

    name: str
    sentence: str
    source: str


@dataclass(frozen=True)
class Therapy:
    """A therapy as declared; see the module's docstring.

    Attributes:
        reference_amount: label dose in `dose_unit`.
        reference_interval_days: days between label doses; amount / interval gives exposure 1.
        pk: pharmacokinetic numbers by name, those of `ACTIONS[action].pk`.
        parameters: role to name of a parameter of the model.
        levels: what the action `levels` raises, by name.
    """

    name: str
    title: str
    synonyms: tuple[str, ...]
    drug_class: str
    target: str
    action: str
    evidence: str
    dose_unit: str
    usual_route: str
    reference_amount: float
    reference_interval_days: float
    reference_source: str
    routes: Mapping[str, RouteSpec]
    pk: Mapping[str, PkValue]
    parameters: Mapping[str, str]
    levels: Mapping[str, LevelEffect]
    regimens: tuple[LabelledRegimen, ...]
    path: str

    @property
    def reference_rate(self) -> float:
        """Label dose per day, in `dose_unit`/day."""
        return self.reference_amount / self.reference_interval_days

    def route(self, name: str | None = None) -> RouteSpec:
        """Return a route by name or synonym; without a name, the usual one.

        Raises:
            BadInput: the therapy is not given by that route.
        """
        if name is None:
            return self.routes[self.usual_route]
        word = normal_route(name)
        if word not in self.routes:
            allowed = ", ".join(self.routes)
            raise BadInput(
                f"{self.name} is not given by the route '{name}'; allowed: {allowed}."
                f"{did_you_mean(word, self.routes)}"
            )
        return self.routes[word]

    def absorption_rate(self, route: str) -> float:
        """Return the absorption rate of a route, 1/day (its own, else the therapy's)."""
        own = self.route(route).absorption_rate
        return own.value if own else self.pk["absorption_rate"].value


def normal_route(word: str) -> str:
    """Return the therapy files' name of a route (`sc` for s.c., `oral` for by mouth)."""
    plain = word.strip().lower().replace(".", "")
    return ROUTE_SYNONYMS.get(plain, plain)


@cache
def therapies() -> dict[str, Therapy]:
    """Return the bundled therapies by name."""
    return {name: _read(path) for name, path in bundled("therapies").items()}


def load_therapy(name_or_path: str | Path) -> Therapy:
    """Return a therapy by its name, by a synonym, or from a user's own TOML file.

    Args:
        name_or_path: `denosumab`, `Prolia`, or a path that ends in `.toml`.

    Raises:
        BadInput: no such therapy, or its file does not hold together; all problems at once.
    """
    text = str(name_or_path).strip()
    if text.endswith(".toml"):
        return _read(Path(text))
    word = text.lower()
    known = therapies()
    by_word = {synonym: t for t in known.values() for synonym in (t.name, *t.synonyms)}
    for spelling in (word, word.replace(" ", "_"), word.replace("-", "_")):
        if spelling in by_word:
            return by_word[spelling]
    raise BadInput(
        f"unknown therapy '{text}'; known: {', '.join(known)}.{did_you_mean(word, by_word)}"
    )


def _read(path: Path) -> Therapy:
    """Read one therapy file and check it whole."""
    return _Reader(path, read_toml(path)).therapy()


_TEXTS = ("name", "title", "drug_class", "target", "action", "evidence", "dose_unit", "usual_route")
_KEYS = (*_TEXTS, "synonyms", "reference", "routes", "pk", "parameters", "levels", "regimens")
_ROUTE_KEYS = ("to", "fraction", "source", "check", "absorption_rate", "clinic")


class _Reader(TomlReader):
    """Turns a TOML table into a `Therapy`, collecting every problem on the way."""

    def therapy(self) -> Therapy:
        """Return the therapy, or raise with the list of all problems."""
        table = self.table
        self.only(table, _KEYS, "")
        texts = {key: self.text(table, key, "") for key in _TEXTS}
        self.choice("action", texts["action"], ACTIONS)
        self.choice("evidence", texts["evidence"], EVIDENCE)
        action = ACTIONS.get(texts["action"])
        reference = self.section(table, "reference", "")
        self.only(reference, ("amount", "interval_days", "source"), "reference.")
        routes = {name: self.route(name, action) for name in self.section(table, "routes", "")}
        if routes:
            self.choice("usual_route", texts["usual_route"], routes)
        result = Therapy(
            **texts,
            synonyms=tuple(word.lower() for word in self.words(table, "synonyms", "")),
            reference_amount=self.positive(reference, "amount", "reference."),
            reference_interval_days=self.positive(reference, "interval_days", "reference."),
            reference_source=self.text(reference, "source", "reference."),
            routes=routes,
            pk=self.pk(action, texts["dose_unit"], routes.values()),
            parameters=self.parameters(action),
            levels=self.levels(action, routes),
            regimens=self.regimens(),
            path=str(self.path),
        )
        if self.problems:
            raise BadInput([f"{self.path.name}: {problem}" for problem in self.problems])
        return result

    def route(self, name: str, action: Action | None) -> RouteSpec:
        where = f"routes.{name}."
        table = self.section(self.section(self.table, "routes", ""), name, "routes.")
        self.only(table, _ROUTE_KEYS, where)
        to = self.text(table, "to", where)
        if action:
            self.choice(f"{where}to", to, action.compartments)
        rate = None
        if "absorption_rate" in table:
            rate = self.pk_value(table, "absorption_rate", "1/day", where)
        return RouteSpec(
            name=name,
            to=to,
            fraction=self.positive(table, "fraction", where),
            source=self.text(table, "source", where),
            check=self.check(table, where),
            absorption_rate=rate,
            clinic=self.flag(table, "clinic", where),
        )

    def pk(
        self, action: Action | None, dose_unit: str, routes: Collection[RouteSpec]
    ) -> dict[str, PkValue]:
        table = self.section(self.table, "pk", "")
        if action is None:
            return {}
        units = {key: dose_unit if unit == "*" else unit for key, unit in action.pk.items()}
        if routes and all(route.to == "central" for route in routes):
            units.pop("absorption_rate", None)
        self.only(table, units, "pk.")
        return {key: self.pk_value(table, key, unit, "pk.") for key, unit in units.items()}

    def pk_value(self, table: Mapping[str, Any], key: str, unit: str, where: str) -> PkValue:
        entry = self.section(table, key, where)
        inner = f"{where}{key}."
        self.only(entry, ("value", "unit", "source", "check"), inner)
        found = self.text(entry, "unit", inner)
        if found and found != unit:
            self.problems.append(f"'{inner}unit' is '{found}'; it must be '{unit}'.")
        return PkValue(
            value=self.positive(entry, "value", inner),
            unit=unit,
            source=self.text(entry, "source", inner),
            check=self.check(entry, inner),
        )

    def parameters(self, action: Action | None) -> dict[str, str]:
        if action is None or not (action.parameters or "parameters" in self.table):
            return {}
        table = self.section(self.table, "parameters", "")
        self.only(table, action.parameters, "parameters.")
        return {role: self.text(table, role, "parameters.") for role in action.parameters}

    def levels(
        self, action: Action | None, routes: Mapping[str, RouteSpec]
    ) -> dict[str, LevelEffect]:
        if action is None or not (action.levels or "levels" in self.table):
            return {}
        if not action.levels:
            self.problems.append(
                f"'levels' is only read with the action 'levels', not '{self.table['action']}'."
            )
            return {}
        table = self.section(self.table, "levels", "")
        self.only(table, LEVELS, "levels.")
        return {name: self.level(name, routes) for name in table if name in LEVELS}

    def level(self, name: str, routes: Mapping[str, RouteSpec]) -> LevelEffect:
        where = f"levels.{name}."
        table = self.section(self.table["levels"], name, "levels.")
        self.only(table, ("amount", "routes", "source", "check"), where)
        raised_by = self.words(table, "routes", where)
        for route in raised_by:
            self.choice(f"{where}routes", route, routes)
        return LevelEffect(
            amount=self.positive(table, "amount", where),
            routes=raised_by,
            source=self.text(table, "source", where),
            check=self.check(table, where),
        )

    def regimens(self) -> tuple[LabelledRegimen, ...]:
        keys = ("name", "sentence", "source")
        result = []
        for number, entry in enumerate(self.tables("regimens"), 1):
            where = f"regimens[{number}]."
            self.only(entry, keys, where)
            result.append(LabelledRegimen(*(self.text(entry, key, where) for key in keys)))
        return tuple(result)
