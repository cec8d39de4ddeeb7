"""A therapy: what is given, how it travels through the body, and which mechanism it acts on.

A therapy is a TOML file, bundled or the user's own; no Python is needed to add one. This module
reads and checks it. The mechanisms themselves (`action`) are equations of `cohort.model`; here is
only which numbers each of them needs, so that a listing of therapies costs no compute library.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cohort.errors import BadInput, did_you_mean
from cohort.resources import bundled

CHECKS = ("checked", "unchecked", "approximate", "model")
"""How far a number was checked: read in its source, recalled, rounded, or a model constant."""

EVIDENCE = ("trial", "marker", "extrapolated")
"""What stands behind the effect on bone: BMD in trials, markers only, or neither."""

ROUTE_SYNONYMS = {
    "po": "oral",
    "by mouth": "oral",
    "subcutaneous": "sc",
    "subcutaneously": "sc",
    "intravenous": "iv",
    "intravenously": "iv",
    "infusion": "iv",
    "patch": "transdermal",
    "pellet": "implant",
}

_ANTIBODY = {
    "absorption_rate": "1/day",
    "apparent_volume": "L",
    "elimination_rate": "1/day",
    "saturable_rate": "ug/mL/day",
    "saturable_constant": "ug/mL",
}
_LEVEL = {"absorption_rate": "1/day", "elimination_rate": "1/day"}


@dataclass(frozen=True)
class Action:
    """What one mechanism needs of a therapy.

    Attributes:
        pk: the unit of each pharmacokinetic number that the action reads.
        parameters: roles that name parameters of the model.
        compartments: where a route of this action may deliver.
    """

    pk: Mapping[str, str]
    parameters: tuple[str, ...] = ()
    compartments: tuple[str, ...] = ("depot", "central")


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
    "estrogen": Action(_LEVEL),
    "serm": Action(_LEVEL),
    "progestin": Action(_LEVEL),
    "calcium_vitamin_d": Action(_LEVEL),
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
    """

    name: str
    to: str
    fraction: float
    source: str
    check: str
    absorption_rate: PkValue | None = None


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
        word = name.strip().lower()
        word = ROUTE_SYNONYMS.get(word, word)
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
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: is not valid TOML: {error}.") from error
    return _Reader(path, table).therapy()


_TEXTS = ("name", "title", "drug_class", "target", "action", "evidence", "dose_unit", "usual_route")
_KEYS = (*_TEXTS, "synonyms", "reference", "routes", "pk", "parameters", "regimens")


class _Reader:
    """Turns a TOML table into a `Therapy`, collecting every problem on the way."""

    def __init__(self, path: Path, table: dict[str, Any]) -> None:
        self.path, self.table = path, table
        self.problems: list[str] = []

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
            synonyms=self.synonyms(),
            reference_amount=self.positive(reference, "amount", "reference."),
            reference_interval_days=self.positive(reference, "interval_days", "reference."),
            reference_source=self.text(reference, "source", "reference."),
            routes=routes,
            pk=self.pk(action, texts["dose_unit"]),
            parameters=self.parameters(action),
            regimens=self.regimens(),
            path=str(self.path),
        )
        if self.problems:
            raise BadInput([f"{self.path.name}: {problem}" for problem in self.problems])
        return result

    def synonyms(self) -> tuple[str, ...]:
        found = self.table.get("synonyms", [])
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            self.problems.append("'synonyms' must be a list of words.")
            return ()
        return tuple(word.lower() for word in found)

    def route(self, name: str, action: Action | None) -> RouteSpec:
        where = f"routes.{name}."
        table = self.section(self.section(self.table, "routes", ""), name, "routes.")
        self.only(table, ("to", "fraction", "source", "check", "absorption_rate"), where)
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
        )

    def pk(self, action: Action | None, dose_unit: str) -> dict[str, PkValue]:
        table = self.section(self.table, "pk", "")
        if action is None:
            return {}
        self.only(table, action.pk, "pk.")
        return {
            key: self.pk_value(table, key, dose_unit if unit == "*" else unit, "pk.")
            for key, unit in action.pk.items()
        }

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

    def regimens(self) -> tuple[LabelledRegimen, ...]:
        found = self.table.get("regimens", [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            self.problems.append("'regimens' must be a list of [[regimens]] tables.")
            return ()
        keys = ("name", "sentence", "source")
        result = []
        for number, entry in enumerate(found, 1):
            where = f"regimens[{number}]."
            self.only(entry, keys, where)
            result.append(LabelledRegimen(*(self.text(entry, key, where) for key in keys)))
        return tuple(result)

    def only(self, table: Mapping[str, Any], allowed: Any, where: str) -> None:
        """Note every key that nothing reads: most often it is misspelt."""
        for key in table:
            if key not in allowed:
                near = did_you_mean(key, allowed)
                self.problems.append(f"unknown key '{where}{key}'.{near}")

    def section(self, table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
        found = table.get(key)
        if not isinstance(found, dict) or not found:
            self.problems.append(f"'{where}{key}' is missing or is not a table.")
            return {}
        return found

    def text(self, table: Mapping[str, Any], key: str, where: str) -> str:
        found = table.get(key)
        if not isinstance(found, str) or not found.strip():
            self.problems.append(f"'{where}{key}' is missing or is not text.")
            return ""
        return found

    def positive(self, table: Mapping[str, Any], key: str, where: str) -> float:
        found = table.get(key)
        if isinstance(found, int | float) and not isinstance(found, bool):
            if math.isfinite(found) and found > 0:
                return float(found)
        self.problems.append(f"'{where}{key}' is {found!r}; it must be a positive number.")
        return math.nan

    def check(self, table: Mapping[str, Any], where: str) -> str:
        found = self.text(table, "check", where)
        self.choice(f"{where}check", found, CHECKS)
        return found

    def choice(self, key: str, found: str, allowed: Any) -> None:
        if found and found not in allowed:
            near = did_you_mean(found, allowed)
            self.problems.append(f"'{key}' is '{found}'; allowed: {', '.join(allowed)}.{near}")
